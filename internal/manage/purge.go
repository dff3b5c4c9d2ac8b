package manage

import (
	"context"
	"log/slog"
	"time"

	"github.com/usher-id/usher/internal/store"
)

const (
	// purgeRound bounds one call of purge, so that keys are tended in between; the next round goes on.
	purgeRound = time.Minute
	// purgeSlice is how long one transaction may keep callers waiting, its commit included. Its pages come to the
	// disk again by a checkpoint, behind which commits wait as long once more.
	purgeSlice = 5 * time.Millisecond
	// The limit of a transaction begins low and follows the time that it takes. PostgreSQL gets that many
	// statements at once.
	purgeFirst, purgeLeast, purgeMost = 32, 4, 2000
	// The share of the time that purging takes grows with the age of what is overdue.
	purgeShare, purgeMostShare = 0.1, 0.5
	purgeSoon, purgeLate       = 10 * time.Minute, 40 * time.Minute
)

// purge deletes the rows that had expired at now, in short transactions with pauses between them.
func (m *Manager) purge(ctx context.Context, log *slog.Logger, now time.Time, keepAudit time.Duration) error {
	total, limit, end := 0, purgeFirst, time.Now().Add(purgeRound)
	defer func() {
		if total > 0 {
			log.Debug("purged what expired", "rows", total)
		}
	}()
	for ctx.Err() == nil && time.Now().Before(end) {
		p, err := m.Store.Purge(ctx, now, keepAudit, limit)
		if err != nil {
			return err
		}
		if total += p.Rows; !p.More {
			break
		}
		limit = nextLimit(limit, p.Took)
		select {
		case <-ctx.Done():
		case <-time.After(min(purgePause(p), time.Until(end))):
		}
	}
	return nil
}

// nextLimit aims at transactions that take purgeSlice.
func nextLimit(limit int, took time.Duration) int {
	fits := float64(limit) * float64(purgeSlice) / float64(max(took, time.Microsecond))
	return int(min(max(fits, purgeLeast), purgeMost, float64(2*limit)))
}

// purgePause is how long to rest after a transaction so that purging takes its share of the time: a tenth
// while nothing is long overdue, up to half as it ages, and all of it while nobody else writes.
func purgePause(p store.Purged) time.Duration {
	if p.Alone {
		return 0
	}
	aged := float64(p.Overdue-purgeSoon) / float64(purgeLate-purgeSoon)
	share := purgeShare + (purgeMostShare-purgeShare)*min(max(aged, 0), 1)
	return time.Duration(float64(p.Took) * (1/share - 1))
}
