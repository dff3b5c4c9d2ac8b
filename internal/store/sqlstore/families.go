package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const (
	familyColumns = `f.id, f.delegation_id, f.session_id, f.account_id, f.client_id, f.offline, f.generation, f.rotated,
		f.auth_time, f.amr, f.acr, f.created, f.expires`
	familyWidth = 13
	// familyJoins leave the client out, and where nobody asks for it the consent: whoever disables the one or
	// withdraws the other deletes the family.
	familyJoins = `
		FROM refresh_family f JOIN account a ON a.id = f.account_id AND a.locked = 0
		LEFT JOIN delegation d ON d.id = f.delegation_id AND f.offline = 0
		LEFT JOIN session s ON s.id = d.session_id`
	insertFamilyText = `INSERT INTO refresh_family (id, delegation_id, session_id, account_id, client_id, offline,
			generation, rotated, auth_time, amr, acr, created, expires)
		SELECT $1, d.id, d.session_id, d.account_id, d.client_id, $3, $4, $5, $6, $7, $8, $9, $10
		FROM delegation d JOIN session s ON s.id = d.session_id JOIN account a ON a.id = s.account_id JOIN client c ON c.id = d.client_id`
	insertFamilyWhere = `
		WHERE d.id = $2 AND d.client_id = $12 AND s.ends > $11 AND a.locked = 0 AND c.disabled = 0
		FOR SHARE OF d
		ON CONFLICT (id) DO NOTHING`
	// familyThere is the condition that what a family hangs off is there (a consent takes its families with it).
	familyThere = `(offline = 1 OR EXISTS (SELECT 1 FROM delegation d WHERE d.id = refresh_family.delegation_id))`
)

var (
	// insertFamily and insertOfflineFamily demand, in the statement that inserts, that all it hangs off is alive. They
	// lock the delegation alone: whatever ends a session, account, client or consent deletes its delegations and, in
	// a later statement, its families. A family that is there already shows a code that was used before, which is
	// found out beside them.
	insertFamily        = sql(insertFamilyText + insertFamilyWhere)
	insertOfflineFamily = sql(insertFamilyText + ` JOIN consent p ON p.account_id = d.account_id AND p.client_id = d.client_id` +
		insertFamilyWhere)

	familyStanding = sql(`SELECT ` + standingColumns + `, ` + familyColumns + familyJoins + `
		LEFT JOIN consent c ON c.account_id = f.account_id AND c.client_id = f.client_id
		WHERE f.id = $1 AND (f.offline = 0 AND s.id IS NOT NULL OR f.offline = 1 AND c.client_id IS NOT NULL)`)
	tokenStandingOfFamily = sql(`SELECT ` + sessionColumns + `, ` + familyColumns + `, r.expires` + familyJoins + `
		LEFT JOIN revocation r ON r.token_id = $2
		WHERE f.id = $1 AND (f.offline = 1 OR s.id IS NOT NULL)`)

	rotateFamily = sql(`UPDATE refresh_family SET generation = generation + 1, rotated = $3
		WHERE id = $1 AND generation = $2 AND ` + familyThere + ` RETURNING generation`)
	selectFamily = sql(`SELECT generation FROM refresh_family WHERE id = $1 AND ` + familyThere)
	// endFamily leaves what is over to Purge, so that it tells whether it ended something.
	endFamily    = sql(`DELETE FROM refresh_family WHERE id = $1 AND ` + familyThere)
	deleteFamily = sql(`DELETE FROM refresh_family WHERE id = $1`)

	deleteAccountFamilies   = sql(`DELETE FROM refresh_family WHERE account_id = $1 AND (offline = 1 OR session_id <> $2)`)
	deleteFamiliesOfAccount = sql(`DELETE FROM refresh_family WHERE account_id = $1 AND client_id = $2`)
	deleteClientFamilies    = sql(`DELETE FROM refresh_family WHERE client_id = $1`)
)

