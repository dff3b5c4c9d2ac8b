package manage

import (
	"bytes"
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

// ResetSecret gives a client a new secret; the old one is worth nothing from then on. A public
// client becomes a confidential one.
func (m *Manager) ResetSecret(ctx context.Context, id string) (secret string, err error) {
	_, secret, err = m.ChangeClientAndSecret(ctx, id, func(c *oauth.Client) {
		if c.AuthMethod == oauth.AuthNone {
			c.AuthMethod = ""
		}
	})
	return secret, err
}

// giveSecret makes a secret and keeps of it what the client's method needs.
func (m *Manager) giveSecret(c *oauth.Client) (secret string, err error) {
	if !usesSecret(c.AuthMethod) {
		return "", Invalid{{"token_endpoint_auth_method", fmt.Sprintf("%s goes without a secret: choose a method that has one, as in client_secret_basic", c.AuthMethod)}}
	}
	if secret, c.SecretHash, err = m.newSecret(); err != nil {
		return "", err
	}
	c.WrappedSecret = nil
	if c.AuthMethod != oauth.AuthSecretJWT {
		return secret, nil
	}
	if err := noMaster(m.Master); err != nil {
		return "", err
	}
	c.WrappedSecret, err = m.Master.WrapSecret(m.Rand, c.ID, secret)
	return secret, err
}

// lacksSecret tells whether the client's method needs a secret that the client does not have.
func lacksSecret(c *oauth.Client) bool {
	return usesSecret(c.AuthMethod) && (len(c.SecretHash) == 0 || c.AuthMethod == oauth.AuthSecretJWT && len(c.WrappedSecret) == 0)
}

func sameSecret(a, b *oauth.Client) bool {
	return bytes.Equal(a.SecretHash, b.SecretHash) && bytes.Equal(a.WrappedSecret, b.WrappedSecret)
}

// secretDetail says for the audit log what became of a client's secret: documents do not show it.
func secretDetail(before, after *oauth.Client) string {
	had, has := before != nil && len(before.SecretHash) > 0, len(after.SecretHash) > 0
	switch {
	case has && (!had || !bytes.Equal(before.SecretHash, after.SecretHash)):
		return ", with a new secret"
	case had && !has:
		return ", without its secret"
	}
	return ""
}

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
	before := c
	if c.WrappedSecret, err = to.WrapSecret(m.Rand, id, secret); err != nil {
		return err
	}
	return m.put(ctx, store.EventClientChanged, &before, &c, "master key changed")
}

// ensureSalt gives the profile the salt of pairwise subjects when the first client wants them. It never changes after.
// A file may manage the profile: the salt is in no file.
func (m *Manager) ensureSalt(ctx context.Context, c *oauth.Client, settings *store.Snapshot) error {
	if c.SubjectType != oauth.SubjectPairwise || len(settings.Profile.PairwiseSalt) > 0 {
		return nil
	}
	p := settings.Profile
	p.PairwiseSalt = make([]byte, pairwiseSalt)
	if _, err := io.ReadFull(m.Rand, p.PairwiseSalt); err != nil {
		return err
	}
	return m.putProfile(ctx, &settings.Profile, &p, "salt of pairwise subjects made")
}
