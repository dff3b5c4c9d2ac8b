package server

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// What strangers tried, and what it must come to.

func TestLogoutInAStrangersFrameTellsNothing(t *testing.T) {
	w := newWorld(t)
	in, out := w.browser(), w.browser()
	in.signIn("client_id", "app")
	address := logoutAddress("client_id", "app", "post_logout_redirect_uri", "https://app.example/bye")
	before := w.stats().Reads
	in.frame(address).wantPlain(http.StatusBadRequest)
	out.frame(address).wantPlain(http.StatusBadRequest)
	if w.stats().Reads != before {
		t.Error("the session was read")
	}
}

// A window that let go of its opener still shows it whether it went on to the app.
func TestAWindowGoesOnByItselfOnlyForTheApp(t *testing.T) {
	w := newWorld(t)
	in, out := w.browser(), w.browser()
	in.signIn("client_id", "app")
	from := func(b *browser, address, referrer string) page {
		return b.do(b.request("GET", address, nil, "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "cross-site", "Referer", referrer))
	}
	goes := `data-return="` + appOrigin + `/page#`
	ticket := assisted("client_id", "app", "ticket_challenge", strings.Repeat("A", 43), "return_to", appOrigin+"/page")
	from(in, ticket, appOrigin+"/").wantText(goes)
	logout := logoutAddress("client_id", "app", "post_logout_redirect_uri", "https://app.example/bye")
	if p := from(out, logout, "https://app.example/"); p.status != http.StatusSeeOther {
		t.Errorf("the app's own way out: status %d", p.status)
	}
	for _, referrer := range []string{"", evilOrigin + "/", appOrigin + ".evil.example/", "https://app.example:444/", "//app.example/"} {
		for _, address := range []string{ticket, ticket + "&prompt=none"} {
			for _, b := range []*browser{in, out} {
				p := from(b, address, referrer)
				if strings.Contains(p.body, appOrigin+"/page") {
					t.Errorf("from %q the window goes on", referrer)
				}
			}
		}
		from(in, logout, referrer).wantText("Sign out?")
		stays := from(out, logout, referrer)
		stays.wantText(`href="https://app.example/bye"`)
		if strings.Contains(stays.body, `id="next"`) {
			t.Errorf("from %q the logout page goes on", referrer)
		}
	}
}

func TestIntrospectionByANodeThatIsBehind(t *testing.T) {
	w := newWorld(t)
	behind := w.server.current.Load()
	now := w.clock.Now()
	key, err := token.NewKey(rand.Reader, token.UseSeal, "", now, now, w.manager.Master)
	w.must(err)
	_, err = w.store.AddKey(t.Context(), key, now, noAudit)
	w.must(err)
	w.changed(w.manager.CreatePublicClient(t.Context(), oauth.Client{ID: "new-app", Name: "New",
		Capabilities: []oauth.Capability{oauth.CapAssistedToken}, AllowedOrigins: []oauth.OriginPattern{appOrigin}, Scope: []string{"read"}}))
	access := w.browser().signIn("client_id", "new-app").token()
	w.server.current.Store(behind) // knows neither the key nor the client
	w.wantActive(access, true)
}

func TestRepeatedRevocationAddsNothing(t *testing.T) {
	w := newWorld(t)
	access := w.browser().signIn("client_id", "app").token()
	for range 20 {
		w.call("POST", revokePath, form("token", access, "client_id", "app"))
	}
	if n := w.audits(store.EventTokenRevoked); n != 1 {
		t.Errorf("one token revoked 20 times over: %d audit records", n)
	}
}

func (w *world) audits(event store.Event) (n int) {
	w.t.Helper()
	records, _, err := w.store.Audits(w.t.Context(), store.AuditFilter{}, oauth.ID{}, 1000)
	w.must(err)
	for _, a := range records {
		if a.Event == event {
			n++
		}
	}
	return n
}

// onlyPartitioned keeps the cookies that a browser without third-party cookies keeps in a frame.
type onlyPartitioned struct{ http.CookieJar }

func (j onlyPartitioned) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		if c.Partitioned {
			j.CookieJar.SetCookies(u, []*http.Cookie{c})
		}
	}
}

func TestChildCookieIsFreshAtEachSignIn(t *testing.T) {
	w := newWorld(t)
	b := w.childBrowser()
	stolen := w.blocked().request("GET", assisted("client_id", "app", "prompt", "none"), nil)
	stolen.AddCookie(b.client.Jar.Cookies(mustURL(t, w.url))[0])
	before := b.frame(assisted("client_id", "app", "prompt", "none")).token()
	b.client.Jar = onlyPartitioned{b.client.Jar}
	b.signIn("client_id", "app", "prompt", "login").token()
	w.wantActive(before, true)
	b.frame(assisted("client_id", "app", "prompt", "none")).token()
	w.blocked().do(stolen).wantError(oauth.InteractionRequired)
}

