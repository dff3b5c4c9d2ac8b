package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
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

// byLink is the detail of what somebody did who had nothing but a link.
const byLink = "by a one-time link"

// sealedLink is the content of a link's code. With an account it is good for that version of it alone, so it ends with
// whatever else happens to the account: another link that is used, another password, a lock.
type sealedLink struct {
	ID        oauth.ID   `json:"i"`
	Expires   time.Time  `json:"x"`
	Role      oauth.Role `json:"r,omitempty"`
	Username  string     `json:"u,omitempty"`
	AccountID oauth.ID   `json:"a,omitzero"`
	Version   int64      `json:"v,omitempty"`
	// By is the admin who made an operator's link: it lets nobody in any more than that admin could.
	By oauth.ID `json:"b,omitzero"`
}

func (l *sealedLink) oneTime(kind token.Kind) store.OneTime {
	return store.OneTime{Kind: string(kind), ID: l.ID.String(), Expires: l.Expires}
}

// NewOperatorLink makes the one-time link with which somebody becomes an operator: with a new account, or, where a user
// name is given, with that account and a new password.
func (m *Manager) NewOperatorLink(ctx context.Context, role oauth.Role, username string) (Link, error) {
	if err := m.mustBeAdmin("invite operators"); err != nil {
		return Link{}, err
	}
	if err := checkRole(role); err != nil {
		return Link{}, err
	}
	l := sealedLink{Role: role, By: m.AccountID}
	if username != "" {
		acc, err := m.AccountNamed(ctx, username)
		switch {
		case errors.Is(err, store.ErrNotFound):
			l.Username, _ = authn.CleanUsername(username) // AccountNamed found it good
		case err != nil:
			return Link{}, err
		case acc.Role != role && acc.Role.AtLeast(role):
			return Link{}, Invalid{{"role", fmt.Sprintf("%s is %s already: a link gives a role or a new password, and takes nothing away", acc.Username, acc.Role)}}
		default:
			l.Username, l.AccountID, l.Version = acc.Username, acc.ID, acc.Version
		}
	}
	detail := "operator link, " + string(role)
	if l.Username != "" {
		detail += ", for " + l.Username
	}
	return m.newLink(ctx, token.KindOperatorLink, l, m.AdminURL, OperatorLinkPath, detail)
}

// OpenOperatorLink says what a link's code is for, and uses nothing up. ErrLink where it is no good.
func (m *Manager) OpenOperatorLink(ctx context.Context, code string) (Invitation, error) {
	l, _, err := m.openOperatorLink(ctx, code)
	return Invitation{l.Role, l.Username}, err
}

// openOperatorLink reads the account as well; it is zero where the link makes one.
func (m *Manager) openOperatorLink(ctx context.Context, code string) (sealedLink, oauth.Account, error) {
	l, err := m.openLink(ctx, token.KindOperatorLink, code)
	if err == nil {
		err = m.stillAdmin(ctx, l.By)
	}
	if err != nil {
		return sealedLink{}, oauth.Account{}, err
	}
	if !l.AccountID.IsZero() {
		acc, err := m.accountOf(ctx, &l)
		if err != nil {
			return sealedLink{}, acc, err
		}
		return l, acc, nil
	}
	if l.Username == "" {
		return l, oauth.Account{}, nil
	}
	switch _, err := m.Store.AccountByName(ctx, l.Username); {
	case errors.Is(err, store.ErrNotFound):
		return l, oauth.Account{}, nil
	case err != nil:
		return sealedLink{}, oauth.Account{}, err
	}
	return sealedLink{}, oauth.Account{}, ErrLink // it was for a new account of this name
}

// stillAdmin is ErrLink where the account is locked, no admin any more, or gone: else whoever is about to be shut out could
// leave themselves a way back. Zero is nobody's account: the command line's, or a client's.
func (m *Manager) stillAdmin(ctx context.Context, id oauth.ID) error {
	if id.IsZero() {
		return nil
	}
	switch acc, err := m.Store.Account(ctx, id); {
	case errors.Is(err, store.ErrNotFound), err == nil && (acc.Locked || !acc.Role.AtLeast(oauth.RoleAdmin)):
		return ErrLink
	default:
		return err
	}
}

// UseOperatorLink makes or changes the account, gives it the role, and uses the link up, all or nothing. The invitation's
// user name wins over the account's. ErrLink where the link is no good; Invalid where the rest is not.
func (m *Manager) UseOperatorLink(ctx context.Context, code string, acc oauth.Account, password string) error {
	l, found, err := m.openOperatorLink(ctx, code)
	if err != nil {
		return err
	}
	var before *oauth.Account
	if found.ID.IsZero() {
		acc, err = m.invited(acc, &l)
	} else {
		before, acc = &found, found
		acc.Role, acc.Locked = l.Role, false
	}
	if err != nil {
		return err
	}
	return m.admit(ctx, &l, before, acc, password)
}

// invited is the new account of whoever follows an invitation: with the names that they give, and nothing else of theirs.
func (m *Manager) invited(given oauth.Account, l *sealedLink) (acc oauth.Account, err error) {
	acc = oauth.Account{Username: given.Username, Name: given.Name, Email: given.Email, Role: l.Role, Created: m.Now()}
	if l.Username != "" {
		acc.Username = l.Username
	}
	acc.ID, err = m.newID()
	return acc, err
}

