package manage

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

const maintainEvery = time.Minute

// Maintain rotates keys and purges what expired, now and every minute, until the context ends. Any
// number of nodes may do it at once. It is meant for a Manager whose Actor is "system".
func (m *Manager) Maintain(ctx context.Context, log *slog.Logger, keepAudit time.Duration) {
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		if err := m.Tend(ctx, log, keepAudit); err != nil && ctx.Err() == nil {
			log.Error("maintenance failed; it is tried again in a minute", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Tend is one round of Maintain. A round that fails at one thing still does the others.
func (m *Manager) Tend(ctx context.Context, log *slog.Logger, keepAudit time.Duration) error {
	return errors.Join(m.tendKeys(ctx, log), m.mendFuture(ctx, log), m.tendRows(ctx, log, keepAudit))
}

// trusted asks the clocks directly before something lasting is done: by now, which is the earlier of this
// machine's time and the database's, and only where the clock is trusted.
func (m *Manager) trusted(ctx context.Context) (now time.Time, yes bool, err error) {
	v, err := m.Clock.Look(func() (clock.Witness, error) {
		p, err := m.Store.Pulse(ctx)
		return p.Witness(), err
	})
	if m.Clock == nil { // it trusts nothing
		v.Now = m.Now()
	}
	return v.Now, err == nil && v.Trust == clock.Trusted, err
}

// tendRows deletes what expired a margin ago. The horizon is stored first, in a transaction of its own: a node
// that crashes between the two has forgotten nothing that another then takes for good.
func (m *Manager) tendRows(ctx context.Context, log *slog.Logger, keepAudit time.Duration) error {
	now, trusted, err := m.trusted(ctx)
	if err != nil || !trusted {
		return err
	}
	cutoff := now.Add(-clock.PurgeAfter)
	if err := m.Store.RaiseHorizon(ctx, cutoff); err != nil {
		return err
	}
	return m.purge(ctx, log, cutoff, keepAudit)
}

func (m *Manager) tendKeys(ctx context.Context, log *slog.Logger) error {
	snap, err := m.load(ctx)
	if err != nil {
		return err
	}
	now, trusted, err := m.trusted(ctx)
	if err != nil {
		return err
	}
	if !trusted {
		return m.addKeys(ctx, log, snap, missing(token.Due(snap.Keys, now, keyPolicy(snap)), now), now)
	}
	if m.mayMend(snap.Horizon, now) {
		if snap.Keys, err = m.mendKeys(ctx, log, snap.Keys, now); err != nil {
			return ignoreConflict(err) // another node was faster; the next round sees what it did
		}
	}
	if err := m.addKeys(ctx, log, snap, token.Due(snap.Keys, now, keyPolicy(snap)), now); err != nil {
		return err
	}
	obsolete := token.Obsolete(snap.Keys, now, keyPolicy(snap))
	if len(obsolete) == 0 {
		return nil
	}
	err = m.replaceKeys(ctx, obsolete, nil, "removed after their time")
	if err == nil {
		log.Info("removed keys after their time", "keys", obsolete)
	}
	return ignoreConflict(err)
}

// missing are the keys without which nothing can be served: those that activate at once. Others wait until the
// clock is trusted, and the current ones go on.
func missing(due []token.Need, now time.Time) []token.Need {
	return slices.DeleteFunc(due, func(n token.Need) bool { return n.Activates.After(now) })
}

func (m *Manager) addKeys(ctx context.Context, log *slog.Logger, snap store.Snapshot, due []token.Need, now time.Time) error {
	if len(due) == 0 {
		return nil
	}
	// A key under another master key than the others' would stop every node.
	if _, err := token.NewRing(snap.Keys, m.Master, ""); err != nil {
		return err
	}
	for _, need := range due {
		k, stored, err := m.addKey(ctx, snap, need, now)
		if err != nil {
			return err
		}
		if stored {
			log.Info("made a key", "key", DescribeKey(k), "activates", k.Activates)
		}
	}
	return nil
}

// mendKeys gives keys that a clock made which was ahead the times that a right one had given them, and returns
// all keys as they are then.
func (m *Manager) mendKeys(ctx context.Context, log *slog.Logger, keys []token.WrappedKey, now time.Time) ([]token.WrappedKey, error) {
	mended := token.FromFuture(keys, now, token.DefaultPolicy(), 2*clock.Tolerated)
	if len(mended) == 0 {
		return keys, nil
	}
	names := ids(mended)
	if err := m.replaceKeys(ctx, names, mended, "times corrected: a clock that was ahead had made them"); err != nil {
		return nil, err
	}
	log.Warn("corrected keys with a time in the future", "keys", names)
	others := slices.DeleteFunc(slices.Clone(keys), func(k token.WrappedKey) bool { return slices.Contains(names, k.ID) })
	return append(others, mended...), nil
}

func ignoreConflict(err error) error {
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// keyPolicy keeps a retired key for as long as anything that was made with it may be good.
func keyPolicy(snap store.Snapshot) token.Policy {
	policy := token.DefaultPolicy()
	policy.Keep = max(policy.Keep, oauth.LongestLifetime(&snap.Profile, snap.Clients)+clock.KeepKeys)
	return policy
}
