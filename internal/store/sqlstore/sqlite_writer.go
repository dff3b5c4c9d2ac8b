package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"

	"zombiezen.com/go/sqlite"

	"github.com/usher-id/usher/internal/store"
)

// sqliteWriter is the one goroutine that writes. While it waits for the disk, callers gather; the next
// transaction takes all of them.
type sqliteWriter struct {
	conn  *sqlite.Conn
	path  string
	stats *counters
	log   *slog.Logger
	jobs  *queue[*sqliteJob]
	done  chan struct{}
}

// sqliteJob is a verb that waits to be committed.
type sqliteJob struct {
	ctx  context.Context
	verb func(tx) error
	err  error
	done chan struct{}
}

const (
	// batchLimit bounds how long the first caller of a batch waits for the last one.
	batchLimit = 256
	// lockAttempts of busyTimeout each are made before callers hear that another process holds the file.
	lockAttempts = 3
	// Under constant reading SQLite never finds the moment to begin the write-ahead log anew, so every
	// logCheck commits its size is looked at.
	logCheck = 256
	logLimit = 64 << 20
)

func startSQLiteWriter(conn *sqlite.Conn, path string, stats *counters, log *slog.Logger) *sqliteWriter {
	w := &sqliteWriter{
		conn: conn, path: path, stats: stats, log: log,
		jobs: newQueue[*sqliteJob](batchLimit),
		done: make(chan struct{}),
	}
	go w.loop()
	return w
}

// run hands the verb to the writer and waits for its commit. Once the writer has begun, the outcome is
// the caller's whether or not it hung up: it cannot leave with a verb half known.
func (w *sqliteWriter) run(ctx context.Context, verb func(tx) error) error {
	j := &sqliteJob{ctx: ctx, verb: verb, done: make(chan struct{})}
	if err := w.jobs.put(ctx, j); err != nil {
		return err
	}
	<-j.done
	return j.err
}

func (w *sqliteWriter) close() error {
	w.jobs.close()
	<-w.done
	return w.conn.Close()
}

func (w *sqliteWriter) loop() {
	defer close(w.done)
	space := make([]*sqliteJob, 0, batchLimit)
	for commits := 1; ; commits++ {
		batch := w.jobs.next(space)
		if batch == nil {
			return
		}
		w.commit(batch)
		for _, j := range batch {
			close(j.done)
		}
		clear(batch)
		if commits%logCheck == 0 {
			w.shortenLog()
		}
	}
}

// commit runs the jobs in one transaction and sets their errors.
func (w *sqliteWriter) commit(batch []*sqliteJob) {
	err := w.begin()
	alive := 0
	for _, j := range batch {
		switch {
		case err != nil:
			j.err = err
			continue
		case j.ctx.Err() != nil:
			j.err = j.ctx.Err()
			continue
		}
		if j.err = w.savepoint(j); j.err == nil {
			alive++
		}
		if w.conn.AutocommitEnabled() {
			// A full disk or an I/O error rolls back everything, also what went well before.
			err = fmt.Errorf("the transaction was rolled back: %w", j.err)
		}
	}
	if err == nil && alive > 0 {
		if err = sqliteRun(w.conn, "COMMIT"); err == nil {
			w.stats.commits.Add(1)
			return
		}
	}
	if !w.conn.AutocommitEnabled() {
		if e := sqliteRun(w.conn, "ROLLBACK"); e != nil {
			w.log.Error("rolling back in SQLite", "error", e)
		}
	}
	for _, j := range batch {
		if j.err == nil {
			j.err = err
		}
	}
}

// begin takes the write lock of the file, which another process may hold for a while.
func (w *sqliteWriter) begin() (err error) {
	for range lockAttempts {
		err = sqliteRun(w.conn, "BEGIN IMMEDIATE")
		if sqlite.ErrCode(err).ToPrimary() != sqlite.ResultBusy {
			return err
		}
	}
	return fmt.Errorf("another process has been writing to %s for %v: %w", w.path, lockAttempts*busyTimeout, err)
}

// savepoint runs one job so that its failure takes back nothing but its own work.
func (w *sqliteWriter) savepoint(j *sqliteJob) (err error) {
	if err := sqliteRun(w.conn, "SAVEPOINT verb"); err != nil {
		return err
	}
	if err = w.protect(j.verb); err == nil {
		return sqliteRun(w.conn, "RELEASE verb")
	}
	switch sqlite.ErrCode(err) {
	case sqlite.ResultConstraintUnique, sqlite.ResultConstraintPrimaryKey:
		err = fmt.Errorf("%w: %w", store.ErrConflict, err)
	}
	if w.conn.AutocommitEnabled() {
		return err
	}
	return errors.Join(err, sqliteRun(w.conn, "ROLLBACK TO verb"), sqliteRun(w.conn, "RELEASE verb"))
}

// protect keeps the writer alive when a verb panics.
func (w *sqliteWriter) protect(verb func(tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.log.Error("a verb of the store panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("the store panicked: %v", p)
		}
	}()
	t := &sqliteTx{conn: w.conn, stats: w.stats}
	if err := verb(t); err != nil {
		return err
	}
	return t.err
}

// shortenLog writes a log that grew too long back into the database and truncates it.
func (w *sqliteWriter) shortenLog() {
	if info, err := os.Stat(w.path + "-wal"); err != nil || info.Size() < logLimit {
		return
	}
	if _, err := sqlitePragma(w.conn, "wal_checkpoint(TRUNCATE)"); err != nil {
		w.log.Warn("shortening SQLite's write-ahead log", "error", err)
	}
}
