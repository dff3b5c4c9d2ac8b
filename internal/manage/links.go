package manage

import (
	"context"
	"errors"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// LinkLifetime is how long a one-time link is good.
const LinkLifetime = 15 * time.Minute

// The paths of the pages behind one-time links, below AdminURL and BaseURL; the code is the query parameter "code".
const (
	OperatorLinkPath = "/admin/link"
	PasswordLinkPath = "/authn/password"
)

// Link is a one-time link.
type Link struct {
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

// Invitation is what an operator's link is for: a role, and whom; an empty user name lets its holder make an account.
type Invitation struct {
	Role     oauth.Role
	Username string
}

// ErrLink says that a link is no good: expired, used, or none of ours.
var ErrLink = errors.New("this link is not good any more")

// NewOperatorLink makes the one-time link with which somebody becomes an operator: with a new account, or, where a user
// name is given, with that account and a new password.
func (m *Manager) NewOperatorLink(ctx context.Context, role oauth.Role, username string) (Link, error) {
	return Link{}, errors.ErrUnsupported
}

// OpenOperatorLink says what a link's code is for, and uses nothing up. ErrLink where it is no good.
func (m *Manager) OpenOperatorLink(ctx context.Context, code string) (Invitation, error) {
	return Invitation{}, errors.ErrUnsupported
}

// UseOperatorLink makes or changes the account, gives it the role, and uses the link up, all or nothing. The invitation's
// user name wins over the account's. ErrLink where the link is no good; Invalid where the rest is not.
func (m *Manager) UseOperatorLink(ctx context.Context, code string, acc oauth.Account, password string) error {
	return errors.ErrUnsupported
}

// NewPasswordLink makes the one-time link with which a user sets a password.
func (m *Manager) NewPasswordLink(ctx context.Context, id oauth.ID) (Link, error) {
	return Link{}, errors.ErrUnsupported
}

// OpenPasswordLink says whose link it is, and uses nothing up. ErrLink where it is no good, also where the account was
// changed since it was made.
func (m *Manager) OpenPasswordLink(ctx context.Context, code string) (oauth.Account, error) {
	return oauth.Account{}, errors.ErrUnsupported
}

// UsePasswordLink sets the password and uses the link up, all or nothing.
func (m *Manager) UsePasswordLink(ctx context.Context, code, password string) error {
	return errors.ErrUnsupported
}
