package manage

import (
	"context"
	"errors"
	"fmt"
	"strings"

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

// CreateAccount adds a user with a password.
func (m *Manager) CreateAccount(ctx context.Context, acc oauth.Account, password string) (oauth.Account, error) {
	var f faults
	validateAccount(&f, &acc)
	if err := authn.CheckNewPassword(acc.Username, password); err != nil {
		f.add("password", "%v", err)
	}
	if err := f.err(); err != nil {
		return acc, err
	}
	var err error
	if acc.PasswordHash, err = authn.HashPassword(password); err != nil {
		return acc, err
	}
	if acc.ID, err = m.newID(); err != nil {
		return acc, err
	}
	acc.Created = m.Now()
	a, err := m.auditAccount(store.EventAccountCreated, acc, "")
	if err != nil {
		return acc, err
	}
	err = m.Store.CreateAccount(ctx, acc, a)
	if errors.Is(err, store.ErrConflict) {
		return acc, Invalid{{"username", fmt.Sprintf("there is a user %s already", acc.Username)}}
	}
	if err != nil {
		return acc, err
	}
	return m.Store.Account(ctx, acc.ID)
}

// ChangeAccount reads an account, lets change edit user name, name, e-mail address and attributes, and stores it.
// Where somebody else was faster it begins anew, so change may run more than once.
func (m *Manager) ChangeAccount(ctx context.Context, id oauth.ID, change func(*oauth.Account)) (before, after oauth.Account, err error) {
	err = retry(ctx, func() error {
		if before, err = m.Store.Account(ctx, id); err != nil {
			return err
		}
		after = before
		change(&after)
		var f faults
		validateAccount(&f, &after)
		if err := f.err(); err != nil {
			return err
		}
		if err := m.nameIsFree(ctx, after); err != nil {
			return err
		}
		a, err := m.auditAccount(store.EventAccountChanged, after, "")
		if err != nil {
			return err
		}
		return m.Store.UpdateAccount(ctx, after, before.Version, a)
	})
	return before, after, err
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
		return Invalid{{"username", fmt.Sprintf("there is a user %s already", other.Username)}}
	}
	return nil
}

// SetPassword gives a user a new password and ends everything that the old one had opened.
func (m *Manager) SetPassword(ctx context.Context, id oauth.ID, password string) error {
	acc, err := m.Account(ctx, id)
	if err != nil {
		return err
	}
	if err := authn.CheckNewPassword(acc.Username, password); err != nil {
		return Invalid{{"password", err.Error()}}
	}
	hash, err := authn.HashPassword(password)
	if err != nil {
		return err
	}
	a, err := m.auditAccount(store.EventPasswordChanged, acc, "")
	if err != nil {
		return err
	}
	return m.Store.SetPassword(ctx, acc.ID, hash, oauth.ID{}, a)
}

// LockAccount keeps a user out and ends the user's sessions.
func (m *Manager) LockAccount(ctx context.Context, id oauth.ID) error {
	return m.setLocked(ctx, id, true, store.EventAccountLocked)
}

// UnlockAccount lets a user in again.
func (m *Manager) UnlockAccount(ctx context.Context, id oauth.ID) error {
	return m.setLocked(ctx, id, false, store.EventAccountUnlocked)
}

func (m *Manager) setLocked(ctx context.Context, id oauth.ID, locked bool, event store.Event) error {
	acc, err := m.Account(ctx, id)
	if err != nil {
		return err
	}
	a, err := m.auditAccount(event, acc, "")
	if err != nil {
		return err
	}
	return m.Store.SetLocked(ctx, acc.ID, locked, a)
}

// RemoveAccount removes a user and all that hangs off the account.
func (m *Manager) RemoveAccount(ctx context.Context, id oauth.ID) error {
	acc, err := m.Account(ctx, id)
	if err != nil {
		return err
	}
	a, err := m.auditAccount(store.EventAccountRemoved, acc, acc.Username)
	if err != nil {
		return err
	}
	return m.Store.RemoveAccount(ctx, acc.ID, a)
}

// WithdrawConsent takes back what a user agreed to for a client, and ends what the client was given.
func (m *Manager) WithdrawConsent(ctx context.Context, id oauth.ID, clientID string) error {
	acc, err := m.Account(ctx, id)
	if err != nil {
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

// validateAccount reports what is wrong, and brings the user name into the form in which it is stored.
func validateAccount(f *faults, acc *oauth.Account) {
	if clean, err := authn.CleanUsername(acc.Username); err != nil {
		f.add("username", "%v", err)
	} else {
		acc.Username = clean
	}
	validateName(f, "name", acc.Name)
	validateAttributes(f, acc)
	if acc.Email != "" {
		validateName(f, "email", acc.Email)
		local, domain, ok := strings.Cut(acc.Email, "@")
		if !ok || local == "" || domain == "" || len(acc.Email) > maxEmailAddrLength || strings.ContainsAny(acc.Email, " \t<>,") {
			f.add("email", "%.100q is not an e-mail address, as in ann@example.com", acc.Email)
		}
	}
}
