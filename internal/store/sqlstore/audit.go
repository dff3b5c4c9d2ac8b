package sqlstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"

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
	selectAudits = sql(`SELECT ` + auditColumns + ` FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2`)
)

// record writes a where it is not the zero Audit.
func record(t tx, a store.Audit) {
	if a, there := complete(a); there {
		t.do(insertAudit, auditArgs(a)...)
	}
}

// complete gives a record the time and the ID that it lacks; it tells the zero Audit, which is not written.
func complete(a store.Audit) (_ store.Audit, there bool) {
	if a == (store.Audit{}) {
		return a, false
	}
	if a.At.IsZero() {
		a.At = time.Now()
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
		a.At = time.Now()
	}
	a.ID = foldedID(a.AccountID, a.At)
	return s.db.write(ctx, func(t tx) error {
		t.do(foldAudit, auditArgs(a)...)
		return nil
	})
}

// Audits lists the records before the given one, newest first.
func (s *Store) Audits(ctx context.Context, before oauth.ID, limit int) ([]store.Audit, error) {
	if before.IsZero() {
		before = oauth.ID(bytes.Repeat([]byte{0xff}, len(before)))
	}
	var list []store.Audit
	err := s.db.view(ctx, func(t tx) error {
		list = nil
		return t.last(selectAudits, func(r row) { list = append(list, auditAt(r)) }, before[:], limit)
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

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
	}
}
