package resource

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	audience = "https://api.example.com"
	apiID    = "my-api"
	secret   = "s:cret&"
)

// clock is a time that tests move.
type clock struct{ nanos atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) forward(d time.Duration) { c.nanos.Add(int64(d)) }

// issuer is a small identity server: metadata, keys and introspection.
type issuer struct {
	*httptest.Server
	t     *testing.T
	clock clock
	log   lockedBuffer

	mu     sync.Mutex
	keys   []jose.JSONWebKey
	tokens map[string]map[string]any // what introspection says; any other token is inactive
	down   bool

	introspections, jwkReads int
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{t: t, tokens: map[string]map[string]any{}}
	i.clock.nanos.Store(time.Now().Truncate(time.Second).UnixNano())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /jwks", i.jwks)
	mux.HandleFunc("POST /introspect", i.introspect)
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		down := i.down
		i.mu.Unlock()
		if down {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	json.NewEncoder(w).Encode(map[string]string{
		"issuer": i.URL, "jwks_uri": i.URL + "/jwks", "introspection_endpoint": i.URL + "/introspect",
	})
}

func (i *issuer) jwks(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.jwkReads++
	keys := []any{map[string]string{"kty": "of a kind to come", "kid": "x"}}
	for _, k := range i.keys {
		if _, shared := k.Key.([]byte); !shared { // a shared secret, which no server should publish, has no public part
			k = k.Public()
		}
		keys = append(keys, k)
	}
	json.NewEncoder(w).Encode(map[string]any{"keys": keys})
}

func (i *issuer) introspect(w http.ResponseWriter, r *http.Request) {
	id, pass, _ := r.BasicAuth()
	if id != apiID || pass != "s%3Acret%26" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	i.mu.Lock()
	i.introspections++
	answer := i.tokens[r.PostFormValue("token")]
	i.mu.Unlock()
	if answer == nil {
		answer = map[string]any{"active": false}
	}
	json.NewEncoder(w).Encode(answer)
}

// claims are those of a good token, changed by what is given; nil takes a claim out.
func (i *issuer) claims(change map[string]any) map[string]any {
	now := i.clock.Now().Unix()
	c := map[string]any{
		"iss": i.URL, "aud": []string{"https://other.example.com", audience}, "sub": "alice", "client_id": "app", "jti": "1",
		"iat": now, "exp": now + 300, "auth_time": now - 60, "acr": "pwd", "scope": "openid read",
	}
	for name, v := range change {
		if c[name] = v; v == nil {
			delete(c, name)
		}
	}
	return c
}

// handle makes introspection know a token.
func (i *issuer) handle(token string, change map[string]any) string {
	c := i.claims(change)
	if _, ok := change["active"]; !ok {
		c["active"] = true
	}
	if _, ok := change["token_type"]; !ok {
		c["token_type"] = "Bearer"
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tokens[token] = c
	return token
}

func (i *issuer) revoke(token string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.tokens, token)
}

func (i *issuer) setDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

func (i *issuer) counts() (introspections, jwkReads int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.introspections, i.jwkReads
}

func (i *issuer) addKey(kid string, alg jose.SignatureAlgorithm) jose.JSONWebKey {
	k := jose.JSONWebKey{Key: privateKey(i.t, alg), KeyID: kid, Algorithm: string(alg), Use: "sig"}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, k)
	return k
}

func (i *issuer) verifier(how Option, more ...Option) *Verifier {
	i.t.Helper()
	options := []Option{how, Logger(slog.New(slog.NewTextHandler(&i.log, nil))), func(s *settings) { s.now = i.clock.Now }}
	v, err := New(i.URL, audience, append(options, more...)...)
	if err != nil {
		i.t.Fatal(err)
	}
	return v
}

var smallRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 1024) })
var someRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func privateKey(t testing.TB, alg jose.SignatureAlgorithm) any {
	t.Helper()
	var key any
	var err error
	switch alg {
	case jose.ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.ES384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jose.EdDSA:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case jose.HS256:
		key = []byte("0123456789abcdef0123456789abcdef")
	default:
		key, err = someRSA()
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a compact JWS; where the header says "jwk", the public key is embedded in place of a kid.
func sign(t testing.TB, key jose.JSONWebKey, alg jose.SignatureAlgorithm, header map[string]any, payload any) string {
	t.Helper()
	o := (&jose.SignerOptions{})
	for name, v := range header {
		o.WithHeader(jose.HeaderKey(name), v)
	}
	var signing any = key
	if _, ok := header["jwk"]; ok || key.KeyID == "" {
		signing = key.Key
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: signing}, o)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(raw)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func base64sum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// call sends a request with these headers, in pairs, through a rule.
func call(rule Rule, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/orders?x=1", nil)
	for n := 0; n < len(headers); n += 2 {
		r.Header.Add(headers[n], headers[n+1])
	}
	return serve(rule, r)
}

func serve(rule Rule, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	rule.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, ok := TokenFrom(r.Context())
		if !ok {
			w.WriteHeader(http.StatusTeapot)
		}
		json.NewEncoder(w).Encode(t)
	})).ServeHTTP(w, r)
	return w
}
