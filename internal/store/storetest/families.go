package storetest

import (
	"errors"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var familyTests = map[string]func(*fixture){
	"spend":                  testSpend,
	"spend all or none":      testSpendAllOrNone,
	"redeem":                 testRedeem,
	"redeem offline":         testRedeemOffline,
	"redeem again":           testRedeemAgain,
	"redeem with used proof": testRedeemWithUsed,
	"redeem what ended":      testRedeemEnded,
	"tokens of a family":     testFamilyTokens,
	"rotate":                 testRotate,
	"rotate with others":     testRotateWithOthers,
	"rotate what ended":      testRotateEnded,
	"end family":             testEndFamily,
	"token of a client":      testTokenOfClient,
}

// oneTime is a fresh value that matters for a minute.
func (f *fixture) oneTime(kind string) store.OneTime {
	return store.OneTime{Kind: kind, Owner: "client", ID: newID().String(), Expires: f.now.Add(time.Minute)}
}

// codeOf is the code that begins the family.
func (f *fixture) codeOf(family oauth.Family) store.OneTime {
	return store.OneTime{Kind: "code", Owner: family.ClientID, ID: family.ID.String(), Expires: f.now.Add(time.Minute)}
}

// newFamily is a family that is not stored yet.
func (f *fixture) newFamily(s oauth.Session, d oauth.Delegation, offline bool) oauth.Family {
	return oauth.Family{
		ID: newID(), DelegationID: d.ID, SessionID: s.ID, AccountID: s.AccountID, ClientID: d.ClientID, Offline: offline,
		AuthTime: s.AuthTime, AMR: s.AMR, ACR: s.ACR, Created: f.now, Expires: f.now.Add(23 * time.Hour),
	}
}

func (f *fixture) redeem(family oauth.Family) error {
	return f.st.Redeem(f.Context(), f.codeOf(family), nil, family, f.now, store.Audit{})
}

// family is a stored one.
func (f *fixture) family(s oauth.Session, d oauth.Delegation, offline bool) oauth.Family {
	f.Helper()
	family := f.newFamily(s, d, offline)
	f.must(f.redeem(family))
	return family
}

// consent is the account's to all that the tests' clients ask for.
func (f *fixture) consent(account oauth.ID, clientID string) oauth.Consent {
	f.Helper()
	c := oauth.Consent{AccountID: account, ClientID: clientID, Scope: []string{"read"}, Updated: f.now}
	f.must(f.st.GrantConsent(f.Context(), c, time.Time{}, store.Audit{}))
	return c
}

// familyError is nil where the family lives.
func (f *fixture) familyError(id oauth.ID) error {
	_, err := f.st.FamilyStanding(f.Context(), id)
	return err
}

// wantSpent demands the error of a value that was used before.
func (f *fixture) wantSpent(what string, err error, kind string) {
	f.Helper()
	var spent *store.SpentError
	if !errors.As(err, &spent) || spent.Kind != kind {
		f.Errorf("%s: error %v, want that a %s was used before", what, err, kind)
	}
}

func testSpend(f *fixture) {
	ctx := f.Context()
	v := store.OneTime{Kind: "proof", Owner: "ab", ID: "c" + newID().String(), Expires: f.now.Add(time.Minute)}
	f.must(f.st.Spend(ctx, v))
	f.wantSpent("again", f.st.Spend(ctx, v), "proof")
	later := v
	later.Expires = f.now.Add(time.Hour)
	f.wantSpent("again, with another expiry", f.st.Spend(ctx, later), "proof")
	for what, other := range map[string]store.OneTime{
		"another kind":           {Kind: "assertion", Owner: v.Owner, ID: v.ID},
		"another owner":          {Kind: v.Kind, Owner: "x", ID: v.ID},
		"another ID":             {Kind: v.Kind, Owner: v.Owner, ID: "x" + v.ID},
		"parts joined elsewhere": {Kind: v.Kind, Owner: "abc", ID: v.ID[1:]},
	} {
		other.Expires = v.Expires
		f.want(what, f.st.Spend(ctx, other), nil)
	}
	f.must(f.st.Spend(ctx))
}

func testSpendAllOrNone(f *fixture) {
	ctx := f.Context()
	used, fresh := f.oneTime("assertion"), f.oneTime("proof")
	f.must(f.st.Spend(ctx, used))
	f.wantSpent("one of two", f.st.Spend(ctx, fresh, used), "assertion")
	f.must(f.st.Spend(ctx, fresh, f.oneTime("proof")))
	f.wantSpent("the other", f.st.Spend(ctx, fresh), "proof")
	twice := f.oneTime("proof")
	f.wantSpent("the same twice at once", f.st.Spend(ctx, twice, twice), "proof")
}

func testRedeem(f *fixture) {
	ctx := f.Context()
	acc, c := f.account(), f.client()
	s := f.session(acc)
	d := f.delegation(s, c.ID)
	family, proof, a := f.newFamily(s, d, false), f.oneTime("proof"), f.audit(store.EventFamilyStarted)
	f.must(f.st.Redeem(ctx, f.codeOf(family), []store.OneTime{proof}, family, f.now, a))
	if !f.hasAudit(a) {
		f.Error("the family was not recorded")
	}
	f.wantSpent("the proof", f.st.Spend(ctx, proof), "proof")
	f.wantSpent("the code", f.st.Spend(ctx, f.codeOf(family)), "code")
	acc.PasswordHash = ""
	want := oauth.Standing{Session: s, Account: acc, Delegation: &d, Family: &family}
	got, err := f.st.FamilyStanding(ctx, family.ID)
	f.must(err)
	f.same("standing", got, want)
	consent := f.consent(acc.ID, c.ID)
	want.Consent = &consent
	got, err = f.st.FamilyStanding(ctx, family.ID)
	f.must(err)
	f.same("standing with a consent", got, want)
	f.want("unknown family", f.familyError(newID()), store.ErrNotFound)
}

func testRedeemOffline(f *fixture) {
	ctx := f.Context()
	acc, c := f.account(), f.client()
	s := f.session(acc)
	consent := f.consent(acc.ID, c.ID)
	family := f.family(s, f.delegation(s, c.ID), true)
	acc.PasswordHash = ""
	want := oauth.Standing{
		Session: oauth.Session{
			ID: s.ID, AccountID: acc.ID, AuthTime: s.AuthTime, AMR: s.AMR, ACR: s.ACR,
			Created: f.now, LastUsed: f.now, IdleTimeout: 23 * time.Hour, Expires: family.Expires,
		},
		Account: acc, Consent: &consent, Family: &family,
	}
	got, err := f.st.FamilyStanding(ctx, family.ID)
	f.must(err)
	f.same("standing", got, want)
	f.must(f.endSession(s.ID))
	got, err = f.st.FamilyStanding(ctx, family.ID)
	f.must(err)
	f.same("standing after the session", got, want)
	token, err := f.st.TokenStanding(ctx, oauth.AccessToken{ID: newID(), FamilyID: family.ID, DelegationID: family.DelegationID})
	f.must(err)
	want.Consent = nil
	f.same("standing of its token", token, store.TokenStanding{Standing: want})
}

// testRedeemAgain: a code's second use ends what its first began (RFC 6749 §4.1.2).
func testRedeemAgain(f *fixture) {
	ctx := f.Context()
	s := f.session(f.account())
	d := f.delegation(s, f.client().ID)
	family, bystander := f.family(s, d, false), f.family(s, d, false)
	a, proof := f.audit(store.EventFamilyStarted), f.oneTime("proof")
	again := func() error {
		return f.st.Redeem(ctx, f.codeOf(family), []store.OneTime{proof}, family, f.now, a)
	}
	f.wantSpent("second use", again(), "code")
	f.want("its family", f.familyError(family.ID), store.ErrNotFound)
	f.want("another family", f.familyError(bystander.ID), nil)
	f.want("the delegation", f.tokenError(d.ID), nil)
	replay := a
	replay.Event = store.EventReplay
	f.same("recorded as a replay, as a beginning", [2]bool{f.hasAudit(replay), f.hasAudit(a)}, [2]bool{true, false})
	proof = f.oneTime("proof")
	f.wantSpent("third use", again(), "code")
	f.want("its family", f.familyError(family.ID), store.ErrNotFound)
}

// testRedeemWithUsed: a proof that was used before costs nobody the code, nor the family that a code has begun.
func testRedeemWithUsed(f *fixture) {
	ctx := f.Context()
	s := f.session(f.account())
	family := f.newFamily(s, f.delegation(s, f.client().ID), false)
	used, fresh := f.oneTime("proof"), f.oneTime("assertion")
	f.must(f.st.Spend(ctx, used))
	a := f.audit(store.EventFamilyStarted)
	redeem := func() error {
		return f.st.Redeem(ctx, f.codeOf(family), []store.OneTime{fresh, used}, family, f.now, a)
	}
	f.wantSpent("with a used proof", redeem(), "proof")
	f.want("a family", f.familyError(family.ID), store.ErrNotFound)
	f.must(f.st.Spend(ctx, fresh))
	f.must(f.redeem(family))
	f.wantSpent("again with a used proof", f.st.Redeem(ctx, f.codeOf(family), []store.OneTime{used}, family, f.now, a), "proof")
	f.want("the family", f.familyError(family.ID), nil)
	if f.hasAudit(a) {
		f.Error("what was refused was recorded")
	}
}

func testRedeemEnded(f *fixture) {
	ctx := f.Context()
	for name, end := range map[string]func(s oauth.Session, d oauth.Delegation, family *oauth.Family, now *time.Time){
		"delegation ended": func(_ oauth.Session, d oauth.Delegation, _ *oauth.Family, _ *time.Time) {
			f.must(f.st.EndDelegation(ctx, d.ID, store.Audit{}))
		},
		"delegation of another client": func(_ oauth.Session, _ oauth.Delegation, family *oauth.Family, _ *time.Time) {
			family.ClientID = f.client().ID
		},
		"session ended": func(s oauth.Session, _ oauth.Delegation, _ *oauth.Family, _ *time.Time) { f.must(f.endSession(s.ID)) },
		"idle for long": func(_ oauth.Session, _ oauth.Delegation, _ *oauth.Family, now *time.Time) { *now = now.Add(time.Hour) },
		"expired":       func(s oauth.Session, _ oauth.Delegation, _ *oauth.Family, now *time.Time) { *now = s.Expires },
		"account locked": func(s oauth.Session, _ oauth.Delegation, _ *oauth.Family, _ *time.Time) {
			f.must(f.st.SetLocked(ctx, s.AccountID, 0, true, store.Audit{}))
		},
		"client removed": func(_ oauth.Session, d oauth.Delegation, _ *oauth.Family, _ *time.Time) {
			f.must(f.st.RemoveClient(ctx, d.ClientID, store.Audit{}))
		},
		"client disabled": func(_ oauth.Session, d oauth.Delegation, _ *oauth.Family, _ *time.Time) {
			c, _ := f.findClient(d.ClientID)
			c.Disabled = true
			f.must(f.st.PutClient(ctx, c, c.Version, store.Audit{}))
		},
		"consent withdrawn": func(s oauth.Session, d oauth.Delegation, _ *oauth.Family, _ *time.Time) {
			f.must(f.st.WithdrawConsent(ctx, s.AccountID, d.ClientID, store.Audit{}))
		},
		"no consent": nil,
	} {
		for _, offline := range []bool{false, true} {
			if end == nil && !offline {
				continue // its delegation is enough
			}
			s, c, now := f.session(f.account()), f.client(), f.now
			d := f.delegation(s, c.ID)
			family, proof, a := f.newFamily(s, d, offline), f.oneTime("proof"), f.audit(store.EventFamilyStarted)
			if end != nil {
				f.consent(s.AccountID, c.ID)
				end(s, d, &family, &now)
			}
			code := f.codeOf(family)
			f.want(name, f.st.Redeem(ctx, code, []store.OneTime{proof}, family, now, a), store.ErrEnded)
			f.want(name+": the family", f.familyError(family.ID), store.ErrNotFound)
			f.want(name+": nothing is spent", f.st.Spend(ctx, code, proof), nil)
			if f.hasAudit(a) {
				f.Errorf("%s: it was recorded all the same", name)
			}
		}
	}
}

func testFamilyTokens(f *fixture) {
	ctx := f.Context()
	acc, c := f.account(), f.client()
	s := f.session(acc)
	d := f.delegation(s, c.ID)
	f.consent(acc.ID, c.ID)
	family := f.family(s, d, false)
	token := oauth.AccessToken{ID: newID(), FamilyID: family.ID, DelegationID: d.ID, ClientID: c.ID}
	acc.PasswordHash = ""
	want := store.TokenStanding{Standing: oauth.Standing{Session: s, Account: acc, Delegation: &d, Family: &family}}
	got, err := f.st.TokenStanding(ctx, token)
	f.must(err)
	f.same("standing", got, want)
	f.must(f.st.RevokeToken(ctx, token.ID, f.now.Add(time.Hour), store.Audit{}))
	want.Revoked = true
	got, err = f.st.TokenStanding(ctx, token)
	f.must(err)
	f.same("revoked", got, want)
	f.must(f.st.EndFamily(ctx, family.ID, store.Audit{}))
	_, err = f.st.TokenStanding(ctx, token)
	f.want("after its family, though the delegation lives", err, store.ErrNotFound)
}

func testRotate(f *fixture) {
	ctx := f.Context()
	s := f.session(f.account())
	family := f.family(s, f.delegation(s, f.client().ID), false)
	f.want("a generation to come", f.st.RotateRefresh(ctx, family.ID, 1, f.now, nil), store.ErrConflict)
	for generation := range 3 {
		at := f.now.Add(time.Duration(generation) * time.Minute)
		f.must(f.st.RotateRefresh(ctx, family.ID, generation, at, nil))
		f.want("an old generation", f.st.RotateRefresh(ctx, family.ID, generation, at.Add(time.Hour), nil), store.ErrConflict)
		family.Generation, family.Rotated = generation+1, at
		got, err := f.st.FamilyStanding(ctx, family.ID)
		f.must(err)
		f.same("family", got.Family, &family)
	}
}

func testRotateWithOthers(f *fixture) {
	ctx := f.Context()
	s := f.session(f.account())
	family := f.family(s, f.delegation(s, f.client().ID), false)
	proof := f.oneTime("proof")
	f.want("a generation to come", f.st.RotateRefresh(ctx, family.ID, 1, f.now, []store.OneTime{proof}), store.ErrConflict)
	f.must(f.st.RotateRefresh(ctx, family.ID, 0, f.now, []store.OneTime{proof}))
	f.wantSpent("a used proof", f.st.RotateRefresh(ctx, family.ID, 1, f.now, []store.OneTime{proof}), "proof")
	got, err := f.st.FamilyStanding(ctx, family.ID)
	f.must(err)
	f.same("generation", got.Family.Generation, 1)
}

func testRotateEnded(f *fixture) {
	ctx := f.Context()
	f.want("unknown family", f.st.RotateRefresh(ctx, newID(), 0, f.now, nil), store.ErrEnded)
	s, c := f.session(f.account()), f.client()
	f.consent(s.AccountID, c.ID)
	d := f.delegation(s, c.ID)
	ended, bound, offline := f.family(s, d, false), f.family(s, d, false), f.family(s, d, true)
	f.must(f.st.EndFamily(ctx, ended.ID, store.Audit{}))
	f.want("ended family", f.st.RotateRefresh(ctx, ended.ID, 0, f.now, nil), store.ErrEnded)
	f.must(f.endSession(s.ID))
	f.want("family of an ended session", f.st.RotateRefresh(ctx, bound.ID, 0, f.now, nil), store.ErrEnded)
	f.want("offline family of an ended session", f.st.RotateRefresh(ctx, offline.ID, 0, f.now, nil), nil)
}

func testEndFamily(f *fixture) {
	ctx := f.Context()
	s := f.session(f.account())
	d := f.delegation(s, f.client().ID)
	family := f.family(s, d, false)
	end := func(id oauth.ID) (recorded bool) {
		f.Helper()
		a := f.audit(store.EventFamilyEnded)
		f.must(f.st.EndFamily(ctx, id, a))
		return f.hasAudit(a)
	}
	f.same("recorded", end(family.ID), true)
	f.want("ended family", f.familyError(family.ID), store.ErrNotFound)
	f.same("recorded again", end(family.ID), false)
	f.wantSpent("its code", f.redeem(family), "code")
	bound := f.family(s, d, false)
	f.must(f.endSession(s.ID))
	f.same("recorded where the session is over", end(bound.ID), false)
}

// testTokenOfClient: a token without a user hangs off nothing that is stored.
func testTokenOfClient(f *fixture) {
	ctx := f.Context()
	token := oauth.AccessToken{ID: newID(), ClientID: f.client().ID}
	got, err := f.st.TokenStanding(ctx, token)
	f.must(err)
	f.same("standing", got, store.TokenStanding{})
	f.must(f.st.RevokeToken(ctx, token.ID, f.now.Add(time.Hour), store.Audit{}))
	got, err = f.st.TokenStanding(ctx, token)
	f.must(err)
	f.same("revoked", got, store.TokenStanding{Revoked: true})
}
