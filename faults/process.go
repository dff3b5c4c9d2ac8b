package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child of this program: a node, a database, a pooler.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed once the process is gone
}

// startProcess starts a command whose output goes to the end of a file, as the given user (nil: as
// this program).
func startProcess(log string, owner *syscall.Credential, cmd *exec.Cmd) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	dieWithParent(cmd.SysProcAttr)
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel sends the signal of dieWithParent when the thread that started the child ends.
		runtime.LockOSThread()
		defer close(p.ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	return p, <-started
}

func (p *process) signal(s syscall.Signal) { p.cmd.Process.Signal(s) }

func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill ends the process at once and waits until it is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// stop asks the process to end and waits until it is gone.
func (p *process) stop(s syscall.Signal) error {
	p.signal(s)
	select {
	case <-p.ended:
		return nil
	case <-time.After(30 * time.Second):
		p.kill()
		return fmt.Errorf("process %d did not end within 30 s of %s", p.cmd.Process.Pid, s)
	}
}

// family is the process and its children. Those of PostgreSQL have no children of their own.
func (p *process) family() []int {
	parent := p.cmd.Process.Pid
	all := []int{parent}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// proc_pid_stat(5): the second field, the program's name, may itself hold spaces.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			all = append(all, pid)
		}
	}
	return all
}

// signalFamily sends a signal to the process, then to its children.
func (p *process) signalFamily(s syscall.Signal) {
	if s == syscall.SIGSTOP {
		p.signal(s) // from here on it starts no further child
	}
	for _, pid := range p.family() {
		syscall.Kill(pid, s)
	}
}

// lastLines is the end of a log file, for an error message.
func lastLines(file string, n int) string {
	text, _ := os.ReadFile(file)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
