package storetest

import (
	"context"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

var otherTests = map[string]func(*fixture){
	"guesses":         testGuesses,
	"known browsers":  testKnownBrowsers,
	"clock":           testClock,
	"horizon":         testHorizon,
	"mend sessions":   testMendFuture,
	"mend devices":    testMendDevices,
	"hung up callers": testCancelled,
}

func testHorizon(f *fixture) {
	ctx := f.Context()
	pulse := func() token.Horizon {
		f.Helper()
		p, err := f.st.Pulse(ctx)
		f.must(err)
		return p.Horizon
	}
	f.must(f.st.Bootstrap(ctx, oauth.DefaultProfile(), []token.WrappedKey{f.key(f.now)}))
	begun := pulse()
	later := f.now.Add(9 * time.Hour)
	f.must(f.st.RaiseHorizon(ctx, later))
	f.must(f.st.RaiseHorizon(ctx, begun.Upto)) // never back
	f.same("raised", pulse(), token.Horizon{Upto: later})
	fresh := f.key(f.now)
	fresh.Epoch = 1
	f.want("an epoch that is not", f.st.BeginEpoch(ctx, 7, nil, store.Audit{}), store.ErrConflict)
	a := f.audit(store.EventKeysReplaced)
	f.raises("BeginEpoch", nil, func() error { return f.st.BeginEpoch(ctx, 0, []token.WrappedKey{fresh}, a) })
	f.same("begun", pulse(), token.Horizon{Epoch: 1, Earlier: later})
	f.want("twice", f.st.BeginEpoch(ctx, 0, []token.WrappedKey{f.key(f.now)}, store.Audit{}), store.ErrConflict)
	if !f.hasAudit(a) {
		f.Error("it was not recorded")
	}
	f.must(f.st.RaiseHorizon(ctx, f.now))
	f.same("the new epoch's own", pulse(), token.Horizon{Epoch: 1, Upto: f.now, Earlier: later})
	f.same("in the snapshot", f.load().Horizon, pulse())
	for _, k := range f.load().Keys {
		if k.Epoch != 0 != (k.ID == fresh.ID) {
			f.Errorf("key %s is of epoch %d", k.ID, k.Epoch)
		}
	}
	old := f.key(f.now.Add(400 * 24 * time.Hour))
	_, err := f.st.AddKey(ctx, old, f.now, store.Audit{})
	f.must(err)
	next := f.key(f.now.Add(time.Hour))
	next.Epoch = 1
	stored, err := f.st.AddKey(ctx, next, f.now.Add(time.Minute), store.Audit{})
	f.must(err)
	f.same("an older epoch's key is no successor", stored, true)
}

// testMendFuture: what a clock that was ahead wrote becomes what a right one had written, the rest stays.
func testMendFuture(f *fixture) {
	ctx, far := f.Context(), 400*24*time.Hour
	l := store.Lifetimes{Session: 24 * time.Hour, Idle: 8 * time.Hour, Refresh: 30 * 24 * time.Hour, Device: 10 * time.Minute}
	acc := f.account()
	good := f.session(acc)
	_, err := f.st.MendFuture(ctx, f.now, l, 500) // what other tests left
	f.must(err)
	start := func(change func(*oauth.Session)) oauth.Session {
		s := f.newSession(acc)
		change(&s)
		f.must(f.st.StartSession(ctx, acc.Version, s, nil, nil, store.Audit{}))
		return s
	}
	begun := start(func(s *oauth.Session) {
		s.Created, s.AuthTime, s.LastUsed = f.now.Add(far), f.now.Add(far), f.now.Add(far)
		s.Expires = f.now.Add(far + l.Session)
	})
	used := start(func(s *oauth.Session) { s.LastUsed, s.Expires = f.now.Add(9*time.Hour), f.now.Add(far) })
	n, err := f.st.MendFuture(ctx, f.now, l, 10)
	f.must(err)
	f.same("mended", n >= 2, true) // what other tests left may be among them
	for _, was := range []oauth.Session{begun, used} {
		st, err := f.st.Standing(ctx, was.CookieHash, "")
		f.must(err)
		s := st.Session
		if s.Created.After(f.now) || s.AuthTime.After(f.now) || !s.LastUsed.Equal(f.now) || !s.Expires.Equal(f.now.Add(l.Session)) {
			f.Errorf("a session from the future is %+v", s)
		}
	}
	st, err := f.st.Standing(ctx, good.CookieHash, "")
	f.must(err)
	f.same("a right clock's session", st.Session.Expires.Equal(good.Expires) && st.Session.LastUsed.Equal(good.LastUsed), true)
	n, err = f.st.MendFuture(ctx, f.now, l, 10)
	f.must(err)
	f.same("mended twice", n, 0)
	gone, err := f.st.Purge(ctx, f.now.Add(l.Idle+time.Minute), far, 10)
	f.must(err)
	if gone.Rows < 2 {
		f.Errorf("they do not end when they are idle: %d", gone.Rows)
	}
}

// testMendDevices: device requests of a clock that was ahead do not use up a client's allowance for long.
func testMendDevices(f *fixture) {
	ctx := f.Context()
	l := store.Lifetimes{Session: time.Hour, Idle: time.Hour, Refresh: time.Hour, Device: 10 * time.Minute}
	ahead := f.now.Add(9 * time.Hour)
	d := store.DeviceRequest{UserCodeHash: []byte("a"), ClientID: "tv", Created: ahead, Expires: ahead.Add(l.Device)}
	f.must(f.st.StartDevice(ctx, d, places(1)))
	n, err := f.st.MendFuture(ctx, f.now, l, 10)
	f.must(err)
	f.same("mended", n >= 1, true)
	d = store.DeviceRequest{UserCodeHash: []byte("b"), ClientID: "tv", Created: f.now.Add(l.Device), Expires: f.now.Add(2 * l.Device)}
	f.want("another, when it has expired", f.st.StartDevice(ctx, d, places(1)), nil)
}

func testClock(f *fixture) {
	p, err := f.st.Pulse(f.Context())
	f.must(err)
	if d := time.Since(p.Clock).Abs(); !p.Clock.IsZero() && d > 10*time.Second {
		f.Errorf("the database's clock is %v off", d)
	}
	f.must(f.st.Ping(f.Context()))
}

// testWritable: asking whether writes work is one commit each time, and no more.
func testWritable(f *fixture) {
	for range 2 {
		before := f.st.Stats()
		f.must(f.st.Writable(f.Context()))
		before.Writes++
		before.Commits++
		f.same("asking costs", f.st.Stats(), before)
	}
}

// testCancelled: who hung up before a verb began has changed nothing.
func testCancelled(f *fixture) {
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	s := f.session(f.account())
	_, err := f.st.EndSession(ctx, s.ID, store.Audit{})
	f.want("EndSession", err, context.Canceled)
	f.want("the session", f.sessionError(s.ID), nil)
	a := f.audit(store.EventTokenRevoked)
	f.want("RevokeToken", f.st.RevokeToken(ctx, newID(), f.now, a), context.Canceled)
	if f.hasAudit(a) {
		f.Error("the revocation was recorded")
	}
	_, err = f.st.Standing(ctx, s.CookieHash, "")
	f.want("Standing", err, context.Canceled)
	_, err = f.st.Load(ctx)
	f.want("Load", err, context.Canceled)
}

func testAudit(f *fixture) {
	ctx := f.Context()
	f.must(f.st.Record(ctx, store.Audit{}))
	list, _, err := f.st.Audits(ctx, store.AuditFilter{}, oauth.ID{}, 10)
	f.must(err)
	f.same("the zero record", list, []store.Audit(nil))

	full := store.Audit{
		ID: newID(), At: f.now, Event: store.EventConsentGiven, Actor: "user", AccountID: newID(), ClientID: "client",
		SessionID: newID(), Address: "192.0.2.1", Detail: "read", Count: 1,
	}
	copy(full.ID[:], []byte{0xf0}) // the newest
	f.must(f.st.Record(ctx, full))
	for i := range 5 {
		f.must(f.st.Record(ctx, store.Audit{Event: store.EventSignIn, At: f.now.Add(time.Duration(i) * time.Second)}))
	}
	list, _, err = f.st.Audits(ctx, store.AuditFilter{}, oauth.ID{}, 10)
	f.must(err)
	f.same("number", len(list), 6)
	f.same("the newest", list[0], full)
	for i, a := range list[1:] {
		f.same("time", a.At, f.now.Add(time.Duration(4-i)*time.Second))
		if a.ID.IsZero() || a.Count != 1 {
			f.Errorf("record %v has no identifier or count", a)
		}
	}
	page, _, err := f.st.Audits(ctx, store.AuditFilter{}, list[2].ID, 2)
	f.must(err)
	f.same("page", page, list[3:5])

	testFoldedAudit(f)
}

// A record that stands for several attempts keeps when these were, and the records of one account
// and event are found apart from all others.
func testFoldedAudit(f *fixture) {
	ctx, acc := f.Context(), newID()
	at := f.now.Add(time.Hour)
	folded := store.Audit{
		At: at, Event: store.EventSignInFailed, Actor: "user", AccountID: acc, Address: "192.0.2.0/24",
		Detail: "wrong password", Count: 7, First: at.Add(-time.Minute), Last: at.Add(-time.Second),
	}
	f.must(f.st.Record(ctx, folded))
	single := store.Audit{At: at.Add(time.Second), Event: store.EventSignIn, Actor: "user",
		AccountID: acc}
	f.must(f.st.Record(ctx, single))
	f.must(f.st.Record(ctx, store.Audit{At: at, Event: store.EventSignInFailed, AccountID: newID()}))
	for _, tt := range []struct {
		event store.Event
		want  store.Audit
	}{{store.EventSignInFailed, folded}, {store.EventSignIn, single}} {
		list, err := f.st.AccountAudits(ctx, acc, tt.event, 10)
		f.must(err)
		if len(list) != 1 {
			f.Fatalf("%s: %d records", tt.event, len(list))
		}
		got := list[0]
		tt.want.ID, tt.want.Count = got.ID, max(tt.want.Count, 1)
		f.same(string(tt.event), got, tt.want)
	}
	list, err := f.st.AccountAudits(ctx, newID(), store.EventSignIn, 10)
	f.must(err)
	f.same("records of nobody", len(list), 0)
}

func testPurge(f *fixture) {
	ctx := f.Context()
	f.must(f.st.Bootstrap(ctx, oauth.DefaultProfile(), nil))
	acc, c := f.account(), f.client()
	idle, expired, live := f.newSession(acc), f.newSession(acc), f.newSession(acc)
	expired.Expires = f.now.Add(30 * time.Minute)
	live.IdleTimeout = 3 * time.Hour
	for _, s := range []oauth.Session{idle, expired, live} {
		f.must(f.st.StartSession(ctx, 1, s, f.newChild(c.ID), nil, store.Audit{}))
		f.delegation(s, c.ID)
	}
	short, long := newID(), newID()
	f.must(f.st.RevokeToken(ctx, short, f.now.Add(time.Hour), store.Audit{}))
	f.must(f.st.RevokeToken(ctx, long, f.now.Add(2*time.Hour), store.Audit{}))
	old, recent := f.audit(store.EventSignIn), f.audit(store.EventSignIn)
	old.At = f.now.Add(-25 * time.Hour)
	f.must(f.st.Record(ctx, old))
	f.must(f.st.Record(ctx, recent))

	p, err := f.st.Purge(ctx, f.now.Add(time.Hour), 25*time.Hour, 100)
	f.must(err)
	f.same("purged, children and delegations too", p.Rows, 8)
	f.same("more is left", p.More, false)
	f.want("idle session", f.sessionError(idle.ID), store.ErrNotFound)
	f.want("expired session", f.sessionError(expired.ID), store.ErrNotFound)
	f.want("live session", f.sessionError(live.ID), nil)
	f.same("audit records", [2]bool{f.hasAudit(old), f.hasAudit(recent)}, [2]bool{false, true})
	d, err := f.st.StandingOf(ctx, live.ID, c.ID)
	f.must(err)
	for token, want := range map[oauth.ID]bool{short: false, long: true} {
		standing, err := f.tokenStanding(d.Delegation.ID, token)
		f.must(err)
		f.same("revoked", standing.Revoked, want)
	}
	p, err = f.st.Purge(ctx, f.now.Add(time.Hour), 25*time.Hour, 100)
	f.must(err)
	f.same("purged again", p.Rows, 0)
}

func testPurgeBatches(f *fixture) {
	ctx := f.Context()
	for range 25 {
		f.must(f.st.RevokeToken(ctx, newID(), f.now, store.Audit{}))
	}
	for _, want := range []int{10, 10, 5, 0} {
		p, err := f.st.Purge(ctx, f.now.Add(time.Minute), time.Hour, 10)
		f.must(err)
		f.same("purged", p.Rows, want)
		f.same("more is left", p.More, want == 10)
		if overdue := time.Minute; want > 0 && p.Overdue != overdue {
			f.Errorf("overdue by %v, want %v", p.Overdue, overdue)
		}
	}
}

// testPurgeLarge: the limit holds for what sessions have, too. A session with more than the limit goes in parts,
// itself last.
func testPurgeLarge(f *fixture) {
	ctx := f.Context()
	f.must(f.st.Bootstrap(ctx, oauth.DefaultProfile(), nil))
	acc := f.account()
	s := f.session(acc)
	const delegations, limit = 55, 20
	for range delegations {
		f.delegation(s, f.client().ID)
	}
	small := f.newSession(acc)
	small.LastUsed = s.LastUsed.Add(time.Second)
	f.must(f.st.StartSession(ctx, 1, small, nil, nil, store.Audit{}))
	var rows []int
	for {
		p, err := f.st.Purge(ctx, small.LastUsed.Add(small.IdleTimeout), 1000*time.Hour, limit)
		f.must(err)
		if rows = append(rows, p.Rows); !p.More {
			break
		}
	}
	f.same("rows of each transaction", rows, []int{20, 20, 17})
	f.want("session", f.sessionError(s.ID), store.ErrNotFound)
	f.want("the other one", f.sessionError(small.ID), store.ErrNotFound)
}

// testPurgeUsed: one-time values are kept an hour longer than they matter, families and device requests are not.
func testPurgeUsed(f *fixture) {
	ctx := f.Context()
	f.must(f.st.Bootstrap(ctx, oauth.DefaultProfile(), nil))
	s, c := f.session(f.account()), f.client()
	family := f.family(s, f.delegation(s, c.ID), false) // 23 hours from here
	device := f.device(c.ID)                            // ten minutes
	value := f.oneTime("proof")                         // one minute, as the family's code
	f.must(f.st.Spend(ctx, value))
	purge := func(what string, at time.Time, want int) {
		f.Helper()
		p, err := f.st.Purge(ctx, at, 1000*time.Hour, 100)
		f.must(err)
		f.same("purged "+what, p.Rows, want)
	}
	purge("before anything expired", value.Expires, 0)
	f.wantSpent("a value that expired", f.st.Spend(ctx, value), "proof")
	purge("device request", device.Expires, 1)
	_, err := f.st.PollDevice(ctx, device.UserCodeHash, f.now)
	f.want("purged device request", err, store.ErrNotFound)
	purge("session and delegation", s.LastUsed.Add(s.IdleTimeout), 2)
	purge("an hour later", value.Expires.Add(time.Hour), 2)
	f.must(f.st.Spend(ctx, value))
	purge("the same again, and the family", family.Expires, 2)
}

// testOneQuery counts what a silent renewal, an introspection and a refresh cost, and which writes are one statement.
func testOneQuery(f *fixture) {
	ctx := f.Context()
	f.must(f.st.Bootstrap(ctx, oauth.DefaultProfile(), nil))
	c := f.client()
	s, child := f.newSession(f.account()), f.newChild(c.ID)
	f.must(f.st.StartSession(ctx, 1, s, child, nil, store.Audit{}))
	d := f.delegation(s, c.ID)
	family, device := f.family(s, d, false), f.device(c.ID)
	for name, read := range map[string]func() error{
		"Standing": func() error { _, err := f.st.Standing(ctx, s.CookieHash, c.ID); return err },
		"ChildStanding": func() error {
			_, err := f.st.ChildStanding(ctx, child.CookieHash, c.ID, child.Origin)
			return err
		},
		"TokenStanding": func() error { _, err := f.tokenStanding(d.ID, newID()); return err },
		"TokenStanding of a family": func() error {
			_, err := f.st.TokenStanding(ctx, oauth.AccessToken{ID: newID(), FamilyID: family.ID})
			return err
		},
		"TokenStanding of nobody": func() error { _, err := f.st.TokenStanding(ctx, oauth.AccessToken{ID: newID()}); return err },
		"FamilyStanding":          func() error { _, err := f.st.FamilyStanding(ctx, family.ID); return err },
		"Device":                  func() error { _, err := f.st.Device(ctx, device.UserCodeHash, f.now); return err },
	} {
		before := f.st.Stats()
		f.must(read())
		after := f.st.Stats()
		before.Reads++
		f.same(name+" costs", after, before)
	}
	for name, write := range map[string]func() error{
		"Spend":         func() error { return f.st.Spend(ctx, f.oneTime("proof")) },
		"RotateRefresh": func() error { return f.st.RotateRefresh(ctx, family.ID, 0, f.now, nil) },
		"PollDevice":    func() error { _, err := f.st.PollDevice(ctx, device.UserCodeHash, f.now); return err },
	} {
		before := f.st.Stats()
		f.must(write())
		after := f.st.Stats()
		before.Writes++
		before.Commits++
		f.same(name+" costs", after, before)
	}
}

func testClosed(f *fixture) {
	f.must(f.st.Close())
	if f.st.Ping(f.Context()) == nil {
		f.Error("a closed store answers a read")
	}
	if f.st.Record(f.Context(), f.audit(store.EventSignIn)) == nil {
		f.Error("a closed store accepts a write")
	}
	if f.st.EndChild(f.Context(), newHash()) == nil {
		f.Error("a closed store accepts a transaction")
	}
	f.want("asking a closed store", f.st.Writable(f.Context()), store.ErrUnavailable)
	f.must(f.st.Close())
}
