package sqlstore

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// restore puts a backup in place and writes to the copy first, as the command does.
func restore(t *testing.T, database, file string) (aside string) {
	t.Helper()
	r, err := PrepareRestore(t.Context(), database, file, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := Open(t.Context(), Options{URL: r.URL()})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Record(t.Context(), store.Audit{Event: store.EventRestored}), s.Close()); err != nil {
		t.Fatal(err)
	}
	if aside, err = r.Replace(time.Now()); err != nil {
		t.Fatal(err)
	}
	return aside
}

func users(t *testing.T, path string) int {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n, err := s.CountAccounts(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func addUser(t *testing.T, path string) {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := someSession(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func TestRestoreReplacesAndKeeps(t *testing.T) {
	database := newDatabase(t, "usher.db")
	file := filepath.Join(t.TempDir(), "a b?'#.db")
	backUp(t, database, file)
	addUser(t, database)
	aside := restore(t, database, file)
	if n := users(t, database); n != 1 {
		t.Errorf("%d users after the restore", n)
	}
	if n := users(t, aside); n != 2 {
		t.Errorf("%d users are kept aside", n)
	}
	if info, err := os.Stat(database); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if left, _ := filepath.Glob(database + partialSuffix + "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := CheckBackup(t.Context(), file); err != nil {
		t.Errorf("the backup was changed: %v", err)
	}
}

// TestRestoreBesideOldLogs: a killed server leaves its log, of the old database. What is in the log belongs to the database
// that is kept, and nothing of it may come into the new one.
func TestRestoreBesideOldLogs(t *testing.T) {
	database := newDatabase(t, "usher.db")
	file := database + ".copy"
	backUp(t, database, file)
	killAfter(t, "write", "sqlite:"+database, 50)
	if info, err := os.Stat(database + "-wal"); err != nil || info.Size() == 0 {
		t.Fatalf("the killed writer left no log: %v", err)
	}
	for _, missing := range []bool{false, true} {
		if missing {
			killAfter(t, "write", "sqlite:"+database, 50)
			if err := os.Remove(database); err != nil {
				t.Fatal(err)
			}
		}
		aside := restore(t, database, file)
		if n := users(t, database); n != 1 {
			t.Errorf("missing %v: %d users", missing, n)
		}
		if (aside == "") != missing {
			t.Errorf("missing %v: kept as %q", missing, aside)
		}
		if aside != "" {
			if n := users(t, aside); n != 2 {
				t.Errorf("%d users are kept aside", n)
			}
		}
		withConn(t, database, func(conn *sqlite.Conn) {
			if answer, err := sqlitePragma(conn, "integrity_check"); err != nil || answer != "ok" {
				t.Errorf("missing %v: %s, %v", missing, answer, err)
			}
		})
	}
}

func TestRestoreRefusesADatabaseInUse(t *testing.T) {
	database := newDatabase(t, "usher.db")
	file := database + ".copy"
	backUp(t, database, file)
	refused := func(what string) {
		t.Helper()
		r, err := PrepareRestore(t.Context(), database, file, nil)
		if err == nil {
			r.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "stop every one of them first") {
			t.Errorf("%s: %v", what, err)
		}
	}
	s, err := Open(t.Context(), Options{URL: "sqlite:" + database})
	if err != nil {
		t.Fatal(err)
	}
	refused("open here")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// Damaged files are locked in another way.
	other := startable("write", "sqlite:"+database)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	refused("open in another process")
	if _, err := lockBytes(database); !errors.Is(err, errInUse) {
		t.Errorf("by bytes: %v", err)
	}
	other.Process.Kill()
	other.Wait()
	restore(t, database, file)
}

// TestNobodyOpensWhatIsBeingRestored: until the copy has its place nobody gets at the old one, and who opened it before
// and waits cannot write to it afterwards: its log would have the name of the new one's.
func TestNobodyOpensWhatIsBeingRestored(t *testing.T) {
	database := newDatabase(t, "usher.db")
	file := database + ".copy"
	backUp(t, database, file)
	early, err := sqlite.OpenConn(database, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	r, err := PrepareRestore(t.Context(), database, file, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := startable("open", "sqlite:"+database).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "locked") {
		t.Errorf("a server starts on it: %s, %v", out, err)
	}
	if _, err := r.Replace(time.Now()); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if mode, err := sqlitePragma(early, "journal_mode = WAL"); err == nil && mode == "wal" {
		t.Error("the old database begins a log under the name of the new one's")
	}
}

// TestRestoreRefuses holds each refusal against a word of it; the database stays as it was.
func TestRestoreRefuses(t *testing.T) {
	database := newDatabase(t, "usher.db")
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	backUp(t, database, good)
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, text []byte) string {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	for _, tc := range []struct{ name, file, says string }{
		{"none", filepath.Join(dir, "none"), "does not exist"},
		{"a folder", dir, "not a file"},
		{"empty", write("empty", nil), "empty"},
		{"cut", write("cut", whole[:len(whole)/2]), "incomplete"},
		{"changed", write("changed", flipped(whole, len(whole)/2)), "damaged"},
		{"text", write("text", bytes.Repeat([]byte("text "), 1000)), "not an SQLite database"},
		{"the database", database, "belongs to the database itself"},
	} {
		r, err := PrepareRestore(t.Context(), database, tc.file, nil)
		if err == nil {
			r.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if _, err := PrepareRestore(t.Context(), filepath.Join(dir, "missing", "usher.db"), good, nil); err == nil || !strings.Contains(err.Error(), "create it") {
		t.Errorf("into a missing folder: %v", err)
	}
	if left, _ := filepath.Glob(database + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if n := users(t, database); n != 1 {
		t.Errorf("%d users", n)
	}
}

// TestRestoreSparesItsSource: a restore writes its copy under a name beside the database. A backup
// that has this name already is refused, and stays.
func TestRestoreSparesItsSource(t *testing.T) {
	database := newDatabase(t, "usher.db")
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	backUp(t, database, good)
	whole, err := os.ReadFile(good)
	must(t, err)
	own := database + partialSuffix
	must(t, os.WriteFile(own, whole, 0o600))
	hard, soft, folder := good+".hard", good+".soft", good+".folder"
	must(t, os.Link(own, hard))
	must(t, os.Symlink(own, soft))
	must(t, os.Symlink(filepath.Dir(own), folder))
	linked := filepath.Join(folder, filepath.Base(own))
	for _, file := range []string{own, hard, soft, linked, own + "-wal"} {
		if file == own+"-wal" {
			must(t, os.Rename(own, file))
		}
		r, err := PrepareRestore(t.Context(), database, file, nil)
		if err == nil {
			r.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "belongs to the database itself") {
			t.Errorf("%s: %v", file, err)
		}
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, whole) {
			t.Fatalf("%s is changed: %d bytes, %v", file, len(now), err)
		}
	}
}

// TestRestoreOverADamagedDatabase, which is when it is needed most; what is left of it is kept.
func TestRestoreOverADamagedDatabase(t *testing.T) {
	for name, damage := range map[string]func(string) error{
		"text":  func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("text ", 5000)), 0o600) },
		"empty": func(path string) error { return os.Truncate(path, 0) },
		"cut":   func(path string) error { return os.Truncate(path, 10_000) },
		"gone":  os.Remove,
	} {
		database := newDatabase(t, "usher.db")
		file := database + ".copy"
		backUp(t, database, file)
		if err := damage(database); err != nil {
			t.Fatal(err)
		}
		aside := restore(t, database, file)
		if n := users(t, database); n != 1 {
			t.Errorf("%s: %d users", name, n)
		}
		if _, err := os.Stat(aside); name != "gone" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRestoreKilled leaves what a killed restore leaves: a copy with a log of its own beside the database.
func TestRestoreKilled(t *testing.T) {
	database := newDatabase(t, "usher.db")
	file := database + ".copy"
	backUp(t, database, file)
	addUser(t, database)
	killAfter(t, "write", "sqlite:"+database+partialSuffix, 50)
	if n := users(t, database); n != 2 {
		t.Errorf("%d users before", n)
	}
	restore(t, database, file)
	if n := users(t, database); n != 1 {
		t.Errorf("%d users after", n)
	}
}

// TestRestoreThroughALink replaces the file and keeps the link.
func TestRestoreThroughALink(t *testing.T) {
	database := newDatabase(t, "usher.db")
	file := database + ".copy"
	backUp(t, database, file)
	addUser(t, database)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(database, link); err != nil {
		t.Fatal(err)
	}
	restore(t, link, file)
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("%v, %v", info, err)
	}
	if n := users(t, database); n != 1 {
		t.Errorf("%d users", n)
	}
}

// TestRestoreAnOlderSchema brings the copy up to date before it takes the database's place.
func TestRestoreAnOlderSchema(t *testing.T) {
	old := filepath.Join(t.TempDir(), "old.db")
	older(t, old)
	database := newDatabase(t, "usher.db")
	r, err := PrepareRestore(t.Context(), database, old, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Schema != 1 {
		t.Errorf("schema %d", r.Schema)
	}
	r.Close()
	restore(t, database, old)
	s := openURL(t, "sqlite:"+database)
	if acc, err := s.AccountByName(t.Context(), "jane"); err != nil || acc.Role != oauth.Role("") {
		t.Errorf("%+v, %v", acc, err)
	}
}
