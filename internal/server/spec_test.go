package server

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// Rules of specifications that no other test of this package holds; docs/specs.md says which.

const (
	orders = "https://orders.example/"
	stock  = "https://stock.example/"
)

// audienceOf is what introspection says of a token.
func (w *world) audienceOf(t tokens) string {
	w.t.Helper()
	list, _ := w.introspect(t.granted(w.t).Access)["aud"].([]any)
	var names []string
	for _, v := range list {
		names = append(names, v.(string))
	}
	return strings.Join(names, " ")
}

// RFC 8707 §2: what the authorization request names is the audience; §2.2: token requests may name a part of it, the
// refresh token keeps the whole.
func TestResourcesBecomeTheAudience(t *testing.T) {
	w := newOAuthWorld(t)
	w.change("web", func(c *oauth.Client) { c.Resources = []string{orders, stock} })
	b := w.browser()
	b.authorize(authorization("web"))
	code := func(resources ...string) string {
		return b.open(authorization("web") + "&" + url.Values{"resource": resources}.Encode()).answer().Get("code")
	}
	both := w.redeem("web", code(orders, stock))
	if got := w.audienceOf(both); got != orders+" "+stock {
		t.Errorf("both: %s", got)
	}
	if got := w.audienceOf(w.redeem("web", code(orders, stock), "resource", stock)); got != stock {
		t.Errorf("one of them: %s", got)
	}
	w.redeem("web", code(orders), "resource", stock).wantError(t, oauth.InvalidTarget)
	refresh := []string{"grant_type", "refresh_token", "refresh_token", both.Refresh}
	narrow := w.trade("web", append(refresh, "resource", orders)...)
	if got := w.audienceOf(narrow); got != orders {
		t.Errorf("a refresh for one of them: %s", got)
	}
	if got := w.audienceOf(w.trade("web", "grant_type", "refresh_token", "refresh_token", narrow.Refresh)); got != orders+" "+stock {
		t.Errorf("the next refresh: %s", got)
	}
	if got := w.audienceOf(w.trade("web", "grant_type", "client_credentials", "resource", stock)); got != stock {
		t.Errorf("client credentials: %s", got)
	}
	q := b.open(authorization("web", "response_type", "id_token token", "resource", stock)).answer()
	if got := w.audienceOf(tokens{Access: q.Get("access_token"), status: 200}); got != stock {
		t.Errorf("of the authorization endpoint: %s", got)
	}
	if got := w.audienceOf(w.redeem("web", code())); got != w.server.issuer { // RFC 9068 §3
		t.Errorf("none named: %s", got)
	}
}

// RFC 9068 §3: the audience of a JWT access token is the resource that was asked for.
func TestResourceIsTheAudienceOfAJWT(t *testing.T) {
	w := newOAuthWorld(t)
	w.change("web", func(c *oauth.Client) { c.Resources, c.AccessTokenFormat = []string{orders}, oauth.FormatJWT })
	got := w.trade("web", "grant_type", "client_credentials", "resource", orders).granted(t)
	if aud, _ := claimsOf(t, got.Access)["aud"].([]any); len(aud) != 1 || aud[0] != orders {
		t.Errorf("aud is %v", aud)
	}
}

// OAuth 2.0 Form Post Response Mode §2, §4: what the client sent comes back as text, on a page that nobody keeps or frames.
func TestFormPostIsEscapedAndNotKept(t *testing.T) {
	w := newOAuthWorld(t)
	state := `"><script>alert(1)</script>`
	p := w.browser().authorize(authorization("web", "response_mode", "form_post", "state", state))
	p.wantText(`method="post" action="` + callback + `"`)
	if strings.Contains(p.body, "<script>alert") || p.hidden().Get("state") != state {
		t.Errorf("the state came back as %q in %s", p.hidden().Get("state"), p.body)
	}
	if p.header.Get("Cache-Control") != "no-store" || !strings.Contains(p.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("%v", p.header)
	}
}

