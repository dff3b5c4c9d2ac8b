package manage

import (
	"context"
	"errors"

	"github.com/usher-id/usher/internal/oauth"
)

// Operators lists the accounts that have a role.
func (m *Manager) Operators(ctx context.Context) ([]oauth.Account, error) {
	return m.Store.Operators(ctx)
}

// SetRole makes an account an operator, or gives it another role. *Forbidden where that would leave no admin.
func (m *Manager) SetRole(ctx context.Context, id oauth.ID, role oauth.Role) error {
	return errors.ErrUnsupported
}

// RemoveOperator takes the role of an account; the account stays. *Forbidden where that would leave no admin.
func (m *Manager) RemoveOperator(ctx context.Context, id oauth.ID) error {
	return errors.ErrUnsupported
}

// EnsureAdminClient makes or corrects the client of the admin pages at AdminURL. A node does so when it starts.
func (m *Manager) EnsureAdminClient(ctx context.Context) error { return errors.ErrUnsupported }
