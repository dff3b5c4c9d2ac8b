package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	sealing "github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

// Tests of single guards: each fails when its guard is taken out (scripts/mutants/table.yaml).

func TestErrorPageIsFramedByNobody(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, address := range []string{
		assisted("client_id", "nobody", "for_origin", appOrigin), assisted("client_id", "app", "for_origin", otherOrigin),
		assisted("client_id", "app", "client_id", "app", "for_origin", appOrigin),
	} {
		b.frame(address).wantPlain(http.StatusBadRequest)
	}
}

// The pages of a client whose users must consent, and of a window of our own, show in nobody's frame.
func TestInteractivePagesOfOthersAreFramedByNobody(t *testing.T) {
	w := newWorld(t)
	nobody := func(p page) {
		t.Helper()
		p.wantText(`name="password"`)
		if csp := p.header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "frame-ancestors 'none'") {
			t.Errorf("framed by %s", csp)
		}
	}
	nobody(w.browser().open(assisted("client_id", "foreign")))
	offer := w.browser().frame(assisted("client_id", "foreign"))
	w.change("foreign", func(c *oauth.Client) { c.ConsentRequired = false }) // now its pages may be framed, save in a window
	nobody(w.browser().open(unescape(attribute(t, offer.body, "data-open"))))
}

func TestDisabledClientsOriginsCountNowhere(t *testing.T) {
	w := newWorld(t)
	w.change("many", func(c *oauth.Client) { c.Disabled = true })
	for _, origin := range []string{otherOrigin, "https://one.apps.example"} {
		p := w.call("OPTIONS", revokePath, nil, "Origin", origin, "Access-Control-Request-Method", "POST")
		if got := p.header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("a preflight from %s is allowed for %s", origin, got)
		}
	}
	w.browser().open(preflightPath + "?return_to=" + url.QueryEscape(otherOrigin+"/")).wantPlain(http.StatusBadRequest)
}

func TestWhatReadsTheCookieAnswersDocumentsAlone(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("client_id", "app")
	for _, request := range []string{
		"GET " + assisted("client_id", "app", "prompt", "none"), "GET " + windowPath + "?flow=x", "GET " + logoutPath, "POST " + logoutPath,
		"GET " + preflightPath, "GET " + preflightPath + "/check?for_origin=" + url.QueryEscape(appOrigin),
		"POST " + signInPath, "POST " + consentPath, "POST " + continuePath, "POST " + cancelPath,
	} {
		method, address, _ := strings.Cut(request, " ")
		for _, dest := range []string{"image", "empty", "object", "embed", "frame", "script", "video", "serviceworker"} {
			before := w.stats().Reads
			p := b.do(b.request(method, address, nil, "Sec-Fetch-Dest", dest, "Sec-Fetch-Site", "same-origin"))
			if p.status != http.StatusForbidden || w.stats().Reads != before {
				t.Errorf("%s for %s: status %d, %d reads", request, dest, p.status, w.stats().Reads-before)
			}
		}
	}
}

func TestLogoutHintOfAnotherIssuer(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	_, m := b.signIn("client_id", "app", "scope", "openid").message()
	ring := w.server.current.Load().ring
	claims, _, err := ring.Verify(m["id_token"].(string), sealing.TypeJWT)
	w.must(err)
	var hint oauth.IDToken
	w.must(json.Unmarshal(claims, &hint))
	for issuer, auto := range map[string]bool{hint.Issuer: true, "https://other.example": false} {
		hint.Issuer = issuer
		claims, err := json.Marshal(hint)
		w.must(err)
		jws, err := ring.Sign(oauth.ES256, sealing.TypeJWT, w.clock.Now(), claims)
		w.must(err)
		if p := b.open(logoutAddress("id_token_hint", jws)); strings.Contains(p.body, "data-auto") != auto {
			t.Errorf("the hint of %s: submits by itself is not %v", issuer, auto)
		}
	}
}

func TestLogoutHintOfAnotherClient(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	_, m := b.signIn("client_id", "app", "scope", "openid").message()
	b.open(logoutAddress("id_token_hint", m["id_token"].(string), "client_id", "many")).wantPlain(http.StatusBadRequest)
	b.open(logoutAddress("id_token_hint", m["id_token"].(string), "client_id", "app")).wantText(`data-auto="yes"`)
}

