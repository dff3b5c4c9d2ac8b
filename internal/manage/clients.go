package manage

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

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

// Client finds a client; the error is a store.ErrNotFound where there is none.
func (m *Manager) Client(ctx context.Context, id string) (oauth.Client, error) {
	c, err := m.Store.Client(ctx, id)
	if !errors.Is(err, store.ErrNotFound) {
		return c, err
	}
	if _, err := m.settings(ctx); err != nil {
		return c, err
	}
	return c, fmt.Errorf("client %q: %w", id, store.ErrNotFound)
}

// CreatePublicClient registers a client without a secret: a single page app, or one that authenticates by keys.
func (m *Manager) CreatePublicClient(ctx context.Context, c oauth.Client) error {
	c.SecretHash, c.WrappedSecret = nil, nil
	keepServers(&c, &oauth.Client{})
	return m.create(ctx, &c)
}

// CreateConfidentialClient registers a client with a generated secret, which is never shown again.
func (m *Manager) CreateConfidentialClient(ctx context.Context, c oauth.Client) (secret string, err error) {
	keepServers(&c, &oauth.Client{})
	if secret, err = m.giveSecret(&c); err != nil {
		return "", err
	}
	if err := m.create(ctx, &c); err != nil {
		return "", err
	}
	return secret, nil
}

