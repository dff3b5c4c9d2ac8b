package sqlstore

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/usher-id/usher/internal/store"
)

// Options say where the data is.
type Options struct {
	// URL is "sqlite:/path/to/usher.db" or "postgres://user@host/database". For PostgreSQL the parameters
	// of pgx and pgxpool may follow, such as ?pool_max_conns=8.
	URL string
	// Logger hears of what no caller can be told; slog.Default where nil.
	Logger *slog.Logger
}

// Store is a store.Store over a SQL database.
type Store struct {
	db engine
	counters
	close sync.Once
	// purged is what counters.verbs was after the last Purge.
	purged atomic.Uint64
}

var _ store.Store = (*Store)(nil)

// Open opens the database and brings its schema up to date. Several processes may do so at the same
// moment. Its errors are one line that says what happened and what to do.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	target, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	s := &Store{}
	if target.dialect == sqliteDialect {
		s.db, err = openSQLite(ctx, target.name, &s.counters, o.Logger)
	} else {
		s.db, err = openPostgres(ctx, target.name, &s.counters, o.Logger)
	}
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", target.shown, err)
	}
	return s, nil
}

// Close waits for what is under way and closes the database.
func (s *Store) Close() (err error) {
	s.close.Do(func() { err = s.db.close() })
	return err
}

// Stats counts what was sent to the database since the start.
func (s *Store) Stats() store.Stats { return s.counters.stats() }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Revision(ctx)
	return err
}

// Durability reads back what makes a commit wait for the disk: PRAGMA synchronous of the connection
// that writes (2 is FULL), or PostgreSQL's synchronous_commit.
func (s *Store) Durability(ctx context.Context) (string, error) { return s.db.durability(ctx) }