// The preflight's cookie tells whether first-party cookies survive: a frame must not be able to make one.
func TestPreflightCookieIsFirstParty(t *testing.T) {
	w := newWorld(t)
	address := preflightPath + "?return_to=" + url.QueryEscape(appOrigin+"/")
	for dest, want := range map[string]bool{"document": true, "iframe": false} {
		b := w.browser()
		p := b.do(b.request("GET", address, nil, "Sec-Fetch-Dest", dest))
		if got := p.header.Get("Set-Cookie") != ""; got != want || p.status != http.StatusSeeOther {
			t.Errorf("%s: status %d, Set-Cookie %q", dest, p.status, p.header.Get("Set-Cookie"))
		}
	}
}

func TestFlowLosesWhatTheClientLoses(t *testing.T) {
	for name, change := range map[string]func(*oauth.Client){
		"the capability": func(c *oauth.Client) { c.Capabilities = nil },
		"a scope":        func(c *oauth.Client) { c.Scope = []string{"openid"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			f := b.frame(assisted("client_id", "app", "scope", "openid profile"))
			client, err := w.manager.Client(t.Context(), "app")
			w.must(err)
			change(&client)
			w.changed(w.store.PutClient(t.Context(), client, client.Version, noAudit))
			b.submitPassword(f, "alice", password).wantPlain(http.StatusBadRequest)
		})
	}
}

// A flow that is bound to a browser is that browser's: the session that it made elsewhere counts for nothing.
func TestBoundFlowTakesTheCookiesSessionAlone(t *testing.T) {
	w := newWorld(t)
	w.change("foreign", func(c *oauth.Client) { c.FramedInteraction = true })
	elsewhere := w.blocked()
	consent := elsewhere.signIn("client_id", "foreign", "scope", "read")
	consent.wantText(`value="allow"`)
	b := w.browser()
	b.frame(assisted("client_id", "foreign", "scope", "read")) // gives the browser its flow cookie
	v, refused := w.server.openFlow(t.Context(), consent.field("flow"))
	if refused != nil {
		t.Fatal(refused)
	}
	for _, c := range b.client.Jar.Cookies(mustURL(t, w.url)) {
		if c.Name == flowCookie.Name {
			v.flow.Binding = web.HashSecret(c.Value)
		}
	}
	bound, err := v.seal(w.clock.Now())
	w.must(err)
	b.submit(consentPath, form("flow", bound, "user", consent.field("user"), "decision", "allow")).wantText(`name="password"`)
	elsewhere.submit(consentPath, form("flow", consent.field("flow"), "user", consent.field("user"), "decision", "allow")).token()
}

func TestConsentCountsOnlyWhenItIsAsked(t *testing.T) {
	w := newWorld(t)
	w.change("foreign", func(c *oauth.Client) { c.FramedInteraction = true })
	b := w.browser()
	b.signIn("client_id", "app")
	agreed := func(flow, decision string) bool {
		t.Helper()
		b.submit(consentPath, form("flow", flow, "user", w.alice.ID.String(), "decision", decision))
		st, err := w.store.Standing(t.Context(), b.sessionHash(), "foreign")
		w.must(err)
		return st.Consent != nil
	}
	early := b.frame(assisted("client_id", "foreign", "scope", "read", "prompt", "login")).field("flow")
	if agreed(early, "allow") {
		t.Error("agreed before the sign-in that the request demands")
	}
	asked := b.frame(assisted("client_id", "foreign", "scope", "read")).field("flow")
	for _, decision := range []string{"", "maybe", "Allow", "deny"} {
		if agreed(asked, decision) {
			t.Errorf("%q counts as agreement", decision)
		}
	}
	if !agreed(asked, "allow") {
		t.Error("agreement does not count")
	}
}

// sessionHash is what the store finds the browser's session by.
func (b *browser) sessionHash() []byte {
	b.t.Helper()
	for _, c := range b.client.Jar.Cookies(mustURL(b.t, b.url)) {
		if c.Name == ssoCookie.Name {
			return web.HashSecret(c.Value)
		}
	}
	b.t.Fatal("the browser has no session")
	return nil
}

func TestEveryCookieIsAHostCookie(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	f := b.frame(assisted("client_id", "app"))
	pages := []page{
		f, b.submitPassword(f, "alice", password), w.blocked().signIn("client_id", "app"),
		b.open(preflightPath + "?return_to=" + url.QueryEscape(appOrigin+"/")), b.submit(logoutPath, form("confirm", "yes")),
	}
	seen := 0
	for _, p := range pages {
		for _, line := range p.header.Values("Set-Cookie") {
			c, err := http.ParseSetCookie(line)
			w.must(err)
			seen++
			if !strings.HasPrefix(c.Name, "__Host-usher-") || !c.Secure || c.HttpOnly == (c.Name == browserStateCookie.Name) || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteNoneMode {
				t.Errorf("the cookie %s", line)
			}
		}
	}
	if seen < 6 {
		t.Errorf("only %d cookies were seen", seen)
	}
}

