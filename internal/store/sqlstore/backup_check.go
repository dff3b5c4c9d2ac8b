package sqlstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// Contents are what a backup holds.
type Contents struct {
	Schema   int64 `json:"schema"`
	Users    int64 `json:"users"`
	Clients  int64 `json:"clients"`
	Sessions int64 `json:"sessions"`
	Audits   int64 `json:"audit_records"`
	// Newest is the time of the newest audit record; zero where there is none.
	Newest time.Time `json:"newest_audit_record,omitzero"`
	// Keys are wrapped by a master key, which a backup does not hold.
	Keys []token.WrappedKey `json:"-"`
}

// CheckBackup reads the whole of a copy of an SQLite database, which nobody else changes, and tells what it holds. It
// changes nothing and makes no file beside it. The error says what is wrong with the copy.
func CheckBackup(ctx context.Context, path string) (c Contents, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return c, err
	}
	if err := checkBytes(ctx, path); err != nil {
		return c, err
	}
	// Immutable: SQLite looks for no log, takes no lock and makes no file.
	source := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "immutable=1"}
	conn, err := sqlite.OpenConn(source.String(), sqlite.OpenReadOnly, sqlite.OpenURI)
	if err != nil {
		return c, explainCopy(err)
	}
	defer conn.Close()
	conn.SetInterrupt(ctx.Done())
	c, err = contentsOf(conn)
	if ctx.Err() != nil {
		return c, ctx.Err()
	}
	return c, explainCopy(err)
}

func explainCopy(err error) error {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultNotADB, sqlite.ResultCorrupt:
		return fmt.Errorf("it is damaged, incomplete or not an SQLite database (%w)", err)
	}
	return err
}

// selectKeysOfOld reads what opens a key, which every schema has: a backup may be older than this version.
const selectKeysOfOld = `SELECT id, purpose, alg, wrapped FROM wrapped_key ORDER BY activates, id`

func contentsOf(conn *sqlite.Conn) (c Contents, err error) {
	found, err := sqliteSchema(conn)
	if err != nil {
		return c, err
	}
	c.Schema = found.version
	if c.Schema == 0 {
		return c, errors.New("it is not a database of usher")
	}
	problem, err := sqlitePragma(conn, "integrity_check(1)")
	if err != nil {
		return c, err
	}
	if problem != "ok" {
		return c, fmt.Errorf("it is damaged: %s", problem)
	}
	for text, n := range map[string]*int64{
		"SELECT count(*) FROM account": &c.Users, "SELECT count(*) FROM client": &c.Clients,
		"SELECT count(*) FROM session": &c.Sessions, "SELECT count(*) FROM audit": &c.Audits,
	} {
		if err := eachRow(conn, text, func(r row) { *n = r.int(0) }); err != nil {
			return c, err
		}
	}
	err = eachRow(conn, "SELECT happened FROM audit ORDER BY id DESC LIMIT 1", func(r row) { c.Newest = timeAt(r, 0) })
	if err != nil {
		return c, err
	}
	return c, eachRow(conn, selectKeysOfOld, func(r row) {
		c.Keys = append(c.Keys, token.WrappedKey{
			ID: r.text(0), Use: token.Use(r.text(1)), Alg: oauth.Alg(r.text(2)), Wrapped: r.bytes(3),
		})
	})
}

func eachRow(conn *sqlite.Conn, text string, scan func(row)) error {
	return sqliteQuery(conn, &statement{sqlite: text}, scan, nil)
}

// openCopy opens the copy of a database and tells its size. It refuses what is none, or not all of one.
func openCopy(path string) (f *os.File, size int64, err error) {
	// The log of a copy lies beside the copy, and not beside a link to it.
	if path, err = withoutLinks(path); err != nil {
		return nil, 0, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, errors.New("it does not exist")
	case err != nil:
		return nil, 0, err
	case !info.Mode().IsRegular():
		return nil, 0, errors.New("it is not a file")
	case info.Size() == 0:
		return nil, 0, errors.New("it is empty")
	}
	// A copy that was made by hand may lack what was committed last.
	for _, suffix := range []string{"-wal", "-journal"} {
		if beside, err := os.Stat(path + suffix); err == nil && beside.Size() > 0 {
			return nil, 0, fmt.Errorf("it is a database and not a backup, since there is %s: "+
				"make a backup of it with 'usher backup'", path+suffix)
		}
	}
	f, err = os.Open(path)
	return f, info.Size(), err
}

// checkBytes tells whether a file has the bytes that were written.
func checkBytes(ctx context.Context, path string) error {
	f, size, err := openCopy(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return checkSeal(ctx, f, size)
}

// checkSeal compares the pages with the checksum behind them. A copy by other tools has none.
func checkSeal(ctx context.Context, f *os.File, size int64) error {
	header := make([]byte, 100)
	if _, err := f.ReadAt(header, 0); err != nil || !bytes.HasPrefix(header, []byte("SQLite format 3\x00")) {
		return errors.New("it is not an SQLite database")
	}
	pageSize := int64(binary.BigEndian.Uint16(header[16:]))
	if pageSize == 1 {
		pageSize = 1 << 16
	}
	pages := pageSize * int64(binary.BigEndian.Uint32(header[28:]))
	switch behind := size - pages; {
	case pageSize == 0:
		return errors.New("it is damaged: its pages have no size")
	case behind < 0:
		return fmt.Errorf("it is incomplete: %d of %d bytes", size, pages)
	case behind%pageSize == 0:
		return nil // by another tool
	case behind != int64(sealSize):
		return errors.New("it is damaged: its checksum is not complete")
	}
	seal := make([]byte, sealSize)
	if _, err := f.ReadAt(seal, pages); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, &contextReader{ctx, io.NewSectionReader(f, 0, pages)}); err != nil {
		return err
	}
	if sealOf(sum) != string(seal) {
		return errors.New("it is damaged: its bytes are not those that were written")
	}
	return nil
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r *contextReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}
