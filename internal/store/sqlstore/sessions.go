package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// Every read of a standing selects these columns; each table is reached by its primary or a unique key.
const (
	standingColumns = sessionColumns + `, c.client_id, c.scope, c.updated, c.shown`
	sessionColumns  = `s.id, s.cookie_hash, s.account_id, s.auth_time, s.amr, s.acr, s.last_used, s.idle_ms, s.expires, s.created,
		a.username, a.name, a.email, a.created, a.version,
		d.id, d.client_id, d.scope, d.created, a.attributes`
	sessionWidth  = 20
	standingWidth = sessionWidth + 4
	standingJoins = `
		JOIN account a ON a.id = s.account_id AND a.locked = 0
		LEFT JOIN delegation d ON d.session_id = s.id AND d.client_id = $2
		LEFT JOIN consent c ON c.account_id = s.account_id AND c.client_id = $2`
)

var (
	standingByCookie = sql(`SELECT ` + standingColumns + ` FROM session s` + standingJoins + ` WHERE s.cookie_hash = $1`)
	standingByID     = sql(`SELECT ` + standingColumns + ` FROM session s` + standingJoins + ` WHERE s.id = $1`)
	standingByChild  = sql(`SELECT ` + standingColumns + ` FROM child_session k JOIN session s ON s.id = k.session_id` + standingJoins + `
		WHERE k.cookie_hash = $1 AND k.client_id = $2 AND k.origin = $3`)

	insertSession = sql(`INSERT INTO session
		(id, cookie_hash, account_id, auth_time, amr, acr, last_used, idle_ms, expires, created, ends,
		user_agent, address)
		SELECT $1, $2, a.id, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
		FROM account a WHERE a.id = $3 AND a.locked = 0 AND a.version = $14 FOR SHARE OF a`)
	insertChild = sql(`INSERT INTO child_session (cookie_hash, id, session_id, client_id, origin) VALUES ($1, $2, $3, $4, $5)`)

	// liveSession keeps the session from ending until the transaction does.
	liveSession = sql(`SELECT s.id FROM session s JOIN account a ON a.id = s.account_id AND a.locked = 0
		WHERE s.id = $1 AND s.ends > $2 FOR SHARE OF s, a`)

	renewSession = sql(`UPDATE session SET cookie_hash = COALESCE($3, cookie_hash), auth_time = $4, amr = $5, acr = $6,
		last_used = $7, idle_ms = $8, expires = $9, ends = $10, user_agent = $12, address = $13
		WHERE id = $1 AND account_id = $2 AND EXISTS (SELECT 1 FROM account a WHERE a.id = $2 AND a.locked = 0 AND a.version = $11)`)

	touchSession = sql(`UPDATE session SET last_used = $2,
		ends = CASE WHEN expires < $2 + idle_ms THEN expires ELSE $2 + idle_ms END
		WHERE id = $1 AND last_used < $2 AND ends > $2`)

	deleteSession = sql(`DELETE FROM session
		WHERE id = COALESCE((SELECT k.session_id FROM child_session k WHERE k.id = $1), $1) RETURNING id`)
	deleteSessionByCookie = sql(`DELETE FROM session WHERE id = COALESCE(
		(SELECT s.id FROM session s WHERE s.cookie_hash = $1),
		(SELECT k.session_id FROM child_session k WHERE k.cookie_hash = $1)) RETURNING id`)
	deleteChildren    = sql(`DELETE FROM child_session WHERE session_id = $1`)
	deleteDelegations = sql(`DELETE FROM delegation WHERE session_id = $1 RETURNING client_id`)
	deleteChildOf     = sql(`DELETE FROM child_session WHERE cookie_hash = $1 AND session_id = $2`)
	deleteChild       = sql(`DELETE FROM child_session WHERE cookie_hash = $1`)
)

func standingAt(r row) oauth.Standing {
	st := sessionAt(r)
	if !r.null(sessionWidth) {
		st.Consent = consentAt(r, sessionWidth, st.Account.ID)
	}
	return st
}

