package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-id/usher/internal/oauth"
)

// What a FAPI 2.0 server has to let through.
func TestFAPIRequestsThatSucceed(t *testing.T) {
	w := fapiWorld(t)
	b := w.browser()
	long := strings.Repeat("Aa1-._~z", 125) // 1000 characters
	for name, tt := range map[string]struct {
		client       string
		params       []string
		state, nonce string
	}{
		"as it should be":            {"fapi1", nil, "s-1", "n-1"},
		"a redirect URI with query":  {"fapi2", nil, "s-1", "n-1"},
		"no state":                   {"fapi1", []string{"state", ""}, "", "n-1"},
		"no nonce":                   {"fapi1", []string{"nonce", ""}, "s-1", ""},
		"a nonce of 64 characters":   {"fapi1", []string{"nonce", long[:64]}, "s-1", long[:64]},
		"a nonce of 1000 characters": {"fapi1", []string{"nonce", long}, "s-1", long},
		"a state of 1000 characters": {"fapi1", []string{"state", long}, long, "n-1"},
		"scope the other way round":  {"fapi1", []string{"scope", "read openid"}, "s-1", "n-1"},
		"without OpenID Connect":     {"fapi1", []string{"scope", "read", "nonce", ""}, "s-1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := b.authorize(w.pushed(tt.client, tt.params...))
			p.t = t
			q := p.answer()
			if q.Get("state") != tt.state || q.Get("iss") != w.server.issuer || tt.client == "fapi2" && q.Get("dummy2") != "ipsum" {
				t.Errorf("the answer is %v", q)
			}
			got := w.exchangeCode(tt.client, q.Get("code")).tokens().granted(t)
			if got.Type != "DPoP" || got.Refresh == "" || (got.ID != "") != strings.Contains(got.Scope, "openid") {
				t.Errorf("%+v", got)
			}
			if got.ID != "" {
				if nonce, _ := w.idClaims(got.ID)["nonce"].(string); nonce != tt.nonce {
					t.Errorf("nonce %q", nonce)
				}
			}
		})
	}
}

// FAPI 2.0 Security Profile §5.3.2.2, RFC 9126 §2.
func TestFAPIPushedRequestsThatAreRefused(t *testing.T) {
	w := fapiWorld(t)
	for name, tt := range map[string]struct {
		params []string
		code   oauth.Code
	}{
		"no PKCE":                      {[]string{"code_challenge", "", "code_challenge_method", ""}, oauth.InvalidRequest},
		"plain PKCE":                   {[]string{"code_challenge", verifier, "code_challenge_method", "plain"}, oauth.InvalidRequest},
		"a code_id_token":              {[]string{"response_type", "code id_token"}, oauth.UnauthorizedClient},
		"a token":                      {[]string{"response_type", "token"}, oauth.UnsupportedResponseType},
		"no redirect_uri":              {[]string{"redirect_uri", ""}, oauth.InvalidRequest},
		"no redirect_uri, plain OAuth": {[]string{"redirect_uri", "", "scope", "read"}, oauth.InvalidRequest},
		"an unregistered redirect_uri": {[]string{"redirect_uri", callback + "/random"}, oauth.InvalidRequest},
		"a request_uri":                {[]string{"request_uri", pushedPrefix + "x"}, oauth.InvalidRequest},
		"an unsigned request object":   {[]string{"request", plainJWT(t, requestClaims)}, oauth.InvalidRequestObject},
		"no response_type":             {[]string{"response_type", ""}, oauth.InvalidRequest},
		"a dpop_jkt that is none":      {[]string{"dpop_jkt", "x"}, oauth.InvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			w.call("POST", parPath, w.pushForm("fapi1", tt.params...)).wantOneOf(t, 400, tt.code)
		})
	}
	for _, method := range []string{"GET", "PUT"} { // RFC 9126 §2.3
		if got := w.call(method, parPath, nil); got.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, got.status)
		}
	}
}

