package sqlstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/usher-id/usher/internal/store"
)

// insertSpent yields a row to the one who spends a value first.
var insertSpent = sql(`INSERT INTO spent (hash, expires) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING RETURNING expires`)

// gate is the one-time values that a transaction asks to spend, in the order in which every transaction locks
// them.
type gate []oneTime

type oneTime struct {
	kind    string
	hash    []byte
	expires int64
	fresh   bool
}

func newGate(values ...store.OneTime) gate {
	g := make(gate, len(values))
	for i, v := range values {
		g[i] = oneTime{kind: v.Kind, hash: spentHash(v), expires: millis(v.Expires)}
	}
	slices.SortFunc(g, func(a, b oneTime) int { return bytes.Compare(a.hash, b.hash) })
	return g
}

// spentHash is what is kept of a one-time value. The lengths keep its parts apart.
func spentHash(v store.OneTime) []byte {
	h := sha256.New()
	for _, part := range []string{v.Kind, v.Owner, v.ID} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// ask asks to spend all of them; used knows the outcome after the next statement that is waited for.
func (g gate) ask(t tx) {
	for i := range g {
		g[i].fresh = false
		t.ask(insertSpent, func(row) { g[i].fresh = true }, g[i].hash, g[i].expires)
	}
}

// used is a *store.SpentError where one of them had been used before.
func (g gate) used() error {
	for _, v := range g {
		if !v.fresh {
			return &store.SpentError{Kind: v.kind}
		}
	}
	return nil
}

// Spend uses one-time values up, all or none.
func (s *Store) Spend(ctx context.Context, values ...store.OneTime) error {
	if len(values) == 0 {
		return nil
	}
	g := newGate(values...)
	return s.db.write(ctx, func(t tx) error {
		// Where there is but one, nothing is to be taken back, and no lock waits for another round trip.
		run := t.query
		if len(g) == 1 {
			run = t.last
		}
		end := len(g) - 1
		g[:end].ask(t)
		g[end].fresh = false
		if err := run(insertSpent, func(row) { g[end].fresh = true }, g[end].hash, g[end].expires); err != nil {
			return err
		}
		return g.used()
	})
}
