package sqlstore

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// pipeline serves callers that ask at the same moment in one round trip, over connections of its own.
// If it commits, each round is one transaction.
type pipeline struct {
	dial    *dialer
	commits bool
	stats   *counters
	log     *slog.Logger
	jobs    *queue[*pipelineJob]
	workers sync.WaitGroup
}

// pipelineJob is what one caller asks, until when.
type pipelineJob struct {
	calls []call
	until time.Time
	err   error
	done  chan struct{}
}

// roundLimit bounds how many callers share a round trip.
const roundLimit = 64

func startPipeline(dial *dialer, connections int, commits bool, stats *counters, log *slog.Logger) *pipeline {
	p := &pipeline{dial: dial, commits: commits, stats: stats, log: log, jobs: newQueue[*pipelineJob](roundLimit)}
	for range connections {
		p.workers.Go(func() { (&pipelineWorker{pipeline: p}).loop() })
	}
	return p
}

// run hands in the calls and waits, for as long as the context, which has a deadline, allows. A caller
// that hangs up leaves its calls behind: they are carried out for nobody, and nobody else notices.
func (p *pipeline) run(ctx context.Context, calls []call) error {
	j := &pipelineJob{calls: calls, done: make(chan struct{})}
	j.until, _ = ctx.Deadline()
	if err := p.jobs.put(ctx, j); err != nil {
		return unavailable(err, false)
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		return unavailable(ctx.Err(), false)
	}
}

func (p *pipeline) close() {
	p.jobs.close()
	p.workers.Wait()
}

// pipelineWorker owns one connection and opens it anew when it breaks.
type pipelineWorker struct {
	*pipeline
	conn *pgx.Conn
	used time.Time
}

func (w *pipelineWorker) loop() {
	space := make([]*pipelineJob, 0, roundLimit)
	for {
		jobs := w.jobs.next(space)
		if jobs == nil {
			break
		}
		w.serve(jobs)
		for _, j := range jobs {
			close(j.done)
		}
		clear(jobs)
	}
	if w.conn != nil {
		closeNow(w.conn)
	}
}

// serve carries out the jobs in one round. Where one of them makes it fail, each is tried alone, so that
// nobody suffers from what somebody else asked: all of them may be repeated. Where the database does not
// serve, it serves none of them, and each of them learns it at once.
func (w *pipelineWorker) serve(jobs []*pipelineJob) {
	waiting, until := w.stillWaiting(jobs)
	err := w.try(waiting, until)
	if err == nil {
		return
	}
	for i, j := range waiting {
		if !isAway(err) {
			j.err = w.alone(waiting[i : i+1])
			if isAway(j.err) {
				err = j.err
			}
			continue
		}
		j.err = err
	}
}

// stillWaiting leaves out the jobs whose time is over, and says until when the last of the others waits.
func (w *pipelineWorker) stillWaiting(jobs []*pipelineJob) (waiting []*pipelineJob, until time.Time) {
	now := time.Now()
	for _, j := range jobs {
		if now.Before(j.until) {
			continue
		}
		// Only now is there a reason to copy the list.
		for _, j := range jobs {
			if !now.Before(j.until) {
				j.err = unavailable(context.DeadlineExceeded, false)
			} else {
				waiting = append(waiting, j)
			}
		}
		jobs = waiting
		break
	}
	for _, j := range jobs {
		if j.until.After(until) {
			until = j.until
		}
	}
	return jobs, until
}

func (w *pipelineWorker) alone(job []*pipelineJob) (err error) {
	for attempt := 1; ; attempt++ {
		if err = w.try(job, job[0].until); !mayRetry(err) || attempt == retryLimit || time.Now().After(job[0].until) {
			return unavailable(err, false)
		}
		pause(context.Background(), attempt)
	}
}

// try runs one round. Where that fails because of a connection that was there before, it is run once
// more on a fresh one.
func (w *pipelineWorker) try(jobs []*pipelineJob, until time.Time) error {
	if len(jobs) == 0 {
		return nil
	}
	old := w.conn != nil && !w.conn.IsClosed()
	if !old {
		if err := w.connect(until); err != nil {
			return err
		}
	}
	limit := until
	if old && time.Since(w.used) > idleAfter {
		limit = earlier(until, time.Now().Add(idleAnswer))
	}
	err := w.round(jobs, limit)
	if losesStatements(err) {
		w.dial.unnamed.Store(true)
	}
	if !isStale(err) && !(old && isAway(err)) {
		return err
	}
	if failed := w.connect(until); failed != nil {
		return failed
	}
	return w.round(jobs, until)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (w *pipelineWorker) connect(until time.Time) (err error) {
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	conn, err := w.dial.connect(ctx)
	if err != nil {
		return unavailable(err, true)
	}
	w.conn = conn
	return nil
}

// round sends the jobs as one pipeline and reads what comes back.
func (w *pipelineWorker) round(jobs []*pipelineJob, until time.Time) (err error) {
	w.conn.PgConn().Conn().SetDeadline(until)
	defer func() {
		if p := recover(); p != nil {
			w.log.Error("reading rows panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("the store panicked: %v", p)
		}
		if err != nil {
			// Only a connection that is known to be in order is used again.
			err = unavailable(err, w.conn.IsClosed())
			closeNow(w.conn)
			return
		}
		w.used = time.Now()
		clearDeadline(w.conn)
	}()
	batch, opening := &pgx.Batch{}, 0
	if w.commits {
		batch.Queue("BEGIN")
		opening = 1
	}
	for _, j := range jobs {
		queueCalls(batch, j.calls)
	}
	if w.commits {
		batch.Queue("COMMIT")
	}
	results := w.conn.SendBatch(context.Background(), batch)
	for _, j := range jobs {
		if _, err = readCalls(results, opening, j.calls); err != nil {
			break
		}
		opening = 0
	}
	if e := results.Close(); err == nil {
		err = e
	}
	if err == nil && w.commits {
		w.stats.commits.Add(1)
	}
	return err
}
