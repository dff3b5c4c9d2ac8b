package sqlstore

import (
	"context"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var (
	selectOperators = sql(`SELECT ` + accountColumns + ` FROM account WHERE role <> '' ORDER BY username_key`)
	selectRole      = sql(`SELECT role, locked FROM account WHERE id = $1`)
	// lockOperators comes first in all that may leave one admin less. It writes, so that of two who do so at once, the
	// second sees what the first one did, whatever the isolation level.
	lockOperators    = sql(`UPDATE config SET revision = revision WHERE id = 1`)
	selectOtherAdmin = sql(`SELECT id FROM account WHERE role <> '' AND role = 'admin' AND locked = 0 AND id <> $1 LIMIT 1`)

	updateRole    = sql(`UPDATE account SET role = $2, version = version + 1 WHERE id = $1 AND (version = $3 OR $3 = 0)`)
	updateLocked  = sql(`UPDATE account SET locked = $3, version = version + 1 WHERE id = $1 AND (version = $2 OR $2 = 0)`)
	deleteAccount = sql(`DELETE FROM account WHERE id = $1 AND (version = $2 OR $2 = 0)`)
	// lockUser and deleteUser are the same for whoever is no admin: they need no lock.
	lockUser   = sql(`UPDATE account SET locked = 1, version = version + 1 WHERE id = $1 AND (version = $2 OR $2 = 0) AND role <> 'admin'`)
	deleteUser = sql(`DELETE FROM account WHERE id = $1 AND (version = $2 OR $2 = 0) AND role <> 'admin'`)

	insertOperator = sql(`INSERT INTO account
		(id, username, username_key, name, email, email_key, locked, password_hash, created, attributes, external_id, role, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1) ON CONFLICT DO NOTHING`)
	admitAccount = sql(`UPDATE account SET password_hash = $2, role = $3, locked = 0, version = version + 1 WHERE id = $1 AND version = $4`)
)

// Operators lists the accounts that have a role.
func (s *Store) Operators(ctx context.Context) ([]oauth.Account, error) {
	return list(ctx, s, selectOperators, accountAt)
}

// keepAdmin is an ErrLastAdmin where the account is the only admin who is not locked. It is ErrNotFound where there is no
// such account. Until the commit nobody else takes an admin away.
func keepAdmin(t tx, id oauth.ID) error {
	t.do(lockOperators)
	found, admin, other := false, false, false
	t.ask(selectOtherAdmin, func(row) { other = true }, id[:])
	err := t.query(selectRole, func(r row) {
		found = true
		admin = oauth.Role(r.text(0)) == oauth.RoleAdmin && r.int(1) == 0
	}, id[:])
	switch {
	case err != nil:
		return err
	case !found:
		return store.ErrNotFound
	case admin && !other:
		return store.ErrLastAdmin
	}
	return nil
}

// SetRole gives the account a role, or takes it.
func (s *Store) SetRole(ctx context.Context, id oauth.ID, was int64, role oauth.Role, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		if role != oauth.RoleAdmin {
			if err := keepAdmin(t, id); err != nil {
				return err
			}
		}
		if err := one(t, updateRole, id, string(role), was); err != nil {
			return err
		}
		record(t, a)
		return nil
	})
}

// SetLocked locks (ending every session, delegation and family of the account) or unlocks.
func (s *Store) SetLocked(ctx context.Context, id oauth.ID, was int64, locked bool, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		if locked {
			if err := takeAway(t, lockUser, updateLocked, id, was, 1); err != nil {
				return err
			}
			endAccount(t, id, oauth.ID{})
			record(t, a)
			return nil
		}
		if err := one(t, updateLocked, id, was, 0); err != nil {
			return err
		}
		record(t, a)
		return nil
	})
}

// RemoveAccount removes the account and all that hangs off it.
func (s *Store) RemoveAccount(ctx context.Context, id oauth.ID, was int64, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		if err := takeAway(t, deleteUser, deleteAccount, id, was); err != nil {
			return err
		}
		endAccount(t, id, oauth.ID{})
		t.do(deleteAccountConsents, id[:])
		t.do(removeGuesses, accountGuesses(id))
		record(t, a)
		return nil
	})
}

// takeAway runs the statement for those who are no admins, and, where that changes nothing, the one for admins after
// making sure that one is left.
func takeAway(t tx, user, admin *statement, id oauth.ID, was int64, more ...any) error {
	n, err := t.exec(user, id[:], was)
	if err != nil || n > 0 {
		return err
	}
	if err := keepAdmin(t, id); err != nil {
		return err
	}
	return one(t, admin, id, append([]any{was}, more...)...)
}

// one runs a statement that changes one account at a version; where it does not, it says why.
func one(t tx, s *statement, id oauth.ID, more ...any) error {
	n, err := t.exec(s, append([]any{id[:]}, more...)...)
	if err != nil || n > 0 {
		return err
	}
	return conflictOrNotFound(t, selectAccount, id[:])
}

// AdmitOperator spends the link and makes the account an operator: a new one, or the version was.
func (s *Store) AdmitOperator(ctx context.Context, acc oauth.Account, was int64, link store.OneTime, a store.Audit) error {
	g := newGate(link)
	return s.db.write(ctx, func(t tx) error {
		g.ask(t)
		if err := t.query(selectRevision, func(row) {}); err != nil {
			return err
		}
		if err := g.used(); err != nil {
			return err
		}
		if err := admit(t, acc, was); err != nil {
			return err
		}
		record(t, a)
		return nil
	})
}

func admit(t tx, acc oauth.Account, was int64) error {
	if was == 0 {
		acc.Locked = false
		n, err := t.exec(insertOperator, append(accountArgs(acc), string(acc.Role))...)
		if err == nil && n == 0 {
			err = store.ErrConflict
		}
		return err
	}
	if acc.Role != oauth.RoleAdmin {
		if err := keepAdmin(t, acc.ID); err != nil {
			return err
		}
	}
	n, err := t.exec(admitAccount, acc.ID[:], acc.PasswordHash, string(acc.Role), was)
	if err != nil {
		return err
	}
	if n == 0 {
		return conflictOrNotFound(t, selectAccount, acc.ID[:])
	}
	endAccount(t, acc.ID, oauth.ID{})
	return nil
}
