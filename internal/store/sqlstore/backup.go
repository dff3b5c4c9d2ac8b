package sqlstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"
)

// BackupOptions say what is copied to where.
type BackupOptions struct {
	// Database is the path of an SQLite database, File that of the copy.
	Database, File string
	// Force lets the copy replace a file.
	Force bool
	// Progress, if there, hears of bytes that were copied, of all there are.
	Progress func(done, total int64)
	// Verify has the copy read back and checked before it takes its name.
	Verify bool
}

// copyChunk is what is read, and forced to disk, at a time: writers that wait for the same disk never wait behind more.
const copyChunk = 4 << 20

// Copied is what Backup made: the size of the copy, and what was found in it where it was verified.
type Copied struct {
	Bytes    int64
	Contents *Contents
}

// Backup copies a database as it is at one moment, while others read and write it. It reads in one transaction, so commits of other processes neither disturb it nor wait for it; until it ends the
// write-ahead log cannot begin again and grows. The copy takes its name when it is whole and on disk.
func Backup(ctx context.Context, o BackupOptions) (made Copied, err error) {
	source, err := withoutLinks(o.Database)
	if err != nil {
		return made, err
	}
	if err := checkTarget(source, o.File, o.Force); err != nil {
		return made, err
	}
	conn, err := openToRead(source)
	if err != nil {
		return made, fmt.Errorf("database sqlite:%s: %w", o.Database, explainSQLite(err))
	}
	defer conn.Close()
	out, err := createPartial(o.File)
	if err != nil {
		return made, explainFile(err, o.File)
	}
	defer out.discard()
	p := &pageCopy{out: out.f, sum: sha256.New(), progress: o.Progress}
	if err := p.run(ctx, conn); err != nil {
		if sqlite.ErrCode(err).ToPrimary() != sqlite.ResultError {
			err = fmt.Errorf("database sqlite:%s: %w", o.Database, explainSQLite(err))
		}
		return made, explainFile(err, o.File)
	}
	made.Bytes = p.written
	if o.Verify {
		found, err := CheckBackup(ctx, out.name())
		if err != nil {
			return made, fmt.Errorf("the copy is not good and was not kept: %w", err)
		}
		made.Contents = &found
	}
	if err := checkTarget(source, o.File, o.Force); err != nil {
		return made, err
	}
	return made, explainFile(out.commit(), o.File)
}

// checkTarget refuses a file that exists, save by force, and one of the database's own by all means.
func checkTarget(source, file string, force bool) error {
	if file == "" || os.IsPathSeparator(file[len(file)-1]) {
		return fmt.Errorf("%q is not the name of a file", file)
	}
	for _, name := range []string{file, file + partialSuffix} {
		if belongsTo(source, name) {
			return fmt.Errorf("%s belongs to the database itself: name another file", name)
		}
		// Where it does not exist, creating it tells why it cannot be.
		if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a file: name another", name)
		}
	}
	if _, err := os.Lstat(file); err == nil && !force {
		return fmt.Errorf("%s exists already: name another file, or replace it with --force", file)
	}
	return nil
}

// openToRead opens a database that others may be using. Where this user may write to it, SQLite tidies the log up when
// the last connection closes; a connection that may only read would leave an empty one behind.
func openToRead(path string) (*sqlite.Conn, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("it does not exist: name yours with --config or --database")
	case err != nil:
		return nil, err
	case info.Size() == 0:
		return nil, errors.New("it is empty")
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	conn.SetBusyTimeout(busyTimeout)
	found, err := sqliteSchema(conn)
	if err == nil && found.version == 0 {
		err = errors.New("it is not a database of usher")
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// pageCopy copies pages in order, and appends a line with their SHA-256.
type pageCopy struct {
	out      *os.File
	sum      hash.Hash
	progress func(done, total int64)

	pageSize, pages int64
	written         int64
}

func (p *pageCopy) run(ctx context.Context, conn *sqlite.Conn) error {
	if err := sqliteRun(conn, "BEGIN"); err != nil {
		return err
	}
	// The first read takes the snapshot that all others see.
	var err error
	if p.pages, err = pragmaInt(conn, "page_count"); err != nil {
		return err
	}
	if p.pageSize, err = pragmaInt(conn, "page_size"); err != nil {
		return err
	}
	pages, _, err := conn.PrepareTransient("SELECT data FROM sqlite_dbpage")
	if err != nil {
		return err
	}
	defer pages.Finalize()
	chunk := make([]byte, max(p.pageSize, copyChunk/p.pageSize*p.pageSize))
	for p.written < p.pages*p.pageSize {
		began := time.Now()
		n, err := p.read(pages, chunk)
		if err == nil {
			err = p.write(chunk[:n])
		}
		if err == nil {
			err = rest(ctx, time.Since(began)/2)
		}
		if err != nil {
			return err
		}
	}
	return p.seal()
}

// rest leaves processor and disk to others: they get them for a third of the time at least.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// read fills the chunk with the next pages and returns its length.
func (p *pageCopy) read(pages *sqlite.Stmt, chunk []byte) (n int64, err error) {
	for left := p.pages*p.pageSize - p.written; n < min(left, int64(len(chunk))); n += p.pageSize {
		found, err := pages.Step()
		if err != nil {
			return 0, err
		}
		if !found || int64(pages.ColumnLen(0)) != p.pageSize {
			return 0, errors.New("the database has fewer pages than its header says")
		}
		pages.ColumnBytes(0, chunk[n:n+p.pageSize])
	}
	if p.written == 0 && n > 0 {
		standAlone(chunk, p.pages)
	}
	return n, nil
}

func (p *pageCopy) write(chunk []byte) error {
	p.sum.Write(chunk)
	if _, err := p.out.Write(chunk); err != nil {
		return err
	}
	p.written += int64(len(chunk))
	if err := p.out.Sync(); err != nil {
		return err
	}
	if p.progress != nil {
		p.progress(p.written, p.pages*p.pageSize)
	}
	return nil
}

// standAlone makes the first page that of a database without a write-ahead log, which opens from read-only places
// too: read and write version (offsets 18 and 19), the size in pages (28), and that it is valid (92 is as 24).
func standAlone(page []byte, pages int64) {
	page[18], page[19] = 1, 1
	binary.BigEndian.PutUint32(page[28:], uint32(pages))
	copy(page[92:96], page[24:28])
}

// The last bytes of a backup, behind the pages, where SQLite does not look.
const (
	sealBegin = "\nusher backup, sha256 "
	sealSize  = len(sealBegin) + 2*sha256.Size + 1
)

func sealOf(sum hash.Hash) string { return fmt.Sprintf("%s%x\n", sealBegin, sum.Sum(nil)) }

func (p *pageCopy) seal() error {
	n, err := io.WriteString(p.out, sealOf(p.sum))
	p.written += int64(n)
	return err
}

func pragmaInt(conn *sqlite.Conn, pragma string) (int64, error) {
	text, err := sqlitePragma(conn, pragma)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}
