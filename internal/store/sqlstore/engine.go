package sqlstore

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/usher-id/usher/internal/store"
)

// tx is a transaction under way. An argument is nil, int, int64, float64, string or []byte.
type tx interface {
	// do runs a statement whose outcome the verb does not depend on. It may wait until the next exec,
	// query or commit, which then reports its error.
	do(s *statement, args ...any)
	// ask is do for a statement whose rows matter: scan has seen them when the next exec or query returned.
	ask(s *statement, scan func(row), args ...any)
	// exec runs a statement and tells how many rows it changed.
	exec(s *statement, args ...any) (int64, error)
	// query runs a statement and shows each row to scan.
	query(s *statement, scan func(row), args ...any) error
	// last is query for the last statement of a verb: no lock waits for another round trip.
	last(s *statement, scan func(row), args ...any) error
}

// engine is one of the two databases. The functions given to write may run more than once and, as those
// that scan, on another goroutine: what they set is to be read only where no error came back.
type engine interface {
	// read runs one statement that only reads. Where the connection breaks, scan may see a row twice.
	read(ctx context.Context, s *statement, scan func(row), args ...any) error
	// view runs several reads on one state of the database.
	view(ctx context.Context, verb func(tx) error) error
	// write runs the verb as one transaction.
	write(ctx context.Context, verb func(tx) error) error
	// appending is write for verbs that use do alone, wait for nobody's locks, and would change nothing if
	// they were run again.
	appending(ctx context.Context, verb func(tx) error) error
	// writable commits a tiny change; its error wraps store.ErrUnavailable.
	writable(ctx context.Context) error
	// analyze has the database look at tables to which many rows came at once: it plans by that. Not at others: to know
	// that a table is empty makes for plans that are wrong when it fills.
	analyze(ctx context.Context, tables ...string) error
	// durability is the setting that makes a commit wait for the disk.
	durability(ctx context.Context) (string, error)
	close() error
}

// errClosed is what callers get that come after Close.
var errClosed = errors.New("the store is closed")

// counters are the source of store.Stats. verbs counts those that write, when they are called.
type counters struct{ reads, writes, commits, verbs atomic.Uint64 }

func (c *counters) count(s *statement) {
	if s.reads {
		c.reads.Add(1)
	} else {
		c.writes.Add(1)
	}
}

func (c *counters) stats() store.Stats {
	return store.Stats{Reads: c.reads.Load(), Writes: c.writes.Load(), Commits: c.commits.Load()}
}
