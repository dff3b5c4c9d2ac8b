package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-id/usher/internal/oauth"
)

// suiteMetadata is what the suite registers in most modules of the Dynamic plan: private_key_jwt with an RSA key that has
// an algorithm and no kid, and no scope.
func suiteMetadata(t testing.TB, responseType string, changes ...any) string {
	t.Helper()
	grants := []string{}
	if strings.Contains(responseType, "code") {
		grants = append(grants, "authorization_code")
	}
	if responseType != "code" {
		grants = append(grants, "implicit")
	}
	text, err := json.Marshal(claimsWith(map[string]any{
		"client_name": "suite " + responseType, "redirect_uris": []string{callback}, "contacts": []string{"certification@suite.example"},
		"response_types": []string{responseType}, "grant_types": grants, "token_endpoint_auth_method": "private_key_jwt",
		"jwks": json.RawMessage(jwksOf(t, jose.JSONWebKey{Key: rsaKey().Public(), Algorithm: "RS256", Use: "sig"})),
	}, changes...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// asRegistered authenticates a registered client as the suite does: RS256, for the token endpoint unless told otherwise.
func (w *world) asRegistered(id, aud string, params ...string) page {
	w.t.Helper()
	assertion := signJWT(w.t, jose.SigningKey{Algorithm: jose.RS256, Key: rsaKey()}, nil, claimsWith(w.assertionClaims(id), "aud", aud))
	body := form("client_assertion_type", oauth.ClientAssertionType, "client_assertion", assertion, "redirect_uri", callback)
	return w.call("POST", tokenPath, change(body, params...))
}

// unbound is an authorization request without PKCE and with the scope openid alone.
func unbound(client string, params ...string) string {
	return authorization(client, append([]string{"scope", "openid", "code_challenge", "", "code_challenge_method", ""}, params...)...)
}

// Modules oidcc-server, oidcc-idtoken-rs256, oidcc-ensure-client-assertion-with-iss-aud-succeeds of the Dynamic plan.
func TestRegisteredClientsGoThroughEveryFlow(t *testing.T) {
	w := newOAuthWorld(t)
	for _, responseType := range responseTypes {
		t.Run(responseType, func(t *testing.T) {
			a := w.registers(suiteMetadata(t, responseType, "id_token_signed_response_alg", "RS256"))
			id := a["client_id"].(string)
			q := w.browser().through(unbound(id, "response_type", responseType)).answer()
			if q.Get("error") != "" || q.Get("state") != "s-1" {
				t.Fatalf("%v", q)
			}
			idToken := q.Get("id_token")
			for _, aud := range []string{w.url + tokenPath, w.server.issuer} {
				if !q.Has("code") {
					continue
				}
				got := w.asRegistered(id, aud, "grant_type", "authorization_code", "code", q.Get("code")).tokens().granted(t)
				idToken = got.ID
				q = w.browser().through(unbound(id, "response_type", responseType)).answer()
			}
			if idToken != "" && segment(t, idToken, 0)["alg"] != "RS256" {
				t.Errorf("the ID token is signed with %v", segment(t, idToken, 0)["alg"])
			}
			// The suite removes its clients.
			w.send("DELETE", a["registration_client_uri"].(string), a["registration_access_token"].(string), "").wantStatus(http.StatusNoContent)
		})
	}
}

// Module oidcc-userinfo-rs256.
func TestRegisteredClientGetsSignedUserinfo(t *testing.T) {
	w := newOAuthWorld(t)
	id := w.registers(suiteMetadata(t, "code", "userinfo_signed_response_alg", "RS256"))["client_id"].(string)
	code := w.browser().through(unbound(id)).answer().Get("code")
	got := w.asRegistered(id, w.url+tokenPath, "grant_type", "authorization_code", "code", code).tokens().granted(t)
	p := w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+got.Access)
	claims := w.idClaims(p.body)
	if p.header.Get("Content-Type") != "application/jwt" || segment(t, p.body, 0)["alg"] != "RS256" || claims["iss"] != w.server.issuer || claims["aud"] != id || claims["nonce"] != nil {
		t.Errorf("%v %v", p.header, claims)
	}
}

// Modules oidcc-redirect-uri-*, oidcc-ensure-redirect-uri-in-authorization-request.
func TestRegisteredRedirectURIsAreExact(t *testing.T) {
	w := newOAuthWorld(t)
	plain := w.registers(suiteMetadata(t, "code"))["client_id"].(string)
	queried := w.registers(suiteMetadata(t, "code", "redirect_uris", []string{callback + "?foo=bar"}))["client_id"].(string)
	for name, address := range map[string]string{
		"query added":       unbound(plain, "redirect_uri", callback+"?foo=bar"),
		"query of another":  unbound(queried, "redirect_uri", callback+"?bar=foo"),
		"query left out":    unbound(queried),
		"none":              unbound(plain, "redirect_uri", ""),
		"nobody registered": unbound(plain, "redirect_uri", "https://web.example/other"),
	} {
		t.Run(name, func(t *testing.T) {
			p := w.browser().open(address)
			p.t = t
			p.wantPlain(400)
		})
	}
	q := w.browser().through(unbound(queried, "redirect_uri", callback+"?foo=bar")).answer()
	if q.Get("foo") != "bar" {
		t.Errorf("the query is lost: %v", q)
	}
	w.asRegistered(queried, w.url+tokenPath, "grant_type", "authorization_code", "code", q.Get("code"), "redirect_uri", callback+"?foo=bar").wantStatus(200)
	w.send("POST", registerPath, w.initialToken(), suiteMetadata(t, "code", "redirect_uris", []string{callback + "#foobar"})).
		wantCode(400, oauth.InvalidRedirectURI)
}

// Modules oidcc-registration-jwks-uri and oidcc-refresh-token-rp-key-rotation: the client publishes its keys, and new ones.
func TestRegisteredClientPublishesItsKeys(t *testing.T) {
	w := newOAuthWorld(t)
	p := w.partner()
	p.publishKeys(t, "/jwks", publicJWK("rotation-1"))
	id := w.registers(suiteMetadata(t, "code", "jwks", nil, "jwks_uri", p.URL+"/jwks",
		"grant_types", []string{"authorization_code", "refresh_token"}))["client_id"].(string)
	trade := func(kid string, params ...string) page {
		body := form("client_assertion_type", oauth.ClientAssertionType, "redirect_uri", callback,
			"client_assertion", clientJWT(t, kid, "JWT", claimsWith(w.assertionClaims(id), "aud", w.url+tokenPath)))
		return w.call("POST", tokenPath, change(body, params...))
	}
	code := w.browser().through(unbound(id, "scope", "openid offline_access", "prompt", "consent")).answer().Get("code")
	first := trade("rotation-1", "grant_type", "authorization_code", "code", code).tokens().granted(t)
	p.publishKeys(t, "/jwks", publicJWK("rotation-2"))
	w.clock.pass(time.Minute)
	trade("rotation-2", "grant_type", "refresh_token", "refresh_token", first.Refresh).tokens().granted(t)
	trade("rotation-1", "grant_type", "refresh_token", "refresh_token", first.Refresh).wantCode(401, oauth.InvalidClient)
}

// Modules oidcc-registration-sector-uri and oidcc-registration-sector-bad, and what the sector is for.
func TestRegisteredSector(t *testing.T) {
	w := newOAuthWorld(t)
	p := w.partner()
	p.publish("/good", `["`+callback+`","https://other.example/cb"]`)
	p.publish("/bad", `["https://other.example/cb"]`)
	sector := func(path string) string {
		return suiteMetadata(t, "code", "subject_type", "pairwise", "sector_identifier_uri", p.URL+path)
	}
	w.send("POST", registerPath, w.initialToken(), sector("/bad")).wantCode(400, oauth.InvalidClientMetadata)
	var subjects []any
	for range 2 {
		id := w.registers(sector("/good"))["client_id"].(string)
		code := w.browser().through(unbound(id)).answer().Get("code")
		got := w.asRegistered(id, w.url+tokenPath, "grant_type", "authorization_code", "code", code).tokens().granted(t)
		subjects = append(subjects, w.idClaims(got.ID)["sub"])
	}
	if subjects[0] != subjects[1] || subjects[0] == w.alice.ID.String() {
		t.Errorf("subjects of one sector: %v", subjects)
	}
}

// Modules oidcc-request-uri-unsigned, oidcc-request-uri-signed-rs256, oidcc-ensure-request-object-with-redirect-uri:
// the suite registers an algorithm only where it signs.
func TestRegisteredRequestObjects(t *testing.T) {
	w := newOAuthWorld(t)
	p := w.partner()
	register := func(changes ...any) string {
		return w.registers(suiteMetadata(t, "code", append([]any{"request_uris", []string{p.URL + "/r#hash"}}, changes...)...))["client_id"].(string)
	}
	claims := func(id string) map[string]any {
		return map[string]any{"client_id": id, "iss": id, "aud": w.server.issuer, "response_type": "code", "redirect_uri": callback,
			"scope": "openid", "state": "inside", "nonce": "inside"}
	}
	signed := func(id string) string {
		return signJWT(t, jose.SigningKey{Algorithm: jose.RS256, Key: rsaKey()}, nil, claims(id))
	}
	ask := func(t *testing.T, id string, params ...string) {
		t.Helper()
		q := w.browser().through(unbound(id, append(params, "state", "", "nonce", "", "redirect_uri", "https://evil.example/")...)).answer()
		got := w.asRegistered(id, w.url+tokenPath, "grant_type", "authorization_code", "code", q.Get("code")).tokens().granted(t)
		if q.Get("state") != "inside" || w.idClaims(got.ID)["nonce"] != "inside" {
			t.Errorf("%v", q)
		}
	}
	t.Run("unsigned by value", func(t *testing.T) { id := register(); ask(t, id, "request", plainJWT(t, claims(id))) })
	t.Run("unsigned by reference", func(t *testing.T) {
		id := register()
		p.publish("/r", plainJWT(t, claims(id)))
		ask(t, id, "request_uri", p.URL+"/r#hash")
	})
	t.Run("signed by reference", func(t *testing.T) {
		id := register("request_object_signing_alg", "RS256")
		p.publish("/r", signed(id))
		ask(t, id, "request_uri", p.URL+"/r#hash")
		q := w.browser().open(unbound(id, "request", plainJWT(t, claims(id)))).answer()
		if q.Get("error") != string(oauth.InvalidRequestObject) {
			t.Errorf("unsigned, by a client that signs: %v", q)
		}
	})
}

// Logout modules register where the client hears of it.
func TestRegisteredLogoutAddresses(t *testing.T) {
	w := newOAuthWorld(t)
	a := w.registers(suiteMetadata(t, "code", "post_logout_redirect_uris", []string{"https://web.example/post_logout_redirect"},
		"frontchannel_logout_uri", "https://web.example/frontchannel_logout", "frontchannel_logout_session_required", true,
		"backchannel_logout_uri", "https://web.example/backchannel_logout", "backchannel_logout_session_required", true))
	for name, want := range map[string]any{
		"frontchannel_logout_uri": "https://web.example/frontchannel_logout", "frontchannel_logout_session_required": true,
		"backchannel_logout_uri": "https://web.example/backchannel_logout", "backchannel_logout_session_required": true,
	} {
		if a[name] != want {
			t.Errorf("%s is %v", name, a[name])
		}
	}
}

// Modules oidcc-registration-policy-uri and oidcc-registration-tos-uri ask for a look at the sign-in; of
// oidcc-registration-logo-uri there is a link alone, since our pages load nothing from elsewhere.
func TestSignInAndConsentLinkWhatTheClientTells(t *testing.T) {
	w := newOAuthWorld(t)
	id := w.registers(suiteMetadata(t, "code", "client_uri", "https://web.example/about", "policy_uri", "https://web.example/policy",
		"tos_uri", "https://web.example/terms", "logo_uri", "https://web.example/logo.png"))["client_id"].(string)
	b := w.browser()
	signIn := b.open(unbound(id))
	consent := b.authorize(unbound(id))
	for name, p := range map[string]page{"signin": signIn, "consent": consent} {
		p.wantText(`data-page="` + name + `"`)
		for _, address := range []string{"about", "policy", "terms"} {
			p.wantText(`<a href="https://web.example/` + address + `" target="_blank" rel="noopener noreferrer">`)
		}
		if strings.Contains(p.body, "logo.png") {
			t.Errorf("%s: the logo is loaded from elsewhere", name)
		}
	}
}
