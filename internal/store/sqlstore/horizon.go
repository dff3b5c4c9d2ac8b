package sqlstore

import (
	"context"
	"time"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

var (
	selectPulse = sql(`SELECT c.revision, h.epoch, h.upto, h.earlier, ` + databaseClock + `
		FROM config c JOIN horizon h ON h.id = 1 WHERE c.id = 1`)
	selectHorizon = sql(`SELECT epoch, upto, earlier FROM horizon WHERE id = 1`)
	raiseHorizon  = sql(`UPDATE horizon SET upto = $1 WHERE id = 1 AND upto < $1`)
	beginHorizon  = sql(`UPDATE horizon SET upto = $1 WHERE id = 1 AND upto = 0`)
	nextEpoch     = sql(`UPDATE horizon SET epoch = epoch + 1,
		earlier = CASE WHEN upto > earlier THEN upto ELSE earlier END, upto = 0 WHERE id = 1 AND epoch = $1`)

	// What a right clock could not have written, by indexes: a session that began in the future, or ends later
	// than any that was used until now; a family and a device request that end later than any made now.
	mendNewSessions = sql(`UPDATE session SET ` + mendedSession + ` WHERE id IN
		(SELECT id FROM session WHERE created > $2 LIMIT $4 FOR UPDATE SKIP LOCKED)`)
	mendUsedSessions = sql(`UPDATE session SET ` + mendedSession + ` WHERE id IN
		(SELECT id FROM session WHERE ends > $5 AND (last_used > $2 OR auth_time > $2) LIMIT $4 FOR UPDATE SKIP LOCKED)`)
	mendFamilies = sql(`UPDATE refresh_family SET expires = $3,
		created = ` + atMost("created", "$1") + `, rotated = ` + atMost("rotated", "$1") + `,
		auth_time = ` + atMost("auth_time", "$1") + `
		WHERE id IN (SELECT id FROM refresh_family WHERE expires > $5 AND created > $2 LIMIT $4 FOR UPDATE SKIP LOCKED)`)
	mendDevices = sql(`UPDATE device_request SET created = $1, expires = $2, polled = NULL, before = NULL
		WHERE user_code_hash IN
		(SELECT user_code_hash FROM device_request WHERE expires > $3 LIMIT $4 FOR UPDATE SKIP LOCKED)`)
)

// mendedSession is a session as if what it has of the future had happened at $1: it then ends as the profile
// has it, at $3 at the latest.
var mendedSession = `created = ` + atMost("created", "$1") + `, auth_time = ` + atMost("auth_time", "$1") + `,
	last_used = ` + atMost("last_used", "$1") + `, expires = ` + atMost("expires", "$3") + `,
	ends = CASE WHEN ` + atMost("last_used", "$1") + ` + idle_ms < ` + atMost("expires", "$3") + `
		THEN ` + atMost("last_used", "$1") + ` + idle_ms ELSE ` + atMost("expires", "$3") + ` END`

// atMost is the smaller of a column and a parameter.
func atMost(column, limit string) string {
	return "CASE WHEN " + column + " > " + limit + " THEN " + limit + " ELSE " + column + " END"
}

func horizonAt(r row, first int) token.Horizon {
	return token.Horizon{Epoch: r.int(first), Upto: timeOrEpoch(r, first+1), Earlier: timeOrEpoch(r, first+2)}
}

// timeOrEpoch is the zero time for 0.
func timeOrEpoch(r row, column int) time.Time {
	if r.int(column) == 0 {
		return time.Time{}
	}
	return timeAt(r, column)
}

// Pulse reads what a node looks at once a second.
func (s *Store) Pulse(ctx context.Context) (store.Pulse, error) {
	var p store.Pulse
	err := s.db.read(ctx, selectPulse, func(r row) {
		p = store.Pulse{Revision: r.int(0), Horizon: horizonAt(r, 1), Clock: timeOrZero(r, 4)}
	})
	if err != nil {
		return store.Pulse{}, err
	}
	return p, nil
}

// RaiseHorizon records that what expired until then may be gone. It never moves back.
func (s *Store) RaiseHorizon(ctx context.Context, upto time.Time) error {
	return s.db.write(ctx, func(t tx) error {
		t.do(raiseHorizon, millis(upto))
		return nil
	})
}

// BeginEpoch begins the epoch after was, with its first keys.
func (s *Store) BeginEpoch(ctx context.Context, was int64, keys []token.WrappedKey, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		t.do(raiseRevision)
		recordRevision(t, configChange{kind: keysChange})
		n, err := t.exec(nextEpoch, was)
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrConflict
		}
		for _, k := range keys {
			t.do(insertKey, keyArgs(k)...)
		}
		record(t, a)
		return nil
	})
}

// MendFuture brings back to now what a clock that was ahead wrote.
func (s *Store) MendFuture(ctx context.Context, now time.Time, l store.Lifetimes, limit int) (int, error) {
	at, future := millis(now), millis(now.Add(2*clock.Tolerated))
	session := millis(now.Add(l.Session))
	total := int64(0)
	for _, mend := range []struct {
		s    *statement
		args []any
	}{
		{mendNewSessions, []any{at, future, session, limit}},
		{mendUsedSessions, []any{at, future, session, limit, millis(now.Add(l.Idle + 2*clock.Tolerated))}},
		{mendFamilies, []any{at, future, millis(now.Add(l.Refresh)), limit, millis(now.Add(l.Refresh + 2*clock.Tolerated))}},
		{mendDevices, []any{at, millis(now.Add(l.Device)), millis(now.Add(l.Device + 2*clock.Tolerated)), limit}},
	} {
		var n int64
		err := s.db.write(ctx, func(t tx) (err error) {
			n, err = t.exec(mend.s, mend.args...)
			return err
		})
		if err != nil {
			return int(total), err
		}
		total += n
	}
	return int(total), nil
}
