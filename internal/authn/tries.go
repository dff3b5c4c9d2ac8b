package authn

import (
	"encoding/json"
	"slices"
	"time"
)

// Throttle is what is remembered of the guesses at one secret. The store keeps its two parts as
// JSON.
type Throttle struct {
	tries    tries
	browsers []source // known ones, those used last first
}

// tries are the guesses of strangers, and the reservations of all.
type tries struct {
	Total    level         `json:"total,omitzero"`
	Sources  []source      `json:"sources,omitempty"`
	Reserved []Reservation `json:"reserved,omitempty"`
	// Told is when operators were told last that the total is used up.
	Told int64 `json:"told,omitempty"`
}

// level is a number of guesses that shrinks with time.
type level struct {
	Guesses float64 `json:"guesses,omitempty"`
	At      int64   `json:"at,omitempty"` // milliseconds since 1970, as all times here
}

// source is a network, a user, or a known browser: Used is when the user signed in there last.
type source struct {
	Name string `json:"name"`
	level
	Used int64 `json:"used,omitempty"`
}

// Reservation is one guess that is about to be judged.
type Reservation struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Known  bool   `json:"known,omitempty"` // Source is a known browser
	At     int64  `json:"at"`
}

// Cause says which limit refused a guess.
type Cause string

// The causes.
const (
	CauseNone    Cause = ""
	CauseNetwork Cause = "network" // too many guesses from this network
	CauseAccount Cause = "account" // too many guesses from all networks
	CauseBrowser Cause = "browser" // too many guesses in this browser, which the user used before
	CauseBusy    Cause = "busy"    // guesses are being judged right now
)

// Verdict says whether a guess may be judged: where Cause is empty it was reserved, else it is
// refused, and another is worth making after Wait.
type Verdict struct {
	Reservation Reservation
	Cause       Cause
	Wait        time.Duration
}

// busyWait is the wait where others of the same source are being judged.
const busyWait = 2 * time.Second

// ReadThrottle reads what Encode wrote; empty parts belong to a secret without guesses.
func ReadThrottle(tries, browsers []byte) (t Throttle, err error) {
	if len(tries) > 0 {
		err = json.Unmarshal(tries, &t.tries)
	}
	if err == nil && len(browsers) > 0 {
		err = json.Unmarshal(browsers, &t.browsers)
	}
	return t, err
}

// Encode writes both parts for the store.
func (t *Throttle) Encode() (tries, browsers []byte, err error) {
	if tries, err = json.Marshal(&t.tries); err != nil || len(t.browsers) == 0 {
		return tries, nil, err
	}
	browsers, err = json.Marshal(t.browsers)
	return tries, browsers, err
}

// ReserveSignIn reserves a guess at a password under a fresh ID. browser is the ID in the device
// cookie, which may be empty: where the user is known there, the guess counts for that browser
// alone, else for the network.
func (t *Throttle) ReserveSignIn(id, browser, network string, now time.Time) Verdict {
	if slices.ContainsFunc(t.browsers, func(s source) bool { return s.Name == browser }) {
		return t.reserve(&knownBrowser, Reservation{ID: id, Source: browser, Known: true}, now)
	}
	return t.reserve(&signIn, Reservation{ID: id, Source: network}, now)
}

// Reserve reserves a guess of a source by other limits than those of a sign-in.
func (t *Throttle) Reserve(l *Limits, id, source string, now time.Time) Verdict {
	return t.reserve(l, Reservation{ID: id, Source: source}, now)
}

// reserve changes nothing where it refuses: a refused guess prolongs no wait.
func (t *Throttle) reserve(l *Limits, r Reservation, now time.Time) Verdict {
	r.At = now.UnixMilli()
	judged, total := t.levelOf(l, r, r.At), t.tries.Total.after(l.totalPerDay, r.At)
	waiting, all := t.reserved(r)
	if l.wait(judged.Guesses+waiting, total.Guesses+all) == 0 {
		t.tries.Reserved = slices.DeleteFunc(t.tries.Reserved, func(other Reservation) bool {
			return other.lapsed(r.At)
		})
		t.tries.Reserved = append(t.tries.Reserved, r)
		return Verdict{Reservation: r}
	}
	wait := l.wait(judged.Guesses, total.Guesses)
	switch {
	case wait == 0:
		return Verdict{Cause: CauseBusy, Wait: busyWait}
	case r.Known:
		return Verdict{Cause: CauseBrowser, Wait: wait}
	case until(judged.Guesses+1-l.tiers[0].source, 1) > 0:
		return Verdict{Cause: CauseNetwork, Wait: wait}
	}
	return Verdict{Cause: CauseAccount, Wait: wait}
}

