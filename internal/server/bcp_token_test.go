package server

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

// §2.3, §4.10.2, §4.14.2: tokens are for the resources that the authorization request named, refreshed ones too, though
// the client may ask for others.
func TestTokensKeepToTheResourcesAgreedTo(t *testing.T) {
	w := newOAuthWorld(t)
	w.change("web", func(c *oauth.Client) { c.Resources = []string{orders, stock} })
	code := w.browser().authorize(authorization("web", "resource", orders)).answer().Get("code")
	w.redeem("web", code, "resource", stock).wantError(t, oauth.InvalidTarget)
	first := w.redeem("web", code).granted(t)
	w.trade("web", "grant_type", "refresh_token", "refresh_token", first.Refresh, "resource", stock).wantError(t, oauth.InvalidTarget)
	second := w.trade("web", "grant_type", "refresh_token", "refresh_token", first.Refresh).granted(t)
	for _, got := range []tokens{first, second} {
		if aud := w.audienceOf(got); aud != orders {
			t.Errorf("aud is %s", aud)
		}
	}
}

// §4.14.2: whether a client gets refresh tokens at all is a decision.
func TestRefreshTokensAreForClientsThatMayRefresh(t *testing.T) {
	w := newOAuthWorld(t)
	w.change("spa", func(c *oauth.Client) { c.Capabilities = []oauth.Capability{oauth.CapCode} })
	if got := w.redeem("spa", w.browser().authorize(authorization("spa")).answer().Get("code")).granted(t); got.Refresh != "" {
		t.Error("there is a refresh token")
	}
}

// provedTrade asks the token endpoint as a public client that proves the key.
func (w *world) provedTrade(kid string, params ...string) page {
	w.t.Helper()
	proved := proof(w.t, kid, claimsWith(w.proofClaims(w.url+tokenPath), "nonce", w.nonce()))
	return w.call("POST", tokenPath, form(params...), "DPoP", proved)
}

