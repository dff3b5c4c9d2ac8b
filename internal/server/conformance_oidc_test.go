package server

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

var responseTypes = []string{"code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"}

// oidcWorld is a world with all flows, and a user of whom everything is known.
func oidcWorld(t testing.TB) *world {
	t.Helper()
	w := newOAuthWorld(t)
	w.change("web", func(c *oauth.Client) { c.Scope = append(c.Scope, "address", "phone") })
	attributes, err := json.Marshal(map[string]any{
		"given_name": "Alice", "family_name": "Archer", "middle_name": "M", "nickname": "Al", "profile": "https://alice.example/",
		"picture": "https://alice.example/me.png", "website": "https://alice.example/", "gender": "female", "birthdate": "1990-01-31",
		"zoneinfo": "Europe/Berlin", "locale": "de-DE", "updated_at": 1700000000, "email_verified": true,
		"address": map[string]any{"street_address": "1 Way", "locality": "Town", "country": "DE"}, "phone_number": "+49 30 1", "phone_number_verified": false,
	})
	w.must(err)
	_, _, err = w.manager.ChangeAccount(context.Background(), w.alice.ID, func(a *oauth.Account) { a.Attributes = attributes })
	w.must(err)
	return w
}

// delivered reads what reached the client, in whichever mode.
func (p page) delivered() url.Values {
	p.t.Helper()
	if p.status == 200 {
		p.wantText(`action="` + callback + `"`)
		return p.hidden()
	}
	return p.answer()
}

// Modules oidcc-server and oidcc-server-client-secret-post of the Basic, Implicit, Hybrid and Form Post plans.
func TestOIDCFlows(t *testing.T) {
	w := oidcWorld(t)
	b := w.browser()
	for _, mode := range []string{"", "form_post"} {
		for _, responseType := range responseTypes {
			t.Run(responseType+" "+mode, func(t *testing.T) {
				q := b.authorize(authorization("web", "response_type", responseType, "response_mode", mode, "scope", "openid")).delivered()
				parts := strings.Fields(responseType)
				if q.Get("state") != "s-1" || q.Get("iss") != w.server.issuer || q.Has("error") {
					t.Fatalf("%v", q)
				}
				for name, part := range map[string]string{"code": "code", "id_token": "id_token", "access_token": "token"} {
					if q.Has(name) != slices.Contains(parts, part) {
						t.Errorf("%s: %v", name, q)
					}
				}
				if q.Has("id_token") {
					w.checkIDToken(t, q.Get("id_token"), q.Get("access_token"), q.Get("code"))
				}
				if q.Has("access_token") {
					w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+q.Get("access_token")).wantStatus(200)
				}
				if !q.Has("code") {
					return
				}
				var got tokens
				if mode == "" {
					got = w.redeem("web", q.Get("code")).granted(t)
				} else { // client_secret_post
					got = w.call("POST", tokenPath, form("grant_type", "authorization_code", "code", q.Get("code"), "redirect_uri", callback,
						"code_verifier", verifier, "client_id", "web", "client_secret", webKey)).tokens().granted(t)
				}
				w.checkIDToken(t, got.ID, got.Access, "")
				w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+got.Access).wantStatus(200)
			})
		}
	}
}

// checkIDToken checks what the suite checks of every ID token (OpenID Connect Core §3.1.3.7, §3.3.2.11).
func (w *world) checkIDToken(t *testing.T, text, accessToken, code string) {
	t.Helper()
	claims, now := w.idClaims(text), w.clock.Now().Unix()
	for name, want := range map[string]any{"iss": w.server.issuer, "aud": "web", "sub": w.alice.ID.String(), "nonce": "n-1"} {
		if claims[name] != want {
			t.Errorf("%s is %v", name, claims[name])
		}
	}
	exp, _ := claims["exp"].(float64)
	iat, _ := claims["iat"].(float64)
	if int64(exp) <= now || int64(iat) > now+1 || int64(iat) < now-60 {
		t.Errorf("iat %v, exp %v", iat, exp)
	}
	for name, value := range map[string]string{"at_hash": accessToken, "c_hash": code} {
		if got, _ := claims[name].(string); got != halfHash(value) && value != "" {
			t.Errorf("%s is %q", name, got)
		}
	}
	kid, _ := segment(t, text, 0)["kid"].(string)
	if !slices.Contains(w.kids(), kid) {
		t.Errorf("kid %q is not published", kid)
	}
}

