package manage

import (
	"context"
	"log/slog"
	"time"
)

const purgeBatch = 500

// purge deletes the rows that had expired at now, in small transactions, so that nobody waits long
// for the writer.
func (m *Manager) purge(ctx context.Context, log *slog.Logger, now time.Time, keepAudit time.Duration) error {
	total := 0
	for ctx.Err() == nil {
		n, err := m.Store.Purge(ctx, now, keepAudit, purgeBatch)
		if err != nil {
			return err
		}
		total += n
		if n < purgeBatch { // fewer than one kind alone could fill
			break
		}
	}
	if total > 0 {
		log.Debug("purged what expired", "rows", total)
	}
	return nil
}
