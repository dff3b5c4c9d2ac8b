package sqlstore

import (
	"context"
	"time"

	"github.com/usher-id/usher/internal/clock"
)

// fromFuture tells a bucket that a clock wrote which was ahead by more than clocks may differ ($6).
const fromFuture = `throttle.updated > excluded.updated + CAST($6 AS BIGINT)`

// leaked is the level of a bucket by now. A clock that is behind the one that wrote last leaks nothing.
const leaked = `CASE WHEN excluded.updated <= throttle.updated THEN throttle.level
	WHEN throttle.level <= CAST($2 AS DOUBLE PRECISION) * (excluded.updated - throttle.updated) THEN 0
	ELSE throttle.level - CAST($2 AS DOUBLE PRECISION) * (excluded.updated - throttle.updated) END`

var (
	// countAttempt leaks, adds one and remembers the level it found, in one statement. It turns the bucket's
	// clock back only from a future that a wrong clock wrote, from where it would not leak for as long.
	countAttempt = sql(`INSERT INTO throttle (bucket, level, before, updated) VALUES ($1, $5, 0, $3)
		ON CONFLICT (bucket) DO UPDATE SET
			before = ` + leaked + `,
			level = CASE WHEN 1 + ` + leaked + ` > CAST($4 AS DOUBLE PRECISION) THEN CAST($4 AS DOUBLE PRECISION) ELSE 1 + ` + leaked + ` END,
			updated = CASE WHEN excluded.updated <= throttle.updated AND NOT ` + fromFuture + ` THEN throttle.updated ELSE excluded.updated END
		RETURNING before`)
	forgiveAttempts = sql(`DELETE FROM throttle WHERE bucket = $1`)
)

// CountAttempt leaks the bucket, adds one up to most, and returns the level from before it was added.
func (s *Store) CountAttempt(ctx context.Context, bucket int, leakPerSecond, most float64, now time.Time) (float64, error) {
	var before float64
	err := s.db.write(ctx, func(t tx) error {
		return t.last(countAttempt, func(r row) { before = r.float(0) },
			bucket, leakPerSecond/1000, millis(now), most, min(1, most), (2 * clock.Tolerated).Milliseconds())
	})
	if err != nil {
		return 0, err
	}
	return before, nil
}

// ForgiveAttempts empties the bucket.
func (s *Store) ForgiveAttempts(ctx context.Context, bucket int) error {
	return s.db.write(ctx, func(t tx) error {
		t.do(forgiveAttempts, bucket)
		return nil
	})
}