// kids are the ids of the published keys.
func (w *world) kids() (ids []string) {
	w.t.Helper()
	var set struct{ Keys []map[string]any }
	w.must(json.Unmarshal([]byte(w.call("GET", issuerPath+"/jwks", nil).body), &set))
	for _, key := range set.Keys {
		if key["d"] != nil || key["k"] != nil || key["use"] != "sig" {
			w.t.Errorf("a key is not a public one: %v", key)
		}
		ids = append(ids, key["kid"].(string))
	}
	return ids
}

// What a server need not understand must not be an error (OpenID Connect Core §3.1.2.1, §15.1).
func TestOIDCParametersThatDoNoHarm(t *testing.T) {
	w := oidcWorld(t)
	for name, params := range map[string][]string{
		"display=page":              {"display", "page"},
		"display=popup":             {"display", "popup"},
		"ui_locales":                {"ui_locales", "se"},
		"claims_locales":            {"claims_locales", "se"},
		"acr_values":                {"acr_values", "1 2"},
		"the acr_values we have":    {"acr_values", oauth.ACRPassword},
		"login_hint":                {"login_hint", "buffy@example.org"},
		"a parameter nobody knows":  {"extra", "foobar"},
		"max_age=10000":             {"max_age", "10000"},
		"scope the other way round": {"scope", "read openid"},
		"a scope nobody knows":      {"scope", "openid nonsense"},
		"no PKCE":                   {"code_challenge", "", "code_challenge_method", ""},
		"an essential claim":        {"claims", `{"userinfo":{"name":{"essential":true}}}`},
		"claims that nobody knows":  {"claims", `{"userinfo":{"shoe_size":null},"id_token":{"shoe_size":{"value":3}},"elsewhere":{"name":null}}`},
	} {
		t.Run(name, func(t *testing.T) {
			q := w.browser().authorize(authorization("web", params...)).answer()
			verify := verifier
			if name == "no PKCE" {
				verify = ""
			}
			got := w.trade("web", "grant_type", "authorization_code", "code", q.Get("code"), "redirect_uri", callback, "code_verifier", verify).granted(t)
			if w.idClaims(got.ID)["acr"] != oauth.ACRPassword {
				t.Errorf("acr is %v", w.idClaims(got.ID)["acr"])
			}
		})
	}
	// The parameters may come in any order.
	_, query, _ := strings.Cut(authorization("web"), "?")
	parts := strings.Split(query, "&")
	slices.Reverse(parts)
	if w.browser().authorize(authorizePath+"?"+strings.Join(parts, "&")).answer().Get("code") == "" {
		t.Error("no code for the parameters the other way round")
	}
}

// Modules oidcc-ensure-request-without-nonce-*.
func TestOIDCNonce(t *testing.T) {
	w := oidcWorld(t)
	b := w.browser()
	b.authorize(authorization("web"))
	for _, mode := range []string{"", "form_post"} {
		for _, responseType := range responseTypes {
			q := b.open(authorization("web", "response_type", responseType, "response_mode", mode, "nonce", "")).delivered()
			needed := strings.Contains(responseType, "id_token")
			if (q.Get("error") == string(oauth.InvalidRequest)) != needed || q.Get("state") != "s-1" {
				t.Errorf("%s %s: %v", responseType, mode, q)
			}
		}
	}
}

// Errors reach the client in the mode of the answer, and never in the query where that is the fragment.
func TestOIDCErrorsByMode(t *testing.T) {
	w := oidcWorld(t)
	for _, responseType := range responseTypes {
		p := w.browser().open(authorization("web", "response_type", responseType, "prompt", "none"))
		if q := p.answer(); q.Get("error") != string(oauth.LoginRequired) || strings.Contains(p.header.Get("Location"), "#") != (responseType != "code") {
			t.Errorf("%s: %s", responseType, p.header.Get("Location"))
		}
		q := w.browser().open(authorization("web", "response_type", responseType, "prompt", "none", "response_mode", "form_post")).delivered()
		if q.Get("error") != string(oauth.LoginRequired) || q.Get("state") != "s-1" {
			t.Errorf("%s by form: %v", responseType, q)
		}
	}
	for mode, status := range map[string]int{"": 303, "fragment": 303, "form_post": 200} {
		p := w.browser().open(authorization("web", "response_type", "", "response_mode", mode)) // in the query where nobody says otherwise
		q := p.delivered()
		if p.status != status || strings.Contains(p.header.Get("Location"), "#") != (mode == "fragment") {
			t.Errorf("no response_type, mode %q: %d %s", mode, p.status, p.header.Get("Location"))
		}
		if q.Get("error") != string(oauth.InvalidRequest) || q.Get("state") != "s-1" || q.Get("iss") != w.server.issuer {
			t.Errorf("no response_type, mode %q: %v", mode, q)
		}
	}
}