// levelOf is how many guesses of r's source count now.
func (t *Throttle) levelOf(l *Limits, r Reservation, at int64) level {
	list := t.tries.Sources
	if r.Known {
		list = t.browsers
	}
	if i := indexOf(list, r.Source); i >= 0 {
		return list[i].after(l.sourcePerDay, at)
	}
	return level{At: at}
}

// reserved is how many guesses are being judged: of r's source, and of all strangers.
func (t *Throttle) reserved(r Reservation) (same, all float64) {
	for _, other := range t.tries.Reserved {
		if other.lapsed(r.At) {
			continue
		}
		if other.Source == r.Source && other.Known == r.Known {
			same++
		}
		if !other.Known {
			all++
		}
	}
	return same, all
}

// lapsed tells that a reservation counts no more: the node that judged the guess crashed, or its
// clock was wrong.
func (r Reservation) lapsed(at int64) bool {
	age := at - r.At
	return age > reservationLifetime.Milliseconds() || -age > clockSlack.Milliseconds()
}

// Count counts a guess that was judged and was wrong. It counts one whose reservation lapsed, too.
func (t *Throttle) Count(l *Limits, r Reservation, now time.Time) {
	at := now.UnixMilli()
	t.drop(r)
	if r.Known {
		if i := indexOf(t.browsers, r.Source); i >= 0 { // else its user's password changed meanwhile
			t.browsers[i].level = t.browsers[i].after(knownBrowser.sourcePerDay, at).plus()
		}
		return
	}
	if l.totalPerDay > 0 {
		t.tries.Total = t.tries.Total.after(l.totalPerDay, at).plus()
	}
	counted := source{Name: r.Source, level: t.levelOf(l, r, at).plus()}
	if len(l.tiers) > 1 { // more would only make the source wait for longer
		counted.Guesses = min(counted.Guesses, l.tiers[1].source)
	}
	t.tries.Sources = slices.DeleteFunc(t.tries.Sources, func(s source) bool {
		return s.Name == r.Source || s.after(l.sourcePerDay, at).Guesses == 0
	})
	t.tries.Sources = append(t.tries.Sources, counted)
	if len(t.tries.Sources) > maxSources { // the one that guessed longest ago
		t.tries.Sources = t.tries.Sources[1:]
	}
}

// CountSignIn is Count for ReserveSignIn.
func (t *Throttle) CountSignIn(r Reservation, now time.Time) { t.Count(&signIn, r, now) }

// GiveBack takes a reservation back: the guess was right, or nothing was judged. It tells
// whether that changed anything.
func (t *Throttle) GiveBack(r Reservation) bool { return t.drop(r) }

func (t *Throttle) drop(r Reservation) bool {
	before := len(t.tries.Reserved)
	t.tries.Reserved = slices.DeleteFunc(t.tries.Reserved, func(other Reservation) bool {
		return other.ID == r.ID
	})
	return len(t.tries.Reserved) < before
}

// Remember makes the browser the one that the user signed in with last, forgets the guesses in
// it, and forgets the browser that was used least recently where there are more than
// MaxBrowsers.
func (t *Throttle) Remember(browser string, now time.Time) {
	if i := indexOf(t.browsers, browser); i >= 0 {
		t.browsers = slices.Delete(t.browsers, i, i+1)
	}
	t.browsers = slices.Insert(t.browsers, 0, source{Name: browser, Used: now.UnixMilli()})
	t.browsers = t.browsers[:min(len(t.browsers), MaxBrowsers)]
}

// Release forgets the guesses of everybody; known browsers stay known.
func (t *Throttle) Release() {
	t.tries = tries{}
	for i := range t.browsers {
		t.browsers[i].level = level{}
	}
}

// Tell tells whether operators are to be told that the total is used up, which they are once an
// hour.
func (t *Throttle) Tell(now time.Time) bool {
	since := now.UnixMilli() - t.tries.Told
	if 0 <= since && since < time.Hour.Milliseconds() {
		return false
	}
	t.tries.Told = now.UnixMilli()
	return true
}

func indexOf(list []source, name string) int {
	return slices.IndexFunc(list, func(s source) bool { return s.Name == name })
}

// after is the level at another time. A clock that is behind forgets nothing; where the level comes
// from a clock that was far ahead, it shrinks from now on.
func (l level) after(perDay float64, at int64) level {
	elapsed := at - l.At
	if elapsed < 0 && -elapsed <= clockSlack.Milliseconds() {
		return l
	}
	l.Guesses = max(0, l.Guesses-perDay*float64(max(0, elapsed))/float64(day.Milliseconds()))
	l.At = at
	return l
}

func (l level) plus() level {
	l.Guesses++
	return l
}
