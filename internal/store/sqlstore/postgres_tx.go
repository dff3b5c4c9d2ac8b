package sqlstore

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// call is a statement with its arguments and, where its rows are wanted, who gets them.
type call struct {
	s    *statement
	args []any
	scan func(row)
}

// postgresTx is a transaction that travels in as few round trips as it can: what the verb does not wait
// for goes out together with the next statement that it does, or with the commit.
type postgresTx struct {
	ctx    context.Context
	conn   *pgx.Conn
	begin  string
	stats  *counters
	queued []call
	began  bool
	ended  bool
	wrote  bool
	// committing is set once a commit was sent: if no answer comes, nobody knows whether it happened.
	committing bool
}

func (t *postgresTx) do(s *statement, args ...any) { t.add(s, nil, args) }

func (t *postgresTx) ask(s *statement, scan func(row), args ...any) { t.add(s, scan, args) }

func (t *postgresTx) add(s *statement, scan func(row), args []any) {
	if s.reads && !storable(args) {
		return // it finds nothing
	}
	t.stats.count(s)
	t.wrote = t.wrote || !s.reads
	t.queued = append(t.queued, call{s, args, scan})
}

func (t *postgresTx) exec(s *statement, args ...any) (int64, error) {
	t.add(s, nil, args)
	return t.send(false)
}

func (t *postgresTx) query(s *statement, scan func(row), args ...any) error {
	t.add(s, scan, args)
	_, err := t.send(false)
	return err
}

func (t *postgresTx) last(s *statement, scan func(row), args ...any) error {
	t.add(s, scan, args)
	_, err := t.send(true)
	return err
}

// commit ends the transaction; there is nothing to do where the verb asked for nothing.
func (t *postgresTx) commit() error {
	if t.ended || !t.began && len(t.queued) == 0 {
		return nil
	}
	_, err := t.send(true)
	return err
}

// send sends what is queued, and the commit too if it is asked to, as one pipeline; it returns how
// many rows the last statement changed. A statement that is the whole transaction needs no frame.
func (t *postgresTx) send(commit bool) (int64, error) {
	if err := t.ctx.Err(); err != nil {
		return 0, unavailable(err, false)
	}
	if t.ended {
		return 0, errors.New("a statement follows the last one")
	}
	if len(t.queued) == 0 && !(commit && t.began) {
		t.ended = commit
		return 0, nil
	}
	batch := &pgx.Batch{}
	framed := t.began || !commit || len(t.queued) > 1
	if framed && !t.began {
		batch.Queue(t.begin)
	}
	opening := batch.Len()
	queueCalls(batch, t.queued)
	if framed && commit {
		batch.Queue("COMMIT")
	}
	t.began = t.began || framed
	t.committing = commit
	results := t.conn.SendBatch(context.Background(), batch)
	n, err := readCalls(results, opening, t.queued)
	if e := results.Close(); err == nil {
		err = e
	}
	t.queued = t.queued[:0]
	if err == nil && commit {
		t.ended = true
		if t.wrote {
			t.stats.commits.Add(1)
		}
	}
	return n, unavailable(err, t.conn.IsClosed())
}

// rollback leaves the connection ready for the next verb; a broken one the pool throws away.
func (t *postgresTx) rollback() {
	if !t.conn.IsClosed() && t.conn.PgConn().TxStatus() != 'I' {
		t.conn.PgConn().Exec(context.Background(), "ROLLBACK").ReadAll()
	}
}

func queueCalls(batch *pgx.Batch, calls []call) {
	for _, c := range calls {
		batch.Queue(c.s.postgres, c.args...)
	}
}

// readCalls reads the results of calls, after those of the statements that frame them. It returns how
// many rows the last one changed.
func readCalls(results pgx.BatchResults, opening int, calls []call) (n int64, err error) {
	for range opening {
		if _, err := results.Exec(); err != nil {
			return 0, err
		}
	}
	for _, c := range calls {
		if n, err = readCall(results, c.scan); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func readCall(results pgx.BatchResults, scan func(row)) (int64, error) {
	if scan == nil {
		tag, err := results.Exec()
		return tag.RowsAffected(), err
	}
	rows, err := results.Query()
	if err != nil {
		return 0, err
	}
	defer rows.Close() // also when scan panics
	r := &postgresRow{fields: rows.FieldDescriptions()}
	for rows.Next() {
		r.values = rows.RawValues()
		scan(r)
	}
	rows.Close()
	if r.err != nil {
		return 0, r.err
	}
	return rows.CommandTag().RowsAffected(), rows.Err()
}

// recorder notes what an appending verb does.
type recorder struct {
	stats *counters
	calls []call
}

func (t *recorder) do(s *statement, args ...any) { t.ask(s, nil, args...) }

func (t *recorder) ask(s *statement, scan func(row), args ...any) {
	t.stats.count(s)
	t.calls = append(t.calls, call{s, args, scan})
}

var errOnlyAppends = errors.New("a verb that only appends asked for an answer")

func (t *recorder) exec(*statement, ...any) (int64, error)    { return 0, errOnlyAppends }
func (t *recorder) query(*statement, func(row), ...any) error { return errOnlyAppends }
func (t *recorder) last(*statement, func(row), ...any) error  { return errOnlyAppends }
