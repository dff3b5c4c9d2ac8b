package sqlstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const auditColumns = `id, happened, event, actor, account_id, client_id, session_id, address, detail,
	times, began, ended`

var insertAudit = sql(`INSERT INTO audit (` + auditColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING`)

// record writes a where it is not the zero Audit, and beside it what was changed.
func record(t tx, a store.Audit) {
	a, there := complete(a)
	if !there {
		return
	}
	t.do(insertAudit, auditArgs(a)...)
	recordChange(t, a)
}

// complete gives a record the time and the ID that it lacks; it tells the zero Audit, which is not written.
func complete(a store.Audit) (_ store.Audit, there bool) {
	if a == (store.Audit{}) {
		return a, false
	}
	if a.At.IsZero() {
		a.At = clock.Wall()
	}
	if a.ID.IsZero() {
		a.ID = auditID(a.At)
	}
	return a, true
}

func auditArgs(a store.Audit) []any {
	return []any{a.ID[:], millis(a.At), string(a.Event), a.Actor, orNull(a.AccountID), a.ClientID, orNull(a.SessionID),
		a.Address, a.Detail, max(a.Count, 1), millisOrZero(a.First), millisOrZero(a.Last)}
}

// millisOrZero is the stored form of a time that may be missing, where a column is not null.
func millisOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return millis(t)
}

// auditID makes an identifier that sorts by age.
func auditID(at time.Time) (id oauth.ID) {
	rand.Read(id[6:])
	stamp(&id, at)
	return id
}

// stamp writes the time in milliseconds into the first 48 bits.
func stamp(id *oauth.ID, at time.Time) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(max(0, millis(at))))
	copy(id[:6], b[2:])
}

// Record writes a record that stands alone.
func (s *Store) Record(ctx context.Context, a store.Audit) error {
	return s.db.appending(ctx, func(t tx) error {
		record(t, a)
		return nil
	})
}
