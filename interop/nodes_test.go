package interop_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// patience is how long a node may take to start.
const patience = 30 * time.Second

// node is one process of the server, at addresses that it keeps when it is started again.
type node struct {
	binary, config string
	// It listens at address, at mtls for those who have a certificate, and at operations for its operator.
	address, mtls, operations string
	process                   *exec.Cmd
	ended                     chan struct{}
	log                       lockedBuffer
	served                    atomic.Int64
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (w *world) newNode(t *testing.T) *node {
	t.Helper()
	n := &node{binary: w.binary, config: filepath.Join(w.dir, "usher.yaml"), address: freeAddress(t), mtls: freeAddress(t), operations: freeAddress(t)}
	must(t, n.start())
	t.Cleanup(func() {
		n.kill()
		if t.Failed() {
			t.Logf("log of the node at %s:\n%s", n.address, n.log.String())
		}
	})
	return n
}

// freeAddress is one that nobody listens at. It is below the ports that systems give to outgoing connections: one of those
// could take it while the node is down.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(20_000)))
		l, err := net.Listen("tcp", address)
		if err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// start starts the process and does not wait until it serves.
func (n *node) start() error {
	process := exec.Command(n.binary, "serve", "--config", n.config, "--listen", n.address, "--admin-listen", "off", "--mtls-listen", n.mtls, "--metrics-listen", n.operations)
	process.Stderr, process.SysProcAttr = &n.log, dieWithParent()
	started, ended := make(chan error), make(chan struct{})
	n.process, n.ended = process, ended
	go func() {
		// The kernel sends the signal of dieWithParent when the thread that started the child ends.
		runtime.LockOSThread()
		defer close(ended)
		err := process.Start()
		started <- err
		if err == nil {
			_ = process.Wait() // it is killed
		}
	}()
	return <-started
}

// kill ends the node without a warning, and waits until it is gone.
func (n *node) kill() {
	if n.process.Process != nil {
		_ = n.process.Process.Kill() // it may have ended
	}
	<-n.ended
}

// ready waits until the node serves.
func (n *node) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := http.Get("http://" + n.operations + "/readyz")
		if err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-n.ended:
			return fmt.Errorf("the node at %s ended:\n%s", n.address, n.log.String())
		case <-ctx.Done():
			return fmt.Errorf("the node at %s is not ready:\n%s", n.address, n.log.String())
		}
	}
}

// balance gives each connection to the next node that takes it, at one of its addresses, and returns its own port. It does
// not look into TLS.
func (w *world) balance(t *testing.T, at func(*node) string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for turn := 0; ; turn++ {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(client, turn, at)
		}
	}()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func (w *world) carry(client net.Conn, turn int, at func(*node) string) {
	defer client.Close()
	for i := range w.nodes {
		n := w.nodes[(turn+i)%len(w.nodes)]
		server, err := net.Dial("tcp", at(n))
		if err != nil {
			continue // it was killed, and is not back yet
		}
		defer server.Close()
		n.served.Add(1)
		done := make(chan struct{}, 2)
		for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
			go func() {
				_, _ = io.Copy(pair[0], pair[1]) // either end may go away
				done <- struct{}{}
			}()
		}
		<-done
		return
	}
}