func TestTheSSOSessionWinsOverAChild(t *testing.T) {
	w := newWorld(t)
	_, err := w.manager.CreateAccount(t.Context(), oauth.Account{Username: "bob"}, password)
	w.must(err)
	child := w.childBrowser() // alice's
	bob := w.browser()
	bob.submitPassword(bob.frame(assisted("client_id", "app")), "bob", password).token()
	r := w.blocked().request("GET", assisted("client_id", "app", "prompt", "none"), nil, "Sec-Fetch-Dest", "iframe")
	for _, from := range []*browser{child, bob} {
		for _, c := range from.client.Jar.Cookies(mustURL(t, w.url)) {
			r.AddCookie(c)
		}
	}
	if got := w.introspect(w.blocked().do(r).token()); got["username"] != "bob" {
		t.Errorf("the token is %v's, want bob's, whose SSO session it is", got["username"])
	}
}

func TestSessionThatIsOverIsNotTouched(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("client_id", "app")
	w.clock.pass(8*24*time.Hour + time.Second)
	before := w.stats().Writes
	b.frame(assisted("client_id", "app", "prompt", "none")).wantError(oauth.InteractionRequired)
	b.open(logoutPath).wantText("You are signed out")
	if writes := w.stats().Writes - before; writes != 0 {
		t.Errorf("a session that is over was written to %d times", writes)
	}
}

func TestOneAddressCannotFlood(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	f := b.frame(assisted("client_id", "app"))
	now := w.clock.Now()
	for range addressBurst {
		w.server.addresses.Allow(netip.MustParseAddr("127.0.0.1"), now)
	}
	// A name for each try, as somebody does who sprays one password.
	refused := 0
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		if p := b.submitPassword(f, name, password); p.status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("one address tried as often as it liked")
	}
}

func TestPublicClientsShowNoSecret(t *testing.T) {
	w := newWorld(t)
	access := w.browser().signIn("client_id", "app").token()
	if p := w.call("POST", revokePath, form("token", access, "client_id", "app", "client_secret", "guess")); p.status != http.StatusUnauthorized {
		t.Errorf("a secret in the form: %d", p.status)
	}
	r := w.blocked().request("POST", revokePath, form("token", access))
	r.SetBasicAuth("app", "guess")
	if p := w.blocked().do(r); p.status != http.StatusUnauthorized {
		t.Errorf("a secret in the header: %d", p.status)
	}
	w.wantActive(access, true)
}

func TestIntrospectionIsForThoseWhoMay(t *testing.T) {
	w := newWorld(t)
	access := w.browser().signIn("client_id", "app").token()
	open := oauth.Client{ID: "open", Name: "Open", Capabilities: []oauth.Capability{oauth.CapIntrospection}}
	w.changed(w.store.PutClient(t.Context(), open, 0, noAudit))
	if p := w.call("POST", introspectPath, form("token", access, "client_id", "open")); p.status != http.StatusUnauthorized {
		t.Errorf("a caller without a secret: %d %s", p.status, p.body)
	}
	refused := func(why string) {
		t.Helper()
		if p := w.call("POST", introspectPath, form("token", access, "client_id", "api", "client_secret", w.secret)); p.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", why, p.status, p.body)
		}
	}
	p := w.server.current.Load().profile
	all := p.Capabilities
	p.Capabilities = []oauth.Capability{oauth.CapAssistedToken}
	w.changed(w.store.PutProfile(t.Context(), p, p.Version, noAudit))
	refused("off in the profile")
	p.Capabilities = all
	w.changed(w.store.PutProfile(t.Context(), p, p.Version+1, noAudit))
	w.wantActive(access, true)
	api, err := w.manager.Client(t.Context(), "api")
	w.must(err)
	api.Capabilities = nil
	w.changed(w.store.PutClient(t.Context(), api, api.Version, noAudit))
	refused("off for the client")
}

func TestUserinfoIsForTheTokensClient(t *testing.T) {
	w := newWorld(t)
	access := w.browser().signIn("client_id", "app", "scope", "openid").token()
	for origin, want := range map[string]string{appOrigin: appOrigin, otherOrigin: "", evilOrigin: "", "null": ""} {
		p := w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+access, "Origin", origin)
		if got := p.header.Get("Access-Control-Allow-Origin"); got != want || p.status != http.StatusOK {
			t.Errorf("from %s: status %d, readable by %q", origin, p.status, got)
		}
	}
}

