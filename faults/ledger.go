package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// state is what the ledger knows of a session, a token, a code or a family.
type state int

const (
	live  state = iota // its making was acknowledged
	ended              // its end was acknowledged
	maybe              // an end was asked for and the answer is unknown, or nobody knows when it expires
)

// given is the state of what an answer gives. What a node with a wrong clock gives may expire at a
// wrong time.
func (a *answer) given() state {
	if a.excuse.refuses {
		return maybe
	}
	return live
}

// trail is what happened to one thing, for evidence.
type trail struct {
	steps []string
}

func (t *trail) add(a answer, what string) {
	t.steps = append(t.steps, fmt.Sprintf("%s to %s at %s: %s %s -> %s",
		a.start.UTC().Format("15:04:05.000"), a.end.UTC().Format("05.000"), a.node.name, a.name, what, a.shortly()))
}

// session is an SSO session, by its cookie.
type session struct {
	trail
	user   string
	cookie string
	state  state
}

// accessToken ends with its session, its family (nil for none), or alone.
type accessToken struct {
	trail
	text    string
	session *session
	family  *family
	state   state
}

// expected is the state by all that the token depends on.
func (t *accessToken) expected() state {
	all := []state{t.state, t.session.state}
	if t.family != nil {
		all = append(all, t.family.expected())
	}
	switch {
	case slices.Contains(all, ended):
		return ended
	case slices.Contains(all, maybe):
		return maybe
	}
	return live
}

// family is a chain of refresh tokens; current is the last that was acknowledged.
type family struct {
	trail
	session *session
	code    string // which began it; it is spent
	began   time.Time
	tokens  []string
	state   state
	// unknown is when a refresh was sent whose answer is unknown; zero for none. Its client may ask
	// again with the same token for a while (oauth.RefreshGrace), after which that counts as reuse.
	unknown time.Time
}

func (f *family) current() string { return f.tokens[len(f.tokens)-1] }

func (f *family) expected() state {
	switch {
	case f.state == ended || f.session.state == ended:
		return ended
	case f.state == maybe || f.session.state == maybe:
		return maybe
	}
	return live
}

// violation is a promise that was broken, with the evidence.
type violation struct {
	what     string
	evidence []string
}

// ledger counts what all clients of a trial saw.
type ledger struct {
	mu           sync.Mutex
	began        time.Time
	requests     int
	acknowledged int // writes
	refusals     int // wrong, but excused
	errors       map[outcome]int
	successes    []time.Time
	slowest      time.Duration
	violations   []violation
	subjects     map[string]string // user by subject
}

func newLedger() *ledger {
	return &ledger{began: time.Now(), errors: map[outcome]int{}, subjects: map[string]string{}}
}

// note counts a request and judges what can be judged whatever it asked for.
func (l *ledger) note(a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	l.slowest = max(l.slowest, a.end.Sub(a.start))
	if a.outcome != answered {
		l.errors[a.outcome]++
	}
	switch {
	case a.outcome == lost && !a.excuse.breaks:
		l.addAnswer("a request that was sent got no answer", a)
	case a.outcome == unreachable && !a.excuse.unreachable:
		l.addAnswer("a node took no connection", a)
	case a.outcome == broken:
		l.addAnswer("an answer other than 503 for what cannot be served", a)
	case a.outcome == unavailable && !a.excuse.unavailable:
		l.addAnswer("unavailable though nothing is wrong with this node", a)
	case a.status == 503 && a.header.Get("Retry-After") == "":
		l.addAnswer("503 without Retry-After", a)
	}
	if a.end.Sub(a.start) > promised+slack && !a.excuse.breaks {
		l.addAnswer("an answer took longer than 5 s", a)
	}
}

// succeeded counts an answer that gave what was asked for.
func (l *ledger) succeeded(a answer, write bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.successes = append(l.successes, a.end)
	if write {
		l.acknowledged++
	}
	if from := a.node.mustRefuseFrom.Load(); from > 0 && a.start.UnixMilli() > from {
		l.addAnswer("a node whose clock is wrong serves", a)
	}
}

// subject checks that a token's subject is the user's and nobody else's.
func (l *ledger) subject(user, subject string, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.subjects[subject]; ok && known != user || subject == "" {
		l.addAnswer(fmt.Sprintf("a token of %s says subject %q, which is %q", user, subject, known), a)
		return
	}
	l.subjects[subject] = user
}

// wrong is an answer that contradicts what was acknowledged.
func (l *ledger) wrong(what string, a answer, t *trail) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.excuse.refuses && !strings.HasPrefix(what, worst) {
		l.refusals++
		return
	}
	l.addAnswer(what, a, t.steps...)
}

// worst begins the violations that no fault excuses.
const worst = "REVOKED BUT ACTIVE: "

func (l *ledger) addAnswer(what string, a answer, steps ...string) {
	var t trail
	t.add(a, fmt.Sprintf("(status %d, excused: %+v)", a.status, a.excuse))
	l.violations = append(l.violations, violation{what, append(slices.Clone(steps), t.steps...)})
}

// fail notes a violation that no single answer shows.
func (l *ledger) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.violations = append(l.violations, violation{what: fmt.Sprintf(format, args...)})
}

// longestGap is the longest time without a successful answer, from the start of the load to end.
func (l *ledger) longestGap(end time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	times := append(slices.Clone(l.successes), l.began, end)
	slices.SortFunc(times, time.Time.Compare)
	var gap time.Duration
	for i := 1; i < len(times); i++ {
		gap = max(gap, times[i].Sub(times[i-1]))
	}
	return gap
}
