package manage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// Clients lists every client by its id.
func (m *Manager) Clients(ctx context.Context) ([]oauth.Client, error) {
	snap, err := m.load(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(snap.Clients, func(a, b oauth.Client) int { return cmp.Compare(a.ID, b.ID) })
	return snap.Clients, nil
}

// Client finds a client; the error is a store.ErrNotFound where there is none.
func (m *Manager) Client(ctx context.Context, id string) (oauth.Client, error) {
	snap, err := m.load(ctx)
	if err != nil {
		return oauth.Client{}, err
	}
	return clientOf(snap, id)
}

func clientOf(snap store.Snapshot, id string) (oauth.Client, error) {
	i := slices.IndexFunc(snap.Clients, func(c oauth.Client) bool { return c.ID == id })
	if i < 0 {
		return oauth.Client{}, fmt.Errorf("client %q: %w", id, store.ErrNotFound)
	}
	return snap.Clients[i], nil
}

// CreatePublicClient registers a client without a secret: a single page app.
func (m *Manager) CreatePublicClient(ctx context.Context, c oauth.Client) error {
	c.SecretHash = nil
	return m.create(ctx, c)
}

// CreateConfidentialClient registers a client with a generated secret, which is never shown again.
func (m *Manager) CreateConfidentialClient(ctx context.Context, c oauth.Client) (secret string, err error) {
	secret, c.SecretHash, err = m.newSecret()
	if err != nil {
		return "", err
	}
	if err := m.create(ctx, c); err != nil {
		return "", err
	}
	return secret, nil
}

func (m *Manager) create(ctx context.Context, c oauth.Client) error {
	snap, err := m.load(ctx)
	if err != nil {
		return err
	}
	if err := m.validateClient(&c, &snap.Profile); err != nil {
		return err
	}
	err = m.put(ctx, c, 0, "created")
	if errors.Is(err, store.ErrConflict) {
		return Invalid{{"id", fmt.Sprintf("there is a client %s already; choose another id, or change that one", c.ID)}}
	}
	return err
}

// ChangeClient reads a client, lets change edit it, and stores it; it returns the client before and
// after. Where somebody else was faster it begins anew, so change may run more than once.
func (m *Manager) ChangeClient(ctx context.Context, id string, change func(*oauth.Client)) (before, after oauth.Client, err error) {
	err = retry(ctx, func() error {
		snap, err := m.load(ctx)
		if err != nil {
			return err
		}
		c, err := clientOf(snap, id)
		if err != nil {
			return err
		}
		before, after = c, cloneClient(c)
		change(&after)
		after.ID = id
		if err := m.validateClient(&after, &snap.Profile); err != nil {
			return err
		}
		return m.put(ctx, after, c.Version, "changed")
	})
	return before, after, err
}

func cloneClient(c oauth.Client) oauth.Client {
	c.Capabilities = slices.Clone(c.Capabilities)
	c.AllowedOrigins = slices.Clone(c.AllowedOrigins)
	c.RedirectURIs = slices.Clone(c.RedirectURIs)
	c.PostLogoutRedirectURIs = slices.Clone(c.PostLogoutRedirectURIs)
	c.Scope = slices.Clone(c.Scope)
	c.Audience = slices.Clone(c.Audience)
	return c
}

// ResetSecret gives a client a new secret; the old one is worth nothing from then on. A public
// client becomes a confidential one.
func (m *Manager) ResetSecret(ctx context.Context, id string) (secret string, err error) {
	secret, hash, err := m.newSecret()
	if err != nil {
		return "", err
	}
	_, _, err = m.ChangeClient(ctx, id, func(c *oauth.Client) { c.SecretHash = hash })
	if err != nil {
		return "", err
	}
	return secret, nil
}

// RemoveClient ends everything of the client and removes it.
func (m *Manager) RemoveClient(ctx context.Context, id string) error {
	if _, err := m.Client(ctx, id); err != nil {
		return err
	}
	a, err := m.audit(store.EventClientRemoved, func(a *store.Audit) { a.ClientID = id })
	if err != nil {
		return err
	}
	return m.Store.RemoveClient(ctx, id, a)
}

func (m *Manager) put(ctx context.Context, c oauth.Client, was int64, detail string) error {
	a, err := m.audit(store.EventClientChanged, func(a *store.Audit) { a.ClientID, a.Detail = c.ID, detail })
	if err != nil {
		return err
	}
	return m.Store.PutClient(ctx, c, was, a)
}