func TestWrongMasterKeyRefuses(t *testing.T) {
	w := newWorld(t)
	if _, err := New(t.Context(), w.options(w.manager.Master)); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), w.options(sealing.Master{1})); err == nil || !strings.Contains(err.Error(), "master key") {
		t.Errorf("a server with another master key starts: %v", err)
	}
}

// options are those of a second node.
func (w *world) options(m sealing.Master) Options {
	return Options{
		BaseURL: w.url, Store: w.store, Master: m, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Registry: prometheus.NewRegistry(), Now: w.clock.Now,
	}
}

// Time tells nothing about a secret. No test can measure that reliably, so this one reads the source: the
// function that judges compares with crypto/subtle and with nothing else.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	for file, function := range map[string]string{"clientauth.go": "authenticateClient", "../authn/hash.go": "verify"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		constant := false
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Name.Name != function {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if call, ok := n.(*ast.SelectorExpr); ok && call.Sel.Name == "ConstantTimeCompare" {
					constant = true
				}
				return true
			})
		}
		if !constant {
			t.Errorf("%s in %s does not compare in constant time", function, file)
		}
	}
}

func TestDecisionsAreRecorded(t *testing.T) {
	w := newWorld(t)
	w.change("foreign", func(c *oauth.Client) { c.FramedInteraction = true })
	b := w.browser()
	consent := b.signIn("client_id", "foreign", "scope", "read")
	access := b.submit(consentPath, form("flow", consent.field("flow"), "user", consent.field("user"), "decision", "allow")).token()
	w.call("POST", revokePath, form("token", access, "client_id", "foreign"))
	b.submit(logoutPath, form("confirm", "yes"))
	records, _, err := w.store.Audits(context.Background(), store.AuditFilter{}, oauth.ID{}, 100)
	w.must(err)
	var events []store.Event
	for _, a := range slices.Backward(records) {
		switch a.Event {
		case store.EventSignIn, store.EventConsentGiven, store.EventDelegated, store.EventTokenRevoked, store.EventSignOut:
			events = append(events, a.Event)
			if a.AccountID != w.alice.ID || a.Actor != "user" || a.Address != "127.0.0.1" || strings.Contains(a.Detail, access) {
				t.Errorf("%s is recorded as %+v", a.Event, a)
			}
		}
	}
	slices.Sort(events)
	if want := []store.Event{store.EventConsentGiven, store.EventDelegated, store.EventSignIn, store.EventSignOut, store.EventTokenRevoked}; !slices.Equal(events, want) {
		t.Errorf("recorded %v, want %v", events, want)
	}
}

// Verbs that are committed together stand or fall each for itself.
func TestWhatFailsTakesNothingWithIt(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("client_id", "app")
	hash := b.sessionHash()
	var wait sync.WaitGroup
	for range 200 {
		wait.Go(func() { // ends the session first, then finds that there is no such account
			err := w.store.StartSession(t.Context(), 1, oauth.Session{ID: newID(), AccountID: newID()}, nil, [][]byte{hash}, noAudit)
			if !errors.Is(err, store.ErrEnded) {
				t.Error(err)
			}
		})
		wait.Go(func() {
			if err := w.store.Record(t.Context(), store.Audit{Event: store.EventSignIn}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	b.frame(assisted("client_id", "app", "prompt", "none")).token()
}

// Whatever comes in, no request is a fault of the server's, and none leads anywhere else.
func TestEveryRouteSurvivesGarbage(t *testing.T) {
	w := newWorld(t)
	handler := w.server.Handler()
	long := strings.Repeat("%41", 5000)
	for _, path := range []string{
		assistedPath, windowPath, signInPath, consentPath, continuePath, cancelPath, introspectPath, revokePath, userinfoPath, logoutPath,
		preflightPath, preflightPath + "/check", issuerPath + "/jwks", "/", "/..%2f", "/%00", "//evil.example/%2e%2e",
	} {
		for _, query := range []string{"", "?flow=" + long, "?client_id=%ff%00&for_origin=%ff", "?client_id=app&for_origin=" + url.QueryEscape("http://[::1"), "?;;&&==%zz"} {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
				r := httptest.NewRequest(method, path+query, strings.NewReader("flow=%00&username=%ff&token=%zz"))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.Header.Set("Authorization", "Basic \xff:")
				r.Header.Set("Cookie", "__Host-usher-session=\xff; __Host-usher-flow=; __Host-usher-device=x.y.z")
				r.TLS = &tls.ConnectionState{}
				rec := httptest.NewRecorder()
				handler.ServeHTTP(rec, r)
				to := rec.Header().Get("Location")
				if rec.Code >= 500 || to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) {
					t.Errorf("%s %.60s: %d, to %.60s", method, path+query, rec.Code, to)
				}
			}
		}
	}
}
