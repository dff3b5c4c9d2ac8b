package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-id/usher/internal/oauth"
)

// Code and token request belong together: client, key, verifier, time (FAPI 2.0 Security Profile §5.3.2, RFC 9449 §10).
func TestFAPITokenRequestsThatAreRefused(t *testing.T) {
	w := fapiWorld(t)
	b := w.browser()
	b.authorize(w.pushed("fapi1"))
	code := func() string { return b.open(w.pushed("fapi1")).answer().Get("code") }
	for name, tt := range map[string]struct {
		ask    func() page
		status int
		codes  []oauth.Code
	}{
		"no proof of a key": {func() page { return w.call("POST", tokenPath, w.codeForm("fapi1", code())) },
			400, []oauth.Code{oauth.InvalidRequest}},
		"no client assertion": {func() page {
			return w.exchangeCode("fapi1", code(), "client_assertion", "", "client_assertion_type", "")
		}, 401, []oauth.Code{oauth.InvalidClient}},
		"the id of another client": {func() page { return w.exchangeCode("fapi1", code(), "client_id", "fapi2") },
			401, []oauth.Code{oauth.InvalidClient}},
		"the code of another client": {func() page { return w.exchangeCode("fapi2", code(), "redirect_uri", callback) },
			400, []oauth.Code{oauth.InvalidGrant}},
		"no verifier":      {func() page { return w.exchangeCode("fapi1", code(), "code_verifier", "") }, 400, []oauth.Code{oauth.InvalidGrant, oauth.InvalidRequest}},
		"another verifier": {func() page { return w.exchangeCode("fapi1", code(), "code_verifier", strings.Repeat("a", 43)) }, 400, []oauth.Code{oauth.InvalidGrant}},
		"an expired code": {func() page {
			c := code()
			w.clock.pass(62 * time.Second)
			return w.exchangeCode("fapi1", c)
		}, 400, []oauth.Code{oauth.InvalidGrant}},
	} {
		t.Run(name, func(t *testing.T) { tt.ask().wantOneOf(t, tt.status, tt.codes...) })
	}
}

// RFC 6749 §4.1.2: a code works once, and a second use ends what the first one gave.
func TestFAPICodeReuse(t *testing.T) {
	for _, after := range []time.Duration{time.Second, 30 * time.Second} {
		w := fapiWorld(t)
		code := w.browser().authorize(w.pushed("fapi1")).answer().Get("code")
		got := w.exchangeCode("fapi1", code).tokens().granted(t)
		w.askUserinfo(got.Access, w.resourceProof(got.Access)).wantStatus(200)
		w.clock.pass(after)
		w.exchangeCode("fapi1", code).wantCode(400, oauth.InvalidGrant)
		w.askUserinfo(got.Access, w.resourceProof(got.Access)).wantStatus(401)
	}
}

// RFC 9449 §10: the code is bound to the key that the authorization request names, by dpop_jkt or by a proof at the
// pushed authorization request endpoint.
func TestFAPICodeIsBoundToADPoPKey(t *testing.T) {
	w := fapiWorld(t)
	b := w.browser()
	b.authorize(w.pushed("fapi1"))
	mine, other := jktOf(t, "dpop-fapi1"), jktOf(t, "dpop-fapi2")
	push := func(kid string, params ...string) page {
		p := proof(t, kid, claimsWith(w.proofClaims(w.url+parPath), "nonce", w.nonce()))
		return w.call("POST", parPath, w.pushForm("fapi1", params...), "DPoP", p)
	}
	redeem := func(p page) page {
		p.wantStatus(201)
		return w.exchangeCode("fapi1", b.open(w.byReference("fapi1", p.object()["request_uri"].(string))).answer().Get("code"))
	}
	push("dpop-fapi1", "dpop_jkt", other).wantOneOf(t, 400, oauth.InvalidDPoPProof, oauth.InvalidRequest)
	redeem(push("dpop-fapi1")).wantStatus(200)
	redeem(push("dpop-fapi1", "dpop_jkt", mine)).wantStatus(200)
	redeem(w.call("POST", parPath, w.pushForm("fapi1", "dpop_jkt", mine))).wantStatus(200)
	redeem(push("dpop-fapi2")).wantOneOf(t, 400, oauth.InvalidGrant, oauth.InvalidRequest, oauth.InvalidDPoPProof)
	redeem(w.call("POST", parPath, w.pushForm("fapi1", "dpop_jkt", other))).wantOneOf(t, 400, oauth.InvalidGrant, oauth.InvalidRequest, oauth.InvalidDPoPProof)
}

