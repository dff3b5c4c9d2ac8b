package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

func TestSignInThenSilentRenewal(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.frame(assisted("client_id", "app", "prompt", "none")).wantError(oauth.InteractionRequired)

	form := b.frame(assisted("client_id", "app", "for_origin", appOrigin, "scope", "openid profile", "nonce", "n-1"))
	form.wantText("The App")
	if got := form.header.Get("Content-Security-Policy"); !strings.HasSuffix(got, "frame-ancestors "+appOrigin) {
		t.Errorf("the form's CSP is %q", got)
	}
	answer := b.submitPassword(form, "Alice", password)
	to, m := answer.message()
	if to != appOrigin || m["status"] != "success" || m["token_type"] != "bearer" || m["expires_in"] != 300.0 ||
		m["scope"] != "openid profile" || m["sub"] != w.alice.ID.String() || m["subject"] != m["sub"] {
		t.Errorf("message to %s: %v", to, m)
	}
	if answer.header.Get("Cache-Control") != "no-store" || answer.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers %v", answer.header)
	}
	w.wantActive(m["access_token"].(string), true)
	silent := b.frame(assisted("client_id", "app", "prompt", "none"))
	w.wantActive(silent.token(), true)
	if silent.token() == m["access_token"] {
		t.Error("the same token twice")
	}
}

func TestIDToken(t *testing.T) {
	w := newWorld(t)
	for client, alg := range map[string]oauth.Alg{"app": oauth.ES256, "jwt": oauth.RS256} {
		_, m := w.browser().signIn("client_id", client, "scope", "openid", "nonce", "n-2").message()
		claims, got, err := w.server.current.Load().ring.Verify(m["id_token"].(string), token.TypeJWT)
		w.must(err)
		if got != alg {
			t.Errorf("%s: signed with %s, want %s", client, got, alg)
		}
		for _, want := range []string{`"iss":"` + w.url + issuerPath + `"`, `"aud":"` + client + `"`, `"nonce":"n-2"`, `"auth_time":`,
			`"at_hash":"` + halfHash(m["access_token"].(string)) + `"`, `"sid":"`, `"amr":["pwd"]`, `"acr":"urn:usher:acr:password"`} {
			if !strings.Contains(string(claims), want) {
				t.Errorf("%s: %s is not in %s", client, want, claims)
			}
		}
	}
	_, m := w.browser().signIn("client_id", "many", "for_origin", otherOrigin, "scope", "read").message()
	if _, there := m["id_token"]; there {
		t.Error("an id_token without the scope openid")
	}
}

func TestJWTAccessToken(t *testing.T) {
	w := newWorld(t)
	access := w.browser().signIn("client_id", "jwt", "scope", "read").token()
	claims, _, err := w.server.current.Load().ring.Verify(access, token.TypeAccess)
	w.must(err)
	if !strings.Contains(string(claims), `"aud":["https://api.example"]`) {
		t.Errorf("claims %s", claims)
	}
	w.wantActive(access, true)
	if p := w.call("POST", revokePath, form("token", access, "client_id", "jwt")); p.status != 200 {
		t.Fatalf("revocation: %d", p.status)
	}
	w.wantActive(access, false)
}

