package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// introspectAs asks as the client "api", in the form that it accepts.
func (w *world) introspectAs(accept, text string) page {
	w.t.Helper()
	headers := []string{"Accept", accept}
	if accept == "" {
		headers = nil
	}
	return w.call("POST", introspectPath, form("client_id", "api", "client_secret", w.secret, "token", text), headers...)
}

func TestAccepted(t *testing.T) {
	offers := []string{typeJSON, typeIntrospectionJWT, typeJWT}
	for accept, want := range map[string]string{
		"":                                    typeJSON,
		"*/*":                                 typeJSON,
		"application/token-introspection+jwt": typeIntrospectionJWT,
		"Application/JWT":                     typeJWT,
		"application/jwt, application/json":   typeJSON,
		"application/jwt, application/json;q=0.9":        typeJWT,
		"application/jwt;q=0.2, application/json; q=0.1": typeJWT,
		"application/jwt;q=0, */*":                       typeJSON,
		"application/json;q=0, */*":                      typeIntrospectionJWT,
		"application/*;q=0.5, application/jwt;q=0.4":     typeJSON,
		"application/*;q=0.3, application/jwt;q=0.4":     typeJWT,
		"text/html, application/jwt;q=0.1":               typeJWT,
		"text/html":                                      typeJSON,
		"application/jwt;q=2, application/json;q=0.1":    typeJSON,
		"application/jwt;q=nonsense":                     typeJSON,
		"application/jwt;profile=x":                      typeJSON,
		",;,":                                            typeJSON,
	} {
		r := httptest.NewRequest("POST", "/", nil)
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		if got := accepted(r, offers...); got != want {
			t.Errorf("%q: %s, want %s", accept, got, want)
		}
	}
}

func TestIntrospectionAsJWT(t *testing.T) {
	w := newWorld(t)
	access := w.browser().signIn("client_id", "app", "scope", "openid profile").token()
	p := w.introspectAs(typeIntrospectionJWT, access)
	p.wantStatus(200)
	if p.header.Get("Content-Type") != typeIntrospectionJWT || p.header.Get("Vary") != "Accept" || p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", p.header)
	}
	header, claims := segment(t, p.body, 0), claimsOf(t, p.body)
	if header["typ"] != "token-introspection+jwt" || header["alg"] != "ES256" {
		t.Errorf("header %v", header)
	}
	if _, _, err := w.server.current.Load().ring.Verify(p.body, token.TypeIntrospection); err != nil {
		t.Error(err)
	}
	if claims["iss"] != w.server.issuer || claims["aud"] != "api" || claims["iat"] == nil || claims["sub"] != nil || claims["exp"] != nil {
		t.Errorf("claims %v", claims)
	}
	if inside := claims["token_introspection"].(map[string]any); inside["active"] != true || inside["username"] != "alice" || inside["scope"] != "openid profile" {
		t.Errorf("token_introspection %v", inside)
	}
	inside := claimsOf(t, w.introspectAs(typeIntrospectionJWT, "x").body)["token_introspection"].(map[string]any)
	if len(inside) != 1 || inside["active"] != false {
		t.Errorf("of garbage: %v", inside)
	}
	// A signed answer can pass for no other thing that is signed.
	w.wantActive(p.body, false)
	if w.server.hint(w.server.current.Load(), p.body) != nil {
		t.Error("it passes for an ID token")
	}
}

func TestIntrospectionAlgorithmIsTheCallers(t *testing.T) {
	w := newWorld(t)
	w.change("api", func(c *oauth.Client) { c.IntrospectionAlg = oauth.RS256 })
	access := w.browser().signIn("client_id", "app").token()
	for _, accept := range []string{"", "*/*", typeIntrospectionJWT} { // who registered for signed answers gets them
		if alg := segment(t, w.introspectAs(accept, access).body, 0)["alg"]; alg != "RS256" {
			t.Errorf("%q: %v", accept, alg)
		}
	}
	if w.introspectAs(typeJSON, access).object()["active"] != true {
		t.Error("no JSON though it was asked for")
	}
}

func TestTokenBehindAHandle(t *testing.T) {
	w := newWorld(t)
	for client, alg := range map[string]string{"app": "ES256", "jwt": "RS256"} {
		access := w.browser().signIn("client_id", client, "scope", "openid").token()
		p := w.introspectAs(typeJWT, access)
		p.wantStatus(200)
		if p.header.Get("Content-Type") != typeJWT || p.header.Get("Vary") != "Accept" || p.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v", p.header)
		}
		header, claims, want := segment(t, p.body, 0), claimsOf(t, p.body), w.introspect(access)
		if header["typ"] != "at+jwt" || header["alg"] != alg {
			t.Errorf("%s: header %v", client, header)
		}
		for _, name := range []string{"iss", "sub", "client_id", "scope", "exp", "iat", "jti"} {
			if claims[name] == nil || claims[name] != want[name] {
				t.Errorf("%s: %s is %v, want %v", client, name, claims[name], want[name])
			}
		}
		w.wantActive(p.body, true) // and dies with the handle:
		w.call("POST", revokePath, form("token", access, "client_id", client)).wantStatus(200)
		w.wantActive(p.body, false)
		if p := w.introspectAs(typeJWT, access); p.status != http.StatusNoContent || p.body != "" || p.header.Get("Vary") != "Accept" {
			t.Errorf("of a revoked token: %d %q", p.status, p.body)
		}
	}
}

