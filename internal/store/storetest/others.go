package storetest

import (
	"context"
	"math"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var otherTests = map[string]func(*fixture){
	"throttle":        testThrottle,
	"clock":           testClock,
	"hung up callers": testCancelled,
}

func testThrottle(f *fixture) {
	ctx := f.Context()
	const bucket = 1
	at := f.now
	count := func(most float64) float64 {
		f.Helper()
		before, err := f.st.CountAttempt(ctx, bucket, 0.5, most, at)
		f.must(err)
		return math.Round(before*1000) / 1000
	}
	f.same("first", count(5), 0.0)
	f.same("second", count(5), 1.0)
	at = at.Add(time.Second)
	f.same("after half an attempt leaked", count(5), 1.5)
	at = at.Add(-time.Minute)
	f.same("by a clock that is behind", count(5), 2.5)
	at = at.Add(time.Minute)
	f.same("the bucket's clock was not turned back", count(5), 3.5)
	f.same("up to the most", count(5), 4.5)
	f.same("and no further", count(5), 5.0)
	at = at.Add(time.Hour)
	f.same("it never leaks below nothing", count(5), 0.0)
	f.must(f.st.ForgiveAttempts(ctx, bucket))
	f.must(f.st.ForgiveAttempts(ctx, bucket))
	f.same("forgiven", count(5), 0.0)
	f.must(f.st.ForgiveAttempts(ctx, bucket))
}

func testClock(f *fixture) {
	now, err := f.st.Now(f.Context())
	f.must(err)
	if d := time.Since(now).Abs(); d > 10*time.Second {
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

func testFoldedAudit(f *fixture) {
	ctx := f.Context()
	before, _, err := f.st.Audits(ctx, store.AuditFilter{}, oauth.ID{}, 100)
	f.must(err)
	hour := f.now.Truncate(time.Hour)
	acc := newID()
	for i := range 3 {
		for _, id := range []oauth.ID{acc, {}} {
			f.must(f.st.RecordFailedSignIn(ctx, store.Audit{
				At: hour.Add(time.Duration(i) * time.Minute), Event: store.EventSignInFailed, AccountID: id, Address: "192.0.2.1",
			}))
		}
	}
	f.must(f.st.RecordFailedSignIn(ctx, store.Audit{At: hour.Add(time.Hour), Event: store.EventSignInFailed, AccountID: acc}))
	list, _, err := f.st.Audits(ctx, store.AuditFilter{}, oauth.ID{}, 100)
	f.must(err)
	counts := map[string]int{}
	for _, a := range list {
		if a.Event == store.EventSignInFailed {
			counts[a.AccountID.String()+a.At.Format(" 15:04")] += a.Count
		}
	}
	f.same("folded rows", len(list)-len(before), 3)
	f.same("counts", counts, map[string]int{
		acc.String() + hour.Add(2*time.Minute).Format(" 15:04"):        3,
		oauth.ID{}.String() + hour.Add(2*time.Minute).Format(" 15:04"): 3,
		acc.String() + hour.Add(time.Hour).Format(" 15:04"):            1,
	})
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
