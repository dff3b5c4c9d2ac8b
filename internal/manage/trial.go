package manage

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// TryLifetime is how long a trial origin is allowed.
const TryLifetime = 10 * time.Minute

// TryClient allows the origin of the admin pages for the client, for TryLifetime. A file may manage the client: what is tried
// is no setting, and ends by itself.
func (m *Manager) TryClient(ctx context.Context, id string) (until time.Time, err error) {
	u, err := url.Parse(m.AdminURL)
	if err != nil || u.Host == "" {
		return until, errors.New("a client is tried in the admin pages, and this server has no address for them")
	}
	settings, err := m.settings(ctx)
	if err != nil {
		return until, err
	}
	until = m.Now().Add(TryLifetime)
	return until, m.rewriteClient(ctx, id, store.EventClientTried, "until "+until.UTC().Format(time.RFC3339), func(c *oauth.Client) error {
		c.TrialOrigin, c.TrialUntil = u.Scheme+"://"+u.Host, until
		return cannotTry(c, &settings.Profile)
	})
}

func cannotTry(c *oauth.Client, p *oauth.Profile) error {
	var f faults
	if c.Disabled {
		f.add("disabled", "the client is disabled: enable it first")
	}
	if !c.Can(oauth.CapAssistedToken) {
		f.add("capabilities", "the client does not have the assisted token flow: give it assisted_token first")
	}
	if !p.Can(oauth.CapAssistedToken) {
		f.add("capabilities", "the assisted token flow is off in the token service profile: switch assisted_token on there first")
	}
	return f.err()
}

// ReleaseClient gives a client that a file manages back to operators.
func (m *Manager) ReleaseClient(ctx context.Context, id string) error {
	return m.rewriteClient(ctx, id, store.EventClientChanged, "released", func(c *oauth.Client) error {
		if c.ManagedBy == "" {
			return errUnchanged
		}
		c.ManagedBy = ""
		return nil
	})
}

// errUnchanged says that there is nothing to do.
var errUnchanged = errors.New("unchanged")

// rewriteClient changes what is no setting of a client. So it asks nothing of the settings, which may be older than
// today's rules, nor whether a file manages them.
func (m *Manager) rewriteClient(ctx context.Context, id string, event store.Event, detail string, change func(*oauth.Client) error) error {
	if err := reserved(id); err != nil {
		return err
	}
	err := retry(ctx, func() error {
		before, err := m.Client(ctx, id)
		if err != nil {
			return err
		}
		if err := m.expect(before.Version, before); err != nil {
			return err
		}
		after := before
		if err := change(&after); err != nil {
			return err
		}
		return m.put(ctx, event, &before, &after, detail)
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}
