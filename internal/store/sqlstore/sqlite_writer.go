package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

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
	// turn is held during a batch, and by the checkpointer while nothing may be written.
	turn sync.Mutex
	// grown hears of every checkpointRows rows that were changed; rows counts them.
	grown  chan struct{}
	rows   int
	warned sometimes
}

// sqliteJob is a verb that waits to be committed.
type sqliteJob struct {
	verb func(tx) error
	err  error
	done chan struct{}
	// taken is set by the writer that begins the verb or by the caller that gives up: whoever is first.
	taken atomic.Bool
}

const (
	// batchLimit bounds how long the first caller of a batch waits for the last one.
	batchLimit = 256
	// lockSlice is how long the writer asks for the file's lock before it looks whether its callers still wait.
	lockSlice = 250 * time.Millisecond
)

func startSQLiteWriter(conn *sqlite.Conn, path string, stats *counters, log *slog.Logger) *sqliteWriter {
	w := &sqliteWriter{
		conn: conn, path: path, stats: stats, log: log,
		jobs: newQueue[*sqliteJob](batchLimit),
		done: make(chan struct{}), grown: make(chan struct{}, 1),
	}
	conn.SetBusyTimeout(lockSlice)
	go w.loop()
	return w
}

// run hands the verb to the writer and waits for its commit. Callers wait for their turn for writerWait at most, each
// for itself. Once the writer has begun, the outcome is the caller's whether or not it hung up: it cannot
// leave with a verb half known.
func (w *sqliteWriter) run(ctx context.Context, verb func(tx) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, writerWait, errWriterBusy)
	defer cancel()
	j := &sqliteJob{verb: verb, done: make(chan struct{})}
	if err := w.jobs.put(ctx, j); err != nil {
		if ctx.Err() != nil {
			return waitError(ctx)
		}
		return err
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		if j.take() {
			return waitError(ctx)
		}
		<-j.done
	}
	return sqliteError(j.err)
}

// take is true once.
func (j *sqliteJob) take() bool { return j.taken.CompareAndSwap(false, true) }

func (w *sqliteWriter) close() error {
	w.jobs.close()
	<-w.done
	return w.conn.Close()
}

func (w *sqliteWriter) loop() {
	defer close(w.done)
	space := make([]*sqliteJob, 0, batchLimit)
	for {
		batch := w.jobs.next(space)
		if batch == nil {
			return
		}
		w.turn.Lock()
		batch = w.commit(batch)
		w.turn.Unlock()
		for _, j := range batch {
			close(j.done)
		}
		clear(batch)
	}
}

// commit runs the jobs in one transaction, sets their errors, and returns those whose callers wait for them.
func (w *sqliteWriter) commit(batch []*sqliteJob) []*sqliteJob {
	err := w.begin(batch)
	batch = slices.DeleteFunc(batch, func(j *sqliteJob) bool { return !j.take() })
	for _, j := range batch {
		if err != nil {
			break
		}
		if j.err = w.savepoint(j); w.conn.AutocommitEnabled() {
			// A full disk or an I/O error rolls back everything, also what went well before.
			err = fmt.Errorf("the transaction was rolled back: %w", j.err)
		}
	}
	if err == nil && slices.ContainsFunc(batch, func(j *sqliteJob) bool { return j.err == nil }) {
		if err = sqliteRun(w.conn, "COMMIT"); err == nil {
			w.committed()
			return batch
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
	return batch
}

// begin takes the write lock of the file, which another process may hold for a while: it asks until
// nobody waits any more.
func (w *sqliteWriter) begin(batch []*sqliteJob) error {
	waits := func(j *sqliteJob) bool { return !j.taken.Load() }
	for {
		err := sqliteRun(w.conn, "BEGIN IMMEDIATE")
		if sqlite.ErrCode(err).ToPrimary() != sqlite.ResultBusy {
			return err
		}
		if w.warned.due() {
			w.log.Warn("another process keeps SQLite's file locked", "path", w.path)
		}
		if !slices.ContainsFunc(batch, waits) {
			return err
		}
	}
}

// committed counts, and wakes the checkpointer once enough was changed.
func (w *sqliteWriter) committed() {
	w.stats.commits.Add(1)
	if w.rows < checkpointRows {
		return
	}
	w.rows = 0
	select {
	case w.grown <- struct{}{}:
	default: // it has been told
	}
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
	defer func() { w.rows += t.rows }()
	if err := verb(t); err != nil {
		return err
	}
	return t.err
}