// Modules oidcc-prompt-login, oidcc-max-age-1, oidcc-max-age-10000, oidcc-prompt-none-logged-in, oidcc-id-token-hint.
func TestOIDCAuthenticationAge(t *testing.T) {
	w := oidcWorld(t)
	for _, responseType := range []string{"code", "id_token", "code id_token"} {
		b := w.browser()
		idToken := func(p page) string {
			q := p.delivered()
			if q.Has("id_token") {
				return q.Get("id_token")
			}
			return w.redeem("web", q.Get("code")).granted(t).ID
		}
		ask := func(params ...string) string {
			return authorization("web", append([]string{"response_type", responseType}, params...)...)
		}
		first := idToken(b.authorize(ask()))
		at := w.idClaims(first)["auth_time"].(float64)
		w.clock.pass(2 * time.Second)
		for name, params := range map[string][]string{
			"max_age=10000": {"max_age", "10000"}, "prompt=none": {"prompt", "none"}, "a hint": {"prompt", "none", "id_token_hint", first},
		} {
			claims := w.idClaims(idToken(b.open(ask(params...))))
			if claims["auth_time"] != at || claims["sub"] != w.alice.ID.String() {
				t.Errorf("%s, %s: %v", responseType, name, claims)
			}
		}
		for _, params := range [][]string{{"max_age", "1"}, {"prompt", "login"}} {
			w.clock.pass(2 * time.Second)
			b.open(ask(params...)).wantText(`data-page="signin"`)
			later := w.idClaims(idToken(b.authorize(ask(params...))))["auth_time"].(float64)
			if later <= at || int64(later) < w.clock.Now().Unix()-1 {
				t.Errorf("%s, %v: auth_time %v, before %v", responseType, params, later, at)
			}
			at = later
		}
	}
}

// Modules oidcc-scope-* and oidcc-claims-essential (OpenID Connect Core §5.4, §5.5).
func TestOIDCScopesYieldTheirClaims(t *testing.T) {
	w := oidcWorld(t)
	b := w.browser()
	b.authorize(authorization("web"))
	profile := w.server.current.Load().profile
	for _, scope := range []string{"profile", "email", "address", "phone", "profile email address phone"} {
		var want []string
		for _, s := range strings.Fields(scope) {
			sc, _ := profile.ScopeNamed(s)
			want = append(want, sc.Claims...)
		}
		got := w.redeem("web", b.open(authorization("web", "scope", "openid "+scope)).answer().Get("code")).granted(t)
		info := w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+got.Access).object()
		alone := w.idClaims(b.open(authorization("web", "scope", "openid "+scope, "response_type", "id_token")).answer().Get("id_token"))
		for _, name := range want {
			if info[name] == nil || alone[name] == nil {
				t.Errorf("%s: %s is %v at userinfo, %v in an ID token alone", scope, name, info[name], alone[name])
			}
		}
		if len(info) != len(want)+1 || w.idClaims(got.ID)[want[0]] != nil {
			t.Errorf("%s: more than was asked for: %v", scope, info)
		}
	}
	q := b.open(authorization("web", "claims", `{"userinfo":{"name":{"essential":true}}}`)).answer()
	got := w.redeem("web", q.Get("code")).granted(t)
	if info := w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+got.Access).object(); info["name"] != "Alice" || w.idClaims(got.ID)["name"] != nil {
		t.Errorf("an essential claim: %v", info)
	}
	q = b.open(authorization("web", "response_type", "id_token", "claims", `{"id_token":{"name":{"essential":true}}}`)).answer()
	if claims := w.idClaims(q.Get("id_token")); claims["name"] != "Alice" {
		t.Errorf("an essential claim of the ID token: %v", claims)
	}
}

