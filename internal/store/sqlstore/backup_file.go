package sqlstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// partial is a file on its way: it has another name until it is whole and on disk.
type partial struct {
	f    *os.File
	path string
}

// partialSuffix names a file that is not whole. What a killed process left of that name, the next one overwrites.
const partialSuffix = ".partial"

// databaseFiles are the ends of the names of all files that a database may consist of.
var databaseFiles = []string{"", "-wal", "-shm", "-journal"}

// belongsTo tells whether a file is one of a database, or of the copy that a restore makes beside
// it. SQLite would take one of such a name for its own, so the name alone is enough: a log, for
// example, is there only while the database is in use. The database's path is free of links.
func belongsTo(database, file string) bool {
	name, err := withoutLinks(filepath.Dir(file))
	if err == nil {
		name = filepath.Join(name, filepath.Base(file))
	}
	info, err := os.Stat(file)
	for _, base := range []string{database, database + partialSuffix} {
		for _, suffix := range databaseFiles {
			own, errOwn := os.Stat(base + suffix)
			if base+suffix == name || err == nil && errOwn == nil && os.SameFile(own, info) {
				return true
			}
		}
	}
	return false
}

// withoutLinks is the absolute path of a file, which need not exist, free of symbolic links.
func withoutLinks(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	return real, err
}

// createPartial makes the file that becomes path, for its owner alone to read. One process at a time does.
func createPartial(path string) (*partial, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path+partialSuffix, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%s is a link: remove it", path+partialSuffix)
	}
	if err != nil {
		return nil, err
	}
	p := &partial{f, path}
	// Whoever finishes renames the file, and it may be that one that was opened.
	if err := lockFile(f); err != nil || !p.named() {
		f.Close()
		return nil, fmt.Errorf("another process is writing %s: wait until it ends", path+partialSuffix)
	}
	if err := errors.Join(f.Chmod(0o600), f.Truncate(0)); err != nil {
		p.discard()
		return nil, err
	}
	return p, nil
}

func lockFile(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

func (p *partial) name() string { return p.path + partialSuffix }

// named tells whether the name still is this file's.
func (p *partial) named() bool {
	mine, err1 := p.f.Stat()
	there, err2 := os.Stat(p.name())
	return err1 == nil && err2 == nil && os.SameFile(mine, there)
}

// commit puts the file in the place of whatever has its name.
func (p *partial) commit() error {
	if err := p.f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(p.name(), p.path); err != nil {
		return err
	}
	return errors.Join(p.f.Close(), syncFolder(filepath.Dir(p.path)))
}

// discard removes what was not committed.
func (p *partial) discard() {
	if p.f.Fd() == ^uintptr(0) {
		return // closed by commit
	}
	if p.named() {
		_ = os.Remove(p.name())
	}
	_ = p.f.Close()
}

// syncFolder makes names in a folder outlast a loss of power.
func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	// Some network file systems cannot, and keep names by themselves.
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// explainFile says what an operator can do about an error of the operating system with a file.
func explainFile(err error, path string) error {
	folder := filepath.Dir(path)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk of %s is full: make room (%w)", folder, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("the folder %s does not exist: create it", folder)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the file cannot be written: make %s and what is in it writable for this user", folder)
	case errors.Is(err, syscall.EISDIR):
		return errors.New("this is a folder: name a file in it")
	}
	return err
}
