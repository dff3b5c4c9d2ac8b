package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var (
	selectGuesses = sql(`SELECT version, tries, browsers FROM guesses WHERE key = $1`)
	insertGuesses = sql(`INSERT INTO guesses (key, version, tries, browsers) VALUES ($1, 1, $2, $3)
		ON CONFLICT (key) DO NOTHING`)
	// updateGuesses changes nothing where another was faster.
	updateGuesses = sql(`UPDATE guesses SET version = version + 1, tries = $3, browsers = $4
		WHERE key = $1 AND version = $2`)
	// forgetBrowsers makes browsers that the account's users signed in with unknown ones.
	forgetBrowsers = sql(`UPDATE guesses SET version = version + 1, browsers = '' WHERE key = $1`)
	removeGuesses  = sql(`DELETE FROM guesses WHERE key = $1`)
)

// errOvertaken says that the guesses were changed after they were read.
var errOvertaken = errors.New("others changed this at the same time")

// Guesses reads what is remembered under the key; the zero Guesses where there is nothing.
func (s *Store) Guesses(ctx context.Context, key []byte) (store.Guesses, error) {
	g, _, err := s.readGuesses(ctx, key)
	return g, err
}

func (s *Store) readGuesses(
	ctx context.Context, key []byte,
) (g store.Guesses, version int64, err error) {
	err = s.db.read(ctx, selectGuesses, func(r row) {
		version, g = r.int(0), store.Guesses{Tries: []byte(r.text(1)), Browsers: []byte(r.text(2))}
	}, key)
	return g, version, err
}

// ChangeGuesses reads, changes and writes, and begins again where others wrote between. No lock
// is held meanwhile. Who is overtaken often gives up: what limits guesses also limits how often
// that happens.
func (s *Store) ChangeGuesses(
	ctx context.Context, key []byte, a store.Audit,
	change func(*store.Guesses) (write bool, err error),
) error {
	for attempt := 1; ; attempt++ {
		g, version, err := s.readGuesses(ctx, key)
		if err != nil {
			return err
		}
		if write, err := change(&g); err != nil || !write {
			return err
		}
		err = s.writeGuesses(ctx, key, version, g, a)
		if !errors.Is(err, errOvertaken) {
			return err
		}
		if attempt == retryLimit || pause(ctx, attempt) != nil {
			return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
	}
}

func (s *Store) writeGuesses(
	ctx context.Context, key []byte, version int64, g store.Guesses, a store.Audit,
) error {
	return s.db.write(ctx, func(t tx) error {
		q, args := insertGuesses, []any{key, string(g.Tries), string(g.Browsers)}
		if version > 0 {
			q, args = updateGuesses, []any{key, version, string(g.Tries), string(g.Browsers)}
		}
		n, err := t.exec(q, args...)
		if err == nil && n == 0 {
			err = errOvertaken
		}
		if err != nil {
			return err
		}
		record(t, a)
		return nil
	})
}

// accountGuesses is the key of guesses at an account's password (authn.AccountKey).
func accountGuesses(id oauth.ID) []byte { return id[:] }