// A code that dpop_jkt bound is worth nothing without that key (RFC 9449 §10; RFC 9700 §4.5.3.3).
func TestCodeIsBoundToTheKeyThatItsRequestNamed(t *testing.T) {
	w := newOAuthWorld(t)
	code := w.browser().authorize(authorization("spa", "dpop_jkt", jktOf(t, "one"))).answer().Get("code")
	body := []string{"client_id", "spa", "grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier}
	w.redeem("spa", code).wantError(t, oauth.InvalidGrant)
	w.provedTrade("two", body...).wantCode(400, oauth.InvalidGrant)
	w.provedTrade("one", body...).wantStatus(200)
}

// RFC 9449 §10.1: a pushed request names one key, whether by dpop_jkt or by its proof.
func TestPushedRequestNamesOneKey(t *testing.T) {
	w := newOAuthWorld(t)
	push := func(named, proved string) page {
		p := proof(t, proved, claimsWith(w.proofClaims(w.url+parPath), "nonce", w.nonce()))
		return w.call("POST", parPath, form("client_id", "spa", "response_type", "code", "redirect_uri", callback, "scope", "read",
			"code_challenge", codeChallenge, "code_challenge_method", "S256", "dpop_jkt", jktOf(t, named)), "DPoP", p)
	}
	push("one", "two").wantCode(400, oauth.InvalidDPoPProof)
	push("one", "one").wantStatus(201)
}

// Token substitution: whatever this server issues is good at one door only.
func TestNoTokenPassesForAnother(t *testing.T) {
	w := newDeviceWorld(t)
	w.put(oauth.Client{ID: "gateway", Name: "Gateway", Capabilities: []oauth.Capability{oauth.CapTokenExchange},
		ClientAuthentication: oauth.ClientAuthentication{SecretHash: manage.HashSecret(gatewayKey)}, Scope: []string{"read"}})
	b := w.browser()
	got := w.redeem("spa", b.authorize(authorization("spa")).answer().Get("code")).granted(t)
	pushed := w.call("POST", parPath, form("client_id", "spa", "response_type", "code", "redirect_uri", callback, "scope", "read",
		"code_challenge", codeChallenge, "code_challenge_method", "S256"))
	pushed.wantStatus(201)
	uri, _ := pushed.object()["request_uri"].(string)
	// Each kind under the doors that it opens.
	issued := map[string]struct{ text, opens string }{
		"access token":  {got.Access, "userinfo introspection exchange"},
		"refresh token": {got.Refresh, "refresh"}, // its own client may introspect it, which "api" is not
		"ID token":      {got.ID, ""},
		"code":          {b.open(authorization("spa")).answer().Get("code"), "code"},
		"device code":   {w.device().code, "device"},
		"request_uri":   {strings.TrimPrefix(uri, pushedPrefix), "authorization"},
		"flow":          {w.browser().open(authorization("spa")).field("flow"), "step"},
		"nonce":         {w.nonce(), ""},
		"registration":  {w.initialToken(), "register"},
	}
	doors := map[string]func(text string) bool{
		"userinfo": func(s string) bool {
			return w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+s).status == 200
		},
		"introspection": func(s string) bool { return w.introspect(s)["active"] == true },
		"exchange":      func(s string) bool { return w.exchange(s).status == 200 },
		"refresh": func(s string) bool {
			return w.trade("spa", "grant_type", "refresh_token", "refresh_token", s).status == 200
		},
		"code": func(s string) bool { return w.redeem("spa", s).status == 200 },
		"device": func(s string) bool {
			return w.trade("tv", "grant_type", string(oauth.GrantDevice), "device_code", s).Error == string(oauth.AuthorizationPending)
		},
		"authorization": func(s string) bool {
			p := b.open(authorizePath + "?client_id=spa&request_uri=" + url.QueryEscape(pushedPrefix+s))
			return p.status == 303 && p.answer().Has("code")
		},
		// A flow of another browser is refused, too, but in words of its own.
		"step": func(s string) bool {
			return strings.Contains(w.browser().post(cancelPath, form("flow", s)).body, "began in another browser")
		},
		"register": func(s string) bool {
			return w.send("POST", registerPath, s, goodRegistration).status == 201
		},
	}
	for kind, v := range issued {
		for door, try := range doors {
			if got, want := try(v.text), slices.Contains(strings.Fields(v.opens), door); got != want {
				t.Errorf("%s at %s: %v, want %v", kind, door, got, want)
			}
		}
	}
}

// The log has no credential of these flows, good or bad (§4.3, §4.9.2).
func TestSecretsOfTheFlowsStayOutOfTheLog(t *testing.T) {
	w := newDeviceWorld(t)
	w.keyClient("signing", oauth.AuthPrivateKeyJWT, "key")
	b := w.browser()
	code := b.authorize(authorization("web", "nonce", "nonce-of-the-request")).answer().Get("code")
	got := w.redeem("web", code).granted(t)
	again := w.trade("web", "grant_type", "refresh_token", "refresh_token", got.Refresh)
	w.redeem("web", code).wantError(t, oauth.InvalidGrant)
	assertion := clientJWT(t, "key", "JWT", w.assertionClaims("signing"))
	w.call("POST", tokenPath, asserting(assertion, "grant_type", "client_credentials"))
	w.call("POST", tokenPath, asserting(assertion, "grant_type", "client_credentials")).wantStatus(401)
	w.call("POST", tokenPath, form("client_id", "web", "client_secret", "a wrong secret", "grant_type", "client_credentials")).wantStatus(401)
	w.call("GET", userinfoPath+"?access_token=token-in-a-query", nil)
	d := w.device()
	b.approve(d)
	log := w.log.String()
	for name, secret := range map[string]string{
		"code": code, "verifier": verifier, "access token": got.Access, "refresh token": got.Refresh, "ID token": got.ID,
		"refreshed token": again.Access, "client secret": webKey, "wrong client secret": "a wrong secret", "assertion": assertion,
		"password": password, "device code": d.code, "user code": d.userCode, "cookie": "__Host-", "nonce": "nonce-of-the-request",
		"token in a query": "token-in-a-query",
	} {
		if secret == "" || strings.Contains(log, secret) {
			t.Errorf("the log holds the %s, or there is none: %q", name, secret)
		}
	}
	if !strings.Contains(log, "token issued") {
		t.Error("issuing is not logged")
	}
}