// Modules oidcc-userinfo-*.
func TestOIDCUserinfoByEveryWay(t *testing.T) {
	w := oidcWorld(t)
	for _, responseType := range []string{"code", "id_token token", "code token"} {
		q := w.browser().authorize(authorization("web", "response_type", responseType)).answer()
		access := q.Get("access_token")
		if access == "" {
			access = w.redeem("web", q.Get("code")).granted(t).Access
		}
		for name, p := range map[string]page{
			"GET":            w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+access),
			"POST, header":   w.call("POST", userinfoPath, nil, "Authorization", "Bearer "+access),
			"POST with body": w.call("POST", userinfoPath, form("access_token", access)),
		} {
			if p.status != 200 || p.header.Get("Content-Type") != "application/json" || p.object()["sub"] != w.alice.ID.String() {
				t.Errorf("%s by %s: %d %s", responseType, name, p.status, p.body)
			}
		}
	}
}

// Modules oidcc-codereuse and oidcc-codereuse-30seconds, also for codes that came with tokens.
func TestOIDCCodeReuse(t *testing.T) {
	for _, responseType := range []string{"code", "code token"} {
		for _, after := range []time.Duration{0, 30 * time.Second} {
			w := oidcWorld(t)
			code := w.browser().authorize(authorization("web", "response_type", responseType)).answer().Get("code")
			first := w.redeem("web", code).granted(t)
			w.clock.pass(after)
			w.redeem("web", code).wantError(t, oauth.InvalidGrant)
			w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+first.Access).wantStatus(401)
		}
	}
}

// Modules about request objects: unsigned by value, unsigned and signed by reference (OpenID Connect Core §6).
func TestOIDCRequestObjects(t *testing.T) {
	w := oidcWorld(t)
	p := w.partner()
	claims := map[string]any{"client_id": "web", "iss": "web", "aud": w.server.issuer, "response_type": "code", "redirect_uri": callback,
		"scope": "openid email", "state": "inside", "nonce": "inside"}
	p.publish("/unsigned", plainJWT(t, claims))
	p.publish("/signed", clientJWT(t, "web", "JWT", claims))
	w.change("web", func(c *oauth.Client) {
		c.RequestURIs = []string{p.URL + "/unsigned#1", p.URL + "/signed#1"}
		c.JWKS = jwksOf(t, publicJWK("web"))
	})
	outside := []string{"redirect_uri", "https://evil.example/", "state", "", "nonce", "", "code_challenge", "", "code_challenge_method", ""}
	for name, params := range map[string][]string{
		"unsigned by value":     {"request", plainJWT(t, claims)},
		"signed by value":       {"request", clientJWT(t, "web", "JWT", claims)},
		"unsigned by reference": {"request_uri", p.URL + "/unsigned#1"},
		"signed by reference":   {"request_uri", p.URL + "/signed#1"},
	} {
		t.Run(name, func(t *testing.T) {
			page := w.browser().authorize(authorization("web", append(params, outside...)...))
			page.t = t
			q := page.answer()
			got := w.trade("web", "grant_type", "authorization_code", "code", q.Get("code"), "redirect_uri", callback).granted(t)
			if q.Get("state") != "inside" || w.idClaims(got.ID)["nonce"] != "inside" || got.Scope != "openid email" {
				t.Errorf("%v, %+v", q, got)
			}
		})
	}
	for name, params := range map[string][]string{
		"a broken signature": {"request", brokenSignature(clientJWT(t, "web", "JWT", claims))},
		"another's key":      {"request", clientJWT(t, "stranger", "JWT", claims)},
	} {
		if q := w.browser().open(authorization("web", params...)).answer(); q.Get("error") != string(oauth.InvalidRequestObject) {
			t.Errorf("%s: %v", name, q)
		}
	}
}

// Module oidcc-refresh-token: what a refresh yields is about the same user and sign-in, and the token is its client's.
func TestOIDCRefresh(t *testing.T) {
	w := oidcWorld(t)
	for _, scope := range []string{"openid", "openid offline_access"} {
		b := w.browser()
		p := b.through(authorization("web", "scope", scope, "prompt", "consent"))
		first := w.redeem("web", p.answer().Get("code")).granted(t)
		w.clock.pass(time.Second)
		second := w.trade("web", "grant_type", "refresh_token", "refresh_token", first.Refresh, "scope", scope).granted(t)
		before, after := w.idClaims(first.ID), w.idClaims(second.ID)
		for _, name := range []string{"iss", "sub", "aud", "auth_time"} { // Core §12.2
			if before[name] != after[name] {
				t.Errorf("%s: %s was %v, is %v", scope, name, before[name], after[name])
			}
		}
		if before["iat"].(float64) >= after["iat"].(float64) || first.Access == second.Access || second.Type != "Bearer" {
			t.Errorf("%s: %+v", scope, second)
		}
		w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+second.Access).wantStatus(200)
		w.trade("spa", "grant_type", "refresh_token", "refresh_token", second.Refresh).wantError(t, oauth.InvalidGrant)
	}
}

