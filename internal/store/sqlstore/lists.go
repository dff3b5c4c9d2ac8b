package sqlstore

import (
	"context"
	"math"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const (
	listSessions = `SELECT s.id, s.cookie_hash, s.account_id, s.auth_time, s.amr, s.acr, s.last_used, s.idle_ms, s.expires, s.created,
			a.username, s.user_agent, s.address
		FROM session s JOIN account a ON a.id = s.account_id
		WHERE s.ends > $1 AND (s.created, s.id) < ($2, $3)`
	newestSessions = ` ORDER BY s.created DESC, s.id DESC LIMIT $4`

	listDelegations = `SELECT d.id, d.session_id, d.client_id, d.account_id, d.scope, d.created, a.username
		FROM delegation d JOIN session s ON s.id = d.session_id JOIN account a ON a.id = d.account_id
		WHERE s.ends > $1 AND (d.created, d.id) < ($2, $3)`
	// otherDelegations is the rest of a filter, for those that the index found.
	otherDelegations = ` AND (d.account_id = $5 OR $5 IS NULL) AND (d.client_id = $6 OR $6 = '')
		ORDER BY d.created DESC, d.id DESC LIMIT $4`
)

var (
	selectSessions          = sql(listSessions + newestSessions)
	selectSessionsOfAccount = sql(listSessions + ` AND s.account_id = $5` + newestSessions)
	countSessions           = sql(`SELECT count(*) FROM session WHERE ends > $1`)

	selectDelegations          = sql(listDelegations + ` ORDER BY d.created DESC, d.id DESC LIMIT $4`)
	selectDelegationsOfAccount = sql(listDelegations + ` AND d.account_id = $5 AND (d.client_id = $6 OR $6 = '')
		ORDER BY d.created DESC, d.id DESC LIMIT $4`)
	selectDelegationsOfClient  = sql(listDelegations + ` AND d.client_id = $5 ORDER BY d.created DESC, d.id DESC LIMIT $4`)
	selectDelegationsOfSession = sql(listDelegations + ` AND d.session_id = $7` + otherDelegations)

	selectConsents = sql(`SELECT client_id, scope, updated, shown FROM consent
		WHERE account_id = $1 ORDER BY client_id`)
)

// placeArgs are the arguments that say where a page begins.
func placeArgs(now time.Time, after store.Place, limit int) []any {
	if after == (store.Place{}) {
		return []any{millis(now), int64(math.MaxInt64), lastID[:], limit}
	}
	return []any{millis(now), millis(after.At), after.ID[:], limit}
}

// ListSessions lists live sessions, newest first.
func (s *Store) ListSessions(ctx context.Context, accountID oauth.ID, now time.Time, after store.Place, limit int) ([]store.SessionRow, error) {
	q, args := selectSessions, placeArgs(now, after, limit)
	if !accountID.IsZero() {
		q, args = selectSessionsOfAccount, append(args, accountID[:])
	}
	return list(ctx, s, q, func(r row) store.SessionRow {
		row := store.SessionRow{Session: sessionFacts(r), Username: r.text(10)}
		row.UserAgent, row.Address = r.text(11), r.text(12)
		return row
	}, args...)
}

// CountSessions counts the live sessions.
func (s *Store) CountSessions(ctx context.Context, now time.Time) (int, error) {
	return s.count(ctx, countSessions, millis(now))
}

// ListDelegations lists live delegations, newest first. Of a filter's fields the narrowest finds them.
func (s *Store) ListDelegations(ctx context.Context, f store.DelegationFilter, now time.Time, after store.Place, limit int) ([]store.DelegationRow, error) {
	q, args := selectDelegations, placeArgs(now, after, limit)
	switch {
	case !f.SessionID.IsZero():
		q, args = selectDelegationsOfSession, append(args, orNull(f.AccountID), f.ClientID, f.SessionID[:])
	case !f.AccountID.IsZero():
		q, args = selectDelegationsOfAccount, append(args, f.AccountID[:], f.ClientID)
	case f.ClientID != "":
		q, args = selectDelegationsOfClient, append(args, f.ClientID)
	}
	return list(ctx, s, q, func(r row) store.DelegationRow {
		return store.DelegationRow{
			Delegation: oauth.Delegation{
				ID:        idAt(r, 0),
				SessionID: idAt(r, 1),
				ClientID:  r.text(2),
				AccountID: idAt(r, 3),
				Scope:     wordsAt(r, 4),
				Created:   timeAt(r, 5),
			},
			Username: r.text(6),
		}
	}, args...)
}

// Consents lists what the account agreed to, by client.
func (s *Store) Consents(ctx context.Context, accountID oauth.ID) ([]oauth.Consent, error) {
	return list(ctx, s, selectConsents, func(r row) oauth.Consent {
		return *consentAt(r, 0, accountID)
	}, accountID[:])
}
