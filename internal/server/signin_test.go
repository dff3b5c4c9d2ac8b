package server

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func TestWrongPasswordAndUnknownUserLookTheSame(t *testing.T) {
	w := newWorld(t)
	pages := map[string]page{}
	for _, name := range []string{"alice", "nobody"} {
		b := w.browser()
		pages[name] = b.submitPassword(b.frame(assisted("client_id", "app")), name, "wrong")
		if pages[name].status != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", name, pages[name].status)
		}
		pages[name].wantText("User name or password is wrong")
		pages[name].wantText(`value="` + name + `"`) // what was typed is kept
		if strings.Contains(pages[name].body, `value="wrong"`) {
			t.Error("the password comes back in the page")
		}
	}
	audits, _, err := w.store.Audits(context.Background(), store.AuditFilter{}, oauth.ID{}, 10)
	w.must(err)
	failed := 0
	for _, a := range audits {
		if a.Event == store.EventSignInFailed {
			failed++
		}
	}
	if failed != 2 {
		t.Errorf("%d records of failed sign-ins, want one for the account and one for unknown names", failed)
	}
}

func TestLockedAccount(t *testing.T) {
	w := newWorld(t)
	w.must(w.manager.LockAccount(context.Background(), w.alice.ID))
	b := w.browser()
	b.submitPassword(b.frame(assisted("client_id", "app")), "alice", password).wantText("This account is locked")
	b.submitPassword(b.frame(assisted("client_id", "app")), "alice", "wrong").wantText("User name or password is wrong")
	b.frame(assisted("client_id", "app", "prompt", "none")).wantError(oauth.InteractionRequired)
}

func TestFlowIsBoundToItsBrowser(t *testing.T) {
	w := newWorld(t)
	attacker, victim := w.browser(), w.browser()
	top := attacker.open(assisted("client_id", "app")) // begun top-level
	victim.submit(signInPath, url.Values{"flow": {top.field("flow")}, "username": {"alice"}, "password": {password}}).
		wantPlain(http.StatusBadRequest)
	// Begun in a frame it may go on, but gives the victim's browser no first-party session.
	framed := attacker.frame(assisted("client_id", "app"))
	victim.submitPassword(framed, "alice", password).token()
	victim.frame(assisted("client_id", "app", "prompt", "none")) // the child session, where the cookie lives
	for _, c := range victim.client.Jar.Cookies(mustURL(t, w.url)) {
		if c.Name == ssoCookie.Name {
			t.Error("a flow of another browser made a first-party session")
		}
	}
}

func TestSignInWithCookiesBlocked(t *testing.T) {
	w := newWorld(t)
	b := w.blocked()
	answer := b.signIn("client_id", "app")
	w.wantActive(answer.token(), true)
	set := strings.Join(answer.header.Values("Set-Cookie"), "\n")
	if strings.Contains(set, ssoCookie.Name) {
		t.Errorf("a flow without its cookie sets a first-party session: %s", set)
	}
	if !strings.Contains(set, "__Host-usher-child-") || !strings.Contains(set, "Partitioned") {
		t.Errorf("no child session: %s", set)
	}
	b.frame(assisted("client_id", "app", "prompt", "none")).wantError(oauth.InteractionRequired)
}

// childWorld is a browser that lets only the partitioned cookie through.
func (w *world) childBrowser() *browser {
	b := w.browser()
	answer := w.blocked().signIn("client_id", "app")
	answer.token()
	for _, line := range answer.header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		w.must(err)
		if strings.HasPrefix(c.Name, "__Host-usher-child-") {
			b.client.Jar.SetCookies(mustURL(w.t, w.url), []*http.Cookie{c})
		}
	}
	return b
}

func TestChildSessionServesItsClientAlone(t *testing.T) {
	w := newWorld(t)
	b := w.childBrowser()
	b.frame(assisted("client_id", "app", "prompt", "none")).token()
	b.frame(assisted("client_id", "jwt", "prompt", "none")).wantError(oauth.InteractionRequired)
	// Under another client's cookie name it is worth nothing either.
	secret := b.client.Jar.Cookies(mustURL(t, w.url))[0].Value
	jwt, _ := w.server.current.Load().client("jwt")
	origin, _ := jwt.MatchOrigin(appOrigin)
	b.client.Jar.SetCookies(mustURL(t, w.url), []*http.Cookie{
		{Name: childCookie(jwt, origin).Name, Value: secret, Secure: true, Path: "/"},
		{Name: ssoCookie.Name, Value: secret, Secure: true, Path: "/"}})
	b.frame(assisted("client_id", "jwt", "prompt", "none")).wantError(oauth.InteractionRequired)
}

