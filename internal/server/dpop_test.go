package server

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

// proofClaims are those of a good proof for a POST to the address, but for the nonce.
func (w *world) proofClaims(address string) map[string]any {
	return map[string]any{"jti": web.NewSecret(), "htm": "POST", "htu": address, "iat": w.clock.Now().Unix()}
}

// proof signs a DPoP proof with the client's key of the kid.
func proof(t testing.TB, kid string, claims map[string]any) string {
	return proofOfType(t, kid, oauth.TypeDPoP, claims)
}

func proofOfType(t testing.TB, kid, typ string, claims map[string]any) string {
	return signJWT(t, jose.SigningKey{Algorithm: jose.ES256, Key: clientKey(kid)},
		(&jose.SignerOptions{EmbedJWK: true}).WithType(jose.ContentType(typ)), claims)
}

// nonce is one that the server gives away now.
func (w *world) nonce() string {
	rec := httptest.NewRecorder()
	w.server.dpopNonce(rec)
	return rec.Header().Get("DPoP-Nonce")
}

// proofRequest is a POST to the token endpoint as the server sees it.
func (w *world) proofRequest(proofs ...string) *http.Request {
	r := httptest.NewRequest("POST", w.url+tokenPath+"?a=b", nil)
	for _, p := range proofs {
		r.Header.Add("DPoP", p)
	}
	return r
}

func TestDPoPOverTheTokenEndpoint(t *testing.T) {
	w := newWorld(t)
	w.secretClient("shared", oauth.AuthSecretPost)
	ask := func(p string) page {
		return w.call("POST", tokenPath, form("client_id", "shared", "client_secret", sharedSecret, "grant_type", "client_credentials"), "DPoP", p)
	}
	claims := w.proofClaims(w.url + tokenPath)
	first := ask(proof(t, "dpop", claims))
	first.wantCode(400, oauth.UseDPoPNonce)
	nonce := first.header.Get("DPoP-Nonce")
	if nonce == "" || first.header.Get("Access-Control-Expose-Headers") == "" {
		t.Fatalf("there is no nonce, or no page can read it: %v", first.header)
	}
	good := proof(t, "dpop", claimsWith(claims, "nonce", nonce))
	second := ask(good)
	second.wantStatus(200)
	if second.header.Get("DPoP-Nonce") == "" || second.object()["token_type"] != "DPoP" {
		t.Errorf("%v %s", second.header, second.body)
	}
	sum := jktOf(t, "dpop")
	if cnf, _ := w.introspect(second.object()["access_token"].(string))["cnf"].(map[string]any); cnf["jkt"] != sum {
		t.Errorf("cnf is %v, want jkt %s", cnf, sum)
	}
	ask(good).wantCode(400, oauth.InvalidDPoPProof)
}

func jktOf(t testing.TB, kid string) string {
	t.Helper()
	f, err := token.ParseForeign(proof(t, kid, nil), oauth.ClientAlgs)
	if err != nil {
		t.Fatal(err)
	}
	_, jkt, err := f.VerifyEmbedded()
	if err != nil {
		t.Fatal(err)
	}
	return jkt
}

func TestDPoPProofIsGoodOnceUnderRace(t *testing.T) {
	w := newWorld(t)
	w.secretClient("shared", oauth.AuthSecretPost)
	header := proof(t, "dpop", claimsWith(w.proofClaims(w.url+tokenPath), "nonce", w.nonce()))
	statuses := make([]int, 16)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() {
			statuses[i] = w.call("POST", tokenPath, form("client_id", "shared", "client_secret", sharedSecret, "grant_type", "client_credentials"), "DPoP", header).status
		})
	}
	all.Wait()
	won := 0
	for _, status := range statuses {
		if status == 200 {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d of %d uses succeeded: %v", won, len(statuses), statuses)
	}
}

