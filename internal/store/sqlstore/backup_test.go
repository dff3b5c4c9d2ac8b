package sqlstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// newDatabase makes a database of usher with something in it and returns its path.
func newDatabase(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	s, err := Open(t.Context(), Options{URL: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Bootstrap(t.Context(), oauth.DefaultProfile(), nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := someSession(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return path
}

func backUp(t *testing.T, database, file string) Copied {
	t.Helper()
	made, err := Backup(t.Context(), BackupOptions{Database: database, File: file, Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// grow adds rows that SQLite stores in about so many bytes.
func grow(t *testing.T, path string, size int) {
	t.Helper()
	withConn(t, path, func(conn *sqlite.Conn) {
		if err := sqliteRun(conn, "CREATE TABLE ballast (data BLOB)"); err != nil {
			t.Fatal(err)
		}
		insert := fmt.Sprintf("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "+
			"INSERT INTO ballast SELECT randomblob(100000) FROM n", size/100_000)
		if err := sqliteRun(conn, insert); err != nil {
			t.Fatal(err)
		}
	})
}

func withConn(t *testing.T, path string, do func(*sqlite.Conn)) {
	t.Helper()
	conn, err := connectSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	do(conn)
}

// TestBackupEndsUnderWriters: other connections of this process and another process write all the time; the backup
// ends, and what was written in one transaction is in it as a whole or not at all.
func TestBackupEndsUnderWriters(t *testing.T) {
	path := newDatabase(t, "usher.db")
	grow(t, path, 30<<20)
	withConn(t, path, func(conn *sqlite.Conn) {
		for _, text := range []string{"CREATE TABLE pair (n INTEGER)", "INSERT INTO pair VALUES (0), (0)"} {
			if err := sqliteRun(conn, text); err != nil {
				t.Fatal(err)
			}
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	defer writers.Wait()
	defer cancel()
	other := startable("write", "sqlite:"+path)
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	s := openURL(t, "sqlite:"+path)
	until(t, func() bool {
		list, _, err := s.Audits(t.Context(), store.AuditFilter{}, oauth.ID{}, 1)
		return err == nil && len(list) > 0
	})
	commits := make(chan int, 4)
	for range 4 {
		writers.Go(func() { commits <- writePairs(ctx, t, path) })
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	made := backUp(t, path, file)
	cancel()
	total := 0
	for range 4 {
		total += <-commits
	}
	if made.Contents.Audits == 0 || total == 0 {
		t.Errorf("nobody wrote: %+v, %d commits", made, total)
	}
	withConn(t, file, func(conn *sqlite.Conn) {
		var values []int64
		if err := eachRow(conn, "SELECT n FROM pair", func(r row) { values = append(values, r.int(0)) }); err != nil {
			t.Fatal(err)
		}
		if len(values) != 2 || values[0] != values[1] {
			t.Errorf("half a transaction: %v", values)
		}
	})
}

// writePairs raises both numbers in one transaction, in two statements, until the context ends.
func writePairs(ctx context.Context, t *testing.T, path string) (commits int) {
	withConn(t, path, func(conn *sqlite.Conn) {
		for ctx.Err() == nil {
			for _, text := range []string{
				"BEGIN IMMEDIATE", "UPDATE pair SET n = n + 1 WHERE rowid = 1",
				"UPDATE pair SET n = n + 1 WHERE rowid = 2", "COMMIT",
			} {
				if err := sqliteRun(conn, text); err != nil && ctx.Err() == nil {
					t.Errorf("%s: %v", text, err)
					return
				}
			}
			commits++
		}
	})
	return commits
}

// TestBackupFile looks at the file: who may read it, that it opens without a log, and that it is not written again.
func TestBackupFile(t *testing.T) {
	database := newDatabase(t, "usher.db")
	for _, name := range []string{"plain.db", "with space.db", "it's \"quoted\".db", "a?b=c&mode=memory.db", "a#b.db", "100%25.db", "ü.db", ":memory:", "file:x"} {
		file := filepath.Join(t.TempDir(), name)
		backUp(t, database, file)
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		entries, _ := os.ReadDir(filepath.Dir(file))
		if len(entries) != 1 {
			t.Errorf("%s leaves %v", name, entries)
		}
	}
	t.Chdir(filepath.Dir(database))
	backUp(t, "usher.db", "relative.db")
	if _, err := Backup(t.Context(), BackupOptions{Database: "usher.db", File: "relative.db"}); err == nil {
		t.Error("a file was replaced")
	}
	if _, err := Backup(t.Context(), BackupOptions{Database: "usher.db", File: "relative.db", Force: true}); err != nil {
		t.Error(err)
	}
}

// TestBackupRefuses holds each refusal against a word of it, and leaves no file.
func TestBackupRefuses(t *testing.T) {
	database := newDatabase(t, "usher.db")
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) string {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path(name)
	}
	link := func(name, to string, link func(string, string) error) string {
		if err := link(to, path(name)); err != nil {
			t.Fatal(err)
		}
		return path(name)
	}
	foreign := path("foreign.db")
	conn, err := sqlite.OpenConn(foreign, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sqliteRun(conn, "CREATE TABLE x (y)"), conn.Close()); err != nil {
		t.Fatal(err)
	}
	own := database + ".partial"
	if err := os.Link(database, own); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path("elsewhere"), path("trap.partial")); err != nil {
		t.Fatal(err)
	}
	folder := link("folder", filepath.Dir(database), os.Symlink)
	for _, tc := range []struct{ name, database, file, says string }{
		{"no folder", database, path("missing/b.db"), "does not exist: create it"},
		{"a file as a folder", database, filepath.Join(write("plain", "x"), "b.db"), "does not exist: create it"},
		{"a folder", database, dir, "not a file"},
		{"a folder to be", database, dir + "/new/", "not the name of a file"},
		{"no name", database, "", "not the name of a file"},
		{"a device", database, "/dev/full", "not a file"},
		{"the database", database, database, "belongs to the database itself"},
		{"the database by a link", database, link("soft", database, os.Symlink), "belongs to the database itself"},
		{"the database by another name", database, link("hard", database, os.Link), "belongs to the database itself"},
		{"the database's log", database, database + "-wal", "belongs to the database itself"},
		{"its index", database, database + "-shm", "belongs to the database itself"},
		{"its journal", database, database + "-journal", "belongs to the database itself"},
		{"its log by a folder's link", database, folder + "/usher.db-wal", "belongs to the database"},
		{"its log, it by a link", path("soft"), database + "-wal", "belongs to the database"},
		{"the copy that a restore makes", database, own, "belongs to the database itself"},
		{"the log of that", database, own + "-wal", "belongs to the database itself"},
		{"the database as the unfinished copy", database, strings.TrimSuffix(own, ".partial"), "belongs to the database itself"},
		{"a link as the unfinished copy", database, path("trap"), "is a link"},
		{"a file that exists", database, write("old.db", "old"), "--force"},
		{"a link to nowhere", database, link("dangling", path("nowhere"), os.Symlink), "--force"},
		{"no database", path("none.db"), path("b.db"), "it does not exist"},
		{"an empty database", write("empty.db", ""), path("b.db"), "it is empty"},
		{"not a database", write("text.db", strings.Repeat("text ", 1000)), path("b.db"), "is not an SQLite database"},
		{"another program's", foreign, path("b.db"), "not a database of usher"},
		{"a folder as a database", dir, path("b.db"), ""},
	} {
		for _, force := range []bool{false, true} {
			if force && tc.says == "--force" {
				continue
			}
			_, err := Backup(t.Context(), BackupOptions{Database: tc.database, File: tc.file, Force: force})
			if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", tc.name, err)
			}
		}
	}
	if text, err := os.ReadFile(path("old.db")); err != nil || string(text) != "old" {
		t.Errorf("the old file: %s, %v", text, err)
	}
	if left, _ := filepath.Glob(path("b.db*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if s, err := CheckBackup(t.Context(), database); err != nil || s.Users != 1 {
		t.Errorf("the database: %+v, %v", s, err)
	}
}

// TestBackupOnAFullDisk fills a file system of 2 MiB.
func TestBackupOnAFullDisk(t *testing.T) {
	database := newDatabase(t, "usher.db")
	grow(t, database, 8<<20)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Fatalf("this test mounts a small file system, as root: %v", err)
	}
	defer syscall.Unmount(dir, 0)
	_, err := Backup(t.Context(), BackupOptions{Database: database, File: filepath.Join(dir, "b.db")})
	if err == nil || !strings.Contains(err.Error(), "is full") {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestBackupKilled kills a backup halfway: its name is not there, and the next one goes on as if nothing had been.
func TestBackupKilled(t *testing.T) {
	database := newDatabase(t, "usher.db")
	grow(t, database, 60<<20)
	file := database + ".copy"
	cmd := startable("backup", "sqlite:"+database)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		info, err := os.Stat(file + partialSuffix)
		return err == nil && info.Size() > 0
	})
	if _, err := Backup(t.Context(), BackupOptions{Database: database, File: file}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("two at once: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a killed backup has its name: %v", err)
	}
	if _, err := CheckBackup(t.Context(), file+partialSuffix); err == nil {
		t.Error("half a backup passes for a whole one")
	}
	backUp(t, database, file)
}

// until waits for a condition.
func until(t *testing.T, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !met(); {
		if time.Now().After(deadline) {
			t.Fatal("it never happened")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestBackupInterrupted(t *testing.T) {
	database := newDatabase(t, "usher.db")
	grow(t, database, 20<<20)
	ctx, cancel := context.WithCancel(t.Context())
	file := database + ".copy"
	o := BackupOptions{Database: database, File: file, Progress: func(int64, int64) { cancel() }}
	if _, err := Backup(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(file + "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestEveryDamageIsFound changes, cuts and lengthens a backup.
func TestEveryDamageIsFound(t *testing.T) {
	database := newDatabase(t, "usher.db")
	file := database + ".copy"
	backUp(t, database, file)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := database + ".damaged"
	check := func(what string, text []byte) {
		if err := os.WriteFile(damaged, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := CheckBackup(t.Context(), damaged); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s passes: %v", what, err)
		}
	}
	for i := 0; i < len(whole); i += 997 {
		check(fmt.Sprintf("byte %d", i), flipped(whole, i))
	}
	for i := range 32 { // what the header says of itself
		check(fmt.Sprintf("byte %d", i), flipped(whole, i))
	}
	for _, n := range []int{0, 1, 15, 99, 4096, len(whole) / 2, len(whole) - sealSize - 1,
		len(whole) - sealSize + 1, len(whole) - 1} {
		check(fmt.Sprintf("%d bytes", n), whole[:n])
	}
	noSize := bytes.Clone(whole)
	copy(noSize[16:], "\x00\x00")
	check("pages without a size", noSize)
	onePage := bytes.Clone(whole)
	copy(onePage[28:], "\x00\x00\x00\x01")
	check("one page of many", onePage)
	check("a byte behind the checksum", append(bytes.Clone(whole), 0))
	random := make([]byte, 10_000)
	rand.Read(random)
	check("noise", random)
	check("zeros", make([]byte, 100_000))
	check("the beginning and zeros", append(bytes.Clone(whole[:5000]), make([]byte, len(whole)-5000)...))
}

func flipped(text []byte, i int) []byte {
	text = bytes.Clone(text)
	text[i] ^= 0x10
	return text
}

// TestCopiesByHand: a copy of the file alone lacks what is in the log, which is told by the log beside it.
func TestCopiesByHand(t *testing.T) {
	database := newDatabase(t, "usher.db")
	s := openURL(t, "sqlite:"+database)
	if err := s.Record(t.Context(), store.Audit{Event: store.EventSignIn}); err != nil {
		t.Fatal(err)
	}
	if _, err := CheckBackup(t.Context(), database); err == nil || !strings.Contains(err.Error(), "usher backup") {
		t.Errorf("a database in use passes for a backup: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	must(t, os.Symlink(database, link))
	r, err := PrepareRestore(t.Context(), filepath.Join(t.TempDir(), "usher.db"), link, nil)
	if err == nil {
		r.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "usher backup") {
		t.Errorf("by a link it passes for a backup: %v", err)
	}
}