// §4.15.1: who registers does not choose an id, so none is a user's.
func TestClientsDoNotChooseTheirIDs(t *testing.T) {
	w := newOAuthWorld(t)
	wanted := w.alice.ID.String()
	id, _ := w.registers(`{"client_id":"` + wanted + `","redirect_uris":["https://rp.example/cb"]}`)["client_id"].(string)
	if _, err := oauth.ParseID(id); err == nil || id == wanted || !strings.HasPrefix(id, manage.RegisteredPrefix) {
		t.Errorf("the id is %q", id)
	}
}

// §4.15.1: an API tells the token of a client from that of a user, in either format: only there sub is the client_id.
func TestClientsTokenIsToldFromAUsers(t *testing.T) {
	w := newOAuthWorld(t)
	for _, format := range []oauth.TokenFormat{oauth.FormatHandle, oauth.FormatJWT} {
		w.change("web", func(c *oauth.Client) { c.AccessTokenFormat = format })
		own := w.trade("web", "grant_type", "client_credentials").granted(t).Access
		users := w.redeem("web", w.browser().authorize(authorization("web")).answer().Get("code")).granted(t).Access
		read := w.introspect
		if format == oauth.FormatJWT {
			read = func(text string) map[string]any { return claimsOf(t, text) }
		}
		a, b := read(own), read(users)
		if a["sub"] != "web" || a["client_id"] != "web" || a["auth_time"] != nil || a["username"] != nil {
			t.Errorf("%s of the client: %v", format, a)
		}
		if b["sub"] != w.alice.ID.String() || b["client_id"] != "web" || b["auth_time"] == nil {
			t.Errorf("%s of the user: %v", format, b)
		}
	}
}

// RFC 6749 §4.4: a client that proves nothing has nothing of its own, whatever an operator wrote down for it.
func TestClientCredentialsAreForClientsThatAuthenticate(t *testing.T) {
	w := newOAuthWorld(t)
	w.put(oauth.Client{ID: "loud", Name: "Loud", Capabilities: []oauth.Capability{oauth.CapClientCredentials}, Scope: []string{"read"}})
	w.trade("loud", "grant_type", "client_credentials").wantError(t, oauth.UnauthorizedClient)
}

// A refresh token that is not offline ends with the session that it hangs off.
func TestRefreshOfASessionThatIsOver(t *testing.T) {
	w := newOAuthWorld(t)
	got := w.redeem("web", w.browser().authorize(authorization("web")).answer().Get("code")).granted(t)
	w.clock.pass(time.Duration(oauth.DefaultProfile().SessionIdleSeconds+1) * time.Second)
	w.trade("web", "grant_type", "refresh_token", "refresh_token", got.Refresh).wantError(t, oauth.InvalidGrant)
}

// A refresh token that rotated is worth nothing to its client either, once that may ask.
func TestIntrospectionOfAFormerRefreshToken(t *testing.T) {
	w := newOAuthWorld(t)
	first := w.redeem("spa", w.browser().authorize(authorization("spa")).answer().Get("code")).granted(t)
	second := w.trade("spa", "grant_type", "refresh_token", "refresh_token", first.Refresh).granted(t)
	w.change("spa", func(c *oauth.Client) {
		c.SecretHash = manage.HashSecret(gatewayKey)
		c.Capabilities = append(c.Capabilities, oauth.CapIntrospection)
	})
	for text, want := range map[string]bool{first.Refresh: false, second.Refresh: true} {
		p := w.call("POST", introspectPath, form("client_id", "spa", "client_secret", gatewayKey, "token", text))
		if p.object()["active"] != want {
			t.Errorf("want %t: %s", want, p.body)
		}
	}
}
