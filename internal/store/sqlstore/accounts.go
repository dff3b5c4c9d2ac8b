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

const accountColumns = `id, username, name, email, locked, password_hash, created, version, attributes, role, external_id`

var (
	// insertAccount and updateAccount leave the role alone: it is not an account's setting.
	insertAccount = sql(`INSERT INTO account
		(id, username, username_key, name, email, email_key, locked, password_hash, created, attributes, external_id, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1) ON CONFLICT DO NOTHING`)
	selectAccount       = sql(`SELECT ` + accountColumns + ` FROM account WHERE id = $1`)
	selectAccountByName = sql(`SELECT ` + accountColumns + ` FROM account WHERE username_key = $1`)

	updateAccount = sql(`UPDATE account SET username = $2, username_key = $3, name = $4, email = $5, email_key = $6, attributes = $7,
		external_id = $8, version = version + 1 WHERE id = $1 AND version = $9`)
	selectOtherOfName = sql(`SELECT id FROM account WHERE username_key = $1 AND id <> $2`)
	updatePassword    = sql(`UPDATE account SET password_hash = $2, version = version + 1 WHERE id = $1 AND (version = $3 OR $3 = 0)`)
	lockAccount       = sql(`SELECT id FROM account WHERE id = $1 FOR UPDATE`)
	upgradeHash       = sql(`UPDATE account SET password_hash = $3 WHERE id = $1 AND password_hash = $2`)

	deleteAccountChildren = sql(`DELETE FROM child_session WHERE session_id IN
		(SELECT id FROM session WHERE account_id = $1 AND id <> $2)`)
	deleteAccountSessions    = sql(`DELETE FROM session WHERE account_id = $1 AND id <> $2`)
	deleteAccountDelegations = sql(`DELETE FROM delegation WHERE account_id = $1 AND session_id <> $2 RETURNING client_id`)
	deleteAccountConsents    = sql(`DELETE FROM consent WHERE account_id = $1`)
)

// nameKey is what user names are compared by, and everything else that people search for: full Unicode case folding, then NFC (as in RFC 8265 §3.3,
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
		Role:         oauth.Role(r.text(9)),
		ExternalID:   r.text(10),
	}
}

func attributesAt(r row, column int) json.RawMessage {
	if text := r.text(column); text != "" {
		return json.RawMessage(text)
	}
	return nil
}

func accountArgs(acc oauth.Account) []any {
	return []any{acc.ID[:], acc.Username, nameKey(acc.Username), acc.Name, acc.Email, nameKey(acc.Email), flag(acc.Locked),
		acc.PasswordHash, millis(acc.Created), string(acc.Attributes), acc.ExternalID}
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

func (s *Store) oneAccount(ctx context.Context, q *statement, key any) (oauth.Account, error) {
	var acc oauth.Account
	if err := s.db.read(ctx, q, func(r row) { acc = accountAt(r) }, key); err != nil {
		return oauth.Account{}, err
	}
	if acc.ID.IsZero() {
		return oauth.Account{}, store.ErrNotFound
	}
	return acc, nil
}

// UpdateAccount replaces user name, name, e-mail address, external ID and attributes of the version was.
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
		n, err := t.exec(updateAccount, acc.ID[:], acc.Username, key, acc.Name, acc.Email, nameKey(acc.Email),
			string(acc.Attributes), acc.ExternalID, was)
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

// SetPassword spends the values, replaces the hash and ends every session and family of the account, save the session
// keep and what is not offline in it.
func (s *Store) SetPassword(ctx context.Context, id oauth.ID, was int64, hash string, keep oauth.ID, a store.Audit, spends ...store.OneTime) error {
	g := newGate(spends...)
	return s.db.write(ctx, func(t tx) error {
		g.ask(t)
		n, err := t.exec(updatePassword, id[:], hash, was)
		if err == nil {
			err = g.used()
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return conflictOrNotFound(t, selectAccount, id[:])
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

// endAccount ends the sessions of an account whose row the transaction holds, save one, and
// forgets its known browsers. Its children come first: they are only ever made together with
// their session, and that needs the account's row.
func endAccount(t tx, id, keep oauth.ID) {
	endAccountOf(t, id, keep, func(string) {})
}

// endAccountOf is endAccount for who asks which clients had a delegation; one may be told twice.
func endAccountOf(t tx, id, keep oauth.ID, client func(id string)) {
	t.do(deleteAccountChildren, id[:], keep[:])
	t.do(deleteAccountSessions, id[:], keep[:])
	t.ask(deleteAccountDelegations, func(r row) { client(r.text(0)) }, id[:], keep[:])
	t.do(deleteAccountFamilies, id[:], keep[:])
	t.do(forgetBrowsers, accountGuesses(id))
}
