package storetest

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// StartStandby makes a hot standby in the empty folder dir of the server that StartPostgres started in the
// folder primary. It returns the URL of its database postgres and a function that promotes it.
func StartStandby(t testing.TB, primary, dir string) (url string, promote func()) {
	t.Helper()
	bin, err := PostgresBinaries()
	if err != nil {
		t.Fatal(err)
	}
	owner, err := ServerOwner(dir)
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	run := func(program string, args ...string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(bin, program), args...)
		cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: owner}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", program, err, out)
		}
	}
	run("pg_basebackup", "-h", primary, "-U", "usher", "-D", data, "-R", "-X", "stream", "-c", "fast")
	stop, err := runServer(bin, dir, data, owner, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	url = "postgres://usher@/postgres?host=" + dir
	if err := waitUntilReady(url); err != nil {
		t.Fatal(err)
	}
	return url, func() { run("pg_ctl", "-D", data, "-w", "promote") }
}
