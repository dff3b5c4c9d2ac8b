package sqlstore

import (
	"context"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var (
	// insertDelegation demands, in the statement that inserts, that all it hangs off is alive.
	insertDelegation = sql(`INSERT INTO delegation (id, session_id, client_id, account_id, scope, created)
		SELECT $1, s.id, c.id, s.account_id, $4, $5
		FROM session s JOIN account a ON a.id = s.account_id JOIN client c ON c.id = $3
		WHERE s.id = $2 AND s.ends > $6 AND a.locked = 0 AND c.disabled = 0
		FOR SHARE OF a, s, c
		ON CONFLICT (session_id, client_id) DO NOTHING RETURNING account_id`)
	selectDelegation = sql(`SELECT d.id, d.account_id, d.scope, d.created
		FROM delegation d JOIN session s ON s.id = d.session_id JOIN account a ON a.id = s.account_id JOIN client c ON c.id = d.client_id
		WHERE d.session_id = $1 AND d.client_id = $2 AND s.ends > $3 AND a.locked = 0 AND c.disabled = 0
		FOR UPDATE OF d`)
	widenDelegation  = sql(`UPDATE delegation SET scope = $3 WHERE session_id = $1 AND client_id = $2`)
	deleteDelegation = sql(`DELETE FROM delegation WHERE id = $1`)

	insertConsent = sql(`INSERT INTO consent (account_id, client_id, scope, updated, shown)
		SELECT a.id, c.id, $3, $4, $5 FROM account a JOIN client c ON c.id = $2
		WHERE a.id = $1 AND a.locked = 0 AND c.disabled = 0
		FOR SHARE OF a, c
		ON CONFLICT (account_id, client_id) DO NOTHING`)
	selectConsent = sql(`SELECT p.client_id, p.scope, p.updated, p.shown
		FROM consent p JOIN account a ON a.id = p.account_id JOIN client c ON c.id = p.client_id
		WHERE p.account_id = $1 AND p.client_id = $2 AND a.locked = 0 AND c.disabled = 0
		FOR UPDATE OF p`)
	updateConsent = sql(`UPDATE consent SET scope = $3, updated = $4, shown = $5
		WHERE account_id = $1 AND client_id = $2`)
	deleteConsent       = sql(`DELETE FROM consent WHERE account_id = $1 AND client_id = $2`)
	deleteOfAccountHere = sql(`DELETE FROM delegation WHERE account_id = $1 AND client_id = $2`)

	// tokenStanding leaves the consent out: whoever withdraws it ends the delegation too.
	tokenStanding = sql(`SELECT ` + sessionColumns + `, r.expires
		FROM delegation d JOIN session s ON s.id = d.session_id
		JOIN account a ON a.id = s.account_id AND a.locked = 0
		LEFT JOIN revocation r ON r.token_id = $2
		WHERE d.id = $1`)
	selectRevocation = sql(`SELECT expires FROM revocation WHERE token_id = $1`)
	// insertRevocationAudit goes first, and only for a token that is not revoked yet: repeating a revocation adds
	// nothing.
	insertRevocationAudit = sql(`INSERT INTO audit (` + auditColumns + `)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
		WHERE NOT EXISTS (SELECT 1 FROM revocation WHERE token_id = $13) ON CONFLICT (id) DO NOTHING`)
	insertRevocation = sql(`INSERT INTO revocation (token_id, expires) VALUES ($1, $2) ON CONFLICT (token_id) DO NOTHING`)
)

// insertOrFind is how often a verb that inserts where nothing is, and else reads what is there, looks
// again: between the two, somebody else may have removed it.
const insertOrFind = 3

// Delegate makes the delegation of session and client, or widens the recorded scope of the one there is.
// The audit record is written where something changed.
func (s *Store) Delegate(ctx context.Context, d oauth.Delegation, now time.Time, a store.Audit) (oauth.Delegation, error) {
	var inForce oauth.Delegation
	err := s.db.write(ctx, func(t tx) error {
		for range insertOrFind {
			inForce = oauth.Delegation{}
			err := t.query(insertDelegation, func(r row) { inForce, inForce.AccountID = d, idAt(r, 0) },
				d.ID[:], d.SessionID[:], d.ClientID, words(d.Scope), millis(d.Created), millis(now))
			if err != nil {
				return err
			}
			if !inForce.ID.IsZero() {
				record(t, a)
				return nil
			}
			if inForce, err = widen(t, d, now, a); err != nil || !inForce.ID.IsZero() {
				return err
			}
		}
		return store.ErrEnded
	})
	if err != nil {
		return oauth.Delegation{}, err
	}
	inForce.Created = time.UnixMilli(millis(inForce.Created)).UTC()
	return inForce, nil
}

// widen adds d's scope to the live delegation of its session and client; the zero Delegation if there
// is none.
func widen(t tx, d oauth.Delegation, now time.Time, a store.Audit) (found oauth.Delegation, err error) {
	err = t.query(selectDelegation, func(r row) {
		found = oauth.Delegation{
			ID: idAt(r, 0), SessionID: d.SessionID, ClientID: d.ClientID, AccountID: idAt(r, 1),
			Scope: wordsAt(r, 2), Created: timeAt(r, 3),
		}
	}, d.SessionID[:], d.ClientID, millis(now))
	if err != nil || found.ID.IsZero() || oauth.Subset(d.Scope, found.Scope) {
		return found, err
	}
	found.Scope = oauth.Union(found.Scope, d.Scope)
	t.do(widenDelegation, d.SessionID[:], d.ClientID, words(found.Scope))
	record(t, a)
	return found, nil
}

// EndDelegation ends what a client was given within one session.
func (s *Store) EndDelegation(ctx context.Context, id oauth.ID, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		n, err := t.exec(deleteDelegation, id[:])
		if err == nil && n > 0 {
			record(t, a)
		}
		return err
	})
}

