package sqlstore

import (
	"context"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

var (
	purgeSessions = sql(`DELETE FROM session WHERE id IN
		(SELECT id FROM session WHERE ends <= $1 ORDER BY ends LIMIT $2 FOR UPDATE SKIP LOCKED) AND ends <= $1 RETURNING id`)
	purgeRevocations = sql(`DELETE FROM revocation WHERE token_id IN
		(SELECT token_id FROM revocation WHERE expires <= $1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED)`)
	purgeFamilies = sql(`DELETE FROM refresh_family WHERE id IN
		(SELECT id FROM refresh_family WHERE expires <= $1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED)`)
	purgeDevices = sql(`DELETE FROM device_request WHERE user_code_hash IN
		(SELECT user_code_hash FROM device_request WHERE expires <= $1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED)`)
	purgeSpent = sql(`DELETE FROM spent WHERE hash IN
		(SELECT hash FROM spent WHERE expires <= $1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED)`)
	purgeAudits = sql(`DELETE FROM audit WHERE id IN
		(SELECT id FROM audit WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)`)
	purgeChanges = sql(`DELETE FROM change WHERE id IN
		(SELECT id FROM change WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)`)
	purgeTallies = sql(`DELETE FROM tally WHERE (at, name) IN
		(SELECT at, name FROM tally WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)`)
)

// keepSpent is how much longer than it matters a spent value is kept: nodes' clocks differ.
const keepSpent = time.Hour

// keepTallies is how long there is something to see of the past.
const keepTallies = 90 * 24 * time.Hour

// Purge deletes at most limit expired rows of each kind. Nodes that purge at once pass over what another
// one has in hand.
func (s *Store) Purge(ctx context.Context, now time.Time, keepAudit time.Duration, limit int) (int, error) {
	var oldest oauth.ID
	stamp(&oldest, now.Add(-keepAudit))
	total := 0
	for _, kind := range []func(tx) (int64, error){
		func(t tx) (int64, error) { return purgeExpiredSessions(t, now, limit) },
		func(t tx) (int64, error) { return t.exec(purgeFamilies, millis(now), limit) },
		func(t tx) (int64, error) { return t.exec(purgeDevices, millis(now), limit) },
		func(t tx) (int64, error) { return t.exec(purgeRevocations, millis(now), limit) },
		func(t tx) (int64, error) { return t.exec(purgeSpent, millis(now.Add(-keepSpent)), limit) },
		func(t tx) (int64, error) { return t.exec(purgeAudits, oldest[:], limit) },
		func(t tx) (int64, error) { return t.exec(purgeChanges, oldest[:], limit) },
		func(t tx) (int64, error) { return t.exec(purgeTallies, millis(now.Add(-keepTallies)), limit) },
	} {
		var n int64
		err := s.db.write(ctx, func(t tx) (err error) {
			n, err = kind(t)
			return err
		})
		if err != nil {
			return total, err
		}
		total += int(n)
	}
	return total, nil
}

func purgeExpiredSessions(t tx, now time.Time, limit int) (int64, error) {
	var ids []oauth.ID
	if err := t.query(purgeSessions, func(r row) { ids = append(ids, idAt(r, 0)) }, millis(now), limit); err != nil {
		return 0, err
	}
	for _, id := range ids {
		t.do(deleteChildren, id[:])
		t.do(deleteDelegations, id[:])
	}
	return int64(len(ids)), nil
}
