package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usher-id/usher/internal/store/storetest"
)

// server is a PostgreSQL that a fault may befall.
type server struct {
	bin, dir string
	owner    *syscall.Credential
	listen   string
	process  *process
}

// newServer makes a cluster in dir and starts it.
func newServer(dir string) (*server, error) {
	s, err := emptyServer(dir)
	if err != nil {
		return nil, err
	}
	err = s.run("initdb", "-D", s.data(), "-U", "usher", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	if err != nil {
		return nil, err
	}
	return s, s.start()
}

func emptyServer(dir string) (*server, error) {
	bin, err := storetest.PostgresBinaries()
	if err != nil {
		return nil, err
	}
	owner, err := storetest.ServerOwner(dir)
	return &server{bin: bin, dir: dir, owner: owner, listen: freeAddress()}, err
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

func (s *server) port() string {
	_, port, _ := net.SplitHostPort(s.listen)
	return port
}

// run runs one of PostgreSQL's programs as the server's user.
func (s *server) run(program string, args ...string) error {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: s.owner}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, bytes.TrimSpace(out))
	}
	return nil
}

// start starts the server and waits until it answers. A server that was killed may have left
// processes that take a moment to go: until then the next one does not start.
func (s *server) start() error {
	deadline := time.Now().Add(startTime)
	for {
		// Without fsync a kill loses nothing either: what was written is the kernel's.
		cmd := exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data(), "-k", s.dir, "-h", "127.0.0.1", "-p", s.port(),
			"-c", "max_connections=300", "-c", "fsync=off", "-c", "full_page_writes=off")
		cmd.Dir = s.dir
		var err error
		if s.process, err = startProcess(filepath.Join(s.dir, "log"), s.owner, cmd); err != nil {
			return err
		}
		if err = s.waitUntilUp(deadline); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func (s *server) waitUntilUp(deadline time.Time) error {
	for {
		err := s.execute("postgres", "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-s.process.ended:
			return fmt.Errorf("PostgreSQL ended: %w\n%s", err, lastLines(filepath.Join(s.dir, "log"), 10))
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("PostgreSQL did not come up: %w", err)
		}
	}
}

// kill ends the server and all its processes at once.
func (s *server) kill() {
	if s.process != nil {
		s.process.signalFamily(syscall.SIGKILL)
		<-s.process.ended
	}
}

func (s *server) address(database string) string { return addressAt(s.listen, database) }

func addressAt(hosts, database string) string {
	return "postgres://usher@" + hosts + "/" + database + "?sslmode=disable"
}

// execute runs statements one by one, each outside a transaction, over a connection of its own.
func (s *server) execute(database string, statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.address(database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// ask reads one text.
func (s *server) ask(database, query string) (text string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.address(database))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, query).Scan(&text)
	return text, err
}

func (s *server) copyDatabase(template, name string) error {
	return s.execute("postgres", "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" TEMPLATE "+pgx.Identifier{template}.Sanitize())
}

// endConnections ends all connections to a database.
func endConnections(database string) string {
	return "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = '" + database + "'"
}

// standby makes a server that follows this one, and has this one wait for it with each commit.
func (s *server) standby() (*server, error) {
	f, err := emptyServer(s.dir + "-standby")
	if err != nil {
		return nil, err
	}
	source := "host=127.0.0.1 port=" + s.port() + " user=usher application_name=standby"
	if err := s.run("pg_basebackup", "-D", f.data(), "-d", source, "-R", "--checkpoint=fast", "--no-sync"); err != nil {
		// pg_basebackup writes into the other server's folder, as the same user.
		return nil, err
	}
	if err := f.start(); err != nil {
		return nil, err
	}
	err = s.execute("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'standby'", "SELECT pg_reload_conf()")
	if err != nil {
		return f, err
	}
	return f, s.waitSynchronous()
}

func (s *server) waitSynchronous() error {
	deadline := time.Now().Add(startTime)
	for {
		state, err := s.ask("postgres", "SELECT coalesce(min(sync_state), 'none') FROM pg_stat_replication")
		if err == nil && state == "sync" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the standby is not synchronous: %s %w", state, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// pooler is a PgBouncer in transaction mode before a server.
type pooler struct {
	dir, config string
	listen      string
	owner       *syscall.Credential
	process     *process
}

func newPooler(dir string, s *server) (*pooler, error) {
	if _, err := findPooler(); err != nil {
		return nil, err
	}
	owner, err := storetest.ServerOwner(dir)
	if err != nil {
		return nil, err
	}
	p := &pooler{dir: dir, config: filepath.Join(dir, "pgbouncer.ini"), listen: freeAddress(), owner: owner}
	_, port, _ := net.SplitHostPort(p.listen)
	text := strings.Join([]string{
		"[databases]", "* = host=127.0.0.1 port=" + s.port(), "[pgbouncer]",
		"listen_addr = 127.0.0.1", "listen_port = " + port, "unix_socket_dir =", "pool_mode = transaction",
		"auth_type = any", "max_client_conn = 500", "default_pool_size = 10",
	}, "\n")
	// With auth_type any the pooler's user is that of the database line.
	text = strings.Replace(text, "port="+s.port(), "port="+s.port()+" user=usher", 1)
	if err := os.WriteFile(p.config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	return p, p.start()
}

// findPooler finds the program, which Debian keeps out of PATH.
func findPooler() (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	const debian = "/usr/sbin/pgbouncer"
	if _, err := os.Stat(debian); err != nil {
		return "", fmt.Errorf("PgBouncer is not installed: scripts/setup-test.sh installs it (on Debian: apt-get install pgbouncer): %w", err)
	}
	return debian, nil
}

func (p *pooler) start() error {
	program, err := findPooler()
	if err != nil {
		return err
	}
	cmd := exec.Command(program, p.config)
	cmd.Dir = p.dir
	if p.process, err = startProcess(filepath.Join(p.dir, "log"), p.owner, cmd); err != nil {
		return err
	}
	for deadline := time.Now().Add(startTime); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", p.listen)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("PgBouncer did not come up: %w\n%s", err, lastLines(filepath.Join(p.dir, "log"), 10))
		}
	}
}
