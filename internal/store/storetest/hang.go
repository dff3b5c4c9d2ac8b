package storetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Hang stops all processes of the PostgreSQL that StartPostgres started in dir (SIGSTOP): connections stay,
// and nothing answers. The function that it returns lets them go on; the end of the test does so too.
func Hang(t testing.TB, dir string) (resume func()) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	syscall.Kill(postmaster, syscall.SIGSTOP) // it starts no further children
	stopped := []int{postmaster}
	for _, child := range childrenOf(postmaster) {
		syscall.Kill(child, syscall.SIGSTOP)
		stopped = append(stopped, child)
	}
	resume = func() {
		for _, pid := range stopped {
			syscall.Kill(pid, syscall.SIGCONT)
		}
		stopped = nil
	}
	t.Cleanup(func() { resume() })
	return resume
}

func childrenOf(parent int) (children []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		// pid (name) state ppid: the name may hold anything.
		after := string(text[strings.LastIndexByte(string(text), ')')+1:])
		var state string
		var ppid int
		if _, err := fmt.Sscan(after, &state, &ppid); err == nil && ppid == parent {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			children = append(children, pid)
		}
	}
	return children
}