// Redeem spends the others and the code and starts the family. All of it travels at once, so what a code that was
// used before has started by then is deleted in the same transaction, together with what its first use started: a
// racer that waited for the other's commit sees the family that it made.
func (s *Store) Redeem(ctx context.Context, code store.OneTime, others []store.OneTime, f oauth.Family, now time.Time, a store.Audit) error {
	insert := insertFamily
	if f.Offline {
		insert = insertOfflineFamily
	}
	first, last := newGate(others...), newGate(code)
	var replay error
	err := s.db.write(ctx, func(t tx) error {
		first.ask(t)
		last.ask(t)
		n, err := t.exec(insert, append(familyArgs(f), millis(now), f.ClientID)...)
		if err == nil {
			err = first.used()
		}
		if err != nil {
			return err
		}
		if replay = last.used(); replay != nil {
			t.do(deleteFamily, f.ID[:])
			record(t, asReplay(a))
			return nil
		}
		if n == 0 {
			return store.ErrEnded
		}
		record(t, a)
		return nil
	})
	if err != nil {
		return err
	}
	return replay
}

// asReplay turns the record of a family's beginning into that of a code's second use.
func asReplay(a store.Audit) store.Audit {
	if a != (store.Audit{}) {
		a.Event = store.EventReplay
	}
	return a
}

func familyArgs(f oauth.Family) []any {
	return []any{f.ID[:], f.DelegationID[:], flag(f.Offline), f.Generation, millisOrNull(f.Rotated), millis(f.AuthTime),
		words(f.AMR), f.ACR, millis(f.Created), millis(f.Expires)}
}

// familyAt reads familyColumns, which begin at the given one.
func familyAt(r row, first int) *oauth.Family {
	return &oauth.Family{
		ID:           idAt(r, first),
		DelegationID: idAt(r, first+1),
		SessionID:    idAt(r, first+2),
		AccountID:    idAt(r, first+3),
		ClientID:     r.text(first + 4),
		Offline:      r.int(first+5) != 0,
		Generation:   int(r.int(first + 6)),
		Rotated:      timeOrZero(r, first+7),
		AuthTime:     timeAt(r, first+8),
		AMR:          wordsAt(r, first+9),
		ACR:          r.text(first + 10),
		Created:      timeAt(r, first+11),
		Expires:      timeAt(r, first+12),
	}
}

// withFamily completes what was read of the session. An offline family outlives its session and keeps what
// tokens say about it (OpenID Connect Core §12.2), the session's ID included.
func withFamily(st oauth.Standing, f *oauth.Family) oauth.Standing {
	st.Family = f
	if f.Offline {
		st.Session = oauth.Session{
			ID: f.SessionID, AccountID: f.AccountID, AuthTime: f.AuthTime, AMR: f.AMR, ACR: f.ACR,
			Created: f.Created, LastUsed: f.Created, Expires: f.Expires, IdleTimeout: f.Expires.Sub(f.Created),
		}
		st.Account.ID = f.AccountID
	}
	return st
}

// FamilyStanding reads a family and what it hangs off.
func (s *Store) FamilyStanding(ctx context.Context, id oauth.ID) (oauth.Standing, error) {
	var st oauth.Standing
	err := s.db.read(ctx, familyStanding, func(r row) {
		f := familyAt(r, standingWidth)
		st = withFamily(standingAt(r), f)
		if st.Consent != nil {
			st.Consent.AccountID = f.AccountID
		}
	}, id[:])
	if err != nil {
		return oauth.Standing{}, err
	}
	if st.Family == nil {
		return oauth.Standing{}, store.ErrNotFound
	}
	return st, nil
}

// errBehind rolls back a rotation that found no family at its generation.
var errBehind = errors.New("not at this generation")

// RotateRefresh spends the values and advances the family from the generation.
func (s *Store) RotateRefresh(ctx context.Context, id oauth.ID, generation int, now time.Time, others []store.OneTime) error {
	g := newGate(others...)
	err := s.db.write(ctx, func(t tx) error {
		advanced := false
		g.ask(t)
		run := t.query
		if len(g) == 0 {
			run = t.last // there is nothing to take back
		}
		if err := run(rotateFamily, func(row) { advanced = true }, id[:], generation, millis(now)); err != nil {
			return err
		}
		if err := g.used(); err != nil {
			return err
		}
		if !advanced {
			return errBehind
		}
		return nil
	})
	if !errors.Is(err, errBehind) {
		return err
	}
	found := false
	if err := s.db.read(ctx, selectFamily, func(row) { found = true }, id[:]); err != nil {
		return err
	}
	if found {
		return store.ErrConflict
	}
	return store.ErrEnded
}

// EndFamily ends a family and with it all its tokens.
func (s *Store) EndFamily(ctx context.Context, id oauth.ID, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		n, err := t.exec(endFamily, id[:])
		if err == nil && n > 0 {
			record(t, a)
		}
		return err
	})
}
