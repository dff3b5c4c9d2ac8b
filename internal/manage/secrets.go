package manage

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// pairwiseSalt is 256 random bits: enough that nobody computes pairwise subjects elsewhere.
const pairwiseSalt = 32

// rewrapSecrets brings the client secrets that are kept (client_secret_jwt) from this manager's master key to another.
func (m *Manager) rewrapSecrets(ctx context.Context, to token.Master) error {
	snap, err := m.load(ctx)
	if err != nil {
		return err
	}
	for _, c := range snap.Clients {
		if len(c.WrappedSecret) == 0 {
			continue
		}
		if err := retry(ctx, func() error { return m.rewrapSecret(ctx, c.ID, to) }); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

// rewrapSecret leaves a secret that an interrupted change brought there before. It asks nothing else of the client: one
// that would not pass today's validation must not keep the master key from being changed.
func (m *Manager) rewrapSecret(ctx context.Context, id string, to token.Master) error {
	c, err := m.Client(ctx, id)
	if err != nil || len(c.WrappedSecret) == 0 {
		return err
	}
	if _, err := to.OpenSecret(id, c.WrappedSecret); err == nil {
		return nil
	}
	secret, err := m.Master.OpenSecret(id, c.WrappedSecret)
	if err != nil {
		return fmt.Errorf("the secret of client %s opens under neither master key: give it a new one first (usher client reset-secret %s): %w", id, id, err)
	}
	if c.WrappedSecret, err = to.WrapSecret(m.Rand, id, secret); err != nil {
		return err
	}
	return m.put(ctx, c, c.Version, "master key changed")
}

// ensureSalt gives the profile the salt of pairwise subjects when the first client wants them. It never changes after.
func (m *Manager) ensureSalt(ctx context.Context, c *oauth.Client, snap *store.Snapshot) error {
	if c.SubjectType != oauth.SubjectPairwise || len(snap.Profile.PairwiseSalt) > 0 {
		return nil
	}
	p := snap.Profile
	p.PairwiseSalt = make([]byte, pairwiseSalt)
	if _, err := io.ReadFull(m.Rand, p.PairwiseSalt); err != nil {
		return err
	}
	return m.putProfile(ctx, p, "salt of pairwise subjects made")
}
