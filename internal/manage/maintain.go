package manage

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

const (
	maintainEvery = time.Minute
	// keepMargin is how much longer than the longest token a retired key stays, for clocks and caches.
	keepMargin = time.Hour
)

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
	return errors.Join(m.tendKeys(ctx, log), m.purge(ctx, log, m.Now(), keepAudit))
}

func (m *Manager) tendKeys(ctx context.Context, log *slog.Logger) error {
	snap, err := m.load(ctx)
	if err != nil {
		return err
	}
	now, policy := m.Now(), keyPolicy(snap)
	due, obsolete := token.Due(snap.Keys, now, policy), token.Obsolete(snap.Keys, now, policy)
	if len(due) > 0 {
		// A key under another master key than the others' would stop every node.
		if _, err := token.NewRing(snap.Keys, m.Master, ""); err != nil {
			return err
		}
	}
	for _, need := range due {
		k, stored, err := m.addKey(ctx, snap.Keys, need)
		if err != nil {
			return err
		}
		if stored {
			log.Info("made a key", "key", DescribeKey(k), "activates", k.Activates)
		}
	}
	if len(obsolete) == 0 {
		return nil
	}
	err = m.replaceKeys(ctx, obsolete, nil, "removed after their time")
	if errors.Is(err, store.ErrConflict) {
		return nil // another node was faster
	}
	if err == nil {
		log.Info("removed keys after their time", "keys", obsolete)
	}
	return err
}

// keyPolicy keeps a retired key for as long as anything that was made with it may be good.
func keyPolicy(snap store.Snapshot) token.Policy {
	policy := token.DefaultPolicy()
	policy.Keep = max(policy.Keep, oauth.LongestLifetime(&snap.Profile, snap.Clients)+keepMargin)
	return policy
}
