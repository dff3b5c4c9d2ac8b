package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// startTime bounds how long a node may take to start.
const startTime = 30 * time.Second

// node is one `usher serve`, at addresses that it keeps when it is started again.
type node struct {
	name                string
	binary, config      string
	address, operations string
	offset              string // file with the shift of its clock
	log                 string
	process             *process
	excuse              atomic.Pointer[excuse]
	mustRefuseFrom      atomic.Int64 // in Unix milliseconds; 0 for never
}

// excuse is what a node may do while a fault is upon it.
type excuse struct {
	unreachable bool // takes no connection
	breaks      bool // loses requests that it received
	unavailable bool // answers 503
	refuses     bool // takes what is valid for expired, or the reverse
}

var noExcuse excuse

func (n *node) excused() excuse { return *n.excuse.Load() }

// freeAddress is an address that nobody listens at. It is below the ports that systems give to
// outgoing connections: one of those could take it while the node is down.
func freeAddress() string {
	for {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(20_000)))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
}

// newNode makes a node of a configuration; nothing runs yet.
func newNode(binary, dir, name string) *node {
	n := &node{
		name: name, binary: binary, config: filepath.Join(dir, "usher.yaml"),
		address: freeAddress(), operations: freeAddress(),
		offset: filepath.Join(dir, name+".offset"), log: filepath.Join(dir, name+".log"),
	}
	n.excuse.Store(&noExcuse)
	return n
}

// start starts the process and does not wait until it serves.
func (n *node) start() (err error) {
	cmd := exec.Command(n.binary, "serve", "--config", n.config, "--listen", n.address,
		"--admin-listen", "off", "--metrics-listen", n.operations)
	cmd.Env = append(withoutUsher(os.Environ()), "FAULTS_CLOCK_OFFSET="+n.offset)
	n.process, err = startProcess(n.log, nil, cmd)
	return err
}

// withoutUsher keeps settings of the caller's environment out.
func withoutUsher(environ []string) []string {
	var kept []string
	for _, e := range environ {
		if !strings.HasPrefix(e, "USHER_") {
			kept = append(kept, e)
		}
	}
	return kept
}

// startReady starts the process and waits until it is ready.
func (n *node) startReady() error {
	if err := n.start(); err != nil {
		return err
	}
	return n.waitReady(startTime)
}

func (n *node) waitReady(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		if status, _ := n.health(ctx, "/readyz"); status == http.StatusOK {
			return nil
		}
		select {
		case <-n.process.ended:
			return fmt.Errorf("%s ended:\n%s", n.name, lastLines(n.log, 10))
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready within %s:\n%s", n.name, limit, lastLines(n.log, 10))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// operator asks the operations listener; each question has a connection of its own.
var operator = &http.Client{
	Timeout: 6 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
}

// health asks /healthz or /readyz.
func (n *node) health(ctx context.Context, path string) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+n.operations+path, nil)
	if err != nil {
		return 0, err
	}
	a, err := operator.Do(r)
	if err != nil {
		return 0, err
	}
	a.Body.Close()
	return a.StatusCode, nil
}

// shift moves the node's clock by d from now on; 0 takes it back.
func (n *node) shift(d time.Duration) error {
	next := n.offset + ".next"
	if err := os.WriteFile(next, []byte(d.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(next, n.offset)
}

func (n *node) kill() {
	if n.process != nil {
		n.process.kill()
	}
}

func (n *node) stop() error { return n.process.stop(syscall.SIGTERM) }