func (m *Manager) admit(ctx context.Context, l *sealedLink, before *oauth.Account, acc oauth.Account, password string) error {
	var f faults
	was := int64(0)
	if before != nil {
		was = before.Version
	} else {
		validateAccount(&f, &acc)
	}
	validatePassword(&f, acc.Username, password)
	err := f.err()
	if err != nil {
		return err
	}
	if acc.PasswordHash, err = m.hash(ctx, password); err != nil {
		return err
	}
	a, err := m.accountAudit(store.EventRoleChanged, before, &acc, string(acc.Role)+", "+byLink)
	if err != nil {
		return err
	}
	err = m.Store.AdmitOperator(ctx, acc, was, l.oneTime(token.KindOperatorLink), a)
	if errors.Is(err, store.ErrConflict) && before == nil {
		return nameTaken(acc.Username)
	}
	return orErrLink(err)
}

// NewPasswordLink makes the one-time link with which a user sets a password.
func (m *Manager) NewPasswordLink(ctx context.Context, id oauth.ID) (Link, error) {
	acc, err := m.accountToChange(ctx, id)
	if err != nil {
		return Link{}, err
	}
	l := sealedLink{AccountID: acc.ID, Version: acc.Version}
	return m.newLink(ctx, token.KindPasswordLink, l, m.BaseURL, PasswordLinkPath, "password link")
}

// OpenPasswordLink says whose link it is, and uses nothing up. ErrLink where it is no good, also where the account was
// changed since it was made.
func (m *Manager) OpenPasswordLink(ctx context.Context, code string) (oauth.Account, error) {
	_, acc, err := m.openPasswordLink(ctx, code)
	return acc, err
}

func (m *Manager) openPasswordLink(ctx context.Context, code string) (sealedLink, oauth.Account, error) {
	l, err := m.openLink(ctx, token.KindPasswordLink, code)
	if err != nil {
		return l, oauth.Account{}, err
	}
	acc, err := m.accountOf(ctx, &l)
	return l, acc, err
}

// UsePasswordLink sets the password and uses the link up, all or nothing. It returns whose it is.
func (m *Manager) UsePasswordLink(
	ctx context.Context, code, password string,
) (oauth.Account, error) {
	l, acc, err := m.openPasswordLink(ctx, code)
	if err != nil {
		return acc, err
	}
	return acc, orErrLink(m.setPassword(ctx, acc, password, byLink, l.oneTime(token.KindPasswordLink)))
}

// newLink seals a link and records that it was made: for whom, and never its code.
func (m *Manager) newLink(ctx context.Context, kind token.Kind, l sealedLink, address, path, detail string) (Link, error) {
	if address == "" {
		return Link{}, errors.New("a link needs this server's address: set base_url and admin_url")
	}
	ring, _, err := m.ring(ctx)
	if err != nil {
		return Link{}, err
	}
	if l.ID, err = m.newID(); err != nil {
		return Link{}, err
	}
	l.Expires = m.Now().Add(LinkLifetime)
	plain, err := json.Marshal(l)
	if err != nil {
		return Link{}, err
	}
	code, err := ring.Seal(kind, m.Now(), plain)
	if err != nil {
		return Link{}, err
	}
	a, err := m.audit(store.EventLinkMade, func(a *store.Audit) { a.AccountID, a.Detail = l.AccountID, detail })
	if err != nil {
		return Link{}, err
	}
	return Link{address + path + "?" + url.Values{"code": {code}}.Encode(), l.Expires}, m.Store.Record(ctx, a)
}

func (m *Manager) openLink(ctx context.Context, kind token.Kind, code string) (l sealedLink, err error) {
	ring, horizon, err := m.ring(ctx)
	if err != nil {
		return l, err
	}
	plain, epoch, err := ring.OpenMade(kind, code)
	if err != nil || json.Unmarshal(plain, &l) != nil || !linkIsGood(l.Expires, horizon.Of(epoch), m.Now()) {
		return sealedLink{}, ErrLink
	}
	return l, nil
}

// linkIsGood tells whether a link may be used: it has not expired, it is not forgotten that it was used, and
// no clock that was ahead made it, by which it would be good for longer than links are.
func linkIsGood(expires, horizon, now time.Time) bool {
	return now.Before(expires) && expires.After(horizon) && !expires.After(now.Add(LinkLifetime+2*clock.Tolerated))
}

// accountOf is the account that a link is for; ErrLink where it is not the version any more that the link was made for.
func (m *Manager) accountOf(ctx context.Context, l *sealedLink) (oauth.Account, error) {
	acc, err := m.Store.Account(ctx, l.AccountID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return oauth.Account{}, ErrLink
	case err != nil:
		return oauth.Account{}, err
	case acc.Version != l.Version:
		return oauth.Account{}, ErrLink
	}
	return acc, nil
}

// orErrLink is ErrLink where the store found that a link was used, or that its account was changed or is gone.
func orErrLink(err error) error {
	var spent *store.SpentError
	if errors.As(err, &spent) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		return ErrLink
	}
	return err
}

// ring opens the keys that links are sealed with, and tells what of theirs may be forgotten.
func (m *Manager) ring(ctx context.Context) (*token.Ring, token.Horizon, error) {
	switch {
	case m.Master == (token.Master{}):
		return nil, token.Horizon{}, errors.New("links are sealed with this server's keys: give the master key with --master-key-file or USHER_MASTER_KEY")
	case m.Issuer == "":
		return nil, token.Horizon{}, errors.New("links are bound to this server's issuer, which is not known here: set base_url")
	}
	settings, err := m.settings(ctx)
	if err != nil {
		return nil, token.Horizon{}, err
	}
	ring, err := token.NewRing(settings.Keys, m.Master, m.Issuer)
	return ring, settings.Horizon, err
}
