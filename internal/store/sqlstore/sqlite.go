package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-id/usher/internal/store"
)

// sqliteEngine is a file with one writer and a few readers.
type sqliteEngine struct {
	readers     chan *sqlite.Conn
	writer      *sqliteWriter
	checkpoints *sqliteCheckpointer
	stats       *counters
}

// busyTimeout is how long opening waits for another process that is writing to the file.
const busyTimeout = 5 * time.Second

func openSQLite(ctx context.Context, path string, stats *counters, log *slog.Logger) (engine, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	conn, err := connectSQLite(path)
	if err != nil {
		return nil, explainSQLite(err)
	}
	if err := migrateSQLite(ctx, conn, path); err != nil {
		conn.Close()
		return nil, explainSQLite(err)
	}
	others, err := connectAll(path, readerCount()+1)
	if err != nil {
		conn.Close()
		return nil, explainSQLite(err)
	}
	e := &sqliteEngine{stats: stats, readers: make(chan *sqlite.Conn, readerCount())}
	e.writer = startSQLiteWriter(conn, path, stats, log)
	e.checkpoints = startSQLiteCheckpointer(others[0], e.writer)
	for _, reader := range others[1:] {
		reader.SetBusyTimeout(readLock)
		e.readers <- reader
	}
	return e, nil
}

// connectAll opens n connections or none.
func connectAll(path string, n int) ([]*sqlite.Conn, error) {
	all := make([]*sqlite.Conn, 0, n)
	for range n {
		conn, err := connectSQLite(path)
		if err != nil {
			for _, conn := range all {
				conn.Close()
			}
			return nil, err
		}
		all = append(all, conn)
	}
	return all, nil
}

// readerCount is two to four: more readers than that take the processor from each other.
func readerCount() int { return min(4, max(2, runtime.GOMAXPROCS(0))) }

// mappedBytes of the file are read without a system call for each page, which would make reads cost up to
// twice as much in a large database: as much as SQLite maps at most, and 256 MB in a 32-bit process.
const mappedBytes = min(0x7fff0000, math.MaxInt>>3)

