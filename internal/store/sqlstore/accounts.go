package sqlstore

import (
	"context"
	"encoding/json"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const accountColumns = `id, username, name, email, locked, password_hash, created, version, attributes`

var (
	insertAccount = sql(`INSERT INTO account (id, username, username_key, name, email, locked, password_hash, created, attributes, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1) ON CONFLICT DO NOTHING`)
	selectAccount       = sql(`SELECT ` + accountColumns + ` FROM account WHERE id = $1`)
	selectAccountByName = sql(`SELECT ` + accountColumns + ` FROM account WHERE username_key = $1`)
	selectAccounts      = sql(`SELECT ` + accountColumns + ` FROM account WHERE username_key > $1 ORDER BY username_key LIMIT $2`)

	updateAccount = sql(`UPDATE account SET username = $2, username_key = $3, name = $4, email = $5, attributes = $6, version = version + 1
		WHERE id = $1 AND version = $7`)
	selectOtherOfName = sql(`SELECT id FROM account WHERE username_key = $1 AND id <> $2`)
	updatePassword    = sql(`UPDATE account SET password_hash = $2, version = version + 1 WHERE id = $1`)
	upgradeHash       = sql(`UPDATE account SET password_hash = $3 WHERE id = $1 AND password_hash = $2`)
	updateLocked      = sql(`UPDATE account SET locked = $2, version = version + 1 WHERE id = $1`)
	deleteAccount     = sql(`DELETE FROM account WHERE id = $1`)

	deleteAccountChildren = sql(`DELETE FROM child_session WHERE session_id IN
		(SELECT id FROM session WHERE account_id = $1 AND id <> $2)`)
	deleteAccountSessions    = sql(`DELETE FROM session WHERE account_id = $1 AND id <> $2`)
	deleteAccountDelegations = sql(`DELETE FROM delegation WHERE account_id = $1 AND session_id <> $2`)
	deleteAccountConsents    = sql(`DELETE FROM consent WHERE account_id = $1`)
)

// nameKey is what user names are compared by: full Unicode case folding, then NFC (as in RFC 8265 §3.3,
// UsernameCaseMapped, but with folding in place of lower-casing), so that "Straße" and "STRASSE" are one
// user. Normalising before as well makes the folding see composed characters.
func nameKey(username string) []byte {
	// Folding leaves the two cases of Cherokee apart, so they are made one here (as authn.NormalizeUsername does).
	folded := strings.ToLower(cases.Fold().String(norm.NFC.String(username)))
	return norm.NFC.Bytes([]byte(folded))
}

func accountAt(r row) oauth.Account {
	return oauth.Account{
		ID:           idAt(r, 0),
		Username:     r.text(1),
		Name:         r.text(2),
		Email:        r.text(3),
		Locked:       r.int(4) != 0,
		PasswordHash: r.text(5),
		Created:      timeAt(r, 6),
		Version:      r.int(7),
		Attributes:   attributesAt(r, 8),
	}
}

func attributesAt(r row, column int) json.RawMessage {
	if text := r.text(column); text != "" {
		return json.RawMessage(text)
	}
	return nil
}

func accountArgs(acc oauth.Account) []any {
	return []any{acc.ID[:], acc.Username, nameKey(acc.Username), acc.Name, acc.Email, flag(acc.Locked), acc.PasswordHash,
		millis(acc.Created), string(acc.Attributes)}
}

// CreateAccount stores a new account with its password hash.
func (s *Store) CreateAccount(ctx context.Context, acc oauth.Account, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		n, err := t.exec(insertAccount, accountArgs(acc)...)
		if err == nil && n == 0 {
			err = store.ErrConflict
		}
		record(t, a)
		return err
	})
}

// Account finds an account.
func (s *Store) Account(ctx context.Context, id oauth.ID) (oauth.Account, error) {
	return s.oneAccount(ctx, selectAccount, id[:])
}

// AccountByName finds by the case-folded user name.
func (s *Store) AccountByName(ctx context.Context, username string) (oauth.Account, error) {
	return s.oneAccount(ctx, selectAccountByName, nameKey(username))
}

func (s *Store) oneAccount(ctx context.Context, q *statement, key []byte) (oauth.Account, error) {
	var acc oauth.Account
	if err := s.db.read(ctx, q, func(r row) { acc = accountAt(r) }, key); err != nil {
		return oauth.Account{}, err
	}
	if acc.ID.IsZero() {
		return oauth.Account{}, store.ErrNotFound
	}
	return acc, nil
}

// ListAccounts lists by case-folded user name.
func (s *Store) ListAccounts(ctx context.Context, after string, limit int) ([]oauth.Account, error) {
	var list []oauth.Account
	err := s.db.view(ctx, func(t tx) error {
		list = nil
		return t.last(selectAccounts, func(r row) { list = append(list, accountAt(r)) }, nameKey(after), limit)
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// UpdateAccount replaces user name, name, e-mail address and attributes of the version was.
func (s *Store) UpdateAccount(ctx context.Context, acc oauth.Account, was int64, a store.Audit) error {
	key := nameKey(acc.Username)
	return s.db.write(ctx, func(t tx) error {
		taken := false
		if err := t.query(selectOtherOfName, func(row) { taken = true }, key, acc.ID[:]); err != nil {
			return err
		}
		if taken {
			return store.ErrConflict
		}
		n, err := t.exec(updateAccount, acc.ID[:], acc.Username, key, acc.Name, acc.Email, string(acc.Attributes), was)
		if err != nil {
			return err
		}
		if n == 0 {
			return conflictOrNotFound(t, selectAccount, acc.ID[:])
		}
		record(t, a)
		return nil
	})
}

// SetPassword replaces the hash and ends every session and family of the account, save the session keep and what is
// not offline in it.
func (s *Store) SetPassword(ctx context.Context, id oauth.ID, hash string, keep oauth.ID, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		n, err := t.exec(updatePassword, id[:], hash)
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrNotFound
		}
		endAccount(t, id, keep)
		record(t, a)
		return nil
	})
}

// UpgradePasswordHash replaces the hash old by one of the same password.
func (s *Store) UpgradePasswordHash(ctx context.Context, id oauth.ID, old, hash string) error {
	return s.db.write(ctx, func(t tx) error {
		t.do(upgradeHash, id[:], old, hash)
		return nil
	})
}

// SetLocked locks (ending every session, delegation and family of the account) or unlocks.
func (s *Store) SetLocked(ctx context.Context, id oauth.ID, locked bool, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		n, err := t.exec(updateLocked, id[:], flag(locked))
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrNotFound
		}
		if locked {
			endAccount(t, id, oauth.ID{})
		}
		record(t, a)
		return nil
	})
}

// RemoveAccount removes the account and all that hangs off it.
func (s *Store) RemoveAccount(ctx context.Context, id oauth.ID, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		n, err := t.exec(deleteAccount, id[:])
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrNotFound
		}
		endAccount(t, id, oauth.ID{})
		t.do(deleteAccountConsents, id[:])
		record(t, a)
		return nil
	})
}

// endAccount ends the sessions of an account whose row the transaction holds, save one. Its children come
// first: they are only ever made together with their session, and that needs the account's row.
func endAccount(t tx, id, keep oauth.ID) {
	t.do(deleteAccountChildren, id[:], keep[:])
	t.do(deleteAccountSessions, id[:], keep[:])
	t.do(deleteAccountDelegations, id[:], keep[:])
	t.do(deleteAccountFamilies, id[:], keep[:])
}