// OpenID Connect Core §12.2: the ID token of a refresh is about the same sign-in, and has no nonce of it.
func TestRefreshedIDTokenHasNoNonce(t *testing.T) {
	w := newOAuthWorld(t)
	first := w.redeem("web", w.browser().authorize(authorization("web")).answer().Get("code")).granted(t)
	again := w.idClaims(w.trade("web", "grant_type", "refresh_token", "refresh_token", first.Refresh).granted(t).ID)
	if w.idClaims(first.ID)["nonce"] != "n-1" || again["nonce"] != nil || again["sub"] != w.idClaims(first.ID)["sub"] {
		t.Errorf("%v", again)
	}
}

// RFC 9449 §5: the refresh token of a public client that proved a key is bound to it, and so does not rotate.
func TestPublicClientsRefreshTokenIsBoundToItsKey(t *testing.T) {
	w := newOAuthWorld(t)
	code := w.browser().authorize(authorization("spa")).answer().Get("code")
	ask := func(key string, q url.Values) tokens {
		q.Set("client_id", "spa")
		p := proof(t, key, claimsWith(w.proofClaims(w.url+tokenPath), "nonce", w.nonce()))
		return w.call("POST", tokenPath, q, "DPoP", p).tokens()
	}
	first := ask("mine", form("grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier)).granted(t)
	again := func() url.Values { return form("grant_type", "refresh_token", "refresh_token", first.Refresh) }
	ask("a thief's", again()).wantError(t, oauth.InvalidGrant)
	w.trade("spa", "grant_type", "refresh_token", "refresh_token", first.Refresh).wantError(t, oauth.InvalidGrant)
	for range 2 {
		w.clock.pass(oauth.RefreshGrace + time.Second)
		if got := ask("mine", again()).granted(t); got.Type != "DPoP" {
			t.Errorf("%+v", got)
		}
	}
}

// RFC 9126 §3: a request object may be pushed, and then what it says counts.
func TestPushedRequestObject(t *testing.T) {
	w := newOAuthWorld(t)
	w.change("web", func(c *oauth.Client) { c.JWKS = jwksOf(t, publicJWK("web")) })
	object := clientJWT(t, "web", oauth.TypeRequestObject, map[string]any{"client_id": "web", "iss": "web", "aud": w.server.issuer,
		"redirect_uri": callback, "response_type": "code", "scope": "openid", "state": "inside"})
	push := w.blocked().request("POST", parPath, form("request", object, "state", "outside"))
	push.SetBasicAuth("web", url.QueryEscape(webKey))
	p := w.blocked().do(push)
	p.wantStatus(201)
	if p.header.Get("Cache-Control") != "no-store" { // §2.2
		t.Error("the answer may be cached")
	}
	q := w.browser().authorize(w.byReference("web", p.object()["request_uri"].(string))).answer()
	if q.Get("code") == "" || q.Get("state") != "inside" {
		t.Errorf("%v", q)
	}
}

// RFC 9101 §5: client_id stands beside the request object, too: else nobody knows whose keys to take.
func TestRequestObjectNeedsAClientBesideIt(t *testing.T) {
	w := newOAuthWorld(t)
	object := plainJWT(t, map[string]any{"client_id": "web", "redirect_uri": callback, "response_type": "code", "scope": "openid"})
	w.browser().open(authorizePath + "?" + form("request", object).Encode()).wantPlain(400)
}

// OpenID Connect Core §3.3.3.6: both ID tokens of a hybrid flow are about the same user and sign-in.
func TestBothIDTokensOfAHybridFlowAgree(t *testing.T) {
	w := newOAuthWorld(t)
	q := w.browser().authorize(authorization("web", "response_type", "code id_token token")).answer()
	front, back := w.idClaims(q.Get("id_token")), w.idClaims(w.redeem("web", q.Get("code")).granted(t).ID)
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "nonce", "sid", "acr"} {
		if front[name] != back[name] {
			t.Errorf("%s: %v at first, then %v", name, front[name], back[name])
		}
	}
}

// RFC 6749 §3.2: parameters count in the body alone, so none ends up in a log of addresses.
func TestTokenRequestsInTheAddressDoNotCount(t *testing.T) {
	w := newOAuthWorld(t)
	q := form("grant_type", "client_credentials", "client_id", "web", "client_secret", webKey)
	w.call("POST", tokenPath+"?"+q.Encode(), url.Values{}).wantCode(401, oauth.InvalidClient)
}

// RFC 9470 §7, RFC 9701 §7, RFC 8705 §3.3, §5, OpenID Connect Discovery §3: what the metadata say beside the rest. What needs
// a listener for client certificates is told where there is one.
func TestMetadataOfTheExtensions(t *testing.T) {
	w := oneNode(t)
	metadata := func() map[string]any {
		return w.call("GET", issuerPath+"/.well-known/openid-configuration", nil).object()
	}
	has := func(m map[string]any, name, value string) bool {
		list, _ := m[name].([]any)
		return slices.Contains(list, any(value))
	}
	m := metadata()
	for name, value := range map[string]string{
		"acr_values_supported": oauth.ACRPassword, "introspection_signing_alg_values_supported": "ES256", "claim_types_supported": "normal",
	} {
		if !has(m, name, value) {
			t.Errorf("%s is %v", name, m[name])
		}
	}
	methods := "token_endpoint_auth_methods_supported"
	if m["mtls_endpoint_aliases"] != nil || m["tls_client_certificate_bound_access_tokens"] != nil || has(m, methods, "tls_client_auth") {
		t.Errorf("without the listener: %v", m)
	}
	w.openMTLS(newAuthority(t))
	m = metadata()
	aliases, _ := m["mtls_endpoint_aliases"].(map[string]any)
	if aliases["token_endpoint"] != w.server.MTLSBaseURL+tokenPath || m["tls_client_certificate_bound_access_tokens"] != true || !has(m, methods, "tls_client_auth") {
		t.Errorf("with the listener: %v", m)
	}
}

// OpenID Connect Core §3.1.2.4, §5.5: claims that are asked for one by one are agreed to as their scopes are.
func TestClaimsByParameterNeedConsent(t *testing.T) {
	w := newOAuthWorld(t)
	w.change("web", func(c *oauth.Client) { c.ConsentRequired = true })
	b := w.browser()
	if b.through(authorization("web", "scope", "openid")).answer().Get("code") == "" {
		t.Fatal("no code")
	}
	claims := `{"userinfo":{"email":null}}`
	b.open(authorization("web", "scope", "openid", "claims", claims, "prompt", "none")).wantRefused(oauth.ConsentRequired)
	p := b.open(authorization("web", "scope", "openid", "claims", claims))
	p.wantText("See your e-mail address")
	b.through(authorization("web", "scope", "openid", "claims", claims)).answer()
	if b.open(authorization("web", "scope", "openid", "claims", claims, "prompt", "none")).answer().Get("code") == "" {
		t.Error("agreed, and asked again")
	}
}

// A refresh is a use of the session: it lives on by it, and ends without.
func TestRefreshKeepsTheSessionAlive(t *testing.T) {
	w := newOAuthWorld(t)
	first := w.redeem("web", w.browser().authorize(authorization("web")).answer().Get("code")).granted(t)
	refresh := func() tokens {
		return w.trade("web", "grant_type", "refresh_token", "refresh_token", first.Refresh)
	}
	for range 2 {
		w.clock.pass(7 * time.Hour)
		refresh().granted(t)
	}
	w.clock.pass(9 * time.Hour)
	refresh().wantError(t, oauth.InvalidGrant)
}

// OpenID Connect Core §3.1.2.1, id_token_hint: the answer is about the user of the hint, or there is none.
func TestHintOfAnotherUser(t *testing.T) {
	w := newOAuthWorld(t)
	_, err := w.manager.CreateAccount(t.Context(), oauth.Account{Username: "bob"}, password)
	w.must(err)
	alices := w.browser()
	hint := w.redeem("web", alices.authorize(authorization("web")).answer().Get("code")).granted(t).ID
	b := w.browser()
	p := b.open(authorization("web"))
	b.post(signInPath, form("flow", p.field("flow"), "username", "bob", "password", password)).answer()
	b.open(authorization("web", "id_token_hint", hint, "prompt", "none")).wantRefused(oauth.LoginRequired)
	p = b.open(authorization("web", "id_token_hint", hint))
	p.wantText(`data-page="signin"`)
	b.post(signInPath, form("flow", p.field("flow"), "username", "bob", "password", password)).wantText(`data-page="signin"`)
	claims := `{"id_token":{"sub":{"value":"somebody else"}}}`
	alices.open(authorization("web", "id_token_hint", hint, "claims", claims)).wantRefused(oauth.InvalidRequest)
}
