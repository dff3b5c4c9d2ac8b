package manage

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// Accounts lists by user name; with a search, those whose user name or e-mail address begins with it.
func (m *Manager) Accounts(ctx context.Context, search, cursor string, limit int) (Page[oauth.Account], error) {
	after, err := textCursor(cursor)
	if err != nil {
		return Page[oauth.Account]{}, err
	}
	list, err := m.Store.ListAccounts(ctx, search, after, limit+1)
	return pageOf(list, limit, func(acc oauth.Account) string { return textPlace(acc.Username) }), err
}

// Account finds an account; the error is a store.ErrNotFound where there is none.
func (m *Manager) Account(ctx context.Context, id oauth.ID) (oauth.Account, error) {
	acc, err := m.Store.Account(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return acc, fmt.Errorf("account %s: %w", id, err)
	}
	return acc, err
}

// AccountNamed finds by user name; the error is a store.ErrNotFound where there is none.
func (m *Manager) AccountNamed(ctx context.Context, username string) (oauth.Account, error) {
	clean, err := authn.CleanUsername(username)
	if err != nil {
		return oauth.Account{}, Invalid{{"username", err.Error()}}
	}
	acc, err := m.Store.AccountByName(ctx, clean)
	if errors.Is(err, store.ErrNotFound) {
		return acc, fmt.Errorf("user %q: %w", username, err)
	}
	return acc, err
}

// CreateAccount adds a user. Without a password, a link has to follow before the user can sign in. A role comes by SetRole
// alone.
func (m *Manager) CreateAccount(ctx context.Context, acc oauth.Account, password string) (oauth.Account, error) {
	var f faults
	validateAccount(&f, &acc)
	if password != "" {
		validatePassword(&f, acc.Username, password)
	}
	if err := f.err(); err != nil {
		return acc, err
	}
	var err error
	if acc.ID, err = m.newID(); err != nil {
		return acc, err
	}
	acc.PasswordHash, acc.Role, acc.Created, acc.Version = "", "", m.Now(), 0
	if password != "" {
		if acc.PasswordHash, err = m.hash(ctx, password); err != nil {
			return acc, err
		}
	}
	if err := m.createAccount(ctx, acc, ""); err != nil {
		return acc, err
	}
	return m.Store.Account(ctx, acc.ID)
}

func (m *Manager) createAccount(ctx context.Context, acc oauth.Account, detail string) error {
	a, err := m.accountAudit(store.EventAccountCreated, nil, &acc, detail)
	if err != nil {
		return err
	}
	err = m.Store.CreateAccount(ctx, acc, a)
	if errors.Is(err, store.ErrConflict) {
		return nameTaken(acc.Username)
	}
	return err
}

func nameTaken(username string) error {
	return Invalid{{"username", fmt.Sprintf("there is a user %s already", username)}}
}

// ChangeAccount reads an account, lets change edit user name, name, e-mail address, external ID and attributes, and stores it;
// whatever else change edits stays as it was. Where somebody else was faster it begins anew, so change may run more
// than once.
func (m *Manager) ChangeAccount(ctx context.Context, id oauth.ID, change func(*oauth.Account)) (before, after oauth.Account, err error) {
	err = retry(ctx, func() error {
		if before, err = m.accountToChange(ctx, id); err != nil {
			return err
		}
		edited := before
		change(&edited)
		after = before
		after.Username, after.Name, after.Email = edited.Username, edited.Name, edited.Email
		after.ExternalID, after.Attributes = edited.ExternalID, edited.Attributes
		var f faults
		validateAccount(&f, &after)
		if err := f.err(); err != nil {
			return err
		}
		if len(Diff(accountDocument(&before), accountDocument(&after))) == 0 {
			return nil
		}
		if err := m.nameIsFree(ctx, after); err != nil {
			return err
		}
		a, err := m.accountAudit(store.EventAccountChanged, &before, &after, "")
		if err != nil {
			return err
		}
		return m.Store.UpdateAccount(ctx, after, before.Version, a)
	})
	return before, after, err
}

// accountToChange reads an account for who acts to change something of it: an admin, where it is an operator's.
func (m *Manager) accountToChange(ctx context.Context, id oauth.ID) (oauth.Account, error) {
	acc, err := m.Account(ctx, id)
	if err != nil {
		return acc, err
	}
	if err := m.mayTouch(&acc); err != nil {
		return acc, err
	}
	return acc, m.expect(acc.Version, acc)
}

// nameIsFree tells a taken user name from a change by somebody else: to the store both are conflicts.
func (m *Manager) nameIsFree(ctx context.Context, acc oauth.Account) error {
	other, err := m.Store.AccountByName(ctx, acc.Username)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case other.ID != acc.ID:
		return nameTaken(other.Username)
	}
	return nil
}

// SetPassword gives a user a new password and ends everything that the old one had opened.
func (m *Manager) SetPassword(ctx context.Context, id oauth.ID, password string) error {
	return retry(ctx, func() error {
		acc, err := m.accountToChange(ctx, id)
		if err != nil {
			return err
		}
		return m.setPassword(ctx, acc, password, "")
	})
}

