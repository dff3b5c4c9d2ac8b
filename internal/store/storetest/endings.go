package storetest

import (
	"maps"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var endingTests = map[string]func(*fixture){
	"what ends what":  testEndings,
	"nothing revives": testNothingRevives,
}

// world is two accounts, two clients and all that hangs off them.
type world struct {
	ann, bob    oauth.Account
	x, y        oauth.Client
	s1, s2, s3  oauth.Session // two of ann's, one of bob's
	child       *oauth.ChildSession
	delegations map[string]oauth.Delegation
	consents    map[string]oauth.Consent
	families    map[string]oauth.Family
	token       oauth.ID
}

func (f *fixture) world() *world {
	f.Helper()
	w := &world{ann: f.account(), bob: f.account(), x: f.client(), y: f.client(), token: newID()}
	w.s1, w.s2, w.s3 = f.newSession(w.ann), f.session(w.ann), f.session(w.bob)
	w.s1.Expires = f.now.Add(30 * time.Minute) // the first to expire
	w.child = f.newChild(w.x.ID)
	f.must(f.st.StartSession(f.Context(), 1, w.s1, w.child, nil, store.Audit{}))
	w.delegations = map[string]oauth.Delegation{
		"s1 x": f.delegation(w.s1, w.x.ID),
		"s1 y": f.delegation(w.s1, w.y.ID),
		"s2 x": f.delegation(w.s2, w.x.ID),
		"s3 x": f.delegation(w.s3, w.x.ID),
	}
	w.consents = map[string]oauth.Consent{
		"ann x": {AccountID: w.ann.ID, ClientID: w.x.ID, Scope: []string{"read"}, Updated: f.now},
		"ann y": {AccountID: w.ann.ID, ClientID: w.y.ID, Scope: []string{"read"}, Updated: f.now},
		"bob x": {AccountID: w.bob.ID, ClientID: w.x.ID, Scope: []string{"read"}, Updated: f.now},
	}
	for _, c := range w.consents {
		f.must(f.st.GrantConsent(f.Context(), c, time.Time{}, store.Audit{}))
	}
	w.families = map[string]oauth.Family{
		"code s1 x":    f.family(w.s1, w.delegations["s1 x"], false),
		"code s1 y":    f.family(w.s1, w.delegations["s1 y"], false),
		"code s2 x":    f.family(w.s2, w.delegations["s2 x"], false),
		"offline s1 x": f.family(w.s1, w.delegations["s1 x"], true),
		"offline s3 x": f.family(w.s3, w.delegations["s3 x"], true),
	}
	return w
}

// ended lists what is over, by name.
func (f *fixture) ended(w *world) []string {
	f.Helper()
	ctx := f.Context()
	over := map[string]bool{}
	note := func(name string, err error) {
		if err != nil {
			f.want(name, err, store.ErrNotFound)
			over[name] = true
		}
	}
	for name, d := range w.delegations {
		standing, err := f.tokenStanding(d.ID, w.token)
		note(name, err)
		if err == nil && standing.Revoked {
			over["token"] = true
		}
	}
	for name, family := range w.families {
		_, err := f.st.FamilyStanding(ctx, family.ID)
		note(name, err)
		_, byToken := f.st.TokenStanding(ctx, oauth.AccessToken{ID: newID(), FamilyID: family.ID})
		f.want(name+" by its token", byToken, err)
	}
	for name, s := range map[string]oauth.Session{"s1": w.s1, "s2": w.s2, "s3": w.s3} {
		note(name, f.sessionError(s.ID))
		_, byCookie := f.st.Standing(ctx, s.CookieHash, w.x.ID)
		note(name, byCookie)
	}
	_, err := f.st.ChildStanding(ctx, w.child.CookieHash, w.x.ID, w.child.Origin)
	note("child", err)
	for name, c := range w.consents {
		// A consent shows in the standing of any session; a fresh one needs the account to be there.
		s := f.newSession(oauth.Account{ID: c.AccountID})
		acc, _ := f.st.Account(ctx, c.AccountID) // the zero Account where it is gone
		if err := f.st.StartSession(ctx, acc.Version, s, nil, nil, store.Audit{}); err != nil {
			f.want(name, err, store.ErrEnded)
			over[name] = true
			continue
		}
		standing, err := f.st.StandingOf(ctx, s.ID, c.ClientID)
		f.must(err)
		if standing.Consent == nil {
			over[name] = true
		}
		f.must(f.endSession(s.ID))
	}
	return slices.Sorted(maps.Keys(over))
}

// testEndings holds each event against all that it ends, and nothing else.
func testEndings(f *fixture) {
	ctx := f.Context()
	none := oauth.ID{}
	s1 := []string{"child", "code s1 x", "code s1 y", "s1", "s1 x", "s1 y"}
	s2 := []string{"code s2 x", "s2", "s2 x"}
	ann := slices.Concat(s1, s2, []string{"offline s1 x"})
	x := []string{"child", "code s1 x", "code s2 x", "offline s1 x", "offline s3 x", "s1 x", "s2 x", "s3 x"}
	for _, row := range []struct {
		event string
		do    func(w *world) error
		ends  []string
	}{
		{"nothing", func(w *world) error { return nil }, nil},
		{"access token revoked", func(w *world) error {
			return f.st.RevokeToken(ctx, w.token, f.now.Add(time.Hour), store.Audit{})
		}, []string{"token"}},
		{"family ended", func(w *world) error {
			return f.st.EndFamily(ctx, w.families["code s1 x"].ID, store.Audit{})
		}, []string{"code s1 x"}},
		{"offline family ended", func(w *world) error {
			return f.st.EndFamily(ctx, w.families["offline s1 x"].ID, store.Audit{})
		}, []string{"offline s1 x"}},
		{"code used again", func(w *world) error {
			family := w.families["offline s1 x"]
			f.wantSpent("second use", f.st.Redeem(ctx, f.codeOf(family), nil, family, f.now, store.Audit{}), "code")
			return nil
		}, []string{"offline s1 x"}},
		{"delegation ended", func(w *world) error {
			return f.st.EndDelegation(ctx, w.delegations["s1 x"].ID, store.Audit{})
		}, []string{"code s1 x", "s1 x"}},
		{"logout", func(w *world) error { return f.endSession(w.s1.ID) }, s1},
		{"logout by the child's ID", func(w *world) error { return f.endSession(w.child.ID) }, s1},
		{"logout of what is over", func(w *world) error { return f.endSession(newID()) }, nil},
		{"child ended", func(w *world) error {
			return f.st.EndChild(ctx, w.child.CookieHash)
		}, []string{"child"}},
		{"session replaced", func(w *world) error {
			return f.st.StartSession(ctx, 1, f.newSession(w.bob), nil, [][]byte{w.s1.CookieHash}, store.Audit{})
		}, s1},
		{"session expired", func(w *world) error {
			_, err := f.st.Purge(ctx, w.s1.Expires, 24*time.Hour, 1000)
			return err
		}, s1},
		{"consent withdrawn", func(w *world) error {
			return f.st.WithdrawConsent(ctx, w.ann.ID, w.x.ID, store.Audit{})
		}, []string{"ann x", "code s1 x", "code s2 x", "offline s1 x", "s1 x", "s2 x"}},
		{"password changed", func(w *world) error {
			return f.st.SetPassword(ctx, w.ann.ID, 0, "new", none, store.Audit{})
		}, ann},
		{"password changed, one session kept", func(w *world) error {
			return f.st.SetPassword(ctx, w.ann.ID, 0, "new", w.s1.ID, store.Audit{})
		}, append(s2, "offline s1 x")},
		{"account locked", func(w *world) error {
			return f.st.SetLocked(ctx, w.ann.ID, 0, true, store.Audit{})
		}, append(ann, "ann x", "ann y")},
		{"account locked and unlocked: consents are there again", func(w *world) error {
			f.must(f.st.SetLocked(ctx, w.ann.ID, 0, true, store.Audit{}))
			return f.st.SetLocked(ctx, w.ann.ID, 0, false, store.Audit{})
		}, ann},
		{"account removed", func(w *world) error {
			return f.st.RemoveAccount(ctx, w.ann.ID, 0, store.Audit{})
		}, append(ann, "ann x", "ann y")},
		{"client disabled", func(w *world) error {
			w.x.Disabled = true
			return f.st.PutClient(ctx, w.x, 1, store.Audit{})
		}, x},
		{"client changed", func(w *world) error {
			w.x.Name = "New"
			return f.st.PutClient(ctx, w.x, 1, store.Audit{})
		}, nil},
		{"client removed", func(w *world) error {
			return f.st.RemoveClient(ctx, w.x.ID, store.Audit{})
		}, append(x, "ann x", "bob x")},
	} {
		w := f.world()
		f.must(row.do(w))
		f.same(row.event+" ends", f.ended(w), slices.Sorted(slices.Values(row.ends)))
	}
}

// testNothingRevives undoes what can be undone: tokens from before stay dead.
func testNothingRevives(f *fixture) {
	ctx := f.Context()
	x := []string{"child", "code s1 x", "code s2 x", "offline s1 x", "offline s3 x", "s1 x", "s2 x", "s3 x"}
	w := f.world()
	w.x.Disabled = true
	f.must(f.st.PutClient(ctx, w.x, 1, store.Audit{}))
	w.x.Disabled = false
	f.must(f.st.PutClient(ctx, w.x, 2, store.Audit{}))
	f.same("client enabled again", f.ended(w), x)

	w = f.world()
	f.must(f.st.RemoveClient(ctx, w.x.ID, store.Audit{}))
	f.must(f.st.PutClient(ctx, w.x, 0, store.Audit{}))
	f.same("client made again", f.ended(w), slices.Concat([]string{"ann x", "bob x"}, x))
}
