package storetest

import (
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var grantTests = map[string]func(*fixture){
	"delegate":          testDelegate,
	"delegate to ended": testDelegateEnded,
	"consent":           testConsent,
	"revoke token":      testRevokeToken,
}

func testDelegate(f *fixture) {
	ctx := f.Context()
	c := f.client()
	s := f.session(f.account())
	a := f.audit(store.EventDelegated)
	first := f.newDelegation(s, c.ID, "openid", "read")
	got, err := f.st.Delegate(ctx, first, f.now, a)
	f.must(err)
	f.same("first", got, first)
	if !f.hasAudit(a) {
		f.Error("the delegation was not recorded")
	}
	same := f.audit(store.EventDelegated)
	got, err = f.st.Delegate(ctx, f.newDelegation(s, c.ID, "read"), f.now, same)
	f.must(err)
	f.same("again", got, first)
	if f.hasAudit(same) {
		f.Error("a delegation that changed nothing was recorded")
	}
	got, err = f.st.Delegate(ctx, f.newDelegation(s, c.ID, "write", "read"), f.now, store.Audit{})
	f.must(err)
	first.Scope = []string{"openid", "read", "write"}
	f.same("wider", got, first)
	standing, err := f.st.Standing(ctx, s.CookieHash, c.ID)
	f.must(err)
	f.same("as read", standing.Delegation, &first)

	f.must(f.st.EndDelegation(ctx, first.ID, store.Audit{}))
	f.must(f.st.EndDelegation(ctx, first.ID, store.Audit{}))
	f.want("ended delegation", f.tokenError(first.ID), store.ErrNotFound)
	second := f.newDelegation(s, c.ID, "read")
	got, err = f.st.Delegate(ctx, second, f.now, store.Audit{})
	f.must(err)
	f.same("a new one after the end", got, second)
}

func testDelegateEnded(f *fixture) {
	ctx := f.Context()
	for name, end := range map[string]func(s oauth.Session, c *oauth.Client, now *time.Time){
		"session ended": func(s oauth.Session, _ *oauth.Client, _ *time.Time) {
			f.must(f.endSession(s.ID))
		},
		"idle for long": func(_ oauth.Session, _ *oauth.Client, now *time.Time) { *now = now.Add(time.Hour) },
		"expired":       func(s oauth.Session, _ *oauth.Client, now *time.Time) { *now = s.Expires },
		"account locked": func(s oauth.Session, _ *oauth.Client, _ *time.Time) {
			f.must(f.st.SetLocked(ctx, s.AccountID, 0, true, store.Audit{}))
		},
		"account removed": func(s oauth.Session, _ *oauth.Client, _ *time.Time) {
			f.must(f.st.RemoveAccount(ctx, s.AccountID, 0, store.Audit{}))
		},
		"client removed": func(_ oauth.Session, c *oauth.Client, _ *time.Time) {
			f.must(f.st.RemoveClient(ctx, c.ID, store.Audit{}))
		},
		"client unknown": func(_ oauth.Session, c *oauth.Client, _ *time.Time) { c.ID = "unknown" },
		"client disabled": func(_ oauth.Session, c *oauth.Client, _ *time.Time) {
			c.Disabled = true
			f.must(f.st.PutClient(ctx, *c, 1, store.Audit{}))
		},
	} {
		// Where a delegation is there already, and where none is.
		for _, before := range []bool{false, true} {
			c, s, now := f.client(), f.session(f.account()), f.now
			if before {
				f.delegation(s, c.ID)
			}
			end(s, &c, &now)
			a := f.audit(store.EventDelegated)
			_, err := f.st.Delegate(ctx, f.newDelegation(s, c.ID, "write"), now, a)
			f.want(name, err, store.ErrEnded)
			if f.hasAudit(a) {
				f.Errorf("%s: it was recorded all the same", name)
			}
		}
	}
}

func testConsent(f *fixture) {
	ctx := f.Context()
	c := f.client()
	s := f.session(f.account())
	grant := func(updated time.Time, scope ...string) error {
		given := oauth.Consent{AccountID: s.AccountID, ClientID: c.ID, Scope: scope, Updated: updated}
		return f.st.GrantConsent(ctx, given, time.Time{}, store.Audit{})
	}
	f.must(grant(f.now, "read"))
	f.must(grant(f.now.Add(time.Minute), "write", "read"))
	got, err := f.st.Standing(ctx, s.CookieHash, c.ID)
	f.must(err)
	f.same("consent", got.Consent, &oauth.Consent{
		AccountID: s.AccountID, ClientID: c.ID, Scope: []string{"read", "write"}, Updated: f.now.Add(time.Minute),
	})
	shown := oauth.Consent{AccountID: s.AccountID, ClientID: c.ID, Scope: []string{"email"},
		Updated: f.now.Add(time.Hour), Shown: "another page"}
	f.must(f.st.GrantConsent(ctx, shown, shown.Updated, store.Audit{}))
	got, err = f.st.Standing(ctx, s.CookieHash, c.ID)
	f.must(err)
	f.same("consent after the client changed", got.Consent, &shown)
	f.must(f.st.WithdrawConsent(ctx, s.AccountID, c.ID, store.Audit{}))
	f.must(f.st.WithdrawConsent(ctx, s.AccountID, c.ID, store.Audit{}))
	got, err = f.st.Standing(ctx, s.CookieHash, c.ID)
	f.must(err)
	f.same("withdrawn consent", got.Consent, (*oauth.Consent)(nil))
	f.must(f.st.RemoveAccount(ctx, s.AccountID, 0, store.Audit{}))
	f.want("consent of nobody", grant(f.now, "read"), store.ErrEnded)
}

func testRevokeToken(f *fixture) {
	ctx := f.Context()
	d := f.delegation(f.session(f.account()), f.client().ID)
	token := newID()
	a := f.audit(store.EventTokenRevoked)
	f.must(f.st.RevokeToken(ctx, token, f.now.Add(time.Hour), a))
	f.must(f.st.RevokeToken(ctx, token, f.now.Add(time.Hour), store.Audit{}))
	if !f.hasAudit(a) {
		f.Error("the revocation was not recorded")
	}
	got, err := f.tokenStanding(d.ID, token)
	f.must(err)
	f.same("revoked", got.Revoked, true)
	got, err = f.tokenStanding(d.ID, newID())
	f.must(err)
	f.same("another token", got.Revoked, false)
}