func TestAssistedErrorsOnThePlainPage(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for name, address := range map[string]string{
		"no client":                  assisted("prompt", "none"),
		"unknown client":             assisted("client_id", "nobody", "for_origin", appOrigin),
		"repeated client_id":         assisted("client_id", "app", "client_id", "app"),
		"repeated for_origin":        assisted("client_id", "app", "for_origin", appOrigin, "for_origin", appOrigin),
		"origin not allowed":         assisted("client_id", "app", "for_origin", evilOrigin),
		"origin null":                assisted("client_id", "app", "for_origin", "null"),
		"origin with a slash":        assisted("client_id", "app", "for_origin", appOrigin+"/"),
		"several, none named":        assisted("client_id", "many"),
		"two labels for one":         assisted("client_id", "many", "for_origin", "https://a.b.apps.example"),
		"pattern itself":             assisted("client_id", "many", "for_origin", "https://*.apps.example"),
		"longer than the pattern":    assisted("client_id", "many", "for_origin", "https://a.apps.example.evil.example"),
		"another client's origin":    assisted("client_id", "app", "for_origin", otherOrigin),
		"client without any origins": assisted("client_id", "api"),
	} {
		t.Run(name, func(t *testing.T) {
			p := b.frame(address)
			p.t = t
			p.wantPlain(http.StatusBadRequest)
		})
	}
	if to, _ := b.frame(assisted("client_id", "many", "for_origin", "https://one.apps.example", "prompt", "none")).message(); to != "https://one.apps.example" {
		t.Errorf("a pattern's origin is answered at %q", to)
	}
}

func TestAssistedErrorsByMessage(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for name, c := range map[string]struct {
		params []string
		want   oauth.Code
	}{
		"not signed in":          {[]string{"client_id", "app", "prompt", "none"}, oauth.InteractionRequired},
		"flow off":               {[]string{"client_id", "off"}, oauth.UnauthorizedClient},
		"scope not the client's": {[]string{"client_id", "app", "scope", "read"}, oauth.InvalidScope},
		"scope unknown":          {[]string{"client_id", "app", "scope", "no-such"}, oauth.InvalidScope},
		"scope malformed":        {[]string{"client_id", "app", "scope", "a\"b"}, oauth.InvalidScope},
		"repeated scope":         {[]string{"client_id", "app", "scope", "openid", "scope", "openid"}, oauth.InvalidRequest},
		"repeated prompt":        {[]string{"client_id", "app", "prompt", "none", "prompt", "none"}, oauth.InvalidRequest},
		"none with login":        {[]string{"client_id", "app", "prompt", "none login"}, oauth.InvalidRequest},
		"none with force_auth":   {[]string{"client_id", "app", "prompt", "none", "force_auth", "true"}, oauth.InvalidRequest},
		"max_age garbage":        {[]string{"client_id", "app", "max_age", "-1"}, oauth.InvalidRequest},
		"nonce too long":         {[]string{"client_id", "app", "nonce", strings.Repeat("n", 3000)}, oauth.InvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			p := b.frame(assisted(c.params...))
			p.t = t
			p.wantError(c.want)
			if to, _ := p.message(); to != appOrigin {
				t.Errorf("posted to %q", to)
			}
		})
	}
	p := w.server.current.Load().profile
	p.Capabilities = []oauth.Capability{oauth.CapIntrospection}
	w.changed(w.store.PutProfile(context.Background(), p, p.Version, noAudit))
	b.frame(assisted("client_id", "app")).wantError(oauth.UnauthorizedClient)
}

func TestEmptyParametersCountAsAbsent(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("client_id", "app")
	_, m := b.frame(assisted("client_id", "app", "for_origin", "", "prompt", "none", "scope", "", "nonce", "", "max_age", "", "force_auth", "",
		"acr_values", "", "login_hint", "", "ui_locales", "", "no_such", "x")).message()
	if m["scope"] != "openid profile" { // payment demands a fresh sign-in, so it is given only when named
		t.Errorf("got %v", m)
	}
}

func TestPrompts(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("client_id", "app")
	if p := b.frame(assisted("client_id", "app")); p.token() == "" {
		t.Error("a session, and yet no token")
	}
	for _, params := range [][]string{{"prompt", "login"}, {"force_auth", "true"}, {"prompt", "login unknown"}} {
		form := b.frame(assisted(append([]string{"client_id", "app"}, params...)...))
		form.wantText(`action="/authn/authentication/password"`)
		if b.submitPassword(form, "alice", password).token() == "" {
			t.Error("signed in again, and yet no token")
		}
	}
	b.frame(assisted("client_id", "app", "prompt", "unknown")).token()
	asked := b.frame(assisted("client_id", "app", "prompt", "consent"))
	asked.wantText(`value="allow"`)
	b.submit(consentPath, form("flow", asked.field("flow"), "user", asked.field("user"), "decision", "allow")).token()
	b.frame(assisted("client_id", "app", "prompt", "consent")).wantText(`value="allow"`)
}