// A client learns the nonce by asking, and sends the same assertion again: it was not used up (RFC 9449 §8).
func TestFAPINonceIsLearnedByAsking(t *testing.T) {
	w := fapiWorld(t)
	code := w.browser().authorize(w.pushed("fapi1")).answer().Get("code")
	body := w.codeForm("fapi1", code)
	first := w.call("POST", tokenPath, body, "DPoP", w.tokenProof("fapi1", "nonce", nil))
	first.wantCode(400, oauth.UseDPoPNonce)
	w.call("POST", tokenPath, body, "DPoP", w.tokenProof("fapi1", "nonce", first.header.Get("DPoP-Nonce"))).wantStatus(200)

	pushed := w.pushForm("fapi1")
	claims := w.proofClaims(w.url + parPath)
	first = w.call("POST", parPath, pushed, "DPoP", proof(t, "dpop-fapi1", claims))
	first.wantCode(400, oauth.UseDPoPNonce)
	w.call("POST", parPath, pushed, "DPoP", proof(t, "dpop-fapi1", claimsWith(claims, "nonce", first.header.Get("DPoP-Nonce")))).wantStatus(201)
}

func TestFAPIProofTimes(t *testing.T) {
	w := fapiWorld(t)
	b := w.browser()
	b.authorize(w.pushed("fapi1"))
	now := w.clock.Now().Unix()
	for name, changes := range map[string][]any{
		"10 seconds ago":         {"iat", now - 10},
		"10 seconds ahead":       {"iat", now + 10},
		"with nbf and exp":       {"nbf", now, "exp", now + 300},
		"with what nobody knows": {"something", "else"},
	} {
		t.Run(name, func(t *testing.T) {
			code := b.open(w.pushed("fapi1")).answer().Get("code")
			got := w.call("POST", tokenPath, w.codeForm("fapi1", code), "DPoP", w.tokenProof("fapi1", changes...)).tokens().granted(t)
			w.askUserinfo(got.Access, w.resourceProof(got.Access, changes...)).wantStatus(200)
		})
	}
}

// resourceProof is a DPoP proof for the access token at the userinfo endpoint.
func (w *world) resourceProof(accessToken string, changes ...any) string {
	return proof(w.t, "dpop-fapi1", w.resourceClaims(accessToken, changes...))
}

func (w *world) resourceClaims(accessToken string, changes ...any) map[string]any {
	return claimsWith(w.proofClaims(w.url+userinfoPath),
		append([]any{"htm", "GET", "nonce", w.nonce(), "ath", oauth.DPoPTokenHash(accessToken)}, changes...)...)
}

func (w *world) askUserinfo(accessToken, dpop string) page {
	return w.call("GET", userinfoPath, nil, "Authorization", "DPoP "+accessToken, "DPoP", dpop)
}

// RFC 9449 §4.3 and §7, with the userinfo endpoint as the resource.
func TestFAPIProofsThatTheResourceRefuses(t *testing.T) {
	w := fapiWorld(t)
	w.fapiTokens(w.browser(), "fapi1")
	access := w.fapiTokens(w.browser(), "fapi1").Access
	good := w.resourceClaims(access)
	signed := func(changes ...any) string { return proof(t, "dpop-fapi1", claimsWith(good, changes...)) }
	now := w.clock.Now().Unix()
	key := jose.JSONWebKey{Key: clientKey("dpop-fapi1").Public()}
	header := func(typ string, jwk any) string {
		options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
		if typ != "" {
			options.WithType(jose.ContentType(typ))
		}
		if jwk != nil {
			options.ExtraHeaders["jwk"] = jwk
		}
		return signJWT(t, jose.SigningKey{Algorithm: jose.ES256, Key: clientKey("dpop-fapi1")}, options, good)
	}
	replayed := signed("jti", "replayed")
	w.askUserinfo(access, replayed).wantStatus(200)
	for name, dpop := range map[string]string{
		"no JWT":                 "x.y",
		"no typ":                 header("", key),
		"another typ":            header("JWT", key),
		"no key":                 header(oauth.TypeDPoP, nil),
		"a private key":          header(oauth.TypeDPoP, jose.JSONWebKey{Key: clientKey("dpop-fapi1")}),
		"no jti":                 signed("jti", nil),
		"no htm":                 signed("htm", nil),
		"no htu":                 signed("htu", nil),
		"no iat":                 signed("iat", nil),
		"no ath":                 signed("ath", nil),
		"another htm":            signed("htm", "PUT"),
		"another htu":            signed("htu", w.url+tokenPath),
		"another ath":            signed("ath", oauth.DPoPTokenHash("another")),
		"an hour ago":            signed("iat", now-3600),
		"in an hour":             signed("iat", now+3600),
		"used before":            replayed,
		"another key":            proof(t, "dpop-fapi2", good),
		"without a signature":    plainJWT(t, good),
		"a broken signature":     brokenSignature(signed()),
		"RS256":                  rsaProof(t, jose.RS256, good),
		"PS256, but another key": rsaProof(t, jose.PS256, good),
	} {
		t.Run(name, func(t *testing.T) {
			got := w.askUserinfo(access, dpop)
			if got.status != http.StatusUnauthorized || !strings.Contains(got.header.Get("WWW-Authenticate"), "DPoP ") {
				t.Errorf("%d %v", got.status, got.header)
			}
		})
	}
	// Whose key it is does not matter where the algorithm is a weak one.
	for alg, want := range map[jose.SignatureAlgorithm]string{jose.RS256: `error="invalid_dpop_proof"`, jose.PS256: `error="invalid_token"`} {
		if got := w.askUserinfo(access, rsaProof(t, alg, good)).header.Get("WWW-Authenticate"); !strings.Contains(got, want) {
			t.Errorf("%s: %s", alg, got)
		}
	}
	two := w.blocked().request("GET", userinfoPath, nil, "Authorization", "DPoP "+access)
	two.Header["Dpop"] = []string{signed("jti", "a"), signed("jti", "b")}
	w.blocked().do(two).wantStatus(401)
	w.call("GET", userinfoPath, nil, "Authorization", "DPoP "+access).wantStatus(401)
	w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+access).wantStatus(401)
	w.askUserinfo(access, signed("jti", "still good")).wantStatus(200)
}