// Module oidcc-server-rotate-keys: new keys stand beside the old ones at once.
func TestOIDCKeyRotation(t *testing.T) {
	w := oidcWorld(t)
	before := w.kids()
	made, err := w.manager.RotateKeys(context.Background())
	w.changed(err)
	after := w.kids()
	for _, kid := range before {
		if !slices.Contains(after, kid) {
			t.Errorf("%s is gone", kid)
		}
	}
	if len(made) == 0 || len(after) <= len(before) {
		t.Errorf("before %v, after %v", before, after)
	}
}

// Modules oidcc-discovery-endpoint-verification and oidcc-*-logout-discovery-endpoint-verification, with all flows on.
func TestOIDCDiscoverySaysWhatThePlansNeed(t *testing.T) {
	w := oidcWorld(t)
	p := w.call("GET", issuerPath+"/.well-known/openid-configuration", nil)
	p.wantStatus(200)
	m := p.object()
	has := func(name string, want ...string) {
		t.Helper()
		list, _ := m[name].([]any)
		for _, v := range want {
			if !slices.Contains(list, any(v)) {
				t.Errorf("%s lacks %s: %v", name, v, list)
			}
		}
	}
	has("response_types_supported", responseTypes...)
	has("response_modes_supported", "query", "fragment", "form_post")
	has("grant_types_supported", "authorization_code", "implicit", "refresh_token")
	has("scopes_supported", "openid", "profile", "email", "address", "phone", "offline_access")
	has("id_token_signing_alg_values_supported", "RS256", "ES256")
	has("userinfo_signing_alg_values_supported", "RS256")
	has("request_object_signing_alg_values_supported", "none", "RS256", "ES256")
	has("token_endpoint_auth_methods_supported", "client_secret_basic", "client_secret_post", "private_key_jwt")
	has("token_endpoint_auth_signing_alg_values_supported", "ES256", "PS256", "RS256")
	has("dpop_signing_alg_values_supported", "ES256", "PS256")
	has("subject_types_supported", "public", "pairwise")
	has("code_challenge_methods_supported", "S256")
	has("claims_supported", "sub", "name", "email")
	for _, name := range []string{
		"claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported", "authorization_response_iss_parameter_supported",
		"frontchannel_logout_supported", "frontchannel_logout_session_supported", "backchannel_logout_supported", "backchannel_logout_session_supported",
	} {
		if m[name] != true {
			t.Errorf("%s is %v", name, m[name])
		}
	}
	for _, name := range []string{
		"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "registration_endpoint", "end_session_endpoint", "check_session_iframe",
		"pushed_authorization_request_endpoint",
	} {
		if address, _ := m[name].(string); !strings.HasPrefix(address, "https://") {
			t.Errorf("%s is %v", name, m[name])
		}
	}
	if slices.Contains(m["dpop_signing_alg_values_supported"].([]any), any("RS256")) {
		t.Error("RS256 for DPoP proofs")
	}
}

// Module fapi2-security-profile-final-test-claims-parameter-identity-claims: every claim of the discovery document, in
// each form that a request may have (OpenID Connect Core §5.5.1).
func TestOIDCAllClaimsByParameter(t *testing.T) {
	w := oidcWorld(t)
	forms := []any{nil, map[string]any{}, map[string]any{"essential": true}, map[string]any{"rAnDomName": "rAnDomText"}, map[string]any{"essential": false}}
	own := []string{"sub", "auth_time", "acr", "amr", "sid"}
	supported := supportedClaims(&w.server.current.Load().profile)
	asked := map[string]any{}
	for i, name := range supported {
		if !slices.Contains(own, name) {
			asked[name] = forms[i%len(forms)]
		}
	}
	parameter, err := json.Marshal(map[string]any{"id_token": asked, "userinfo": asked, "rAnDomPlace": map[string]any{"something": nil}})
	w.must(err)
	got := w.redeem("web", w.browser().authorize(authorization("web", "scope", "openid", "claims", string(parameter))).answer().Get("code")).granted(t)
	info, idToken := w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+got.Access).object(), w.idClaims(got.ID)
	for name := range asked {
		if info[name] == nil || idToken[name] == nil {
			t.Errorf("%s: %v at userinfo, %v in the ID token", name, info[name], idToken[name])
		}
	}
}
