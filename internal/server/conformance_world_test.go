package server

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// The tests of conformance_*_test.go go through the modules of the OpenID Foundation's conformance suite, by what each
// demands of a server. docs/conformance.md has a row for each module; the names of the cases here say what is asked.

// suiteCallback has a query, as the second client of the suite does.
const suiteCallback = callback + "?dummy1=lorem&dummy2=ipsum"

// fapiWorld is a world with the two clients of the FAPI 2.0 plan: private_key_jwt, DPoP, pushed requests.
func fapiWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.allowAll()
	w.putFAPI("fapi1", callback, publicJWK("fapi1"))
	w.putFAPI("fapi2", suiteCallback, publicJWK("fapi2"))
	return w
}

func (w *world) putFAPI(id, redirect string, keys ...jose.JSONWebKey) {
	w.t.Helper()
	c := oauth.Client{ID: id, Name: id, Capabilities: []oauth.Capability{oauth.CapCode, oauth.CapRefresh}, RedirectURIs: []string{redirect},
		Scope: []string{"openid", "profile", "email", "read", "offline_access"}}
	c.AuthMethod, c.JWKS, c.DPoPBound, c.RequirePushed = oauth.AuthPrivateKeyJWT, jwksOf(w.t, keys...), true, true
	w.put(c)
}

func redirectOf(client string) string {
	if client == "fapi2" {
		return suiteCallback
	}
	return callback
}

// change sets or, with an empty value, removes parameters: name, value, ...
func change(q url.Values, params ...string) url.Values {
	for i := 0; i < len(params); i += 2 {
		if q.Set(params[i], params[i+1]); params[i+1] == "" {
			q.Del(params[i])
		}
	}
	return q
}

// pushForm is a good pushed request of the client but for the changes.
func (w *world) pushForm(client string, params ...string) url.Values {
	q := form("response_type", "code", "redirect_uri", redirectOf(client), "scope", "openid read", "state", "s-1", "nonce", "n-1",
		"code_challenge", codeChallenge, "code_challenge_method", "S256")
	return change(w.asserted(client, q), params...)
}

// asserted adds the client's assertion.
func (w *world) asserted(client string, q url.Values) url.Values {
	return change(q, "client_id", client, "client_assertion_type", oauth.ClientAssertionType,
		"client_assertion", clientJWT(w.t, client, "JWT", w.assertionClaims(client)))
}

// pushed pushes a request and returns the address that it is opened by.
func (w *world) pushed(client string, params ...string) string {
	w.t.Helper()
	p := w.call("POST", parPath, w.pushForm(client, params...))
	p.wantStatus(201)
	return w.byReference(client, p.object()["request_uri"].(string))
}

func (w *world) byReference(client, requestURI string) string {
	return authorizePath + "?" + form("client_id", client, "request_uri", requestURI).Encode()
}

// tokenProof is a DPoP proof for the token endpoint, by the client's key for the purpose.
func (w *world) tokenProof(client string, changes ...any) string {
	return proof(w.t, "dpop-"+client, claimsWith(w.proofClaims(w.url+tokenPath), append([]any{"nonce", w.nonce()}, changes...)...))
}

// exchangeCode redeems a code as the suite does, but for the changes of the form.
func (w *world) exchangeCode(client, code string, params ...string) page {
	w.t.Helper()
	return w.call("POST", tokenPath, w.codeForm(client, code, params...), "DPoP", w.tokenProof(client))
}

func (w *world) codeForm(client, code string, params ...string) url.Values {
	return change(w.asserted(client, form("grant_type", "authorization_code", "code", code, "redirect_uri", redirectOf(client), "code_verifier", verifier)), params...)
}

// tokens reads an answer of the token endpoint.
func (p page) tokens() (t tokens) {
	p.t.Helper()
	t.status = p.status
	if err := json.Unmarshal([]byte(p.body), &t); err != nil {
		p.t.Fatalf("status %d: %s", p.status, p.body)
	}
	return t
}

// through goes to an authorization address, signs in and agrees where that is asked, and returns the page after it.
func (b *browser) through(address string) page {
	b.t.Helper()
	p := b.authorize(address)
	if strings.Contains(p.body, `data-page="consent"`) {
		p = b.post(consentPath, form("flow", p.field("flow"), "user", p.field("user"), "decision", "allow"))
	}
	return p
}

// fapiTokens goes through the whole flow.
func (w *world) fapiTokens(b *browser, client string, params ...string) tokens {
	w.t.Helper()
	code := b.through(w.pushed(client, params...)).answer().Get("code")
	return w.exchangeCode(client, code).tokens().granted(w.t)
}

// idClaims verifies an ID token and returns its claims.
func (w *world) idClaims(text string) (claims map[string]any) {
	w.t.Helper()
	raw, _, err := w.server.current.Load().ring.Verify(text, token.TypeJWT)
	w.must(err)
	w.must(json.Unmarshal(raw, &claims))
	return claims
}

// rsaKey is an RSA key of a client.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// oneOfCodes tells whether an error is among those that the suite takes.
func oneOfCodes(got oauth.Code, want ...oauth.Code) bool {
	for _, code := range want {
		if got == code {
			return true
		}
	}
	return false
}

// wantOneOf demands an error of the status, with one of the codes.
func (p page) wantOneOf(t *testing.T, status int, codes ...oauth.Code) {
	t.Helper()
	if p.status != status || !oneOfCodes(p.errorCode(), codes...) {
		t.Errorf("%d %s, want %d %v", p.status, strings.TrimSpace(p.body), status, codes)
	}
}
