package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// Operators lists the accounts that have a role.
func (m *Manager) Operators(ctx context.Context) ([]oauth.Account, error) {
	return m.Store.Operators(ctx)
}

// SetRole makes an account an operator, or gives it another role. *Forbidden where that would leave no admin.
func (m *Manager) SetRole(ctx context.Context, id oauth.ID, role oauth.Role) error {
	if err := checkRole(role); err != nil {
		return err
	}
	return m.setRole(ctx, id, role)
}

// RemoveOperator takes the role of an account; the account stays. *Forbidden where that would leave no admin.
func (m *Manager) RemoveOperator(ctx context.Context, id oauth.ID) error {
	return m.setRole(ctx, id, "")
}

func (m *Manager) setRole(ctx context.Context, id oauth.ID, role oauth.Role) error {
	if err := m.mustBeAdmin("say who is an operator"); err != nil {
		return err
	}
	return retry(ctx, func() error {
		before, err := m.accountToChange(ctx, id)
		if err != nil || before.Role == role {
			return err
		}
		after := before
		after.Role = role
		a, err := m.accountAudit(store.EventRoleChanged, &before, &after, roleDetail(role))
		if err != nil {
			return err
		}
		return keepsAdmin(m.Store.SetRole(ctx, id, before.Version, role, a))
	})
}

func roleDetail(role oauth.Role) string {
	if role == "" {
		return "none"
	}
	return string(role)
}

func checkRole(role oauth.Role) error {
	if !slices.Contains(oauth.Roles, role) {
		return Invalid{{"role", fmt.Sprintf("%.100q is unknown; there are: %s", role, join(oauth.Roles))}}
	}
	return nil
}

// keepsAdmin says what to do where the store refuses to take the last admin away.
func keepsAdmin(err error) error {
	if errors.Is(err, store.ErrLastAdmin) {
		return &Forbidden{"there would be no admin left: make somebody else an admin first"}
	}
	return err
}

// EnsureAdminClient makes or corrects the client of the admin pages at AdminURL. A node does so when it starts; where it
// is right already, nothing is written.
func (m *Manager) EnsureAdminClient(ctx context.Context) error {
	if m.AdminURL == "" {
		return errors.New("the admin pages have no address")
	}
	system := *m
	system.Actor, system.Address, system.Role = "system", "", oauth.RoleAdmin
	return retry(ctx, func() error { return system.ensureAdminClient(ctx) })
}

func (m *Manager) ensureAdminClient(ctx context.Context) error {
	settings, err := m.settings(ctx)
	if err != nil {
		return err
	}
	want := adminClient(m.AdminURL, &settings.Profile)
	if err := m.prepare(ctx, nil, &want, &settings); err != nil {
		return fmt.Errorf("the client of the admin pages: %w", err)
	}
	stored, err := m.Store.Client(ctx, want.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return m.put(ctx, store.EventClientChanged, nil, &want, "created")
	case err != nil:
		return err
	}
	want.RevokedBefore = stored.RevokedBefore
	if sameSecret(&stored, &want) && len(Diff(clientDocument(&stored), clientDocument(&want))) == 0 {
		return nil
	}
	return m.put(ctx, store.EventClientChanged, &stored, &want, "corrected")
}

// adminClient is the client of the admin pages. A profile cannot lose a scope that this client has, but one of before may
// lack it.
func adminClient(adminURL string, p *oauth.Profile) oauth.Client {
	c := oauth.Client{
		ID: oauth.AdminClientID, Name: "usher admin", Capabilities: []oauth.Capability{oauth.CapCode},
		RedirectURIs: []string{adminURL + "/admin/callback"}, PostLogoutRedirectURIs: []string{adminURL + "/admin"},
	}
	c.AuthMethod = oauth.AuthNone
	for _, scope := range []string{"openid", "profile", oauth.ScopeAdmin, oauth.ScopeRead} {
		if _, known := p.ScopeNamed(scope); known {
			c.Scope = append(c.Scope, scope)
		}
	}
	return c
}
