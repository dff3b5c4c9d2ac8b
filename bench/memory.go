package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	mostBytes = 40_000_000 // of resident memory, and of the binary
	mostStart = time.Second
)

// measureDemo looks at what `usher demo` costs whoever tries it: the size of the binary, the time until it
// answers, and the memory that it holds after a while.
func measureDemo(ctx context.Context, binary, folder string, wait time.Duration) error {
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	d := &demoRun{binary: binary, folder: filepath.Join(folder, "demo")}
	first, err := d.start()
	if err != nil {
		return err
	}
	if err := d.stop(); err != nil {
		return err
	}
	again, err := d.start()
	if err != nil {
		return err
	}
	defer d.stop()
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return ctx.Err()
	}
	rss, err := residentSize(d.cmd.Process.Pid)
	if err != nil {
		return err
	}
	fmt.Printf("binary            %6.1f MB (at most 40)\n", float64(info.Size())/1e6)
	fmt.Printf("memory after %3.0f s %5.1f MB (at most 40)\n", wait.Seconds(), float64(rss)/1e6)
	fmt.Printf("first start       %6d ms until discovery answers (at most 1000)\n", first.Milliseconds())
	fmt.Printf("later start       %6d ms\n", again.Milliseconds())
	var faults []error
	if info.Size() > mostBytes {
		faults = append(faults, errors.New("the binary is too large"))
	}
	if rss > mostBytes {
		faults = append(faults, errors.New("the demo holds too much memory"))
	}
	if first > mostStart || again > mostStart {
		faults = append(faults, errors.New("the demo starts too slowly"))
	}
	return errors.Join(faults...)
}

// demoRun is a `usher demo` in a folder of its own.
type demoRun struct {
	binary, folder string
	cmd            *exec.Cmd
}

// start returns how long it took from the start of the process to the first answer.
func (d *demoRun) start() (time.Duration, error) {
	var ports [3]string
	for i := range ports {
		address, err := freeAddress()
		if err != nil {
			return 0, err
		}
		_, ports[i], _ = net.SplitHostPort(address)
	}
	var said strings.Builder
	d.cmd = exec.Command(d.binary, "demo", "--data", d.folder, "--port", ports[0], "--app-port", ports[1], "--admin-port", ports[2])
	d.cmd.Env = withoutUsher(os.Environ())
	d.cmd.Stderr = &said
	begin := time.Now()
	if err := d.cmd.Start(); err != nil {
		return 0, err
	}
	t := target{address: "127.0.0.1:" + ports[0], host: "localhost:" + ports[0], pid: d.cmd.Process.Pid}
	if err := waitFor(t, begin.Add(30*time.Second)); err != nil {
		return 0, errors.Join(err, d.stop(), errors.New(said.String()))
	}
	return time.Since(begin), nil
}

func (d *demoRun) stop() error { return stop(d.cmd) }
