package sqlstore

import (
	"context"
	"time"
)

var (
	// countAttempt leaks, adds one and remembers the level it found, in one statement. A clock that is
	// behind the one that wrote last leaks nothing and does not turn the bucket's back.
	countAttempt = sql(`INSERT INTO throttle (bucket, level, before, updated) VALUES ($1, 1, 0, $3)
		ON CONFLICT (bucket) DO UPDATE SET
			before = CASE WHEN excluded.updated <= throttle.updated THEN throttle.level
				WHEN throttle.level <= $2 * (excluded.updated - throttle.updated) THEN 0
				ELSE throttle.level - $2 * (excluded.updated - throttle.updated) END,
			level = 1 + CASE WHEN excluded.updated <= throttle.updated THEN throttle.level
				WHEN throttle.level <= $2 * (excluded.updated - throttle.updated) THEN 0
				ELSE throttle.level - $2 * (excluded.updated - throttle.updated) END,
			updated = CASE WHEN excluded.updated <= throttle.updated THEN throttle.updated ELSE excluded.updated END
		RETURNING before`)
	forgiveAttempts = sql(`DELETE FROM throttle WHERE bucket = $1`)
)

// CountAttempt leaks the bucket, adds one, and returns the level from before it was added.
func (s *Store) CountAttempt(ctx context.Context, bucket int, leakPerSecond float64, now time.Time) (float64, error) {
	var before float64
	err := s.db.write(ctx, func(t tx) error {
		return t.last(countAttempt, func(r row) { before = r.float(0) }, bucket, leakPerSecond/1000, millis(now))
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