// sessionAt reads sessionColumns.
func sessionAt(r row) oauth.Standing {
	st := oauth.Standing{
		Session: sessionFacts(r),
		Account: oauth.Account{
			ID:       idAt(r, 2),
			Username: r.text(10),
			Name:     r.text(11),
			Email:    r.text(12),
			Created:  timeAt(r, 13),
			Version:  r.int(14),

			Attributes: attributesAt(r, 19),
		},
	}
	if !r.null(15) {
		st.Delegation = &oauth.Delegation{
			ID:        idAt(r, 15),
			SessionID: st.Session.ID,
			ClientID:  r.text(16),
			AccountID: st.Account.ID,
			Scope:     wordsAt(r, 17),
			Created:   timeAt(r, 18),
		}
	}
	return st
}

// sessionFacts reads the columns of a session, which come first.
func sessionFacts(r row) oauth.Session {
	return oauth.Session{
		ID:          idAt(r, 0),
		CookieHash:  r.bytes(1),
		AccountID:   idAt(r, 2),
		AuthTime:    timeAt(r, 3),
		AMR:         wordsAt(r, 4),
		ACR:         r.text(5),
		LastUsed:    timeAt(r, 6),
		IdleTimeout: time.Duration(r.int(7)) * time.Millisecond,
		Expires:     timeAt(r, 8),
		Created:     timeAt(r, 9),
	}
}

func sessionArgs(s oauth.Session) []any {
	return []any{s.ID[:], s.CookieHash, s.AccountID[:], millis(s.AuthTime), words(s.AMR), s.ACR, millis(s.LastUsed),
		s.IdleTimeout.Milliseconds(), millis(s.Expires), millis(s.Created), millis(ends(s)),
		s.UserAgent, s.Address}
}

// StartSession stores a session and its child, and ends those that it replaces.
func (s *Store) StartSession(ctx context.Context, accountVersion int64, ss oauth.Session, child *oauth.ChildSession, replaces [][]byte, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		for _, cookieHash := range replaces {
			ended, err := endSession(t, deleteSessionByCookie, cookieHash)
			if err != nil {
				return err
			}
			if !ended.IsZero() {
				t.do(deleteDelegations, ended[:])
			}
		}
		n, err := t.exec(insertSession, append(sessionArgs(ss), accountVersion)...)
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrEnded
		}
		if child != nil {
			t.do(insertChild, child.CookieHash, child.ID[:], ss.ID[:], child.ClientID, child.Origin)
		}
		record(t, a)
		return nil
	})
}

// RenewSession records that the user of the session proved again who they are.
func (s *Store) RenewSession(ctx context.Context, accountVersion int64, ss oauth.Session, child *oauth.ChildSession, replaces []byte, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		n, err := t.exec(renewSession, ss.ID[:], ss.AccountID[:], ss.CookieHash, millis(ss.AuthTime), words(ss.AMR), ss.ACR,
			millis(ss.LastUsed), ss.IdleTimeout.Milliseconds(), millis(ss.Expires), millis(ends(ss)),
			accountVersion,
			ss.UserAgent, ss.Address)
		if err == nil && n == 0 {
			err = store.ErrEnded
		}
		if err == nil && child != nil {
			t.do(deleteChildOf, replaces, ss.ID[:])
			t.do(insertChild, child.CookieHash, child.ID[:], ss.ID[:], child.ClientID, child.Origin)
		}
		record(t, a)
		return err
	})
}

// AdmitChild spends the ticket and adds a child to the session.
func (s *Store) AdmitChild(ctx context.Context, sessionID oauth.ID, child *oauth.ChildSession, replaces []byte, ticket store.OneTime, now time.Time, a store.Audit) error {
	g := newGate(ticket)
	return s.db.write(ctx, func(t tx) error {
		live := false
		g.ask(t) // taken back with the rest where the session is over
		if err := t.query(liveSession, func(row) { live = true }, sessionID[:], millis(now)); err != nil {
			return err
		}
		if !live {
			return store.ErrEnded
		}
		if err := g.used(); err != nil {
			return err
		}
		if child != nil {
			t.do(deleteChild, replaces)
			t.do(insertChild, child.CookieHash, child.ID[:], sessionID[:], child.ClientID, child.Origin)
		}
		record(t, a)
		return nil
	})
}

