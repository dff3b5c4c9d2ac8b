package resource

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// sender is a client with a DPoP key and a token that is bound to it.
type sender struct {
	*issuer
	key        jose.JSONWebKey
	alg        jose.SignatureAlgorithm
	token      string
	proofs     int
	thumbprint string
}

func newSender(i *issuer, alg jose.SignatureAlgorithm) *sender {
	s := &sender{issuer: i, alg: alg, key: jose.JSONWebKey{Key: privateKey(i.t, alg)}}
	public := s.key.Public()
	sum, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		i.t.Fatal(err)
	}
	s.thumbprint = base64.RawURLEncoding.EncodeToString(sum)
	s.token = i.handle("bound-"+string(alg), map[string]any{"token_type": "DPoP", "cnf": map[string]any{"jkt": s.thumbprint}})
	return s
}

// proof makes a proof for call, changed by what is given; nil takes a claim out.
func (s *sender) proof(header, change map[string]any) string {
	s.proofs++
	h := map[string]any{"typ": "dpop+jwt", "jwk": s.key.Public()}
	maps.Copy(h, header)
	c := map[string]any{
		"jti": string(s.alg) + strconv.Itoa(s.proofs), "htm": "GET", "htu": "https://api.example.com/v1/orders",
		"iat": s.clock.Now().Unix(), "ath": base64sum(s.token),
	}
	for name, v := range change {
		if c[name] = v; v == nil {
			delete(c, name)
		}
	}
	return sign(s.t, s.key, s.alg, h, c)
}

const apiBase = "https://API.example.com:443/v1"

func TestDPoPProofs(t *testing.T) {
	i := newIssuer(t)
	rule := i.verifier(ByIntrospection(apiID, secret), AcceptDPoP(apiBase)).Require()
	s := newSender(i, jose.ES256)
	other := newSender(i, jose.EdDSA)
	now := i.clock.Now().Unix()
	tests := []struct {
		name           string
		header, change map[string]any
		ok             bool
	}{
		{"a good one", nil, nil, true},
		{"an address in another spelling (RFC 3986 §6.2)", nil, map[string]any{"htu": "HTTPS://api.EXAMPLE.com:443/v1/%6frders"}, true},
		{"query and fragment do not count", nil, map[string]any{"htu": "https://api.example.com/v1/orders?y=2#z"}, true},
		{"a minute old", nil, map[string]any{"iat": now - 60}, true},
		{"a clock that is ahead", nil, map[string]any{"iat": now + 60}, true},
		{"older", nil, map[string]any{"iat": now - 61}, false},
		{"further ahead", nil, map[string]any{"iat": now + 61}, false},
		{"no time", nil, map[string]any{"iat": nil}, false},
		{"a time that is none", nil, map[string]any{"iat": "now"}, false},
		{"another method", nil, map[string]any{"htm": "POST"}, false},
		{"a method in lower case (RFC 9110 §9.1)", nil, map[string]any{"htm": "get"}, false},
		{"another path", nil, map[string]any{"htu": "https://api.example.com/v1/payments"}, false},
		{"a path that differs by case", nil, map[string]any{"htu": "https://api.example.com/v1/Orders"}, false},
		{"without the prefix", nil, map[string]any{"htu": "https://api.example.com/orders"}, false},
		{"another host", nil, map[string]any{"htu": "https://evil.example.com/v1/orders"}, false},
		{"another port", nil, map[string]any{"htu": "https://api.example.com:8443/v1/orders"}, false},
		{"another scheme", nil, map[string]any{"htu": "http://api.example.com/v1/orders"}, false},
		{"a user in the address", nil, map[string]any{"htu": "https://api.example.com@evil.example.com/v1/orders"}, false},
		{"a relative address", nil, map[string]any{"htu": "/v1/orders"}, false},
		{"no address", nil, map[string]any{"htu": nil}, false},
		{"another token's", nil, map[string]any{"ath": base64sum("other")}, false},
		{"no token's", nil, map[string]any{"ath": nil}, false},
		{"no jti", nil, map[string]any{"jti": nil}, false},
		{"another type", map[string]any{"typ": "JWT"}, nil, false},
		{"another key embedded", map[string]any{"jwk": other.key.Public()}, nil, false},
		{"a private key embedded", map[string]any{"jwk": s.key}, nil, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			w := call(rule, "Authorization", "DPoP "+s.token, "DPoP", s.proof(tc.header, tc.change))
			if tc.ok != (w.Code == http.StatusOK) {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			if !tc.ok && (w.Code != 401 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), `DPoP error="invalid_dpop_proof"`)) {
				t.Errorf("%d %v", w.Code, w.Header())
			}
		})
	}
}

