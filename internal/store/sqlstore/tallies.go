package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/store"
)

var (
	addTally = sql(`INSERT INTO tally (at, name, count) VALUES ($1, $2, $3)
		ON CONFLICT (at, name) DO UPDATE SET count = tally.count + excluded.count`)
	selectTallies = sql(`SELECT at, name, count FROM tally WHERE at >= $1 ORDER BY at, name`)
)

// AddTallies adds to what is counted. Every node locks the rows in the same order.
func (s *Store) AddTallies(ctx context.Context, add []store.Tally) error {
	add = slices.Clone(add)
	slices.SortFunc(add, func(a, b store.Tally) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Name, b.Name)) })
	return s.db.write(ctx, func(t tx) error {
		for _, tally := range add {
			t.do(addTally, millis(tally.At), tally.Name, tally.Count)
		}
		return nil
	})
}

// TalliesSince lists them by time.
func (s *Store) TalliesSince(ctx context.Context, since time.Time) ([]store.Tally, error) {
	return list(ctx, s, selectTallies, func(r row) store.Tally {
		return store.Tally{At: timeAt(r, 0), Name: r.text(1), Count: r.int(2)}
	}, millis(since))
}