func TestMaxAge(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("client_id", "app")
	w.clock.pass(100 * time.Second)
	b.frame(assisted("client_id", "app", "prompt", "none", "max_age", "200")).token()
	b.frame(assisted("client_id", "app", "prompt", "none", "max_age", "99")).wantError(oauth.InteractionRequired)
	b.frame(assisted("client_id", "app", "prompt", "none", "max_age", "0")).wantError(oauth.InteractionRequired)
	b.signIn("client_id", "app", "max_age", "0").token()
}

func TestStepUp(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("client_id", "app")
	b.frame(assisted("client_id", "app", "prompt", "none", "scope", "openid payment")).token()
	w.clock.pass(61 * time.Second)
	b.frame(assisted("client_id", "app", "prompt", "none", "scope", "openid payment")).wantError(oauth.InteractionRequired)
	b.frame(assisted("client_id", "app", "prompt", "none", "scope", "openid")).token()
	before := b.frame(assisted("client_id", "app", "prompt", "none")).token()
	form := b.frame(assisted("client_id", "app", "scope", "openid profile payment"))
	if _, m := b.submitPassword(form, "alice", password).message(); m["scope"] != "openid profile payment" {
		t.Errorf("got %v", m)
	}
	w.wantActive(before, true) // signing in again does not end what the session gave before
}

func TestConsent(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	offer := b.frame(assisted("client_id", "foreign", "scope", "openid read"))
	offer.wantText("Continue in a window")
	if strings.Contains(offer.body, `name="password"`) {
		t.Fatal("a client whose users must consent shows its sign-in in a frame")
	}
	window := b.open(unescape(attribute(t, offer.body, "data-open")))
	if got := window.header.Get("Content-Security-Policy"); !strings.HasSuffix(got, "frame-ancestors 'none'") {
		t.Errorf("the window may be framed: %s", got)
	}
	consent := b.submitPassword(window, "alice", password)
	consent.wantText("Read your data")
	flow := consent.field("flow")
	b.submit(consentPath, form("flow", flow, "user", "somebody else", "decision", "allow")).wantText("Read your data")
	done := b.submit(consentPath, form("flow", flow, "user", consent.field("user"), "decision", "allow"))
	done.wantText(`data-page="done"`)
	if strings.Contains(done.body, "access_token") {
		t.Error("the window holds a token")
	}
	b.submit(continuePath, form("flow", offer.field("flow"))).token()
	b.frame(assisted("client_id", "foreign", "prompt", "none", "scope", "openid read")).token()
	b.frame(assisted("client_id", "foreign", "prompt", "none", "scope", "email")).wantError(oauth.ConsentRequired)

	w.blocked().submit(continuePath, form("flow", offer.field("flow"))).wantError(oauth.InteractionRequired)
	w.must(w.manager.WithdrawConsent(context.Background(), w.alice.ID, "foreign"))
	b.frame(assisted("client_id", "foreign", "prompt", "none", "scope", "openid read")).wantError(oauth.ConsentRequired)
}

func TestConsentDenied(t *testing.T) {
	w := newWorld(t)
	w.change("foreign", func(c *oauth.Client) { c.FramedInteraction = true })
	b := w.browser()
	consent := b.signIn("client_id", "foreign")
	consent.wantText(`value="deny"`)
	b.submit(consentPath, form("flow", consent.field("flow"), "user", consent.field("user"), "decision", "deny")).wantError(oauth.AccessDenied)
}