func TestDPoPAlgorithms(t *testing.T) {
	i := newIssuer(t)
	rule := i.verifier(ByIntrospection(apiID, secret), AcceptDPoP(apiBase)).Require()
	for alg, want := range map[jose.SignatureAlgorithm]int{
		jose.ES256: 200, jose.RS256: 401, jose.PS256: 200, jose.EdDSA: 200, jose.ES384: 401,
	} {
		s := newSender(i, alg)
		if w := call(rule, "Authorization", "DPoP "+s.token, "DPoP", s.proof(nil, nil)); w.Code != want {
			t.Errorf("%s: %d %s", alg, w.Code, w.Body)
		}
	}
	small, err := smallRSA()
	if err != nil {
		t.Fatal(err)
	}
	s := newSender(i, jose.PS256)
	s.key.Key = small
	if _, err := parseProof(s.proof(nil, nil)); err == nil || !strings.Contains(err.Error(), "too small") {
		t.Errorf("an RSA key of 1024 bits: %v", err)
	}
	huge := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("\xff", maxProofRSA/8+1)))
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"PS256","typ":"dpop+jwt","jwk":{"kty":"RSA","e":"AQAB","n":"` + huge + `"}}`))
	if _, err := parseProof(header + ".e30.AAAA"); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("a huge RSA key: %v", err)
	}
}

func TestDPoPHeaders(t *testing.T) {
	i := newIssuer(t)
	rule := i.verifier(ByIntrospection(apiID, secret), AcceptDPoP(apiBase)).Require()
	s := newSender(i, jose.ES256)
	for name, headers := range map[string][]string{
		"no proof":           nil,
		"an empty one":       {"DPoP", ""},
		"two":                {"DPoP", s.proof(nil, nil), "DPoP", s.proof(nil, nil)},
		"two in one":         {"DPoP", s.proof(nil, nil) + ", " + s.proof(nil, nil)},
		"no JWT":             {"DPoP", "x"},
		"longer than proofs": {"DPoP", s.proof(map[string]any{"x": strings.Repeat("x", maxProof)}, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			w := call(rule, append(headers, "Authorization", "DPoP "+s.token)...)
			if w.Code != 401 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), `DPoP error="invalid_dpop_proof"`) {
				t.Errorf("%d %v", w.Code, w.Header())
			}
		})
	}
}

func TestBinding(t *testing.T) {
	i := newIssuer(t)
	with := i.verifier(ByIntrospection(apiID, secret), AcceptDPoP(apiBase)).Require()
	without := i.verifier(ByIntrospection(apiID, secret)).Require()
	s, other := newSender(i, jose.ES256), newSender(i, jose.EdDSA)
	bearer := i.handle("bearer", nil)
	forBearer := s.proof(nil, map[string]any{"ath": base64sum(bearer)})
	stolen := other.proof(nil, map[string]any{"ath": base64sum(s.token)})
	const invalid = `error="invalid_token", error_description="The token is not bound to the key that came with it."`
	tests := []struct {
		name    string
		rule    Rule
		headers []string
		status  int
		first   string // what the first challenge begins with
	}{
		{"a bound token with its key", with, []string{"Authorization", "dpop " + s.token, "DPoP", s.proof(nil, nil)}, 200, ""},
		{"a bearer token", with, []string{"Authorization", "Bearer " + bearer}, 200, ""},
		{"a bound token with another key", with, []string{"Authorization", "DPoP " + s.token, "DPoP", stolen}, 401, "DPoP " + invalid},
		{"a bound token as a bearer token", with, []string{"Authorization", "Bearer " + s.token}, 401, "Bearer " + invalid},
		{"the same, with a proof", with, []string{"Authorization", "Bearer " + s.token, "DPoP", s.proof(nil, nil)}, 401, "Bearer " + invalid},
		{"a bearer token as a bound one", with, []string{"Authorization", "DPoP " + bearer, "DPoP", forBearer}, 401, "DPoP " + invalid},
		{"a bound token where DPoP is unknown", without, []string{"Authorization", "Bearer " + s.token}, 401, "Bearer " + invalid},
		{"DPoP where it is unknown", without, []string{"Authorization", "DPoP " + s.token, "DPoP", s.proof(nil, nil)}, 401, "Bearer"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			w := call(tc.rule, tc.headers...)
			if got := w.Header().Get("WWW-Authenticate"); w.Code != tc.status || !strings.HasPrefix(got, tc.first) {
				t.Errorf("%d %q, want %d %q", w.Code, got, tc.status, tc.first)
			}
		})
	}
}

func TestProofCountsOnce(t *testing.T) {
	i := newIssuer(t)
	rule := i.verifier(ByIntrospection(apiID, secret), AcceptDPoP(apiBase)).Require()
	s := newSender(i, jose.ES256)
	proof := s.proof(nil, map[string]any{"iat": i.clock.Now().Add(proofWindow).Unix()})
	var accepted atomic.Int32
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if call(rule, "Authorization", "DPoP "+s.token, "DPoP", proof).Code == http.StatusOK {
				accepted.Add(1)
			}
		})
	}
	wg.Wait()
	if n := accepted.Load(); n != 1 {
		t.Errorf("accepted %d times", n)
	}
	i.clock.forward(2 * proofWindow)
	if w := call(rule, "Authorization", "DPoP "+s.token, "DPoP", proof); w.Code != http.StatusUnauthorized {
		t.Errorf("accepted again at the end of its time: %d", w.Code)
	}
}

func TestProofForABadTokenIsNotUsedUp(t *testing.T) {
	i := newIssuer(t)
	rule := i.verifier(ByIntrospection(apiID, secret), AcceptDPoP(apiBase), MaxStaleness(0)).Require()
	s := newSender(i, jose.ES256)
	proof := s.proof(nil, nil)
	i.setDown(true)
	call(rule, "Authorization", "DPoP "+s.token, "DPoP", proof)
	i.setDown(false)
	i.clock.forward(retryEvery)
	if w := call(rule, "Authorization", "DPoP "+s.token, "DPoP", proof); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestWindowIsBoundedAndNeverForgets(t *testing.T) {
	const limit = 100
	w := newWindow(limit)
	now := time.Unix(1_800_000_000, 0)
	var all []*proof
	for n := range 10 * limit {
		all = append(all, &proof{jti: strconv.Itoa(n), issued: now.Add(time.Duration(n) * time.Millisecond)})
	}
	for _, p := range all {
		if !w.use(p, now) {
			t.Fatalf("proof %s is refused the first time", p.jti)
		}
	}
	for _, p := range all {
		if w.use(p, now) {
			t.Errorf("proof %s is accepted twice", p.jti)
		}
	}
	if len(w.seen) != limit || len(w.queue) != limit {
		t.Errorf("%d and %d are kept", len(w.seen), len(w.queue))
	}
	w.use(&proof{jti: "later", issued: now.Add(time.Hour)}, now.Add(time.Hour))
	if len(w.seen) != 1 {
		t.Errorf("%d are kept after their time", len(w.seen))
	}
}

func TestHTUBehindARouterThatShortensPaths(t *testing.T) {
	i := newIssuer(t)
	v := i.verifier(ByIntrospection(apiID, secret), AcceptDPoP("https://api.example.com"))
	s := newSender(i, jose.ES256)
	r := httptest.NewRequest("GET", "/v1/orders", nil)
	r.Header.Set("Authorization", "DPoP "+s.token)
	r.Header.Set("DPoP", s.proof(nil, nil))
	w := httptest.NewRecorder()
	http.StripPrefix("/v1", v.Require().Wrap(http.NotFoundHandler())).ServeHTTP(w, r)
	if w.Code != http.StatusNotFound {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestCertificateBinding(t *testing.T) {
	i := newIssuer(t)
	rule := i.verifier(ByIntrospection(apiID, secret)).Require()
	mine, others := certificate(t), &x509.Certificate{Raw: []byte("another")}
	i.handle("bound", map[string]any{"cnf": map[string]any{"x5t#S256": base64sum(string(mine.Raw))}})
	for name, tc := range map[string]struct {
		tls    *tls.ConnectionState
		status int
	}{
		"the client's own": {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{mine, others}}, 200},
		"another client's": {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{others, mine}}, 401},
		"none":             {&tls.ConnectionState{}, 401},
		"no TLS":           {nil, 401},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Bearer bound")
		r.Header.Set("X-Client-Cert", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: mine.Raw})))
		r.TLS = tc.tls
		if w := serve(rule, r); w.Code != tc.status {
			t.Errorf("%s: status %d, want %d", name, w.Code, tc.status)
		}
	}
}

func certificate(t *testing.T) *x509.Certificate {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	return s.Certificate()
}