// hash is within the bounds of this process's Hasher, in the share of whoever acts: an operator's is no
// stranger's, and who acts by a link has that of the network.
func (m *Manager) hash(ctx context.Context, password string) (string, error) {
	return authn.Passwords().Hash(ctx, m.share(), password)
}

// HasPassword tells whether a password is the one that is stored. It takes its turn as hash does.
func (m *Manager) HasPassword(ctx context.Context, stored, password string) (bool, error) {
	same, _, err := authn.Passwords().Check(ctx, m.share(), stored, password)
	return same, err
}

func (m *Manager) share() string {
	if addr, err := netip.ParseAddr(m.Address); err == nil && m.Actor == "link" {
		return authn.Network(addr).String()
	}
	return m.Actor
}

// setPassword sets it at the version of the account that was looked at: it may have become an operator's since.
func (m *Manager) setPassword(ctx context.Context, acc oauth.Account, password, detail string, spends ...store.OneTime) error {
	var f faults
	validatePassword(&f, acc.Username, password)
	if err := f.err(); err != nil {
		return err
	}
	hash, err := m.hash(ctx, password)
	if err != nil {
		return err
	}
	a, err := m.eventAudit(store.EventPasswordChanged, store.KindAccount, acc.ID.String(), detail)
	if err != nil {
		return err
	}
	a.AccountID = acc.ID
	return m.Store.SetPassword(ctx, acc.ID, acc.Version, hash, oauth.ID{}, a, spends...)
}

// LockAccount keeps a user out and ends the user's sessions. *Forbidden where that would leave no admin.
func (m *Manager) LockAccount(ctx context.Context, id oauth.ID) error {
	return m.setLocked(ctx, id, true, store.EventAccountLocked)
}

// UnlockAccount lets a user in again.
func (m *Manager) UnlockAccount(ctx context.Context, id oauth.ID) error {
	return m.setLocked(ctx, id, false, store.EventAccountUnlocked)
}

func (m *Manager) setLocked(ctx context.Context, id oauth.ID, locked bool, event store.Event) error {
	return retry(ctx, func() error {
		before, err := m.accountToChange(ctx, id)
		if err != nil {
			return err
		}
		after := before
		after.Locked = locked
		a, err := m.accountAudit(event, &before, &after, "")
		if err != nil {
			return err
		}
		return keepsAdmin(m.Store.SetLocked(ctx, id, before.Version, locked, a))
	})
}

// RemoveAccount removes a user and all that hangs off the account. *Forbidden where that would leave no admin.
func (m *Manager) RemoveAccount(ctx context.Context, id oauth.ID) error {
	return retry(ctx, func() error {
		acc, err := m.accountToChange(ctx, id)
		if err != nil {
			return err
		}
		a, err := m.accountAudit(store.EventAccountRemoved, &acc, nil, acc.Username)
		if err != nil {
			return err
		}
		return keepsAdmin(m.Store.RemoveAccount(ctx, id, acc.Version, a))
	})
}

// WithdrawConsent takes back what a user agreed to for a client, and ends what the client was given.
func (m *Manager) WithdrawConsent(ctx context.Context, id oauth.ID, clientID string) error {
	acc, err := m.Account(ctx, id)
	if err != nil {
		return err
	}
	if err := m.mayTouch(&acc); err != nil {
		return err
	}
	if _, err := m.Client(ctx, clientID); err != nil {
		return err
	}
	a, err := m.auditAccount(store.EventConsentWithdrawn, acc, "")
	if err != nil {
		return err
	}
	a.ClientID = clientID
	return m.Store.WithdrawConsent(ctx, acc.ID, clientID, a)
}

func (m *Manager) auditAccount(event store.Event, acc oauth.Account, detail string) (store.Audit, error) {
	return m.audit(event, func(a *store.Audit) { a.AccountID, a.Detail = acc.ID, detail })
}

// validateAccount reports what is wrong, and brings names into the form in which they are stored.
func validateAccount(f *faults, acc *oauth.Account) {
	if clean, err := authn.CleanUsername(acc.Username); err != nil {
		f.add("username", "%v", err)
	} else {
		acc.Username = clean
	}
	acc.Name = norm.NFC.String(acc.Name)
	validateText(f, "name", acc.Name)
	validateText(f, "external_id", acc.ExternalID)
	validateAttributes(f, acc)
	if acc.Email != "" {
		validateName(f, "email", acc.Email)
		local, domain, ok := strings.Cut(acc.Email, "@")
		if !ok || local == "" || domain == "" || len(acc.Email) > maxEmailAddrLength || strings.ContainsAny(acc.Email, " \t<>,") {
			f.add("email", "%.100q is not an e-mail address, as in ann@example.com", acc.Email)
		}
	}
}

// validateText accepts what people write in any script, marks of direction and joiners (of emoji, too) included. Which
// reads how is for whoever shows it.
func validateText(f *faults, field, text string) {
	if utf8.RuneCountInString(text) > maxNameLength || !utf8.ValidString(text) {
		f.add(field, "it has more than %d characters, or is not UTF-8", maxNameLength)
		return
	}
	for _, r := range text {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			f.add(field, "%q is a control character", r)
			return
		}
	}
}

func validatePassword(f *faults, username, password string) {
	if err := authn.CheckNewPassword(username, password); err != nil {
		f.add("password", "%v", err)
	}
}
