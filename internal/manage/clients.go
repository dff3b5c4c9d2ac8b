package manage

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
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

// ListClients lists clients by id; with a search, those whose id or name holds it.
func (m *Manager) ListClients(ctx context.Context, search, cursor string, limit int) (Page[oauth.Client], error) {
	after, err := textCursor(cursor)
	if err != nil {
		return Page[oauth.Client]{}, err
	}
	list, err := m.Store.ListClients(ctx, search, after, limit+1)
	return pageOf(list, limit, func(c oauth.Client) string { return textPlace(c.ID) }), err
}

// TryLifetime is how long a trial origin is allowed.
const TryLifetime = 10 * time.Minute

// TryClient allows the origin of the admin pages for the client, for TryLifetime.
func (m *Manager) TryClient(ctx context.Context, id string) (until time.Time, err error) {
	return until, errors.ErrUnsupported
}

// ReleaseClient gives a client that a file manages back to operators.
func (m *Manager) ReleaseClient(ctx context.Context, id string) error { return errors.ErrUnsupported }

// Snippet is ready-made code for an app, with a client's values in it.
type Snippet struct {
	Framework string `json:"framework"` // "javascript", "angular", "react"
	Language  string `json:"language"`  // of the code, as in "html"
	Code      string `json:"code"`
}

// Snippets are the ready-made code for a client's app.
func (m *Manager) Snippets(ctx context.Context, id string) ([]Snippet, error) {
	return nil, errors.ErrUnsupported
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

// CreatePublicClient registers a client without a secret: a single page app, or one that authenticates by keys.
func (m *Manager) CreatePublicClient(ctx context.Context, c oauth.Client) error {
	c.SecretHash, c.WrappedSecret = nil, nil
	return m.create(ctx, &c)
}

// CreateConfidentialClient registers a client with a generated secret, which is never shown again.
func (m *Manager) CreateConfidentialClient(ctx context.Context, c oauth.Client) (secret string, err error) {
	if secret, err = m.giveSecret(&c); err != nil {
		return "", err
	}
	if err := m.create(ctx, &c); err != nil {
		return "", err
	}
	return secret, nil
}

func (m *Manager) create(ctx context.Context, c *oauth.Client) error {
	return retry(ctx, func() error {
		snap, err := m.load(ctx)
		if err != nil {
			return err
		}
		if err := m.prepare(ctx, c, &snap); err != nil {
			return err
		}
		if slices.ContainsFunc(snap.Clients, func(other oauth.Client) bool { return other.ID == c.ID }) {
			return Invalid{{"id", fmt.Sprintf("there is a client %s already; choose another id, or change that one", c.ID)}}
		}
		if tooManyRegistered(c, snap.Clients) {
			return store.ErrTooMany
		}
		return m.put(ctx, *c, 0, "created")
	})
}

// prepare settles what follows from what was asked, validates all, and sees to what the profile has to have for it.
func (m *Manager) prepare(ctx context.Context, c *oauth.Client, snap *store.Snapshot) error {
	settleAuthentication(c)
	settleSubject(c)
	if err := m.validateClient(c, &snap.Profile); err != nil {
		return err
	}
	stored, _ := clientOf(*snap, c.ID)
	if len(c.WrappedSecret) > 0 && !bytes.Equal(c.WrappedSecret, stored.WrappedSecret) {
		// A secret under another master key than the keys' could never be opened again.
		if _, err := token.NewRing(snap.Keys, m.Master, ""); err != nil {
			return err
		}
	}
	return m.ensureSalt(ctx, c, snap)
}

// ChangeClient reads a client, lets change edit it, and stores it; it returns the client before and
// after. Where somebody else was faster it begins anew, so change may run more than once.
func (m *Manager) ChangeClient(ctx context.Context, id string, change func(*oauth.Client)) (before, after oauth.Client, err error) {
	return m.changeClient(ctx, id, func(c *oauth.Client) error {
		change(c)
		return nil
	})
}

// ChangeClientAndSecret is ChangeClient, with a new secret for the client as it then is.
func (m *Manager) ChangeClientAndSecret(ctx context.Context, id string, change func(*oauth.Client)) (after oauth.Client, secret string, err error) {
	_, after, err = m.changeClient(ctx, id, func(c *oauth.Client) (err error) {
		change(c)
		secret, err = m.giveSecret(c)
		return err
	})
	return after, secret, err
}

func (m *Manager) changeClient(ctx context.Context, id string, change func(*oauth.Client) error) (before, after oauth.Client, err error) {
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
		if err := change(&after); err != nil {
			return err
		}
		after.ID = id
		if after.Disabled && !before.Disabled {
			// Tokens without a user hang off the client, and must not come back with it.
			after.RevokedBefore = m.Now()
		}
		if err := m.prepare(ctx, &after, &snap); err != nil {
			return err
		}
		return m.put(ctx, after, c.Version, "changed")
	})
	return before, after, err
}

func cloneClient(c oauth.Client) oauth.Client {
	c.Capabilities = slices.Clone(c.Capabilities)
	c.AllowedOrigins = slices.Clone(c.AllowedOrigins)
	for _, list := range []*[]string{
		&c.RedirectURIs, &c.PostLogoutRedirectURIs, &c.Scope, &c.Audience, &c.Resources, &c.RequestURIs, &c.DefaultACR, &c.Contacts,
	} {
		*list = slices.Clone(*list)
	}
	return c
}

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
