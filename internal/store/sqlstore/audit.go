package sqlstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const auditColumns = `id, happened, event, actor, account_id, client_id, session_id, address, detail, times`

var (
	insertAudit = sql(`INSERT INTO audit (` + auditColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (id) DO NOTHING`)
	foldAudit = sql(`INSERT INTO audit (` + auditColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (id) DO UPDATE SET times = audit.times + excluded.times,
			happened = excluded.happened, client_id = excluded.client_id, address = excluded.address, detail = excluded.detail`)
)

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
		a.Address, a.Detail, max(a.Count, 1)}
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

// foldedID is the same for all failed sign-ins of one account within one hour, and begins with that
// hour.
func foldedID(account oauth.ID, at time.Time) (id oauth.ID) {
	hour := at.Truncate(time.Hour)
	sum := sha256.Sum256(append([]byte("failed sign-in "), account[:]...))
	copy(id[6:], sum[:])
	stamp(&id, hour)
	return id
}

// Record writes a record that stands alone.
func (s *Store) Record(ctx context.Context, a store.Audit) error {
	return s.db.appending(ctx, func(t tx) error {
		record(t, a)
		return nil
	})
}

// RecordFailedSignIn raises the count of the account's row of this hour; the rest of the row tells of the
// latest attempt.
func (s *Store) RecordFailedSignIn(ctx context.Context, a store.Audit) error {
	if a.At.IsZero() {
		a.At = clock.Wall()
	}
	a.ID = foldedID(a.AccountID, a.At)
	return s.db.write(ctx, func(t tx) error {
		t.do(foldAudit, auditArgs(a)...)
		return nil
	})
}
