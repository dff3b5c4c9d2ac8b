package manage

import (
	"context"
	"log/slog"
	"time"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// BeginEpoch is for a clock that finds the horizon in its future: another clock, which was ahead, purged. What
// expires before the horizon stays expired, since nobody knows any more whether it was revoked or used. Fresh
// keys of a new epoch activate at once, so that whatever is made from here on works. It deletes nothing and
// takes no key away, so a clock that is itself behind does no harm by it.
//
// The keys activate at the last trusted time, though it is ahead: until then the old ones were in use, and are
// kept by that. The newest epoch's first key is used before it activates (token.State).
func (m *Manager) BeginEpoch(ctx context.Context, log *slog.Logger, now time.Time) error {
	snap, err := m.openKeys(ctx)
	if err != nil || !snap.Horizon.Upto.After(now) {
		return err
	}
	fresh, err := m.firstKeys(now, snap.Horizon.Epoch+1)
	if err != nil {
		return err
	}
	for i := range fresh {
		fresh[i].Activates = snap.Horizon.Upto.Add(clock.PurgeAfter)
	}
	a, err := m.eventAudit(store.EventKeysReplaced, store.KindKeys, "", "added to, since a clock that was ahead had purged")
	if err != nil {
		return err
	}
	err = m.Store.BeginEpoch(ctx, snap.Horizon.Epoch, fresh, a)
	if err == nil {
		log.Warn("expired data was deleted by a clock that was ahead: what expires before then stays expired, and new keys are used",
			"until", snap.Horizon.Upto, "now", now)
	}
	return ignoreConflict(err) // another node was faster
}

const mendBatch = 500

// mayMend tells whether what lies in the future may be taken for the work of a clock that was ahead. Where
// purges too say that it is later than now, this clock may as well be behind, and would end what is good.
func (m *Manager) mayMend(h token.Horizon, now time.Time) bool {
	purged := h.Upto
	if h.Earlier.After(purged) {
		purged = h.Earlier
	}
	if !purged.Add(clock.PurgeAfter).After(now.Add(2 * clock.Tolerated)) {
		return true
	}
	return m.Clock.Last().Even >= clock.MendAfter
}

// mendFuture brings back to now what a clock that was ahead stored, so that no session outlives what the
// profile allows and nobody is locked out until that time has come.
func (m *Manager) mendFuture(ctx context.Context, log *slog.Logger) error {
	snap, err := m.settings(ctx)
	if err != nil {
		return err
	}
	now, trusted, err := m.trusted(ctx)
	if err != nil || !trusted || !m.mayMend(snap.Horizon, now) {
		return err
	}
	p, total := &snap.Profile, 0
	lifetimes := store.Lifetimes{
		Session: time.Duration(p.SessionMaxSeconds) * time.Second, Idle: time.Duration(p.SessionIdleSeconds) * time.Second,
		Refresh: p.RefreshLifetime(), Device: oauth.DeviceLifetime,
	}
	for n := mendBatch; n >= mendBatch && ctx.Err() == nil; {
		if n, err = m.Store.MendFuture(ctx, now, lifetimes, mendBatch); err != nil {
			return err
		}
		total += n
	}
	if total > 0 {
		log.Warn("corrected rows with a time in the future", "rows", total)
	}
	return nil
}