// rsaProof signs a proof with an RSA key.
func rsaProof(t *testing.T, alg jose.SignatureAlgorithm, claims map[string]any) string {
	return signJWT(t, jose.SigningKey{Algorithm: alg, Key: rsaKey()}, (&jose.SignerOptions{EmbedJWK: true}).WithType(oauth.TypeDPoP), claims)
}

func TestFAPIProofsThatTheResourceTakes(t *testing.T) {
	w := fapiWorld(t)
	access := w.fapiTokens(w.browser(), "fapi1").Access
	for name, changes := range map[string][]any{
		"htu with query and fragment": {"htu", w.url + userinfoPath + "?a=b#c"},
		"htu in upper case":           {"htu", strings.Replace(w.url, "https://", "HTTPS://", 1) + userinfoPath},
		"a claim more":                {"more", true},
	} {
		if got := w.askUserinfo(access, w.resourceProof(access, changes...)); got.status != 200 {
			t.Errorf("%s: %d %v", name, got.status, got.header)
		}
	}
	w.call("GET", userinfoPath+"?a=b", nil, "Authorization", "DPoP "+access, "DPoP", w.resourceProof(access)).wantStatus(200)
	for _, scheme := range []string{"dpop", "dPoP"} { // RFC 9110 §11.1
		w.call("GET", userinfoPath, nil, "Authorization", scheme+" "+access, "DPoP", w.resourceProof(access)).wantStatus(200)
	}
}

// A nonce of the resource is learned by asking, too (RFC 9449 §9).
func TestFAPIResourceAsksForItsNonce(t *testing.T) {
	w := fapiWorld(t)
	access := w.fapiTokens(w.browser(), "fapi1").Access
	got := w.askUserinfo(access, w.resourceProof(access, "nonce", nil))
	if got.status != 401 || !strings.Contains(got.header.Get("WWW-Authenticate"), `error="use_dpop_nonce"`) {
		t.Fatalf("%d %v", got.status, got.header)
	}
	w.askUserinfo(access, w.resourceProof(access, "nonce", got.header.Get("DPoP-Nonce"))).wantStatus(200)
}

// FAPI 2.0 Security Profile §5.3.2.1: refresh tokens of such clients do not rotate, are bound to the client, and yield
// tokens bound to whichever key the client proves.
func TestFAPIRefresh(t *testing.T) {
	w := fapiWorld(t)
	first := w.fapiTokens(w.browser(), "fapi1", "scope", "openid read offline_access", "prompt", "consent")
	refresh := func(client, token string, params ...string) page {
		body := change(w.asserted(client, form("grant_type", "refresh_token", "refresh_token", token)), params...)
		return w.call("POST", tokenPath, body, "DPoP", w.tokenProof(client))
	}
	second := refresh("fapi1", first.Refresh, "scope", "openid read").tokens().granted(t)
	if second.Type != "DPoP" || second.Access == first.Access {
		t.Errorf("%+v", second)
	}
	if a, b := w.idClaims(first.ID), w.idClaims(second.ID); a["sub"] != b["sub"] || a["iss"] != b["iss"] || a["auth_time"] != b["auth_time"] || a["aud"] != b["aud"] {
		t.Errorf("the ID token changed: %v, then %v", a, b) // Core §12.2
	}
	refresh("fapi1", first.Refresh).wantStatus(200) // lost answers harm nobody
	otherKey := w.call("POST", tokenPath, w.asserted("fapi1", form("grant_type", "refresh_token", "refresh_token", first.Refresh)), "DPoP", w.tokenProof("fapi2"))
	otherKey.wantStatus(200)
	cnf, _ := w.introspect(otherKey.tokens().Access)["cnf"].(map[string]any)
	if cnf["jkt"] != jktOf(t, "dpop-fapi2") {
		t.Errorf("cnf is %v", cnf)
	}
	w.call("POST", tokenPath, w.asserted("fapi1", form("grant_type", "refresh_token", "refresh_token", first.Refresh))).
		wantOneOf(t, 400, oauth.InvalidRequest, oauth.InvalidGrant)
	refresh("fapi2", first.Refresh).wantCode(400, oauth.InvalidGrant)
}