func (m *Manager) create(ctx context.Context, c *oauth.Client) error {
	if err := reserved(c.ID); err != nil {
		return err
	}
	return retry(ctx, func() error {
		settings, err := m.settings(ctx)
		if err != nil {
			return err
		}
		if err := m.prepare(ctx, nil, c, &settings); err != nil {
			return err
		}
		switch _, err := m.Store.Client(ctx, c.ID); {
		case err == nil:
			return Invalid{{"id", fmt.Sprintf("there is a client %s already; choose another id, or change that one", c.ID)}}
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		if err := m.roomFor(ctx, c); err != nil {
			return err
		}
		return m.put(ctx, store.EventClientChanged, nil, c, "created")
	})
}

// prepare settles what follows from what was asked, validates all, and sees to what the profile has to have for it. The
// client before is nil where there is none.
func (m *Manager) prepare(ctx context.Context, before, c *oauth.Client, settings *store.Snapshot) error {
	settleAuthentication(c)
	settleSubject(c)
	var had []oauth.OriginPattern
	if before != nil {
		had = before.AllowedOrigins
	}
	if err := m.validateClient(c, &settings.Profile, had...); err != nil {
		return err
	}
	if len(c.WrappedSecret) > 0 && (before == nil || !bytes.Equal(c.WrappedSecret, before.WrappedSecret)) {
		// A secret under another master key than the keys' could never be opened again.
		if _, err := token.NewRing(settings.Keys, m.Master, ""); err != nil {
			return err
		}
	}
	if err := onlyDisabled(before, c); err != nil {
		return err
	}
	return m.ensureSalt(ctx, c, settings)
}

// ChangeClient reads a client, lets change edit its settings, and stores it; it returns the client before and
// after. Where somebody else was faster it begins anew, so change may run more than once. A client that a file manages
// can be disabled, and nothing else.
func (m *Manager) ChangeClient(ctx context.Context, id string, change func(*oauth.Client)) (before, after oauth.Client, err error) {
	return m.changeClient(ctx, id, func(c *oauth.Client) error {
		was := cloneClient(*c)
		change(c)
		keepServers(c, &was)
		return nil
	})
}

// ChangeClientAndSecret is ChangeClient, with a new secret for the client as it then is.
func (m *Manager) ChangeClientAndSecret(ctx context.Context, id string, change func(*oauth.Client)) (after oauth.Client, secret string, err error) {
	_, after, err = m.changeClient(ctx, id, func(c *oauth.Client) (err error) {
		was := cloneClient(*c)
		change(c)
		keepServers(c, &was)
		secret, err = m.giveSecret(c)
		return err
	})
	return after, secret, err
}

// changeClient stores what change makes of a client; where that is nothing, it writes nothing.
func (m *Manager) changeClient(ctx context.Context, id string, change func(*oauth.Client) error) (before, after oauth.Client, err error) {
	if err := reserved(id); err != nil {
		return before, after, err
	}
	err = retry(ctx, func() error {
		settings, err := m.settings(ctx)
		if err != nil {
			return err
		}
		if before, err = m.Client(ctx, id); err != nil {
			return err
		}
		if err := m.expect(before.Version, before); err != nil {
			return err
		}
		after = cloneClient(before)
		if err := change(&after); err != nil {
			return err
		}
		after.ID, after.Version = before.ID, before.Version
		if err := managedClient(&before, &after); err != nil {
			return err
		}
		if after.Disabled && !before.Disabled {
			// Tokens without a user hang off the client, and must not come back with it.
			after.RevokedBefore = m.Now()
		}
		if err := m.prepare(ctx, &before, &after, &settings); err != nil {
			return err
		}
		m.stampShown(&before, &after)
		sameToken := bytes.Equal(before.RegistrationTokenHash, after.RegistrationTokenHash)
		sameSettings := bytes.Equal(clientDocument(&before), clientDocument(&after))
		if sameSettings && sameToken && sameSecret(&before, &after) {
			return nil
		}
		return m.put(ctx, store.EventClientChanged, &before, &after, "changed")
	})
	return before, after, err
}

// stampShown notes that what users see when they consent changed: consents that do not say what was
// shown count no more. after's stamp is never taken from outside.
func (m *Manager) stampShown(before, after *oauth.Client) {
	after.ShownSince = before.ShownSince
	if before.Shown() != after.Shown() {
		after.ShownSince = m.Now()
	}
}

func cloneClient(c oauth.Client) oauth.Client {
	c.Capabilities = slices.Clone(c.Capabilities)
	c.AllowedOrigins = slices.Clone(c.AllowedOrigins)
	for _, list := range []*[]string{
		&c.RedirectURIs, &c.PostLogoutRedirectURIs, &c.Scope, &c.Audience, &c.Resources, &c.RequestURIs, &c.DefaultACR, &c.Contacts,
		&c.ResponseTypes,
	} {
		*list = slices.Clone(*list)
	}
	return c
}

// keepServers keeps what the server alone sets from being set by a form or a document (mass assignment).
func keepServers(c, was *oauth.Client) {
	c.RevokedBefore, c.Version, c.ShownSince = was.RevokedBefore, was.Version, was.ShownSince
	c.ManagementToken, c.Registered = was.ManagementToken, was.Registered
	c.TrialOrigin, c.TrialUntil, c.ManagedBy = was.TrialOrigin, was.TrialUntil, was.ManagedBy
}

// RemoveClient ends everything of the client and removes it.
func (m *Manager) RemoveClient(ctx context.Context, id string) error {
	if err := reserved(id); err != nil {
		return err
	}
	return retry(ctx, func() error {
		c, err := m.Client(ctx, id)
		if err != nil {
			return err
		}
		if err := m.expect(c.Version, c); err != nil {
			return err
		}
		if err := managedClient(&c, nil); err != nil {
			return err
		}
		a, err := m.clientAudit(store.EventClientRemoved, &c, nil, "")
		if err != nil {
			return err
		}
		// By version, so that what was removed is what the history shows.
		return m.Store.Apply(ctx, store.Changeset{Clients: []store.ClientChange{{Client: c, Was: c.Version, Remove: true, Audit: a}}})
	})
}

// put creates a client (before is nil) or replaces its version.
func (m *Manager) put(ctx context.Context, event store.Event, before, after *oauth.Client, detail string) error {
	was := int64(0)
	if before != nil {
		was = before.Version
	}
	a, err := m.clientAudit(event, before, after, detail+secretDetail(before, after))
	if err != nil {
		return err
	}
	return m.Store.PutClient(ctx, *after, was, a)
}
