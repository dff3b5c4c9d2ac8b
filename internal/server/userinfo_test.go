package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

// sendProof asks for userinfo with a bound token and a proof.
func (w *world) sendProof(scheme, access, dpop string) page {
	w.t.Helper()
	return w.call("GET", userinfoPath, nil, "Authorization", scheme+" "+access, "DPoP", dpop)
}

// useClaims are those of a good proof for the token at the userinfo endpoint.
func (w *world) useClaims(access string) map[string]any {
	return claimsWith(w.proofClaims(w.url+userinfoPath), "htm", "GET", "ath", oauth.DPoPTokenHash(access), "nonce", w.nonce())
}

func TestUserinfoByDPoP(t *testing.T) {
	w := newExchangeWorld(t)
	access := w.boundToken()
	good := proof(t, "dpop", w.useClaims(access))
	p := w.sendProof("DPoP", access, good)
	p.wantStatus(200)
	if p.object()["sub"] != w.alice.ID.String() || p.header.Get("DPoP-Nonce") == "" {
		t.Errorf("%s %v", p.body, p.header)
	}
	w.sendProof("dpop", access, proof(t, "dpop", w.useClaims(access))).wantStatus(200)
	for name, c := range map[string]struct {
		page page
		want string
	}{
		"as bearer":            {w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+access), `Bearer realm="usher", error="invalid_token"`},
		"as bearer with proof": {w.sendProof("Bearer", access, proof(t, "dpop", w.useClaims(access))), `Bearer realm="usher", error="invalid_token"`},
		"in the body":          {w.call("POST", userinfoPath, form("access_token", access)), `Bearer realm="usher", error="invalid_token"`},
		"no proof":             {w.call("GET", userinfoPath, nil, "Authorization", "DPoP "+access), `DPoP realm="usher", algs="` + dpopAlgs() + `", error="invalid_dpop_proof"`},
		"proof used before":    {w.sendProof("DPoP", access, good), `error="invalid_dpop_proof"`},
		"another key":          {w.sendProof("DPoP", access, proof(t, "another", w.useClaims(access))), `DPoP realm="usher", algs="` + dpopAlgs() + `", error="invalid_token"`},
		"no ath":               {w.sendProof("DPoP", access, proof(t, "dpop", claimsWith(w.useClaims(access), "ath", nil))), `error="invalid_dpop_proof"`},
		"another token's ath":  {w.sendProof("DPoP", access, proof(t, "dpop", w.useClaims("x"))), `error="invalid_dpop_proof"`},
		"another method":       {w.sendProof("DPoP", access, proof(t, "dpop", claimsWith(w.useClaims(access), "htm", "POST"))), `error="invalid_dpop_proof"`},
		"no nonce":             {w.sendProof("DPoP", access, proof(t, "dpop", claimsWith(w.useClaims(access), "nonce", nil))), `error="use_dpop_nonce"`},
	} {
		if got := c.page.header.Get("WWW-Authenticate"); c.page.status != http.StatusUnauthorized || !strings.Contains(got, c.want) {
			t.Errorf("%s: %d %s, want %s", name, c.page.status, got, c.want)
		}
	}
	if nonce := w.call("GET", userinfoPath, nil, "Authorization", "DPoP "+access).header.Get("DPoP-Nonce"); nonce == "" {
		t.Error("who lacks a nonce gets none")
	}
}

func TestUserinfoByDPoPOfATokenThatIsNotBound(t *testing.T) {
	w := newExchangeWorld(t)
	got := w.redeem("web", w.browser().authorize(authorization("web")).answer().Get("code")).granted(t)
	if p := w.sendProof("DPoP", got.Access, proof(t, "dpop", w.useClaims(got.Access))); p.status != http.StatusUnauthorized {
		t.Errorf("%d %s", p.status, p.body)
	}
}

