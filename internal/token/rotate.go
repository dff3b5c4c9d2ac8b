package token

import (
	"cmp"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// Policy says when keys change.
type Policy struct {
	// SignEvery and SealEvery are how long a key stays the current one.
	SignEvery, SealEvery time.Duration
	// Publish is how long a key is "next" before it activates: at least as long as anybody caches the
	// JWKS.
	Publish time.Duration
	// Keep is how long a retired key may still be needed: the longest lifetime of anything made with
	// it, and for signing keys how old an id_token_hint may be.
	Keep time.Duration
}

// DefaultPolicy is what a server rotates by unless it is told otherwise.
func DefaultPolicy() Policy {
	const day = 24 * time.Hour
	return Policy{SignEvery: 90 * day, SealEvery: 30 * day, Publish: day, Keep: 30 * day}
}

func (p Policy) every(use Use) time.Duration {
	if use == UseSeal {
		return p.SealEvery
	}
	return p.SignEvery
}

// KeyState is where a key is in its life.
type KeyState string

// The states of a key.
const (
	StateNext    KeyState = "next"
	StateCurrent KeyState = "current"
	StateRetired KeyState = "retired"
)

// Need is a key that has to be made.
type Need struct {
	Use       Use
	Alg       oauth.Alg
	Activates time.Time
}

// roles are the uses and algorithms that a server always has a key for.
var roles = []Need{{Use: UseSeal}, {Use: UseSign, Alg: oauth.ES256}, {Use: UseSign, Alg: oauth.RS256}}

// State tells where k, one of keys, is in its life.
func State(keys []WrappedKey, k WrappedKey, now time.Time) KeyState {
	line := succession(keys, k.Use, k.Alg)
	at := slices.IndexFunc(line, func(other WrappedKey) bool { return other.ID == k.ID })
	switch current := currentIndex(line, WrappedKey.place, now); {
	case at > current:
		return StateNext
	case at == current:
		return StateCurrent
	}
	return StateRetired
}

// Due lists the keys that have to be made now: where a role has none at all, one that activates at
// once; where the current one is about to age and no next one is there, one that is published first.
func Due(keys []WrappedKey, now time.Time, p Policy) []Need {
	var due []Need
	for _, role := range roles {
		line := succession(keys, role.Use, role.Alg)
		if len(line) == 0 {
			due = append(due, Need{role.Use, role.Alg, now})
			continue
		}
		newest := line[len(line)-1]
		retires := newest.Activates.Add(p.every(role.Use))
		if newest.Activates.After(now) || now.Before(retires.Add(-p.Publish)) {
			continue
		}
		due = append(due, Need{role.Use, role.Alg, latest(retires, now.Add(p.Publish))})
	}
	return due
}

// Obsolete lists the ids of keys that retired longer than Keep ago: nothing that was made with them
// is good any more.
func Obsolete(keys []WrappedKey, now time.Time, p Policy) []string {
	var ids []string
	for _, role := range roles {
		line := succession(keys, role.Use, role.Alg)
		for i := range currentIndex(line, WrappedKey.place, now) {
			if retired := line[i+1].Activates; now.Sub(retired) > p.Keep {
				ids = append(ids, line[i].ID)
			}
		}
	}
	return ids
}

// FromFuture returns the keys that no right clock can have made by now, as they ought to be: not created and,
// where they are current or retired, not activated later than now, and a next one published as long as any.
// A clock that was ahead made them. Wrapping does not authenticate the times.
func FromFuture(keys []WrappedKey, now time.Time, p Policy, tolerated time.Duration) []WrappedKey {
	var mended []WrappedKey
	for _, role := range roles {
		line := succession(keys, role.Use, role.Alg)
		current := currentIndex(line, WrappedKey.place, now)
		for i, k := range line {
			limit := now
			if i > current {
				limit = now.Add(p.Publish)
			}
			if k.Created.After(now.Add(tolerated)) || k.Activates.After(limit.Add(tolerated)) {
				k.Created, k.Activates = earliest(k.Created, now), earliest(k.Activates, limit)
				mended = append(mended, k)
			}
		}
	}
	return mended
}

// place is where a key stands in the succession of its role.
type place struct {
	epoch     int64
	activates time.Time
}

func (k WrappedKey) place() place { return place{k.Epoch, k.Activates} }

// succession returns the keys of one role in the order of their epoch and activation; ties go by ID, so that
// every node sees the same order.
func succession(keys []WrappedKey, use Use, alg oauth.Alg) []WrappedKey {
	var line []WrappedKey
	for _, k := range keys {
		if k.Use == use && k.Alg == alg {
			line = append(line, k)
		}
	}
	slices.SortFunc(line, func(a, b WrappedKey) int {
		return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), a.Activates.Compare(b.Activates), cmp.Compare(a.ID, b.ID))
	})
	return line
}

// currentIndex finds the current one in a succession: the last of the latest epoch that has activated. Where
// none has, it is the first of that epoch, so that a node whose clock is a little behind the one that made the
// first keys can serve, and keys of an older epoch are not used again. It is -1 for an empty succession.
func currentIndex[K any](line []K, of func(K) place, now time.Time) int {
	first := len(line) - 1
	for i := first; i >= 0 && of(line[i]).epoch == of(line[len(line)-1]).epoch; i-- {
		if !of(line[i]).activates.After(now) {
			return i
		}
		first = i
	}
	return first
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
