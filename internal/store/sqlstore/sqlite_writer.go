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
// for itself, and no longer than the budget of their request allows. Once the writer has begun, the outcome is
// the caller's whether or not it hung up, save where a request waits for a disk that does not answer.
func (w *sqliteWriter) run(ctx context.Context, verb func(tx) error) error {
	limit, budget := writerWait, store.BudgetOf(ctx)
	if budget != nil {
		began := time.Now()
		limit = min(limit, budget.Left())
		defer func() { budget.Spend(time.Since(began)) }()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errWriterBusy)
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
		var hung <-chan time.Time // never, for work that is no request
		if budget != nil {
			hung = time.After(commitWait)
		}
		select {
		case <-j.done:
		case <-hung:
			return fmt.Errorf("%w: %w", store.ErrUnavailable, errOutcomeUnknown)
		}
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
		if j.err = w.savepoint(j); w.conn.AutocommitEnabled() || errors.Is(j.err, errFrame) {
			// A full disk or an I/O error rolls back everything, also what went well before. So does a verb
			// that could not be taken back alone: it would be committed with the others.
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
	if err := w.frame("SAVEPOINT verb"); err != nil {
		return err
	}
	if err = w.protect(j.verb); err == nil {
		return w.frame("RELEASE verb")
	}
	switch sqlite.ErrCode(err) {
	case sqlite.ResultConstraintUnique, sqlite.ResultConstraintPrimaryKey:
		err = fmt.Errorf("%w: %w", store.ErrConflict, err)
	}
	if w.conn.AutocommitEnabled() {
		return err
	}
	return errors.Join(err, w.frame("ROLLBACK TO verb"), w.frame("RELEASE verb"))
}

// errFrame: a savepoint could not be made or ended.
var errFrame = errors.New("the frame of a verb failed")

func (w *sqliteWriter) frame(text string) error {
	if err := sqliteRun(w.conn, text); err != nil {
		return fmt.Errorf("%w: %s: %w", errFrame, text, err)
	}
	return nil
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