func TestChildSessionOfAnotherEndsWhereTheSSOCookieArrives(t *testing.T) {
	w := newWorld(t)
	b := w.childBrowser()
	child := b.client.Jar.Cookies(mustURL(t, w.url))
	other := w.browser()
	other.signIn("client_id", "app").token()
	b.client.Jar.SetCookies(mustURL(t, w.url), other.client.Jar.Cookies(mustURL(t, w.url)))
	for _, c := range b.client.Jar.Cookies(mustURL(t, w.url)) {
		c.Secure, c.Path = true, "/"
	}
	r := b.request("GET", assisted("client_id", "app", "prompt", "none"), nil)
	for _, c := range other.client.Jar.Cookies(mustURL(t, w.url)) {
		r.AddCookie(c)
	}
	r.AddCookie(child[0])
	plain := w.blocked()
	plain.do(r).token()
	again := plain.request("GET", assisted("client_id", "app", "prompt", "none"), nil)
	again.AddCookie(child[0])
	plain.do(again).wantError(oauth.InteractionRequired)
}

func TestSignInAgainKeepsTheSessionAndChangesItsCookie(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	first := b.signIn("client_id", "app")
	old := b.client.Jar.Cookies(mustURL(t, w.url))
	b.signIn("client_id", "app", "force_auth", "true").token()
	w.wantActive(first.token(), true)
	r := w.blocked().request("GET", assisted("client_id", "app", "prompt", "none"), nil)
	for _, c := range old {
		r.AddCookie(c)
	}
	w.blocked().do(r).wantError(oauth.InteractionRequired)
}

func TestAnotherUserReplacesTheSession(t *testing.T) {
	w := newWorld(t)
	_, err := w.manager.CreateAccount(context.Background(), oauth.Account{Username: "bob"}, password)
	w.must(err)
	b := w.browser()
	alices := b.signIn("client_id", "app").token()
	bobs := b.submitPassword(b.frame(assisted("client_id", "app", "prompt", "login")), "bob", password)
	w.wantActive(bobs.token(), true)
	w.wantActive(alices, false)
}

func TestCrossSiteFormsAreRefused(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	f := b.frame(assisted("client_id", "app"))
	for _, path := range []string{signInPath, consentPath, continuePath, cancelPath} {
		for _, headers := range [][]string{
			{"Sec-Fetch-Site", "cross-site", "Origin", evilOrigin}, {"Sec-Fetch-Site", "same-site", "Origin", w.url}, {"Origin", evilOrigin}, {"Origin", "null"},
		} {
			values := form("flow", f.field("flow"), "username", "alice", "password", password, "decision", "allow")
			b.do(b.request("POST", path, values, headers...)).wantPlain(http.StatusForbidden)
		}
	}
	b.frame(assisted("client_id", "app", "prompt", "none")).wantError(oauth.InteractionRequired)
}

func TestDamagedAndOldFlows(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	f := b.frame(assisted("client_id", "app")).field("flow")
	access := b.signIn("client_id", "app").token()
	for name, flow := range map[string]string{"none": "", "garbage": "x", "cut": f[:len(f)-2], "an access token": access, "huge": strings.Repeat("A", 60_000)} {
		t.Run(name, func(t *testing.T) {
			p := b.submit(signInPath, form("flow", flow, "username", "alice", "password", password))
			p.t = t
			p.wantPlain(http.StatusBadRequest)
		})
	}
	w.clock.pass(11 * time.Minute)
	b.submit(signInPath, form("flow", f, "username", "alice", "password", password)).wantPlain(http.StatusBadRequest)
	b.submit(signInPath, form("flow", strings.Repeat("A", 100_000))).wantPlain(http.StatusBadRequest)
}

// A flow that was begun does not outlive the client's right to it.
func TestFlowIsCheckedAnew(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	f := b.frame(assisted("client_id", "app"))
	w.change("app", func(c *oauth.Client) { c.AllowedOrigins = []oauth.OriginPattern{otherOrigin} })
	b.submitPassword(f, "alice", password).wantPlain(http.StatusBadRequest)
	w.change("app", func(c *oauth.Client) { c.AllowedOrigins, c.Disabled = []oauth.OriginPattern{appOrigin}, true })
	b.submitPassword(f, "alice", password).wantPlain(http.StatusBadRequest)
}

func TestAnonymousVisitorsWriteNothing(t *testing.T) {
	w := newWorld(t)
	before := w.stats().Writes
	b := w.browser()
	for range 5 {
		b.frame(assisted("client_id", "app"))
		b.frame(assisted("client_id", "app", "prompt", "none"))
		w.call("POST", revokePath, form("token", "garbage", "client_id", "app"))
		b.open(preflightPath + "?return_to=" + appOrigin)
		b.open(logoutPath)
	}
	if after := w.stats().Writes; after != before {
		t.Errorf("anonymous visits wrote %d times", after-before)
	}
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
