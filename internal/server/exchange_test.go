package server

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

const gatewayKey = "the secret of the client gateway"

// newExchangeWorld is a world with "gateway", an API that calls others.
func newExchangeWorld(t testing.TB) *world {
	w := newOAuthWorld(t)
	gateway := oauth.Client{ID: "gateway", Name: "Gateway", Capabilities: []oauth.Capability{oauth.CapTokenExchange, oauth.CapIntrospection},
		Scope: []string{"read", "email", "offline_access"}}
	gateway.Audience, gateway.Resources = []string{"orders"}, []string{"https://stock.example"}
	gateway.SecretHash = manage.HashSecret(gatewayKey)
	w.put(gateway)
	return w
}

// exchange asks for another token as the gateway.
func (w *world) exchange(subject string, pairs ...string) page {
	w.t.Helper()
	q := url.Values{"grant_type": {string(oauth.GrantTokenExchange)}, "subject_token": {subject}, "subject_token_type": {string(oauth.TokenTypeAccess)},
		"client_id": {"gateway"}, "client_secret": {gatewayKey}}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return w.call("POST", tokenPath, q)
}

// claimsOf are the claims of a JWT, unverified.
func claimsOf(t testing.TB, jwt string) (claims map[string]any) {
	t.Helper()
	return segment(t, jwt, 1)
}

