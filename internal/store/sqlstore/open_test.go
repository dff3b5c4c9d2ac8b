package sqlstore

import (
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/usher-id/usher/internal/store/storetest"
)

// TestNodesStartTogether opens one empty database from many goroutines and many processes at once.
func TestNodesStartTogether(t *testing.T) {
	for name, fresh := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": storetest.Postgres} {
		t.Run(name+" processes", func(t *testing.T) { processes(t, 6, "open", fresh(t)) })
		t.Run(name+" goroutines", func(t *testing.T) {
			url := fresh(t)
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() {
					s, err := Open(t.Context(), Options{URL: url})
					if err != nil {
						t.Error(err)
						return
					}
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		})
	}
}

// openError demands that opening fails with one clear line.
func openError(t *testing.T, url string, want ...string) {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: url})
	if err == nil {
		s.Close()
		t.Fatalf("%s was opened", url)
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q, want %q in it", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q has several lines", err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	corrupt := filepath.Join(dir, "corrupt.db")
	if err := os.WriteFile(corrupt, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	openError(t, "sqlite:"+corrupt, corrupt, "damaged", "restore it from a backup")
	openError(t, "sqlite:"+filepath.Join(dir, "missing", "usher.db"), "does not exist: create it")
	openError(t, "sqlite:"+dir, "folder")
	openError(t, "sqlite:", "path of a file")
	openError(t, "mysql://localhost", "begins with sqlite: or postgres://")
	openError(t, "postgres://usher:secret@127.0.0.1:1/usher", "cannot be reached", "check that it runs")
	openError(t, "postgres://usher:secret@127.0.0.1:1/usher?sslmode=nonsense", "not understood")

	fresh, err := url.Parse(storetest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	fresh.Path = "/missing"
	openError(t, fresh.String(), "no such database", "create it")
}

func TestPasswordIsNotShown(t *testing.T) {
	for _, url := range []string{
		"postgres://usher:secret@127.0.0.1:1/usher", "postgres://usher:secret@127.0.0.1:1/usher?sslmode=x", "postgres://usher:secret@[/",
	} {
		if _, err := Open(t.Context(), Options{URL: url}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("error %v", err)
		}
	}
}

func TestTruncatedDatabase(t *testing.T) {
	url := sqliteURL(t)
	if err := openURL(t, url).Close(); err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(url, "sqlite:")
	if err := os.Truncate(path, 5000); err != nil {
		t.Fatal(err)
	}
	openError(t, url, "damaged")
}

// TestReadOnlyFolder runs where even root is refused: with the file system identity of another user.
func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock: the thread ends with its identity
		if os.Getuid() == 0 {
			const nobody = 65534
			if err := unix.Setfsuid(nobody); err != nil {
				t.Error(err)
				return
			}
		}
		openError(t, "sqlite:"+filepath.Join(dir, "usher.db"), "cannot be written", "writable for this user")
	}()
	<-done
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"sqlite:/var/lib/usher/usher.db", "sqlite:usher.db", "sqlite:///a/b.db", "sqlite://host/b", "sqlite:", "sqlite::memory:",
		"postgres://u:p@h:5432/d?sslmode=disable", "postgresql://h/d", "postgres:d", "mysql://h",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := parseURL(s)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q has several lines", err)
			}
			return
		}
		if target.name == "" {
			t.Error("a URL without a name was accepted")
		}
		if u, err := url.Parse(s); target.dialect == postgresDialect && err == nil && u.User != nil {
			if password, set := u.User.Password(); set && len(password) > 8 && strings.Contains(target.shown, password) {
				t.Errorf("%q shows the password", target.shown)
			}
		}
	})
}