func TestConsentInAFrameWithAChildSession(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.client.Jar = onlyPartitioned{b.client.Jar}
	asked := b.signIn("client_id", "app", "prompt", "consent")
	b.submit(consentPath, form("flow", asked.field("flow"), "user", asked.field("user"), "decision", "allow")).token()
}

func TestJWTOfAnotherIssuer(t *testing.T) {
	w := newWorld(t)
	access := w.browser().signIn("client_id", "jwt", "scope", "read").token()
	ring := w.server.current.Load().ring
	claims, _, err := ring.Verify(access, token.TypeAccess)
	w.must(err)
	other, err := ring.Sign(oauth.ES256, token.TypeAccess, w.clock.Now(), []byte(strings.Replace(string(claims), w.url, "https://other.example", 1)))
	w.must(err)
	w.wantActive(other, false)
}

func TestRefusalsAreRecorded(t *testing.T) {
	w := newWorld(t)
	w.change("foreign", func(c *oauth.Client) { c.FramedInteraction = true })
	b := w.browser()
	asked := b.signIn("client_id", "foreign")
	b.submit(consentPath, form("flow", asked.field("flow"), "user", asked.field("user"), "decision", "deny")).wantError(oauth.AccessDenied)
	if w.audits(store.EventConsentDenied) != 1 {
		t.Error("a denied consent leaves no record")
	}
	w.must(w.manager.LockAccount(t.Context(), w.alice.ID))
	b.submitPassword(b.frame(assisted("client_id", "app")), "alice", password).wantText("locked")
	if w.audits(store.EventSignInFailed) != 1 {
		t.Error("the right password of a locked account leaves no record")
	}
}

func TestMalformedQueriesAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, q := range []string{"client_id=app&client_id=%zz&prompt=none", "client_id=app&for_origin=" + url.QueryEscape(evilOrigin) + ";x"} {
		for _, path := range []string{assistedPath, logoutPath, windowPath} {
			w.browser().open(path + "?" + q).wantPlain(http.StatusBadRequest)
		}
	}
}

func TestLongParametersAreTheCallersFault(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, c := range []string{"\x01", "<", "\xff", "é"} {
		long := strings.Repeat(c, 2048/len(c))
		b.frame(assisted("client_id", "app", "login_hint", long)).wantText(`name="password"`)
		b.frame(assisted("client_id", "app", "login_hint", long, "nonce", "n")).wantError(oauth.InvalidRequest)
	}
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("the log has errors: %s", w.log)
	}
}

func TestAWindowSaysNothingToTheApp(t *testing.T) {
	w := oneNode(t)
	offer := w.browser().frame(assisted("client_id", "foreign"))
	b := w.browser()
	window := b.open(unescape(attribute(t, offer.body, "data-open")))
	w.server.Store = closedStore{w.store}
	b.submitPassword(window, "alice", password).wantPlain(http.StatusInternalServerError)
}

// closedStore is a database that is gone.
type closedStore struct{ store.Store }

func (closedStore) AccountByName(context.Context, string) (oauth.Account, error) {
	return oauth.Account{}, errors.New("the database is gone")
}

func TestUserNamesAreTrimmed(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"alice ", " alice", "ALICE\t"} {
		b := w.browser()
		b.submitPassword(b.frame(assisted("client_id", "app")), name, password).token()
	}
}

func TestErrorPagesRepeatLittle(t *testing.T) {
	w := newWorld(t)
	p := w.browser().open(assisted("client_id", "app", "for_origin", strings.Repeat("call us now ", 50)))
	if strings.Count(p.body, "call us now") > 6 {
		t.Errorf("a stranger's text fills the page:\n%s", p.body)
	}
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{"gzip": true, "br, GZIP;q=0.5": true, "": false, "gzip;q=0": false, "gzip; q=0.0": false, "br": false, "x-gzip": false} {
		if acceptsGzip(header) != want {
			t.Errorf("%q: want %v", header, want)
		}
	}
}

// A node whose master key was changed under it goes on with the keys it has, and still sees what else changes.
func TestMasterKeyChangedUnderARunningNode(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	access := b.signIn("client_id", "app").token()
	next, err := token.NewMaster(rand.Reader)
	w.must(err)
	w.changed(w.manager.ChangeMaster(t.Context(), next))
	w.wantActive(access, true)
	b.frame(assisted("client_id", "app", "prompt", "none")).token()
	w.manager.Master = next
	w.change("app", func(c *oauth.Client) { c.Disabled = true })
	b.frame(assisted("client_id", "app", "prompt", "none")).wantPlain(http.StatusBadRequest)
}