func segment(t testing.TB, jwt string, n int) (object map[string]any) {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %q", jwt)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[n])
	if err == nil {
		err = json.Unmarshal(text, &object)
	}
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func TestExchange(t *testing.T) {
	w := newExchangeWorld(t)
	b := w.browser()
	byCode := w.redeem("web", b.authorize(authorization("web", "scope", "openid read profile")).answer().Get("code")).granted(t)
	assisted := w.browser().signIn("client_id", "many", "for_origin", otherOrigin).token()
	jwt := w.browser().signIn("client_id", "jwt", "scope", "openid read").token()
	for name, subject := range map[string]string{"of a code": byCode.Access, "of the assisted flow": assisted, "a JWT": jwt} {
		p := w.exchange(subject)
		p.wantStatus(200)
		o := p.object()
		if o["issued_token_type"] != string(oauth.TokenTypeAccess) || o["token_type"] != "Bearer" || o["scope"] != "read" || o["refresh_token"] != nil || o["id_token"] != nil {
			t.Errorf("%s: %v", name, o)
		}
		got := w.introspect(o["access_token"].(string))
		if got["active"] != true || got["client_id"] != "gateway" || got["sub"] != w.alice.ID.String() || got["act"].(map[string]any)["sub"] != "gateway" {
			t.Errorf("%s: %v", name, got)
		}
		again := w.exchange(o["access_token"].(string))
		again.wantStatus(200)
	}
}

func TestExchangedTokenEndsWithItsSubjectsGrant(t *testing.T) {
	w := newExchangeWorld(t)
	b := w.browser()
	ask := func() (subject tokens, exchanged string) {
		subject = w.redeem("web", b.authorize(authorization("web")).answer().Get("code")).granted(t)
		return subject, w.exchange(subject.Access).object()["access_token"].(string)
	}
	subject, exchanged := ask()
	w.wantActive(exchanged, true)
	p := w.call("POST", revokePath, form("token", subject.Refresh, "client_id", "web", "client_secret", webKey))
	p.wantStatus(200)
	w.wantActive(exchanged, false)
	_, exchanged = ask()
	b.post(logoutPath, form("confirm", "yes"))
	w.wantActive(exchanged, false)
	_, exchanged = ask()
	w.change("gateway", func(c *oauth.Client) { c.Disabled = true })
	w.wantActive(exchanged, false)
}

func TestExchangedTokenDoesNotOutliveItsSubject(t *testing.T) {
	w := newExchangeWorld(t)
	subject := w.redeem("web", w.browser().authorize(authorization("web")).answer().Get("code")).granted(t)
	w.clock.pass(200 * time.Second)
	first := w.exchange(subject.Access).object()
	if left := first["expires_in"].(float64); left > 100 {
		t.Errorf("it lives for %v s", left)
	}
	w.clock.pass(100 * time.Second)
	w.wantActive(first["access_token"].(string), false)
	w.exchange(subject.Access).wantCode(400, oauth.InvalidRequest)
}

func TestExchangeForAnAudienceAsJWT(t *testing.T) {
	w := newExchangeWorld(t)
	subject := w.redeem("web", w.browser().authorize(authorization("web")).answer().Get("code")).granted(t)
	p := w.exchange(subject.Access, "audience", "orders", "resource", "https://stock.example", "requested_token_type", string(oauth.TokenTypeJWT))
	p.wantStatus(200)
	o := p.object()
	claims := claimsOf(t, o["access_token"].(string))
	if o["issued_token_type"] != string(oauth.TokenTypeJWT) || claims["act"].(map[string]any)["sub"] != "gateway" || claims["client_id"] != "gateway" {
		t.Errorf("%v %v", o, claims)
	}
	if aud := claims["aud"].([]any); len(aud) != 2 || aud[0] != "https://stock.example" || aud[1] != "orders" {
		t.Errorf("aud %v", aud)
	}
	w.wantActive(o["access_token"].(string), true)
}

// An API that cannot name an audience of its own gets no token for every API out of one that is for some.
func TestExchangeDoesNotWidenTheAudience(t *testing.T) {
	w := newExchangeWorld(t)
	w.change("gateway", func(c *oauth.Client) { c.Audience = nil })
	w.change("web", func(c *oauth.Client) { c.Audience, c.Resources = []string{"shop"}, []string{"https://stock.example"} })
	b := w.browser()
	for want, asked := range map[string]string{"shop": "", "https://stock.example": "https://stock.example"} {
		subject := w.redeem("web", b.authorize(authorization("web", "resource", asked)).answer().Get("code")).granted(t)
		got := w.introspect(w.exchange(subject.Access).object()["access_token"].(string))["aud"].([]any)
		if len(got) != 1 || got[0] != want {
			t.Errorf("aud %v, want %s alone", got, want)
		}
	}
}

// What a client got in exchange names no session that it could end: its user signed in elsewhere.
func TestExchangedTokenEndsNoSession(t *testing.T) {
	w := newExchangeWorld(t)
	subject := w.redeem("web", w.browser().authorize(authorization("web")).answer().Get("code")).granted(t)
	exchanged := w.exchange(subject.Access).object()["access_token"].(string)
	w.browser().post(logoutPath, form("confirm", "yes", "client_id", "gateway", "access_token", exchanged))
	w.wantActive(subject.Access, true)
}

func TestExchangeRefusals(t *testing.T) {
	w := newExchangeWorld(t)
	good := w.redeem("web", w.browser().authorize(authorization("web", "scope", "openid read profile")).answer().Get("code")).granted(t)
	own := w.trade("web", "grant_type", "client_credentials", "scope", "read").granted(t)
	revoked := w.redeem("web", w.browser().authorize(authorization("web")).answer().Get("code")).granted(t)
	w.call("POST", revokePath, form("token", revoked.Access, "client_id", "web", "client_secret", webKey)).wantStatus(200)
	for name, c := range map[string]struct {
		subject string
		pairs   []string
		status  int
		code    oauth.Code
	}{
		"no token":                  {"", nil, 400, oauth.InvalidRequest},
		"garbage":                   {"x", nil, 400, oauth.InvalidRequest},
		"a revoked token":           {revoked.Access, nil, 400, oauth.InvalidRequest},
		"a refresh token":           {good.Refresh, nil, 400, oauth.InvalidRequest},
		"an ID token":               {good.ID, nil, 400, oauth.InvalidRequest},
		"a token without a user":    {own.Access, nil, 400, oauth.InvalidRequest},
		"a handle said to be a JWT": {good.Access, []string{"subject_token_type", string(oauth.TokenTypeJWT)}, 400, oauth.InvalidRequest},
		"an actor":                  {good.Access, []string{"actor_token", own.Access, "actor_token_type", string(oauth.TokenTypeAccess)}, 400, oauth.InvalidRequest},
		"more than the token has":   {good.Access, []string{"scope", "read email"}, 400, oauth.InvalidScope},
		"more than the client has":  {good.Access, []string{"scope", "profile"}, 400, oauth.InvalidScope},
		"another audience":          {good.Access, []string{"audience", "bank"}, 400, oauth.InvalidTarget},
		"another client's secret":   {good.Access, []string{"client_secret", webKey}, 401, oauth.InvalidClient},
		"without the right":         {good.Access, []string{"client_id", "web", "client_secret", webKey}, 400, oauth.UnauthorizedClient},
	} {
		if p := w.exchange(c.subject, c.pairs...); p.status != c.status || p.errorCode() != c.code {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
	w.exchange(good.Access).wantStatus(200)
	w.put(oauth.Client{ID: "open", Name: "Open", Capabilities: []oauth.Capability{oauth.CapTokenExchange}, Scope: []string{"read"}})
	w.exchange(good.Access, "client_id", "open", "client_secret", "").wantCode(400, oauth.UnauthorizedClient)
}

// A token that is bound to a key is worth nothing without it: also not as the subject of an exchange.
func TestExchangeOfABoundTokenNeedsItsKey(t *testing.T) {
	w := newExchangeWorld(t)
	bound := w.boundToken()
	w.exchange(bound).wantCode(400, oauth.InvalidRequest)
	withProof := func(kid string) page {
		return w.call("POST", tokenPath, form("grant_type", string(oauth.GrantTokenExchange), "subject_token", bound, "subject_token_type", string(oauth.TokenTypeAccess),
			"client_id", "gateway", "client_secret", gatewayKey), "DPoP", proof(t, kid, claimsWith(w.proofClaims(w.url+tokenPath), "nonce", w.nonce())))
	}
	withProof("another").wantCode(400, oauth.InvalidRequest)
	p := withProof("dpop")
	p.wantStatus(200)
	if p.object()["token_type"] != "DPoP" {
		t.Errorf("the key got lost: %s", p.body)
	}
}

// boundToken is an access token of "web" that is bound to the DPoP key "dpop", with the scope openid read.
func (w *world) boundToken() string {
	w.t.Helper()
	code := w.browser().authorize(authorization("web")).answer().Get("code")
	p := w.call("POST", tokenPath, form("grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier,
		"client_id", "web", "client_secret", webKey), "DPoP", proof(w.t, "dpop", claimsWith(w.proofClaims(w.url+tokenPath), "nonce", w.nonce())))
	p.wantStatus(http.StatusOK)
	return p.object()["access_token"].(string)
}
