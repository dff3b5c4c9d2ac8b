package sqlstore

import (
	"context"
	"time"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// Each kind is found first and then deleted key by key. One DELETE with a LIMIT in a subquery would be
// shorter, but PostgreSQL runs such a subquery once for each row where it believes a table to be small,
// and then deletes without a limit.
var (
	// A session's children and delegations are counted up to the limit, so that many of them are seen to be many.
	findSessions = sql(`SELECT s.id, s.ends,
		(SELECT count(*) FROM (SELECT 1 FROM child_session k WHERE k.session_id = s.id LIMIT $2) t),
		(SELECT count(*) FROM (SELECT 1 FROM delegation d WHERE d.session_id = s.id LIMIT $2) t)
		FROM session s WHERE s.ends <= $1 ORDER BY s.ends LIMIT $2 FOR UPDATE OF s SKIP LOCKED`)
	purgeSession        = sql(`DELETE FROM session WHERE id = $1`)
	findChildrenOf      = sql(`SELECT cookie_hash FROM child_session WHERE session_id = $1 LIMIT $2`)
	findDelegationsOf   = sql(`SELECT id FROM delegation WHERE session_id = $1 LIMIT $2`)
	findRevocations     = sql(findExpired("token_id", "revocation"))
	purgeRevocation     = sql(`DELETE FROM revocation WHERE token_id = $1`)
	findExpiredFamilies = sql(findExpired("id", "refresh_family"))
	findDevices         = sql(findExpired("user_code_hash", "device_request"))
	purgeDevice         = sql(`DELETE FROM device_request WHERE user_code_hash = $1`)
	findSpent           = sql(findExpired("hash", "spent"))
	purgeSpent          = sql(`DELETE FROM spent WHERE hash = $1`)
	findAudits          = sql(`SELECT id, happened FROM audit WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED`)
	purgeAudit          = sql(`DELETE FROM audit WHERE id = $1`)
	findChanges         = sql(`SELECT id, happened FROM change WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED`)
	purgeChange         = sql(`DELETE FROM change WHERE id = $1`)
	findTallies         = sql(`SELECT name, at FROM tally WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED`)
	purgeTally          = sql(`DELETE FROM tally WHERE name = $1 AND at = $2`)
)

func findExpired(key, table string) string {
	return `SELECT ` + key + `, expires FROM ` + table + ` WHERE expires <= $1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED`
}

const (
	// keepSpent is how much longer than it matters a spent value is kept: nodes' clocks differ.
	keepSpent = clock.KeepSpent
	// keepTallies is how long there is something to see of the past.
	keepTallies = 90 * 24 * time.Hour
)

// Purge deletes some of what expired. Nodes that purge at once pass over what another one has locked.
func (s *Store) Purge(ctx context.Context, now time.Time, keepAudit time.Duration, limit int) (store.Purged, error) {
	var done store.Purged
	var begun time.Time
	err := s.db.write(ctx, func(t tx) error {
		begun = time.Now()
		p := purge{tx: t, limit: limit}
		err := p.all(now, keepAudit)
		done = p.done
		return err
	})
	if err != nil {
		return store.Purged{}, err
	}
	done.Took = time.Since(begun) // with the COMMIT, which takes longer than the statements
	verbs := s.verbs.Load()
	_, single := s.db.(*sqliteEngine) // on PostgreSQL other nodes may write
	done.Alone = verbs == s.purged.Swap(verbs)+1 && single
	return done, nil
}

// purge is one transaction of Purge.
type purge struct {
	tx
	limit int
	done  store.Purged
}

func (p *purge) all(now time.Time, keepAudit time.Duration) error {
	var oldest oauth.ID
	kept := now.Add(-keepAudit)
	stamp(&oldest, kept)
	for _, kind := range []struct {
		find, remove *statement
		key          func(row) []any
		horizon      time.Time
		bound        any
	}{
		{findExpiredFamilies, deleteFamily, firstBytes, now, millis(now)},
		{findDevices, purgeDevice, firstBytes, now, millis(now)},
		{findRevocations, purgeRevocation, firstBytes, now, millis(now)},
		{findSpent, purgeSpent, firstBytes, now.Add(-keepSpent), millis(now.Add(-keepSpent))},
		{findAudits, purgeAudit, firstBytes, kept, oldest[:]},
		{findChanges, purgeChange, firstBytes, kept, oldest[:]},
		{findTallies, purgeTally, nameAndTime, now.Add(-keepTallies), millis(now.Add(-keepTallies))},
	} {
		var keys [][]any
		err := p.query(kind.find, func(r row) {
			if keys = append(keys, kind.key(r)); len(keys) == 1 {
				p.saw(kind.horizon, timeAt(r, 1))
			}
		}, kind.bound, p.limit)
		if err != nil {
			return err
		}
		p.remove(kind.remove, keys...)
		p.done.More = p.done.More || len(keys) == p.limit
	}
	return p.sessions(now)
}

func firstBytes(r row) []any  { return []any{r.bytes(0)} }
func nameAndTime(r row) []any { return []any{r.text(0), r.int(1)} }

// saw notes how long ago a row expired.
func (p *purge) saw(horizon, expired time.Time) {
	p.done.Overdue = max(p.done.Overdue, horizon.Sub(expired))
}

func (p *purge) remove(s *statement, keys ...[]any) {
	for _, key := range keys {
		p.do(s, key...)
	}
	p.done.Rows += len(keys)
}

// doomed is an expired session.
type doomed struct {
	id                    oauth.ID
	children, delegations int
}

func (d doomed) rows() int { return 1 + d.children + d.delegations }

// sessions deletes expired sessions, oldest first, until the limit is reached with their children and
// delegations. A session with more than that alone loses a part of them, and is found again.
func (p *purge) sessions(now time.Time) error {
	var found []doomed
	err := p.query(findSessions, func(r row) {
		if len(found) == 0 {
			p.saw(now, timeAt(r, 1))
		}
		found = append(found, doomed{idAt(r, 0), int(r.int(2)), int(r.int(3))})
	}, millis(now), p.limit)
	if err != nil {
		return err
	}
	left := p.limit
	for i, d := range found {
		if d.rows() > left {
			p.done.More = true
			if i > 0 {
				return nil
			}
			return p.shrink(d)
		}
		// The session is locked, so what was counted is all there is.
		p.do(deleteChildren, d.id[:])
		p.do(deleteDelegations, d.id[:])
		p.remove(purgeSession, []any{d.id[:]})
		p.done.Rows += d.rows() - 1
		left -= d.rows()
	}
	p.done.More = p.done.More || len(found) == p.limit
	return nil
}

// shrink deletes a part of what a session has.
func (p *purge) shrink(d doomed) error {
	var children, delegations [][]any
	p.ask(findChildrenOf, func(r row) { children = append(children, firstBytes(r)) }, d.id[:], p.limit)
	err := p.query(findDelegationsOf, func(r row) { delegations = append(delegations, firstBytes(r)) }, d.id[:], p.limit)
	if err != nil {
		return err
	}
	children = children[:min(len(children), p.limit)]
	p.remove(deleteChild, children...)
	p.remove(deleteDelegation, delegations[:min(len(delegations), p.limit-len(children))]...)
	return nil
}