// connectSQLite opens a connection with the settings that every connection has.
func connectSQLite(path string) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	conn.SetBusyTimeout(busyTimeout)
	for _, pragma := range []string{
		"journal_mode = WAL",
		"synchronous = FULL",
		"mmap_size = " + strconv.Itoa(mappedBytes),
		"temp_store = MEMORY",
		"journal_size_limit = 67108864",
		// No commit pays for a checkpoint: sqliteCheckpointer makes them.
		"wal_autocheckpoint = 0",
	} {
		err := whileBusy(func() error {
			_, err := sqlitePragma(conn, pragma)
			return err
		})
		if err != nil {
			conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

// sqlitePragma runs a pragma and returns the first value that it answers.
func sqlitePragma(conn *sqlite.Conn, pragma string) (value string, err error) {
	stmt, _, err := conn.PrepareTransient("PRAGMA " + pragma)
	if err != nil {
		return "", err
	}
	defer stmt.Finalize()
	if found, err := stmt.Step(); err != nil || !found {
		return "", err
	}
	return stmt.ColumnText(0), nil
}

// borrow runs f with a reader of its own.
func (e *sqliteEngine) borrow(ctx context.Context, f func(*sqlite.Conn) error) error {
	if ctx.Err() != nil {
		return waitError(ctx)
	}
	conn, err := e.reader(ctx)
	if err != nil {
		return err
	}
	defer func() { e.readers <- conn }()
	if err := f(conn); err != nil {
		return sqliteError(err)
	}
	if ctx.Err() != nil {
		return waitError(ctx)
	}
	return nil
}

// reader takes a connection that reads; whoever takes it puts it back.
func (e *sqliteEngine) reader(ctx context.Context) (*sqlite.Conn, error) {
	var conn *sqlite.Conn
	var open bool
	select {
	case conn, open = <-e.readers:
	default: // only who has to wait pays for a timer
		ctx, cancel := context.WithTimeoutCause(ctx, readerWait, errReadersBusy)
		defer cancel()
		select {
		case conn, open = <-e.readers:
		case <-ctx.Done():
			return nil, waitError(ctx)
		}
	}
	if !open {
		return nil, errClosed
	}
	return conn, nil
}

func (e *sqliteEngine) read(ctx context.Context, s *statement, scan func(row), args ...any) error {
	return e.borrow(ctx, func(conn *sqlite.Conn) error {
		e.stats.count(s)
		return sqliteQuery(conn, s, scan, args)
	})
}

func (e *sqliteEngine) view(ctx context.Context, verb func(tx) error) error {
	return e.borrow(ctx, func(conn *sqlite.Conn) error {
		if err := sqliteRun(conn, "BEGIN"); err != nil {
			return err
		}
		t := &sqliteTx{conn: conn, stats: e.stats}
		err := verb(t)
		if err == nil {
			err = t.err
		}
		if end := sqliteRun(conn, "ROLLBACK"); err == nil {
			err = end
		}
		return err
	})
}

func (e *sqliteEngine) write(ctx context.Context, verb func(tx) error) error {
	e.stats.verbs.Add(1)
	return e.writer.run(ctx, verb)
}

func (e *sqliteEngine) appending(ctx context.Context, verb func(tx) error) error {
	return e.write(ctx, verb)
}

func (e *sqliteEngine) writable(ctx context.Context) error {
	// As a request, the probe does not wait for a disk that hangs.
	if err := e.write(store.WithBudget(ctx), writeProbe); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return nil
}

func (e *sqliteEngine) durability(ctx context.Context) (value string, err error) {
	// The writer runs everything inside a transaction; reading a pragma is allowed there.
	err = e.writer.run(ctx, func(t tx) error {
		value, err = sqlitePragma(t.(*sqliteTx).conn, "synchronous")
		return err
	})
	return value, err
}

// analyze does nothing: SQLite takes whatever key fits, and that is what is wanted.
func (e *sqliteEngine) analyze(context.Context, ...string) error { return nil }

func (e *sqliteEngine) close() error {
	err := errors.Join(e.checkpoints.close(), e.writer.close())
	if readers := e.closeReaders(cap(e.readers)); err == nil {
		err = readers
	}
	return err
}

// closeReaders waits for n readers to be idle and closes them.
func (e *sqliteEngine) closeReaders(n int) (err error) {
	for range n {
		if conn, open := <-e.readers; open {
			if e := conn.Close(); err == nil {
				err = e
			}
		}
	}
	close(e.readers)
	return err
}

// sqliteTx is a transaction, or a savepoint in one.
type sqliteTx struct {
	conn  *sqlite.Conn
	stats *counters
	rows  int   // that were changed
	err   error // of an earlier do
}

func (t *sqliteTx) do(s *statement, args ...any) {
	t.query(s, nil, args...)
}

func (t *sqliteTx) ask(s *statement, scan func(row), args ...any) { t.query(s, scan, args...) }

func (t *sqliteTx) exec(s *statement, args ...any) (int64, error) {
	if t.do(s, args...); t.err != nil {
		return 0, t.err
	}
	return int64(t.conn.Changes()), nil
}

func (t *sqliteTx) query(s *statement, scan func(row), args ...any) error {
	if t.err != nil {
		return t.err
	}
	t.stats.count(s)
	if t.err = sqliteQuery(t.conn, s, scan, args); t.err == nil && !s.reads {
		t.rows += t.conn.Changes()
	}
	return t.err
}

func (t *sqliteTx) last(s *statement, scan func(row), args ...any) error {
	return t.query(s, scan, args...)
}

// sqliteRow shows the statement's current row.
type sqliteRow struct{ *sqlite.Stmt }

func (r sqliteRow) int(i int) int64       { return r.ColumnInt64(i) }
func (r sqliteRow) float(i int) float64   { return r.ColumnFloat(i) }
func (r sqliteRow) text(i int) string     { return r.ColumnText(i) }
func (r sqliteRow) null(i int) bool       { return r.ColumnIsNull(i) }
func (r sqliteRow) read(i int, to []byte) { r.ColumnBytes(i, to) }

func (r sqliteRow) bytes(i int) []byte {
	if r.ColumnIsNull(i) {
		return nil
	}
	b := make([]byte, r.ColumnLen(i))
	r.ColumnBytes(i, b)
	return b
}

// sqliteQuery runs a statement of s; the connection keeps it prepared.
func sqliteQuery(conn *sqlite.Conn, s *statement, scan func(row), args []any) error {
	stmt, err := conn.Prepare(s.sqlite)
	if err != nil {
		return err
	}
	// Also when scan panics: an unfinished read would keep the log from being written back.
	defer stmt.Reset()
	if err := bindSQLite(stmt, args); err != nil {
		return err
	}
	for {
		found, err := stmt.Step()
		if err != nil || !found {
			return err
		}
		if scan != nil {
			scan(sqliteRow{stmt})
		}
	}
}

func bindSQLite(stmt *sqlite.Stmt, args []any) error {
	for i, arg := range args {
		switch v := arg.(type) {
		case nil:
			stmt.BindNull(i + 1)
		case int:
			stmt.BindInt64(i+1, int64(v))
		case int64:
			stmt.BindInt64(i+1, v)
		case float64:
			stmt.BindFloat(i+1, v)
		case string:
			stmt.BindText(i+1, v)
		case []byte:
			if v == nil {
				stmt.BindNull(i + 1)
			} else {
				stmt.BindBytes(i+1, v)
			}
		default:
			return fmt.Errorf("argument %d has the type %T, which is not stored", i+1, arg)
		}
	}
	return nil
}

// sqliteRun runs a statement that frames a transaction.
func sqliteRun(conn *sqlite.Conn, text string) error {
	stmt, err := conn.Prepare(text)
	if err != nil {
		return err
	}
	_, err = stmt.Step()
	return err
}