func TestTokenOfAClientBehindItsHandle(t *testing.T) {
	w := newOAuthWorld(t)
	own := w.trade("web", "grant_type", "client_credentials", "scope", "read").granted(t)
	if claims := claimsOf(t, w.introspectAs(typeJWT, own.Access).body); claims["sub"] != "web" || claims["auth_time"] != nil {
		t.Errorf("%v", claims)
	}
}

// A refresh token is nobody's business but its client's.
func TestIntrospectionOfRefreshTokens(t *testing.T) {
	w := newOAuthWorld(t)
	w.change("web", func(c *oauth.Client) { c.Capabilities = append(c.Capabilities, oauth.CapIntrospection) })
	got := w.redeem("web", w.browser().authorize(authorization("web")).answer().Get("code")).granted(t)
	own := func(hint string) map[string]any {
		return w.call("POST", introspectPath, form("client_id", "web", "client_secret", webKey, "token", got.Refresh, "token_type_hint", hint)).object()
	}
	for _, hint := range []string{"refresh_token", "access_token", "nonsense"} { // a hint is but a hint
		o := own(hint)
		if o["active"] != true || o["client_id"] != "web" || o["scope"] != "openid read" || o["sub"] != w.alice.ID.String() || o["token_type"] != nil {
			t.Errorf("%v", o)
		}
	}
	w.wantActive(got.Refresh, false)
	if p := w.introspectAs(typeJWT, got.Refresh); p.status != http.StatusNoContent {
		t.Errorf("behind a refresh token: %d", p.status)
	}
	w.call("POST", revokePath, form("client_id", "web", "client_secret", webKey, "token", got.Refresh)).wantStatus(200)
	if o := own(""); len(o) != 1 || o["active"] != false {
		t.Errorf("revoked: %v", o)
	}
}

func TestIntrospectionOfAnExpiredRefreshToken(t *testing.T) {
	w := newOAuthWorld(t)
	w.change("web", func(c *oauth.Client) { c.Capabilities = append(c.Capabilities, oauth.CapIntrospection) })
	b := w.browser()
	got := w.redeem("web", b.authorize(authorization("web", "scope", "openid offline_access", "prompt", "login")).answer().Get("code")).granted(t)
	ask := func() map[string]any {
		return w.call("POST", introspectPath, form("client_id", "web", "client_secret", webKey, "token", got.Refresh)).object()
	}
	w.clock.pass(29 * 24 * time.Hour)
	if o := ask(); o["active"] != true {
		t.Errorf("offline, after the session: %v", o)
	}
	w.clock.pass(2 * 24 * time.Hour)
	if o := ask(); o["active"] != false {
		t.Errorf("expired: %v", o)
	}
}

func TestIntrospectionOfPairwiseSubjects(t *testing.T) {
	w := newOAuthWorld(t)
	w.change("web", func(c *oauth.Client) { c.SubjectType, c.SectorIdentifier = oauth.SubjectPairwise, "web.example" })
	got := w.redeem("web", w.browser().authorize(authorization("web")).answer().Get("code")).granted(t)
	sub := claimsOf(t, got.ID)["sub"]
	if sub == w.alice.ID.String() || w.introspect(got.Access)["sub"] != sub {
		t.Errorf("sub %v, in the ID token %v", w.introspect(got.Access)["sub"], sub)
	}
	refresh := w.call("POST", introspectPath, form("token", got.Refresh, "client_id", "web", "client_secret", webKey)).object()
	for _, answer := range []map[string]any{w.introspect(got.Access), refresh} {
		if name, found := answer["username"]; found { // the same at every client
			t.Errorf("the answer names %v", name)
		}
	}
}

func TestIntrospectionAssertionIsGoodOnce(t *testing.T) {
	w := newWorld(t)
	w.keyClient("known", oauth.AuthPrivateKeyJWT, "key")
	assertion := clientJWT(t, "key", "JWT", w.assertionClaims("known"))
	w.call("POST", introspectPath, asserting(assertion)).wantStatus(200)
	w.call("POST", introspectPath, asserting(assertion)).wantCode(401, oauth.InvalidClient)
}
