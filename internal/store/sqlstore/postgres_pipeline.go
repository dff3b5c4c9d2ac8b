package sqlstore

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/jackc/pgx/v5"
)

// pipeline serves callers that ask at the same moment in one round trip, over connections of its own.
// If it commits, each round is one transaction.
type pipeline struct {
	config  *pgx.ConnConfig
	commits bool
	stats   *counters
	log     *slog.Logger
	jobs    *queue[*pipelineJob]
	workers sync.WaitGroup
}

// pipelineJob is what one caller asks.
type pipelineJob struct {
	calls []call
	err   error
	done  chan struct{}
}

// roundLimit bounds how many callers share a round trip.
const roundLimit = 64

func startPipeline(config *pgx.ConnConfig, connections int, commits bool, stats *counters, log *slog.Logger) *pipeline {
	p := &pipeline{config: config, commits: commits, stats: stats, log: log, jobs: newQueue[*pipelineJob](roundLimit)}
	for range connections {
		p.workers.Go(func() { (&pipelineWorker{pipeline: p}).loop() })
	}
	return p
}

// run hands in the calls and waits. A caller that hangs up leaves its calls behind: they are carried
// out for nobody, and nobody else notices.
func (p *pipeline) run(ctx context.Context, calls []call) error {
	j := &pipelineJob{calls: calls, done: make(chan struct{})}
	if err := p.jobs.put(ctx, j); err != nil {
		return err
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		return ctx.Err()
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
		w.conn.Close(context.Background())
	}
}

// serve carries out the jobs in one round. Where that fails, each is tried alone, so that nobody suffers
// from what somebody else asked: all of them may be repeated.
func (w *pipelineWorker) serve(jobs []*pipelineJob) {
	if err := w.connect(); err != nil {
		for _, j := range jobs {
			j.err = err
		}
		return
	}
	if w.round(jobs) == nil {
		return
	}
	for i, j := range jobs {
		j.err = w.alone(jobs[i : i+1])
	}
}

func (w *pipelineWorker) alone(job []*pipelineJob) (err error) {
	for attempt := 1; ; attempt++ {
		if err = w.connect(); err != nil {
			return err
		}
		if err = w.round(job); !mayRetry(err) || attempt == retryLimit {
			return err
		}
		pause(context.Background(), attempt)
	}
}

func (w *pipelineWorker) connect() (err error) {
	if w.conn != nil && !w.conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	w.conn, err = pgx.ConnectConfig(ctx, w.config)
	return err
}

// round sends the jobs as one pipeline and reads what comes back.
func (w *pipelineWorker) round(jobs []*pipelineJob) (err error) {
	setDeadline(w.conn)
	defer func() {
		if p := recover(); p != nil {
			w.log.Error("reading rows panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("the store panicked: %v", p)
		}
		if err != nil {
			// Only a connection that is known to be in order is used again.
			w.conn.Close(context.Background())
			return
		}
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
