package sqlstore

import (
	"context"
	"time"

	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

var (
	// raiseRevisionTo leaves every revision behind that a node may remember from before the database went back.
	raiseRevisionTo = sql(`UPDATE config SET revision = CASE WHEN revision < $1 THEN $1 ELSE revision + 1 END WHERE id = 1`)

	deleteEveryKey        = sql(`DELETE FROM wrapped_key`)
	deleteEverySession    = sql(`DELETE FROM session`)
	deleteEveryChild      = sql(`DELETE FROM child_session`)
	deleteEveryDelegation = sql(`DELETE FROM delegation`)
	deleteEveryFamily     = sql(`DELETE FROM refresh_family`)
	deleteEveryDevice     = sql(`DELETE FROM device_request`)
)

// EndRestored replaces every key and ends all that a restored database would revive.
func (s *Store) EndRestored(ctx context.Context, keys []token.WrappedKey, now time.Time, a store.Audit) (store.Restored, error) {
	var n store.Restored
	// Whether the database answers at all is found out within the limit of every call.
	if err := s.Ping(ctx); err != nil {
		return n, err
	}
	ctx, cancel := patient(ctx, endingLimit)
	defer cancel()
	err := s.db.write(ctx, func(t tx) (err error) {
		t.do(raiseRevisionTo, millis(now))
		for _, step := range []struct {
			delete *statement
			count  *int64
		}{
			{deleteEveryKey, &n.Keys}, {deleteEverySession, &n.Sessions}, {deleteEveryChild, &n.ChildSessions},
			{deleteEveryDelegation, &n.Delegations}, {deleteEveryFamily, &n.Families}, {deleteEveryDevice, &n.DeviceRequests},
		} {
			if *step.count, err = t.exec(step.delete); err != nil {
				return err
			}
		}
		for _, k := range keys {
			t.do(insertKey, keyArgs(k)...)
		}
		record(t, a)
		return nil
	})
	if err != nil {
		return store.Restored{}, err
	}
	return n, nil
}