// GrantConsent records what the user agreed to.
func (s *Store) GrantConsent(
	ctx context.Context, c oauth.Consent, since time.Time, a store.Audit,
) error {
	return s.db.write(ctx, func(t tx) error {
		for range insertOrFind {
			n, err := t.exec(insertConsent, consentArgs(c)...)
			if err != nil {
				return err
			}
			if n > 0 {
				record(t, a)
				return nil
			}
			var was *oauth.Consent
			find := func(r row) { was = consentAt(r, 0, c.AccountID) }
			if err := t.query(selectConsent, find, c.AccountID[:], c.ClientID); err != nil {
				return err
			}
			if was != nil {
				t.do(updateConsent, consentArgs(was.With(c, since))...)
				record(t, a)
				return nil
			}
		}
		return store.ErrEnded
	})
}

func consentArgs(c oauth.Consent) []any {
	return []any{c.AccountID[:], c.ClientID, words(c.Scope), millis(c.Updated), c.Shown}
}

// consentAt reads client_id, scope, updated and shown, which begin at the given column. shown is
// NULL where version 0.1.0 wrote the consent.
func consentAt(r row, first int, account oauth.ID) *oauth.Consent {
	c := &oauth.Consent{
		AccountID: account, ClientID: r.text(first), Scope: wordsAt(r, first+1),
		Updated: timeAt(r, first+2),
	}
	if !r.null(first + 3) {
		c.Shown = r.text(first + 3)
	}
	return c
}

// WithdrawConsent removes the consent and every delegation and family of the account and client.
func (s *Store) WithdrawConsent(ctx context.Context, accountID oauth.ID, clientID string, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		t.do(deleteConsent, accountID[:], clientID)
		t.do(deleteOfAccountHere, accountID[:], clientID)
		t.do(deleteFamiliesOfAccount, accountID[:], clientID)
		record(t, a)
		return nil
	})
}

// TokenStanding reads what an access token hangs off and whether it was revoked.
func (s *Store) TokenStanding(ctx context.Context, token oauth.AccessToken) (store.TokenStanding, error) {
	q, args := tokenStanding, []any{token.DelegationID[:], token.ID[:]}
	scan := func(r row) store.TokenStanding {
		return store.TokenStanding{Standing: sessionAt(r), Revoked: !r.null(sessionWidth)}
	}
	switch {
	case !token.FamilyID.IsZero():
		q, args = tokenStandingOfFamily, []any{token.FamilyID[:], token.ID[:]}
		scan = func(r row) store.TokenStanding {
			return store.TokenStanding{
				Standing: withFamily(sessionAt(r), familyAt(r, sessionWidth)),
				Revoked:  !r.null(sessionWidth + familyWidth),
			}
		}
	case token.DelegationID.IsZero():
		revoked := false
		err := s.db.read(ctx, selectRevocation, func(row) { revoked = true }, token.ID[:])
		return store.TokenStanding{Revoked: revoked && err == nil}, err
	}
	var st store.TokenStanding
	if err := s.db.read(ctx, q, func(r row) { st = scan(r) }, args...); err != nil {
		return store.TokenStanding{}, err
	}
	if st.Session.ID.IsZero() {
		return store.TokenStanding{}, store.ErrNotFound
	}
	return st, nil
}

// RevokeToken remembers until expires that the token is worth nothing.
func (s *Store) RevokeToken(ctx context.Context, tokenID oauth.ID, expires time.Time, a store.Audit) error {
	return s.db.appending(ctx, func(t tx) error {
		if a, there := complete(a); there {
			t.do(insertRevocationAudit, append(auditArgs(a), tokenID[:])...)
		}
		t.do(insertRevocation, tokenID[:], millis(expires))
		return nil
	})
}
