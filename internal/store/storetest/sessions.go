package storetest

import (
	"slices"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var sessionTests = map[string]func(*fixture){
	"standing":                     testStanding,
	"child standing":               testChildStanding,
	"session without cookie":       testSessionWithoutCookie,
	"sessions replace others":      testReplaces,
	"refused session ends nothing": testRefusedSession,
	"renew session":                testRenewSession,
	"touch session":                testTouchSession,
	"end session":                  testEndSession,
	"admit child":                  testAdmitChild,
	"race: AdmitChild":             raceAdmitChild,
}

func testStanding(f *fixture) {
	ctx := f.Context()
	acc, c := f.account(), f.client()
	s := f.session(acc)
	shown := acc
	shown.PasswordHash = ""
	want := oauth.Standing{Session: s, Account: shown}
	got, err := f.st.Standing(ctx, s.CookieHash, c.ID)
	f.must(err)
	f.same("fresh session", got, want)

	d := f.delegation(s, c.ID)
	consent := oauth.Consent{AccountID: acc.ID, ClientID: c.ID, Scope: []string{"read"}, Updated: f.now}
	f.must(f.st.GrantConsent(ctx, consent, time.Time{}, store.Audit{}))
	want.Delegation, want.Consent = &d, &consent
	got, err = f.st.Standing(ctx, s.CookieHash, c.ID)
	f.must(err)
	f.same("with delegation and consent", got, want)
	got, err = f.st.StandingOf(ctx, s.ID, c.ID)
	f.must(err)
	f.same("by ID", got, want)
	token, err := f.tokenStanding(d.ID, newID())
	f.must(err)
	noConsent := want
	noConsent.Consent = nil
	f.same("by token", token, store.TokenStanding{Standing: noConsent})

	got, err = f.st.Standing(ctx, s.CookieHash, f.client().ID)
	f.must(err)
	f.same("for another client", got, oauth.Standing{Session: s, Account: shown})
	_, err = f.st.Standing(ctx, newHash(), c.ID)
	f.want("unknown cookie", err, store.ErrNotFound)
	_, err = f.st.StandingOf(ctx, newID(), c.ID)
	f.want("unknown ID", err, store.ErrNotFound)
	f.want("unknown delegation", f.tokenError(newID()), store.ErrNotFound)
}

func (f *fixture) newChild(clientID string) *oauth.ChildSession {
	return &oauth.ChildSession{ID: newID(), CookieHash: newHash(), ClientID: clientID, Origin: "http://localhost:8080"}
}

func testChildStanding(f *fixture) {
	ctx := f.Context()
	c := f.client()
	s, child := f.newSession(f.account()), f.newChild(c.ID)
	f.must(f.st.StartSession(ctx, 1, s, child, nil, store.Audit{}))
	d := f.delegation(s, c.ID)
	got, err := f.st.ChildStanding(ctx, child.CookieHash, c.ID, child.Origin)
	f.must(err)
	f.same("session", got.Session, s)
	f.same("delegation", got.Delegation, &d)
	_, err = f.st.ChildStanding(ctx, child.CookieHash, f.client().ID, child.Origin)
	f.want("at another client", err, store.ErrNotFound)
	_, err = f.st.ChildStanding(ctx, child.CookieHash, c.ID, "http://localhost:8081")
	f.want("at another origin", err, store.ErrNotFound)
	_, err = f.st.Standing(ctx, child.CookieHash, c.ID)
	f.want("as an SSO cookie", err, store.ErrNotFound)
	_, err = f.st.ChildStanding(ctx, s.CookieHash, c.ID, child.Origin)
	f.want("the SSO cookie as a child's", err, store.ErrNotFound)
	f.must(f.st.EndChild(ctx, child.CookieHash))
	f.must(f.st.EndChild(ctx, child.CookieHash))
	_, err = f.st.ChildStanding(ctx, child.CookieHash, c.ID, child.Origin)
	f.want("ended child", err, store.ErrNotFound)
	f.want("its parent", f.sessionError(s.ID), nil)
}

func testAdmitChild(f *fixture) {
	ctx := f.Context()
	acc, c := f.account(), f.client()
	s, former := f.session(acc), f.newChild(c.ID)
	other := f.newSession(acc)
	f.must(f.st.StartSession(ctx, 1, other, former, nil, store.Audit{}))
	child, ticket, a := f.newChild(c.ID), f.oneTime("ticket"), f.audit(store.EventAdmitted)
	f.must(f.st.AdmitChild(ctx, s.ID, child, former.CookieHash, ticket, f.now, a))
	got, err := f.st.ChildStanding(ctx, child.CookieHash, c.ID, child.Origin)
	f.must(err)
	f.same("the session behind the child", got.Session, s)
	f.same("recorded", f.hasAudit(a), true)
	_, err = f.st.ChildStanding(ctx, former.CookieHash, c.ID, child.Origin)
	f.want("the child before", err, store.ErrNotFound)
	f.want("its parent", f.sessionError(other.ID), nil)

	again := f.newChild(c.ID)
	f.want("the same ticket", asSpent(f.st.AdmitChild(ctx, s.ID, again, child.CookieHash, ticket, f.now, store.Audit{}), "ticket"), errSpent)
	_, err = f.st.ChildStanding(ctx, again.CookieHash, c.ID, again.Origin)
	f.want("its child", err, store.ErrNotFound)
	_, err = f.st.ChildStanding(ctx, child.CookieHash, c.ID, child.Origin)
	f.want("the child that it was to replace", err, nil)

	f.must(f.st.AdmitChild(ctx, s.ID, nil, nil, f.oneTime("ticket"), f.now, store.Audit{}))
	unused := f.oneTime("ticket")
	f.want("after its time", f.st.AdmitChild(ctx, s.ID, again, nil, unused, s.Expires, store.Audit{}), store.ErrEnded)
	_, err = f.st.EndSession(ctx, s.ID, store.Audit{})
	f.must(err)
	f.want("after its end", f.st.AdmitChild(ctx, s.ID, again, nil, unused, f.now, store.Audit{}), store.ErrEnded)
	_, err = f.st.ChildStanding(ctx, child.CookieHash, c.ID, child.Origin)
	f.want("the child ends with it", err, store.ErrNotFound)
	f.must(f.st.Spend(ctx, unused)) // a refusal does not use it up
}

// raceAdmitChild: one ticket makes one child, and none where the session ends at the same moment.
func raceAdmitChild(f *fixture) {
	ctx := f.Context()
	acc, c := f.account(), f.client()
	for range 4 {
		s, ticket := f.session(acc), f.oneTime("ticket")
		children := make([]*oauth.ChildSession, racers)
		n := f.winners(race(racers, func(i int) error {
			children[i] = f.newChild(c.ID)
			return asSpent(f.st.AdmitChild(ctx, s.ID, children[i], nil, ticket, f.now, store.Audit{}), "ticket")
		}), errSpent)
		f.same("winners", n, 1)
		race(racers, func(i int) error {
			if i == 0 {
				_, err := f.st.EndSession(ctx, s.ID, store.Audit{})
				return err
			}
			children[i] = f.newChild(c.ID)
			return f.st.AdmitChild(ctx, s.ID, children[i], nil, f.oneTime("ticket"), f.now, store.Audit{})
		})
		for _, child := range children {
			_, err := f.st.ChildStanding(ctx, child.CookieHash, c.ID, child.Origin)
			f.want("a child of what is over", err, store.ErrNotFound)
		}
	}
}

func testSessionWithoutCookie(f *fixture) {
	ctx := f.Context()
	acc := f.account()
	for range 2 {
		s := f.newSession(acc)
		s.CookieHash = nil
		f.must(f.st.StartSession(ctx, 1, s, f.newChild("x"), nil, store.Audit{}))
		got, err := f.st.StandingOf(ctx, s.ID, "x")
		f.must(err)
		f.same("session", got.Session, s)
	}
	for _, hash := range [][]byte{nil, {}} {
		_, err := f.st.Standing(ctx, hash, "x")
		f.want("no cookie", err, store.ErrNotFound)
	}
}

func testReplaces(f *fixture) {
	ctx := f.Context()
	acc, c := f.account(), f.client()
	bySSO := f.session(acc)
	d := f.delegation(bySSO, c.ID)
	byChild, child := f.newSession(acc), f.newChild(c.ID)
	f.must(f.st.StartSession(ctx, 1, byChild, child, nil, store.Audit{}))
	bystander := f.session(acc)
	s := f.newSession(acc)
	f.must(f.st.StartSession(ctx, 1, s, nil, [][]byte{bySSO.CookieHash, child.CookieHash, newHash()}, store.Audit{}))
	f.want("replaced session", f.sessionError(bySSO.ID), store.ErrNotFound)
	f.want("its delegation", f.tokenError(d.ID), store.ErrNotFound)
	f.want("replaced child's session", f.sessionError(byChild.ID), store.ErrNotFound)
	f.want("another session", f.sessionError(bystander.ID), nil)
	f.want("the new session", f.sessionError(s.ID), nil)
}

func testRefusedSession(f *fixture) {
	ctx := f.Context()
	acc := f.account()
	s := f.session(acc)
	a := f.audit(store.EventSignIn)
	unknown := f.newSession(oauth.Account{ID: newID()})
	f.want("with a password that was just changed", f.st.StartSession(ctx, 2, f.newSession(acc), nil, nil, a), store.ErrEnded)
	f.want("session of nobody", f.st.StartSession(ctx, 1, unknown, nil, [][]byte{s.CookieHash}, a), store.ErrEnded)
	f.want("the session that it was to replace", f.sessionError(s.ID), nil)
	if f.hasAudit(a) {
		f.Error("a sign-in that was refused was recorded")
	}
}

func testRenewSession(f *fixture) {
	ctx := f.Context()
	acc, c := f.account(), f.client()
	s := f.session(acc)
	d := f.delegation(s, c.ID)
	old := s.CookieHash
	s.CookieHash, s.AuthTime, s.AMR, s.ACR = newHash(), f.now.Add(time.Minute), []string{"hwk"}, "urn:acr:2"
	s.LastUsed, s.IdleTimeout, s.Expires = f.now.Add(time.Minute), 2*time.Hour, f.now.Add(48*time.Hour)
	a := f.audit(store.EventSignIn)
	f.must(f.st.RenewSession(ctx, 1, s, nil, nil, a))
	if !f.hasAudit(a) {
		f.Error("the sign-in was not recorded")
	}
	got, err := f.st.Standing(ctx, s.CookieHash, c.ID)
	f.must(err)
	f.same("renewed session", got.Session, s)
	f.want("what hangs off it", f.tokenError(d.ID), nil)
	_, err = f.st.Standing(ctx, old, c.ID)
	f.want("the former cookie", err, store.ErrNotFound)
	kept := s
	kept.CookieHash = nil
	f.must(f.st.RenewSession(ctx, 1, kept, nil, nil, store.Audit{}))
	_, err = f.st.Standing(ctx, s.CookieHash, c.ID)
	f.want("the cookie that was kept", err, nil)

	first, second := f.newChild(c.ID), f.newChild(c.ID)
	f.must(f.st.RenewSession(ctx, 1, kept, first, nil, store.Audit{}))
	f.must(f.st.RenewSession(ctx, 1, kept, second, first.CookieHash, store.Audit{}))
	_, err = f.st.ChildStanding(ctx, first.CookieHash, c.ID, first.Origin)
	f.want("the child that was replaced", err, store.ErrNotFound)
	_, err = f.st.ChildStanding(ctx, second.CookieHash, c.ID, second.Origin)
	f.want("the child in its place", err, nil)

	strange := s
	strange.AccountID = f.account().ID
	f.want("with another account", f.st.RenewSession(ctx, 1, strange, nil, nil, store.Audit{}), store.ErrEnded)
	f.want("with a password that was just changed", f.st.RenewSession(ctx, 2, s, nil, nil, store.Audit{}), store.ErrEnded)
	f.want("unknown session", f.st.RenewSession(ctx, 1, f.newSession(acc), nil, nil, store.Audit{}), store.ErrEnded)
	f.must(f.st.SetLocked(ctx, acc.ID, 0, true, store.Audit{}))
	f.want("locked account", f.st.RenewSession(ctx, 1, s, nil, nil, store.Audit{}), store.ErrEnded)
}

func testTouchSession(f *fixture) {
	ctx := f.Context()
	s := f.session(f.account())
	lastUsed := func() time.Time {
		f.Helper()
		got, err := f.st.StandingOf(ctx, s.ID, "")
		f.must(err)
		return got.Session.LastUsed
	}
	later := f.now.Add(10 * time.Minute)
	f.must(f.st.TouchSession(ctx, s.ID, later))
	f.same("last use", lastUsed(), later)
	f.must(f.st.TouchSession(ctx, s.ID, later.Add(-time.Minute)))
	f.same("last use after an older one", lastUsed(), later)
	f.must(f.st.TouchSession(ctx, s.ID, later.Add(s.IdleTimeout)))
	f.same("last use of a session that was over", lastUsed(), later)
	f.must(f.st.TouchSession(ctx, newID(), later))
}

// testEndSession: whoever ends a session hears which clients are to be told.
func testEndSession(f *fixture) {
	ctx := f.Context()
	x, y := f.client(), f.client()
	s := f.session(f.account())
	f.delegation(s, x.ID)
	f.delegation(s, y.ID)
	a := f.audit(store.EventSignOut)
	got, err := f.st.EndSession(ctx, s.ID, a)
	f.must(err)
	f.same("clients", got, slices.Sorted(slices.Values([]string{x.ID, y.ID})))
	if !f.hasAudit(a) {
		f.Error("the end was not recorded")
	}
	again := f.audit(store.EventSignOut)
	got, err = f.st.EndSession(ctx, s.ID, again)
	f.must(err)
	f.same("clients of what is over", got, []string(nil))
	if f.hasAudit(again) {
		f.Error("the end of what is over was recorded")
	}
}