// Where no cookie reaches the frame at all, the flow itself points at the session that it made.
func TestConsentWithCookiesBlocked(t *testing.T) {
	w := newWorld(t)
	w.change("foreign", func(c *oauth.Client) { c.FramedInteraction = true })
	b := w.blocked()
	consent := b.signIn("client_id", "foreign")
	allow := form("flow", consent.field("flow"), "user", consent.field("user"), "decision", "allow")
	answer := b.submit(consentPath, allow)
	w.wantActive(answer.token(), true)
	b.frame(assisted("client_id", "foreign", "prompt", "none")).wantError(oauth.InteractionRequired)
	b.submit(logoutPath, form("confirm", "yes", "client_id", "foreign", "for_origin", appOrigin, "access_token", answer.token()))
	b.submit(consentPath, allow).wantText(`name="password"`) // it points at nothing once the session is over
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	asked := b.frame(assisted("client_id", "app"))
	b.submit(cancelPath, form("flow", asked.field("flow"))).wantError(oauth.AccessDenied)
}

func TestOnlyGET(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("client_id", "app")
	for _, method := range []string{"POST", "HEAD", "PUT"} {
		p := b.do(b.request(method, assisted("client_id", "app", "prompt", "none"), nil))
		if p.status != http.StatusMethodNotAllowed || !strings.Contains(p.header.Get("Allow"), "GET") {
			t.Errorf("%s: status %d, Allow %q", method, p.status, p.header.Get("Allow"))
		}
	}
}

// A HEAD would issue a code, or tokens, for nobody.
func TestHEADIssuesNothing(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	b.authorize(authorization("web"))
	if p := b.do(b.request("HEAD", authorization("web"), nil)); p.status != http.StatusMethodNotAllowed || p.header.Get("Location") != "" {
		t.Errorf("status %d, Location %q", p.status, p.header.Get("Location"))
	}
}

func TestSecFetchDest(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("client_id", "app")
	for dest, want := range map[string]int{"image": 403, "script": 403, "empty": 403, "object": 403, "document": 200, "iframe": 200, "": 200} {
		r := b.request("GET", assisted("client_id", "app", "prompt", "none"), nil)
		if dest != "" {
			r.Header.Set("Sec-Fetch-Dest", dest)
		}
		before := w.stats().Reads
		if p := b.do(r); p.status != want {
			t.Errorf("Sec-Fetch-Dest %q: status %d, want %d", dest, p.status, want)
		}
		if read := w.stats().Reads != before; read != (want == 200) {
			t.Errorf("Sec-Fetch-Dest %q: the session was read: %v", dest, read)
		}
	}
}

func TestSilentRenewalCostsOneQueryAndNoWrite(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("client_id", "app")
	before := w.stats()
	for range 10 {
		b.frame(assisted("client_id", "app", "prompt", "none")).token()
	}
	after := w.stats()
	if reads, writes := after.Reads-before.Reads, after.Writes-before.Writes; reads != 10 || writes != 0 {
		t.Errorf("10 renewals: %d queries, %d writes", reads, writes)
	}
	w.clock.pass(time.Hour) // more than a tenth of the idle timeout
	before = w.stats()
	b.frame(assisted("client_id", "app", "prompt", "none")).token()
	b.frame(assisted("client_id", "app", "prompt", "none")).token()
	if writes := w.stats().Writes - before.Writes; writes != 1 {
		t.Errorf("the idle touch wrote %d times, want once", writes)
	}
}

func TestTokensStayOutOfTheLog(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	_, m := b.signIn("client_id", "app", "nonce", "n").message()
	for _, secret := range []string{m["access_token"].(string), m["id_token"].(string), password, "__Host-"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(w.log.String(), "token issued") {
		t.Error("issuing is not logged")
	}
}

// halfHash is at_hash as an app computes it (OpenID Connect Core §3.1.3.6).
func halfHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