// ends is when the session is over unless it is used again.
func ends(s oauth.Session) time.Time {
	if idle := s.LastUsed.Add(s.IdleTimeout); idle.Before(s.Expires) {
		return idle
	}
	return s.Expires
}

// Standing reads the session of an SSO cookie and what hangs off it for the client.
func (s *Store) Standing(ctx context.Context, cookieHash []byte, clientID string) (oauth.Standing, error) {
	return s.standing(ctx, standingByCookie, cookieHash, clientID)
}

// ChildStanding is the same for a child's cookie.
func (s *Store) ChildStanding(ctx context.Context, cookieHash []byte, clientID, origin string) (oauth.Standing, error) {
	return s.standing(ctx, standingByChild, cookieHash, clientID, origin)
}

// StandingOf is the same by the session's public ID.
func (s *Store) StandingOf(ctx context.Context, sessionID oauth.ID, clientID string) (oauth.Standing, error) {
	return s.standing(ctx, standingByID, sessionID[:], clientID)
}

func (s *Store) standing(ctx context.Context, q *statement, args ...any) (oauth.Standing, error) {
	var st oauth.Standing
	if err := s.db.read(ctx, q, func(r row) { st = standingAt(r) }, args...); err != nil {
		return oauth.Standing{}, err
	}
	if st.Session.ID.IsZero() {
		return oauth.Standing{}, store.ErrNotFound
	}
	return st, nil
}

// TouchSession records a use. It neither moves LastUsed back nor revives what is over.
func (s *Store) TouchSession(ctx context.Context, id oauth.ID, now time.Time) error {
	return s.db.write(ctx, func(t tx) error {
		t.do(touchSession, id[:], millis(now))
		return nil
	})
}

// EndSession removes the session, its children and their delegations; it tells which clients had one.
func (s *Store) EndSession(ctx context.Context, id oauth.ID, a store.Audit) (clientIDs []string, err error) {
	var list []string
	err = s.db.write(ctx, func(t tx) error {
		list = nil
		ended, err := endSession(t, deleteSession, id[:])
		if err != nil || ended.IsZero() {
			return err
		}
		record(t, a)
		return t.last(deleteDelegations, func(r row) { list = append(list, r.text(0)) }, ended[:])
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(list)
	return list, nil
}

// EndSessions ends every session, delegation and family of the account; it tells which clients had a delegation.
func (s *Store) EndSessions(ctx context.Context, accountID oauth.ID, a store.Audit) (clientIDs []string, err error) {
	var all []string
	err = s.db.write(ctx, func(t tx) error {
		all = nil
		found := false
		if err := t.query(lockAccount, func(row) { found = true }, accountID[:]); err != nil {
			return err
		}
		if !found {
			return store.ErrNotFound
		}
		endAccountOf(t, accountID, oauth.ID{}, func(clientID string) { all = append(all, clientID) })
		record(t, a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// endSession deletes the session that q finds by the key, then its children; the delegations are the caller's
// to delete. In this order, since whoever adds to a session locks it.
func endSession(t tx, q *statement, key []byte) (id oauth.ID, err error) {
	if err := t.query(q, func(r row) { id = idAt(r, 0) }, key); err != nil {
		return oauth.ID{}, err
	}
	if !id.IsZero() {
		t.do(deleteChildren, id[:])
	}
	return id, nil
}

// EndChild removes one child session by its cookie.
func (s *Store) EndChild(ctx context.Context, cookieHash []byte) error {
	return s.db.write(ctx, func(t tx) error {
		t.do(deleteChild, cookieHash)
		return nil
	})
}