func TestUserinfoChallenges(t *testing.T) {
	w := newOAuthWorld(t)
	own := w.trade("web", "grant_type", "client_credentials", "scope", "read").granted(t)
	plain := w.redeem("web", w.browser().authorize(authorization("web", "scope", "read")).answer().Get("code")).granted(t)
	dpop := `DPoP realm="usher", algs="` + dpopAlgs() + `"`
	for name, c := range map[string]struct {
		header string
		status int
		want   []string
	}{
		"nothing":        {"", 401, []string{`Bearer realm="usher"`, dpop}},
		"another scheme": {"Basic eDp5", 401, []string{`Bearer realm="usher"`, dpop}},
		"no token":       {"Bearer ", 401, []string{`Bearer realm="usher"`, dpop}},
		"garbage": {"Bearer x", 401, []string{
			`Bearer realm="usher", error="invalid_token", error_description="The access token expired, was revoked or is not one."`, dpop}},
		"no openid": {"Bearer " + plain.Access, 403, []string{
			`Bearer realm="usher", error="insufficient_scope", error_description="The access token lacks the scope openid.", scope="openid"`, dpop}},
		"no user": {"Bearer " + own.Access, 403, []string{
			`Bearer realm="usher", error="insufficient_scope", error_description="The access token lacks the scope openid.", scope="openid"`, dpop}},
		"garbage by DPoP": {"DPoP x", 401, []string{
			dpop + `, error="invalid_token", error_description="The access token expired, was revoked or is not one."`, `Bearer realm="usher"`}},
	} {
		headers := []string{"Authorization", c.header}
		if c.header == "" {
			headers = nil
		}
		p := w.call("GET", userinfoPath, nil, headers...)
		if got := p.header.Values("WWW-Authenticate"); p.status != c.status || strings.Join(got, "\n") != strings.Join(c.want, "\n") || p.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q", name, p.status, got)
		}
	}
	r := w.blocked().request("GET", userinfoPath, nil)
	r.Header["Authorization"] = []string{"Bearer " + plain.Access, "Bearer x"}
	if p := w.blocked().do(r); p.status != http.StatusBadRequest {
		t.Errorf("two headers: %d", p.status)
	}
	if p := w.call("GET", userinfoPath+"?access_token="+plain.Access, nil); p.status != http.StatusUnauthorized { // RFC 9700 §4.3.2
		t.Errorf("in the query: %d", p.status)
	}
}

func TestUserinfoSigned(t *testing.T) {
	w := newOAuthWorld(t)
	w.change("web", func(c *oauth.Client) { c.UserInfoAlg = oauth.RS256 })
	got := w.redeem("web", w.browser().authorize(authorization("web", "scope", "openid profile")).answer().Get("code")).granted(t)
	p := w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+got.Access)
	p.wantStatus(200)
	claims := claimsOf(t, p.body)
	if p.header.Get("Content-Type") != "application/jwt" || segment(t, p.body, 0)["alg"] != "RS256" || claims["iss"] != w.server.issuer || claims["aud"] != "web" {
		t.Errorf("%v %v", p.header, claims)
	}
	if claims["sub"] != claimsOf(t, got.ID)["sub"] || claims["name"] != "Alice" {
		t.Errorf("%v", claims)
	}
	if _, _, err := w.server.current.Load().ring.Verify(p.body, ""); err != nil {
		t.Error(err)
	}
}

func TestUserinfoByClaimsParameter(t *testing.T) {
	w := newOAuthWorld(t)
	got := w.redeem("web", w.browser().authorize(authorization("web", "scope", "openid", "claims", `{"userinfo":{"email":null}}`)).answer().Get("code")).granted(t)
	o := w.call("POST", userinfoPath, form("access_token", got.Access)).object()
	if o["email"] != "alice@example.com" || o["name"] != nil {
		t.Errorf("%v", o)
	}
}

// A token that is bound to a certificate is good on the listener that sees it, with that certificate, and nowhere else.
func TestUserinfoWithACertificate(t *testing.T) {
	w := newOAuthWorld(t)
	w.openMTLS()
	w.change("web", func(c *oauth.Client) { c.TLSBound = true })
	mine := selfSigned(t, "mine")
	code := w.browser().authorize(authorization("web")).answer().Get("code")
	p := w.callWith(mine, w.server.MTLSBaseURL+tokenPath, form("grant_type", "authorization_code", "code", code, "redirect_uri", callback,
		"code_verifier", verifier, "client_id", "web", "client_secret", webKey))
	p.wantStatus(200)
	access := p.object()["access_token"].(string)
	send := form("access_token", access)
	w.callWith(mine, w.server.MTLSBaseURL+userinfoPath, send).wantStatus(200)
	for name, got := range map[string]page{
		"another certificate": w.callWith(selfSigned(t, "another"), w.server.MTLSBaseURL+userinfoPath, send),
		"no certificate":      w.callWith(nil, w.server.MTLSBaseURL+userinfoPath, send),
		"the plain listener":  w.call("POST", userinfoPath, send),
	} {
		if got.status != http.StatusUnauthorized || !strings.Contains(got.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%s: %d %v", name, got.status, got.header)
		}
	}
}