func TestRequestWithoutProof(t *testing.T) {
	w := newWorld(t)
	if p, err := w.server.dpop(w.proofRequest(), ""); err != nil || p.jkt != "" || p.spends != nil {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestDPoPProofsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	claims := claimsWith(w.proofClaims(w.url+tokenPath), "nonce", w.nonce())
	for name, headers := range map[string][]string{
		"empty":             {""},
		"twice":             {proof(t, "dpop", claims), proof(t, "dpop", claims)},
		"no JWT":            {"x"},
		"another typ":       {proofOfType(t, "dpop", "JWT", claims)},
		"no key in it":      {clientJWT(t, "dpop", oauth.TypeDPoP, claims)},
		"another method":    {proof(t, "dpop", claimsWith(claims, "htm", "GET"))},
		"another address":   {proof(t, "dpop", claimsWith(claims, "htu", w.url+revokePath))},
		"another server":    {proof(t, "dpop", claimsWith(claims, "htu", "https://other.example"+tokenPath))},
		"old":               {proof(t, "dpop", claimsWith(claims, "iat", w.clock.Now().Unix()-120))},
		"of the future":     {proof(t, "dpop", claimsWith(claims, "iat", w.clock.Now().Unix()+120))},
		"without id":        {proof(t, "dpop", claimsWith(claims, "jti", nil))},
		"claims not claims": {proof(t, "dpop", claimsWith(claims, "jti", 1))},
	} {
		if _, err := w.server.dpop(w.proofRequest(headers...), ""); err == nil || err.Code != oauth.InvalidDPoPProof {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.server.dpop(w.proofRequest(proof(t, "dpop", claims)), ""); err != nil {
		t.Errorf("only what was changed was wrong: %v", err)
	}
}

func TestDPoPProofForAnAccessToken(t *testing.T) {
	w := newWorld(t)
	claims := claimsWith(w.proofClaims(w.url+tokenPath), "nonce", w.nonce())
	good := proof(t, "dpop", claimsWith(claims, "ath", oauth.DPoPTokenHash("token")))
	if _, err := w.server.dpop(w.proofRequest(good), "token"); err != nil {
		t.Error(err)
	}
	if _, err := w.server.dpop(w.proofRequest(good), "another"); err == nil || err.Code != oauth.InvalidDPoPProof {
		t.Errorf("with another token: %v", err)
	}
}

func TestDPoPNonces(t *testing.T) {
	w := newWorld(t)
	now := w.clock.Now()
	sealed, err := w.server.current.Load().ring.Seal(token.KindFlow, now, make([]byte, 8))
	w.must(err)
	old := w.nonce()
	w.clock.pass(dpopNonceLife + time.Second)
	young := w.nonce()
	w.clock.pass(time.Minute)
	for name, test := range map[string]struct {
		nonce any
		good  bool
	}{
		"none":            {nil, false},
		"empty":           {"", false},
		"a stranger's":    {"abc", false},
		"another kind":    {sealed, false},
		"too old":         {old, false},
		"a minute old":    {young, true},
		"of this instant": {w.nonce(), true},
	} {
		p := proof(t, "dpop", claimsWith(w.proofClaims(w.url+tokenPath), "nonce", test.nonce))
		_, err := w.server.dpop(w.proofRequest(p), "")
		if test.good && err != nil || !test.good && (err == nil || err.Code != oauth.UseDPoPNonce) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDPoPAddressOnTheListenerForCertificates(t *testing.T) {
	w := newWorld(t)
	w.openMTLS()
	w.secretClient("shared", oauth.AuthSecretPost)
	ask := func(htu string) page {
		return w.call("POST", w.server.MTLSBaseURL+tokenPath, form("client_id", "shared", "client_secret", sharedSecret, "grant_type", "client_credentials"),
			"DPoP", proof(t, "dpop", claimsWith(w.proofClaims(htu), "nonce", w.nonce())))
	}
	ask(w.server.MTLSBaseURL + tokenPath).wantStatus(200)
	ask(w.url+tokenPath).wantCode(400, oauth.InvalidDPoPProof)
}
