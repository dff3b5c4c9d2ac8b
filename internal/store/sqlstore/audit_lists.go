package sqlstore

import (
	"bytes"
	"context"
	"math"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// auditRead is what lists read: a record with the name that its account has now.
const auditRead = auditColumns + `,
	(SELECT a.username FROM account a WHERE a.id = audit.account_id) AS username`

// auditMatch is the condition of a filter; its arguments are those of auditFilter.
const auditMatch = `(event = $4 OR $4 = '') AND (actor = $5 OR $5 = '') AND (account_id = $6 OR $6 IS NULL)
	AND (client_id = $7 OR $7 = '') AND happened >= $8 AND happened < $9`

var (
	selectAudits = sql(`SELECT ` + auditRead + ` FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2`)
	// selectMatches looks no further than a record at a fixed distance, the edge, which it shows whether or not it
	// matches: so the caller knows where to go on.
	selectMatches = sql(`WITH edge AS MATERIALIZED
		(SELECT id FROM audit WHERE id < $1 AND id >= $2 ORDER BY id DESC LIMIT 1 OFFSET $10)
		SELECT ` + auditRead + `, (SELECT id FROM edge) AS edge_id FROM audit
		WHERE id < $1 AND id >= COALESCE((SELECT id FROM edge), $2) AND (` + auditMatch + ` OR id = (SELECT id FROM edge))
		ORDER BY id DESC LIMIT $3`)
	selectAuditsAfter = sql(`SELECT ` + auditRead + ` FROM audit
		WHERE id > $1 AND id < $2 AND ` + auditMatch + ` ORDER BY id LIMIT $3`)
)

// auditsLooked is how many records one call looks at.
const auditsLooked = 20_000

// lastID is behind every identifier that begins with a time.
var lastID = oauth.ID(bytes.Repeat([]byte{0xff}, len(oauth.ID{})))

// Audits lists the records before the given one that match, newest first.
func (s *Store) Audits(ctx context.Context, f store.AuditFilter, before oauth.ID, limit int) ([]store.Audit, oauth.ID, error) {
	from, to := auditRange(f)
	if before.IsZero() || bytes.Compare(before[:], to[:]) > 0 {
		before = to
	}
	// One more than asked for tells whether something is left.
	if f == (store.AuditFilter{}) {
		found, err := list(ctx, s, selectAudits, auditAt, before[:], limit+1)
		if err != nil || len(found) <= limit {
			return found, oauth.ID{}, err
		}
		return found[:limit], found[limit-1].ID, nil
	}
	var edge oauth.ID
	args := append([]any{before[:], from[:], limit + 1}, append(auditFilter(f), auditsLooked-1)...)
	found, err := list(ctx, s, selectMatches, func(r row) store.Audit {
		edge = idAt(r, auditWidth)
		return auditAt(r)
	}, args...)
	switch n := len(found); {
	case err != nil:
		return nil, oauth.ID{}, err
	case n > limit:
		return found[:limit], found[limit-1].ID, nil
	case n > 0 && found[n-1].ID == edge && !auditMatches(f, found[n-1]):
		found = found[:n-1]
	}
	return found, edge, nil
}

// auditFilter is the arguments of auditMatch.
func auditFilter(f store.AuditFilter) []any {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !f.From.IsZero() {
		from = millis(f.From)
	}
	if !f.To.IsZero() {
		to = millis(f.To)
	}
	return []any{string(f.Event), f.Actor, orNull(f.AccountID), f.ClientID, from, to}
}

// auditMatches is auditMatch, for the record at the edge.
func auditMatches(f store.AuditFilter, a store.Audit) bool {
	return (f.Event == "" || f.Event == a.Event) && (f.Actor == "" || f.Actor == a.Actor) &&
		(f.AccountID.IsZero() || f.AccountID == a.AccountID) && (f.ClientID == "" || f.ClientID == a.ClientID) &&
		(f.From.IsZero() || millis(a.At) >= millis(f.From)) && (f.To.IsZero() || millis(a.At) < millis(f.To))
}

// auditRange bounds the identifiers of records that match. A folded record's begins with its hour, while it tells of
// the latest attempt.
func auditRange(f store.AuditFilter) (from, to oauth.ID) {
	if !f.From.IsZero() {
		stamp(&from, f.From.Add(-time.Hour))
	}
	to = lastID
	if !f.To.IsZero() {
		to = oauth.ID{}
		stamp(&to, f.To)
	}
	return from, to
}

// AuditsAfter lists the records after the given one that match, oldest first.
func (s *Store) AuditsAfter(ctx context.Context, f store.AuditFilter, after oauth.ID, limit int) ([]store.Audit, error) {
	from, to := auditRange(f)
	if bytes.Compare(after[:], from[:]) < 0 {
		after = from
	}
	return list(ctx, s, selectAuditsAfter, auditAt, append([]any{after[:], to[:], limit}, auditFilter(f)...)...)
}

// auditWidth is the number of columns of auditRead.
const auditWidth = 13

func auditAt(r row) store.Audit {
	return store.Audit{
		ID:        idAt(r, 0),
		At:        timeAt(r, 1),
		Event:     store.Event(r.text(2)),
		Actor:     r.text(3),
		AccountID: idAt(r, 4),
		ClientID:  r.text(5),
		SessionID: idAt(r, 6),
		Address:   r.text(7),
		Detail:    r.text(8),
		Count:     int(r.int(9)),
		First:     timeIfAny(r, 10),
		Last:      timeIfAny(r, 11),
		Username:  r.text(12),
	}
}

// timeIfAny is the zero time where the column holds 0.
func timeIfAny(r row, column int) time.Time {
	if r.int(column) == 0 {
		return time.Time{}
	}
	return timeAt(r, column)
}

var selectAccountAudits = sql(`SELECT ` + auditRead + ` FROM audit
	WHERE account_id = $1 AND event = $2 ORDER BY id DESC LIMIT $3`)

// AccountAudits lists by an index of its own, so that it costs the same however long the log is.
func (s *Store) AccountAudits(
	ctx context.Context, account oauth.ID, event store.Event, limit int,
) ([]store.Audit, error) {
	return list(ctx, s, selectAccountAudits, auditAt, account[:], string(event), limit)
}
