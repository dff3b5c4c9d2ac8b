package server

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

// partner is a web server of a client: it publishes documents, and counts who asks.
type partner struct {
	*httptest.Server
	mu        sync.Mutex
	documents map[string]string
	asked     map[string]int
}

func (w *world) partner() *partner {
	p := &partner{documents: map[string]string{}, asked: map[string]int{}}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked[r.URL.Path]++
		document, found := p.documents[r.URL.Path]
		if !found {
			http.NotFound(rw, r)
			return
		}
		_, _ = rw.Write([]byte(document))
	}))
	w.t.Cleanup(p.Close)
	w.trust(p.Server)
	return p
}

// trust makes the server believe the certificate of a test server.
func (w *world) trust(s *httptest.Server) {
	cas := x509.NewCertPool()
	cas.AddCert(s.Certificate())
	w.server.outbound = newOutbound(w.server.base, cas, nil, w.clock.Now)
	if w.second != nil {
		w.second.server.outbound = w.server.outbound
	}
}

func (p *partner) publish(path, document string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.documents[path] = document
}

func (p *partner) publishKeys(t testing.TB, path string, keys ...jose.JSONWebKey) {
	p.publish(path, string(jwksOf(t, keys...)))
}

func (p *partner) count(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

func jwksOf(t testing.TB, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// clientKey is a key pair of a client, by its name.
var clientKey = func() func(kid string) *ecdsa.PrivateKey {
	var mu sync.Mutex
	keys := map[string]*ecdsa.PrivateKey{}
	return func(kid string) *ecdsa.PrivateKey {
		mu.Lock()
		defer mu.Unlock()
		if keys[kid] == nil {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				panic(err)
			}
			keys[kid] = key
		}
		return keys[kid]
	}
}()

func publicJWK(kid string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: clientKey(kid).Public(), KeyID: kid}
}

// clientJWT makes a JWT with the client's key of the kid.
func clientJWT(t testing.TB, kid, typ string, claims map[string]any) string {
	t.Helper()
	return signJWT(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: clientKey(kid), KeyID: kid}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)), claims)
}

func signJWT(t testing.TB, key jose.SigningKey, options *jose.SignerOptions, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// claimsWith changes claims: name, value pairs over the given ones; a nil value removes one.
func claimsWith(claims map[string]any, changes ...any) map[string]any {
	all := map[string]any{}
	for name, value := range claims {
		all[name] = value
	}
	for i := 0; i < len(changes); i += 2 {
		all[changes[i].(string)] = changes[i+1]
		if changes[i+1] == nil {
			delete(all, changes[i].(string))
		}
	}
	return all
}

// assertionClaims are those of a good assertion, with an id of its own.
func (w *world) assertionClaims(clientID string) map[string]any {
	now := w.clock.Now().Unix()
	return map[string]any{"iss": clientID, "sub": clientID, "aud": w.server.issuer, "jti": web.NewSecret(), "iat": now, "exp": now + 60}
}

// asserting is a form with a client assertion.
func asserting(assertion string, more ...string) url.Values {
	return form(append([]string{"client_assertion_type", oauth.ClientAssertionType, "client_assertion", assertion, "token", "x"}, more...)...)
}

// putClient stores a client as it is.
func (w *world) putClient(c oauth.Client) {
	w.t.Helper()
	c.Capabilities = append(c.Capabilities, oauth.CapClientCredentials, oauth.CapIntrospection)
	c.Scope = []string{"read"}
	w.changed(w.store.PutClient(context.Background(), c, 0, noAudit))
}

const sharedSecret = "a-secret-that-is-long-enough-for-hs256-and-more"

// secretClient is a client with the shared secret and this method.
func (w *world) secretClient(id string, method oauth.AuthMethod) {
	w.t.Helper()
	wrapped, err := w.manager.Master.WrapSecret(rand.Reader, id, sharedSecret)
	w.must(err)
	w.putClient(oauth.Client{ID: id, ClientAuthentication: oauth.ClientAuthentication{
		AuthMethod: method, SecretHash: web.HashSecret(sharedSecret), WrappedSecret: wrapped,
	}})
}

// keyClient is a client with keys of its own.
func (w *world) keyClient(id string, method oauth.AuthMethod, kids ...string) {
	w.t.Helper()
	var keys []jose.JSONWebKey
	for _, kid := range kids {
		keys = append(keys, publicJWK(kid))
	}
	w.putClient(oauth.Client{ID: id, ClientAuthentication: oauth.ClientAuthentication{AuthMethod: method, JWKS: jwksOf(w.t, keys...)}})
}

// authority issues certificates for clients.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Clients"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	a := &authority{template, clientKey("authority" + t.Name())}
	a.cert = a.sign(t, template, a.key.Public())
	return a
}

func (a *authority) sign(t testing.TB, template *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// issue makes a certificate for the key, good for an hour.
func (a *authority) issue(t testing.TB, kid, name string, usage ...x509.ExtKeyUsage) *tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name + ".example"}, ExtKeyUsage: usage,
		KeyUsage: x509.KeyUsageDigitalSignature, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
	}
	cert := a.sign(t, template, clientKey(kid).Public())
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: clientKey(kid), Leaf: cert}
}

// selfSigned is a certificate that the key issued itself.
func selfSigned(t testing.TB, kid string) *tls.Certificate {
	t.Helper()
	self := &authority{key: clientKey(kid)}
	self.cert = &x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "self"}}
	return self.issue(t, kid, "self")
}

// openMTLS starts the listener for client certificates; cas issue them.
func (w *world) openMTLS(cas ...*authority) {
	w.t.Helper()
	door := httptest.NewUnstartedServer(nil)
	w.server.MTLSBaseURL = "https://" + door.Listener.Addr().String()
	w.server.ClientCAs = x509.NewCertPool()
	for _, a := range cas {
		w.server.ClientCAs.AddCert(a.cert)
	}
	door.Config.Handler = w.server.MTLSHandler()
	door.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	door.StartTLS()
	w.t.Cleanup(door.Close)
	// A server has its listeners from the start; this one reads its configuration as if it began now.
	w.server.current.Store(nil)
	w.changed(nil)
}

// callWith posts a form with a client certificate (nil for none), over a connection of its own.
func (w *world) callWith(certificate *tls.Certificate, address string, form url.Values, headers ...string) page {
	w.t.Helper()
	b := w.blocked()
	transport := w.http.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if certificate == nil {
			return &tls.Certificate{}, nil
		}
		return certificate, nil
	}
	w.t.Cleanup(transport.CloseIdleConnections)
	b.client.Transport = transport
	return b.do(b.request("POST", address, form, headers...))
}

// errorCode is the code of a JSON error.
func (p page) errorCode() oauth.Code {
	var answer struct {
		Code oauth.Code `json:"error"`
	}
	_ = json.NewDecoder(strings.NewReader(p.body)).Decode(&answer)
	return answer.Code
}

func (p page) wantStatus(status int) {
	p.t.Helper()
	if p.status != status {
		p.t.Fatalf("status %d, want %d: %s", p.status, status, p.body)
	}
}

func (p page) wantCode(status int, code oauth.Code) {
	p.t.Helper()
	if p.status != status || p.errorCode() != code {
		p.t.Fatalf("status %d, want %d %s: %s", p.status, status, code, p.body)
	}
}

// object is a JSON answer.
func (p page) object() (o map[string]any) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.body), &o); err != nil {
		p.t.Fatalf("status %d: %v: %s", p.status, err, p.body)
	}
	return o
}