// FAPI 2.0 Security Profile §5.3.2.1, RFC 7523 §3.
func TestFAPIClientAssertionsThatAreRefused(t *testing.T) {
	w := fapiWorld(t)
	now := w.clock.Now().Unix()
	good := w.assertionClaims("fapi1")
	signedWith := func(kid string, changes ...any) func() []string {
		return func() []string {
			return []string{"client_assertion", clientJWT(t, kid, "JWT", claimsWith(good, changes...))}
		}
	}
	for name, params := range map[string]func() []string{
		"none":                     func() []string { return []string{"client_assertion", "", "client_assertion_type", ""} },
		"no client_assertion_type": func() []string { return []string{"client_assertion_type", ""} },
		"another type": func() []string {
			return []string{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}
		},
		"no sub":                     signedWith("fapi1", "sub", nil),
		"another sub":                signedWith("fapi1", "sub", "fapi2"),
		"no iss":                     signedWith("fapi1", "iss", nil),
		"another iss":                signedWith("fapi1", "iss", "fapi2"),
		"no aud":                     signedWith("fapi1", "aud", nil),
		"another server as aud":      signedWith("fapi1", "aud", "https://other.example/token"),
		"the PAR endpoint as aud":    signedWith("fapi1", "aud", w.url+parPath),
		"the token endpoint as aud":  signedWith("fapi1", "aud", w.url+tokenPath),
		"a list with the issuer":     signedWith("fapi1", "aud", []string{w.server.issuer, w.url + tokenPath}),
		"a list of the issuer alone": signedWith("fapi1", "aud", []string{w.server.issuer}),
		"no exp":                     signedWith("fapi1", "exp", nil),
		"expired five minutes ago":   signedWith("fapi1", "exp", now-300),
		"good for a day":             signedWith("fapi1", "exp", now+86400),
		"62 seconds of the future":   signedWith("fapi1", "iat", now+62, "nbf", now+62, "exp", now+122),
		"no jti":                     signedWith("fapi1", "jti", nil),
		"another client's key":       signedWith("fapi2"),
		"without a signature":        func() []string { return []string{"client_assertion", plainJWT(t, good)} },
		"a signature of another text": func() []string {
			return []string{"client_assertion", brokenSignature(clientJWT(t, "fapi1", "JWT", good))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.call("POST", parPath, w.pushForm("fapi1", params()...)).wantOneOf(t, 401, oauth.InvalidClient)
			w.call("POST", tokenPath, w.codeForm("fapi1", "code", params()...), "DPoP", w.tokenProof("fapi1")).wantOneOf(t, 401, oauth.InvalidClient)
		})
	}
	// Only what was changed was wrong; a clock may be 8 seconds ahead (FAPI 2.0 Security Profile §5.3.2.1).
	for name, params := range map[string][]string{
		"as it should be":         signedWith("fapi1")(),
		"8 seconds of the future": signedWith("fapi1", "jti", "later", "iat", now+8, "nbf", now+8)(),
	} {
		if got := w.call("POST", parPath, w.pushForm("fapi1", params...)); got.status != 201 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	w.call("POST", parPath, w.pushForm("fapi1", signedWith("fapi1")()...)).wantCode(401, oauth.InvalidClient) // once
}

// brokenSignature changes a character in the middle of the signature.
func brokenSignature(jwt string) string {
	at := strings.LastIndexByte(jwt, '.') + 20
	c := byte('A')
	if jwt[at] == c {
		c = 'B'
	}
	return jwt[:at] + string(c) + jwt[at+1:]
}

// FAPI 2.0 Security Profile §5.4.1: RS256 is not among the algorithms, even where the key would do.
func TestFAPIClientsDoNotSignWithRS256(t *testing.T) {
	w := fapiWorld(t)
	w.putFAPI("rsa", callback, jose.JSONWebKey{Key: rsaKey().Public(), KeyID: "rsa"})
	assertion := func(alg jose.SignatureAlgorithm) string {
		return signJWT(t, jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: rsaKey(), KeyID: "rsa"}}, (&jose.SignerOptions{}).WithType("JWT"), w.assertionClaims("rsa"))
	}
	w.call("POST", parPath, w.pushForm("rsa", "client_assertion", assertion(jose.PS256))).wantStatus(201)
	w.call("POST", parPath, w.pushForm("rsa", "client_assertion", assertion(jose.RS256))).wantCode(401, oauth.InvalidClient)
}

// RFC 9126 §2.2, §4: a request_uri is its client's, for one answer, for a short time.
func TestFAPIRequestURIs(t *testing.T) {
	w := fapiWorld(t)
	b := w.browser()
	address := w.pushed("fapi1")
	b.open(address).wantText(`data-page="signin"`)
	if b.authorize(address).answer().Get("code") == "" { // looked at before, answered now
		t.Fatal("no code")
	}
	b.open(address).wantRefused(oauth.InvalidRequestURI)

	mine := w.pushed("fapi1")
	b.open(strings.Replace(mine, "client_id=fapi1", "client_id=fapi2", 1)).wantPlain(400)
	b.open(w.byReference("fapi1", pushedPrefix+"unknown")).wantPlain(400)
	w.clock.pass(pushedLifetime + time.Second)
	b.open(mine).wantPlain(400)
}

// What stands beside the request_uri does not count (RFC 9126 §4, RFC 9101 §5).
func TestFAPIParametersBesideTheRequestURI(t *testing.T) {
	w := fapiWorld(t)
	b := w.browser()
	q := b.authorize(w.pushed("fapi1") + "&state=other&nonce=other&scope=openid+email&redirect_uri=https://evil.example/").answer()
	if q.Get("state") != "s-1" {
		t.Errorf("state %q", q.Get("state"))
	}
	got := w.exchangeCode("fapi1", q.Get("code")).tokens().granted(t)
	if w.idClaims(got.ID)["nonce"] != "n-1" || got.Scope != "openid read" {
		t.Errorf("%+v", got)
	}
	if q := b.open(w.pushed("fapi1", "state", "") + "&state=outside").answer(); q.Has("state") {
		t.Errorf("a state that was not pushed came back: %v", q)
	}
}

func TestFAPIRequestHasToBePushed(t *testing.T) {
	w := fapiWorld(t)
	w.browser().open(authorization("fapi1")).wantRefused(oauth.InvalidRequest)
}

func TestFAPIUserRefuses(t *testing.T) {
	w := fapiWorld(t)
	b := w.browser()
	long := strings.Repeat("x", 128)
	for _, client := range []string{"fapi1", "fapi2"} {
		p := b.open(w.pushed(client, "state", long))
		q := b.post(cancelPath, form("flow", p.field("flow"))).answer()
		if q.Get("error") != string(oauth.AccessDenied) || q.Get("state") != long || q.Get("iss") != w.server.issuer {
			t.Errorf("%s: %v", client, q)
		}
	}
}
