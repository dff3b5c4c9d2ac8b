package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster is a PostgreSQL that the tests of one binary share.
type cluster struct {
	once     sync.Once
	settings []string
	url      string
	stop     func()
	err      error
	made     atomic.Int64

	prepare    sync.Once
	prepared   string // the name of the database that others are copies of
	prepareErr error
}

var (
	// A machine that loses its power loses a test's database anyway, and not waiting for the disk makes databases
	// several times faster. What is measured waits.
	forTests      = cluster{settings: []string{"fsync=off", "full_page_writes=off"}}
	forBenchmarks cluster
	managed       atomic.Bool
)

// Main runs the tests and then stops the PostgreSQL that they started. It belongs in TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
func Main(m *testing.M) int {
	managed.Store(true)
	code := m.Run()
	for _, c := range []*cluster{&forTests, &forBenchmarks} {
		if c.stop != nil {
			c.stop()
		}
	}
	return code
}

// Postgres returns the URL of a fresh database on a real PostgreSQL, which the first caller in a test
// binary starts. A machine without PostgreSQL fails the test.
func Postgres(t testing.TB) string {
	t.Helper()
	return running(t).database(t, "template0")
}

// PreparedPostgres is Postgres for many tests that begin alike: prepare is run once in a test binary, on a database that
// every caller gets a copy of. A copy costs a tenth of bringing an empty database up to date. When prepare returns,
// nobody is connected to its database any more.
func PreparedPostgres(t testing.TB, prepare func(url string) error) string {
	t.Helper()
	c := running(t)
	c.prepare.Do(func() {
		c.prepared = "prepared"
		url, err := CreateDatabase(t.Context(), c.url, c.prepared)
		if err == nil {
			err = prepare(url)
		}
		c.prepareErr = err
	})
	if c.prepareErr != nil {
		t.Fatal(c.prepareErr)
	}
	return c.database(t, c.prepared)
}

// running is the cluster for this test, which it starts where nobody did yet.
func running(t testing.TB) *cluster {
	t.Helper()
	if !managed.Load() {
		t.Fatal("a test on PostgreSQL needs storetest.Main in TestMain, which stops the server")
	}
	c := &forTests
	if _, measures := t.(*testing.B); measures {
		c = &forBenchmarks
	}
	c.once.Do(func() {
		dir, err := os.MkdirTemp("", "usher-postgres-")
		if err != nil {
			c.err = err
			return
		}
		url, stop, err := startPostgres(dir, c.settings...)
		if err != nil {
			c.err = err
			os.RemoveAll(dir)
			return
		}
		c.url, c.stop = url, func() {
			stop()
			os.RemoveAll(dir)
		}
	})
	if c.err != nil {
		t.Fatal(c.err)
	}
	return c
}

// database makes one more database.
func (c *cluster) database(t testing.TB, template string) string {
	t.Helper()
	url, err := createDatabase(t.Context(), c.url, fmt.Sprintf("test%d", c.made.Add(1)), template)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// CreateDatabase makes an empty database on the server of url and returns its URL.
func CreateDatabase(ctx context.Context, serverURL, name string) (string, error) {
	return createDatabase(ctx, serverURL, name, "template0")
}

func createDatabase(ctx context.Context, serverURL, name, template string) (string, error) {
	u, err := url.Parse(serverURL)
	if err != nil {
		return "", err
	}
	conn, err := pgx.Connect(ctx, serverURL)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	create := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize() + " TEMPLATE " + pgx.Identifier{template}.Sanitize()
	var version int
	if err := conn.QueryRow(ctx, "SELECT CAST(current_setting('server_version_num') AS int)").Scan(&version); err != nil {
		return "", err
	}
	if version >= 150000 {
		create += " STRATEGY FILE_COPY" // as versions before it do: the log is spared a whole database
	}
	if _, err := conn.Exec(ctx, create); err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

// StartPostgres makes a new cluster in dir, which is empty or missing, and starts it on a Unix socket there,
// with fsync on. It returns the URL of its database postgres and a function that stops it; the folder stays.
func StartPostgres(dir string) (url string, stop func(), err error) { return startPostgres(dir) }

func startPostgres(dir string, settings ...string) (url string, stop func(), err error) {
	bin, err := PostgresBinaries()
	if err != nil {
		return "", nil, err
	}
	owner, err := ServerOwner(dir)
	if err != nil {
		return "", nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "usher", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: owner}
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	stop, err = runServer(bin, dir, data, owner, settings)
	if err != nil {
		return "", nil, err
	}
	url = "postgres://usher@/postgres?host=" + dir
	if err := waitUntilReady(url); err != nil {
		stop()
		return "", nil, err
	}
	return url, stop, nil
}

// PostgresBinaries finds the folder with initdb and postgres, the newest version first.
func PostgresBinaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.SortFunc(found, func(a, b string) int { return majorVersion(b) - majorVersion(a) })
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	for _, initdb := range found {
		dir := filepath.Dir(initdb)
		if _, err := os.Stat(filepath.Join(dir, "postgres")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("PostgreSQL is not installed here: `make test` installs it (on Debian: apt-get install postgresql)")
}

func majorVersion(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}

// ServerOwner gives dir to a user that PostgreSQL agrees to run as: it refuses root. It is nil where this
// process is somebody else already.
func ServerOwner(dir string) (*syscall.Credential, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}

// runServer starts the server; it dies with this process.
func runServer(bin, dir, data string, owner *syscall.Credential, settings []string) (stop func(), err error) {
	cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-h", "",
		"-c", "max_connections=400", "-c", "unix_socket_permissions=0700")
	for _, setting := range settings {
		cmd.Args = append(cmd.Args, "-c", setting)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	dieWithParent(cmd.SysProcAttr)
	started, ended := make(chan error), make(chan struct{})
	go func() {
		// The kernel sends the signal of dieWithParent when the thread that started the child ends.
		runtime.LockOSThread()
		defer close(ended)
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return func() {
		cmd.Process.Signal(syscall.SIGINT) // fast shutdown
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
	}, nil
}

// waitUntilReady asks until the server, or the pooler before it, accepts connections.
func waitUntilReady(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server did not come up: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
