package storetest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// PgBouncer starts a PgBouncer with that pool mode (session, transaction) in front of the database of a
// URL that Postgres returned, with few connections of its own, and returns the URL by way of it.
func PgBouncer(t testing.TB, databaseURL, mode string) string {
	t.Helper()
	program, err := pgbouncerProgram()
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "usher-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	owner, err := ServerOwner(dir)
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	ini := fmt.Sprintf("[databases]\n* = host=%s user=usher\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port=%d\nunix_socket_dir=\n"+
		"auth_type=any\npool_mode=%s\ndefault_pool_size=3\nmax_client_conn=400\n", u.Query().Get("host"), port, mode)
	path := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(path, []byte(ini), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-q", path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	dieWithParent(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	pooled := "postgres://usher@127.0.0.1:" + strconv.Itoa(port) + u.Path + "?sslmode=disable"
	if err := waitUntilReady(pooled); err != nil {
		t.Fatalf("PgBouncer: %v", err)
	}
	return pooled
}

func pgbouncerProgram() (string, error) {
	for _, path := range []string{"/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	return "", errors.New("PgBouncer is not installed here: `make test` installs it (on Debian: apt-get install pgbouncer)")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
