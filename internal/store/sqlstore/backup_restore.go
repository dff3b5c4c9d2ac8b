package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"zombiezen.com/go/sqlite"
)

// Restoring is a checked copy of a backup beside the database that it replaces, which is locked until Close: no server
// can start on either.
type Restoring struct {
	Contents
	target   string
	replaces bool // there is a database
	copy     *partial
	unlock   func()
}

// errInUse refuses to replace a database under somebody's feet.
var errInUse = errors.New("a server or another command has the database open: stop every one of them first")

// PrepareRestore copies a backup beside the database and checks the copy. The database need not exist. Progress, if
// there, hears of bytes that were copied, of all there are.
func PrepareRestore(ctx context.Context, database, file string, progress func(done, total int64)) (*Restoring, error) {
	// What is behind a link is replaced, and not the link.
	target, err := withoutLinks(database)
	if err != nil {
		return nil, err
	}
	if belongsTo(target, file) {
		return nil, fmt.Errorf("%s belongs to the database itself: name its backup", file)
	}
	_, err = os.Lstat(target)
	r := &Restoring{target: target, replaces: err == nil, unlock: func() {}}
	if err := r.prepare(ctx, file, progress); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Restoring) prepare(ctx context.Context, file string, progress func(done, total int64)) error {
	in, size, err := openCopy(file)
	if err != nil {
		return fmt.Errorf("backup %s: %w", file, err)
	}
	defer in.Close()
	if r.unlock, err = lockDatabase(r.target); err != nil {
		r.unlock = func() {}
		return fmt.Errorf("database sqlite:%s: %w", r.target, err)
	}
	if r.copy, err = createPartial(r.target); err != nil {
		return fmt.Errorf("database sqlite:%s: %w", r.target, explainFile(err, r.target))
	}
	if err := r.fill(ctx, in, size, progress); err != nil {
		return explainFile(err, r.target)
	}
	if r.Contents, err = CheckBackup(ctx, r.copy.name()); err != nil {
		return fmt.Errorf("backup %s: %w", file, err)
	}
	return nil
}

// fill copies the backup. What a killed restore left beside the copy goes first: it belongs to another database.
func (r *Restoring) fill(ctx context.Context, in io.Reader, size int64, progress func(done, total int64)) error {
	for _, suffix := range databaseFiles[1:] {
		if err := os.Remove(r.copy.name() + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for done := int64(0); ; {
		n, err := io.CopyN(r.copy.f, &contextReader{ctx, in}, copyChunk)
		if done += n; progress != nil && n > 0 {
			progress(done, size)
		}
		if errors.Is(err, io.EOF) {
			return r.copy.f.Sync()
		}
		if err != nil {
			return err
		}
	}
}

// URL is where the copy can be opened as a database, and changed, before it replaces the other one.
func (r *Restoring) URL() string { return "sqlite:" + r.copy.name() }

// Replace puts the copy in the place of the database and returns the name under which that one is kept; empty where
// there was none. At each moment the name of the database leads to the one or the other, whole.
func (r *Restoring) Replace(now time.Time) (aside string, err error) {
	for _, suffix := range databaseFiles[1:] {
		if info, err := os.Stat(r.copy.name() + suffix); err == nil && info.Size() > 0 {
			return "", fmt.Errorf("%s is still in use", r.copy.name())
		}
	}
	kept := r.target + ".before-restore-" + now.UTC().Format("20060102T150405.000Z")
	if err := r.giveToOwner(); err != nil {
		return "", err
	}
	if _, err := os.Lstat(r.target); r.replaces {
		if err := os.Link(r.target, kept); err != nil {
			return "", err
		}
		aside = kept
	} else if err == nil {
		return "", fmt.Errorf("another process made %s meanwhile: stop it, then repeat the command", r.target)
	}
	// A log that belongs to another database would be replayed into this one. The index of a log holds no data.
	if err := os.Remove(r.target + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, suffix := range []string{"-wal", "-journal"} {
		if err := os.Rename(r.target+suffix, kept+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return aside, r.copy.commit()
}

// giveToOwner gives the copy to the owner of the database, or of its folder where there is none: root may restore for
// the server's user.
func (r *Restoring) giveToOwner() error {
	info, err := os.Stat(r.target)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(filepath.Dir(r.target))
	}
	if err != nil {
		return err
	}
	if owner, known := info.Sys().(*syscall.Stat_t); known && os.Geteuid() == 0 {
		return r.copy.f.Chown(int(owner.Uid), int(owner.Gid))
	}
	return nil
}

// Close removes the copy unless Replace put it in place, and unlocks.
func (r *Restoring) Close() {
	if r.copy != nil {
		for _, suffix := range databaseFiles[1:] {
			_ = os.Remove(r.copy.name() + suffix)
		}
		r.copy.discard()
	}
	r.unlock()
}

// lockDatabase makes sure that nobody has the database open, and that nobody opens it until unlock. It writes the log
// back into the file, so that the file alone is the database: a server that opened it and waits then finds, before
// it writes, that the file was moved away. A damaged file is locked as it is; one that does not exist, not at all.
func lockDatabase(path string) (unlock func(), err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	if err != nil || info.Size() == 0 || !info.Mode().IsRegular() {
		return lockBytes(path)
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, explainSQLite(err)
	}
	conn.SetBusyTimeout(time.Second) // a command that is about to end
	err = lockConnection(conn)
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultOK:
		return func() { conn.Close() }, nil
	case sqlite.ResultBusy, sqlite.ResultLocked:
		err = errInUse
	case sqlite.ResultNotADB, sqlite.ResultCorrupt, sqlite.ResultIOErr:
		conn.Close()
		return lockBytes(path)
	default:
		err = explainSQLite(err)
	}
	conn.Close()
	return nil, err
}

func lockConnection(conn *sqlite.Conn) error {
	for _, pragma := range []string{"locking_mode = EXCLUSIVE", "journal_mode = DELETE"} {
		if _, err := sqlitePragma(conn, pragma); err != nil {
			return err
		}
	}
	if mode, err := sqlitePragma(conn, "journal_mode"); err != nil || mode != "delete" {
		return errors.Join(err, sqlite.ResultBusy.ToError())
	}
	return sqliteRun(conn, "BEGIN EXCLUSIVE")
}

// Where every connection of SQLite locks its file: the pending byte and what follows (sqlite.org/lockingv3.html).
const (
	lockStart  = 0x40000000
	lockLength = 512
)

// lockBytes locks a file as SQLite does, without reading it.
func lockBytes(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, explainFile(err, path)
	}
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Start: lockStart, Len: lockLength}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock); err != nil {
		f.Close()
		return nil, errInUse
	}
	return func() { f.Close() }, nil
}
