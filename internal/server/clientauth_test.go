package server

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

func macJWT(t testing.TB, secret string, claims map[string]any) string {
	return signJWT(t, jose.SigningKey{Algorithm: jose.HS256, Key: []byte(secret)}, nil, claims)
}

// Every client is offered every kind of proof, each good in itself: one alone authenticates it.
func TestClientsAuthenticateInTheirOwnWayOnly(t *testing.T) {
	w := newWorld(t)
	ca := newAuthority(t)
	w.openMTLS(ca)
	for _, m := range []oauth.AuthMethod{oauth.AuthSecretBasic, oauth.AuthSecretPost, oauth.AuthSecretJWT} {
		w.secretClient(string(m), m)
	}
	w.keyClient(string(oauth.AuthPrivateKeyJWT), oauth.AuthPrivateKeyJWT, "key")
	w.keyClient(string(oauth.AuthSelfSignedTLS), oauth.AuthSelfSignedTLS, "self")
	w.putClient(oauth.Client{ID: string(oauth.AuthNone), ClientAuthentication: oauth.ClientAuthentication{AuthMethod: oauth.AuthNone}})
	w.putClient(oauth.Client{ID: string(oauth.AuthTLS), ClientAuthentication: oauth.ClientAuthentication{AuthMethod: oauth.AuthTLS, TLSSubjectDN: "CN=client"}})
	issued, self := ca.issue(t, "issued", "client", x509.ExtKeyUsageClientAuth), selfSigned(t, "self")

	proofs := map[oauth.AuthMethod]func(id string) page{
		oauth.AuthNone: func(id string) page { return w.call("POST", revokePath, form("client_id", id, "token", "x")) },
		oauth.AuthSecretBasic: func(id string) page {
			r := w.blocked().request("POST", revokePath, form("token", "x"))
			r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(sharedSecret))
			return w.blocked().do(r)
		},
		oauth.AuthSecretPost: func(id string) page {
			return w.call("POST", revokePath, form("client_id", id, "client_secret", sharedSecret, "token", "x"))
		},
		oauth.AuthSecretJWT: func(id string) page {
			return w.call("POST", revokePath, asserting(macJWT(t, sharedSecret, w.assertionClaims(id))))
		},
		oauth.AuthPrivateKeyJWT: func(id string) page {
			return w.call("POST", revokePath, asserting(clientJWT(t, "key", "JWT", w.assertionClaims(id)), "client_id", id))
		},
		oauth.AuthTLS: func(id string) page {
			return w.callWith(issued, w.server.MTLSBaseURL+revokePath, form("client_id", id, "token", "x"))
		},
		oauth.AuthSelfSignedTLS: func(id string) page {
			return w.callWith(self, w.server.MTLSBaseURL+revokePath, form("client_id", id, "token", "x"))
		},
	}
	for _, client := range oauth.AuthMethods {
		for _, proof := range oauth.AuthMethods {
			want := http.StatusUnauthorized
			// A public client on the listener for certificates is what it is elsewhere: its certificate proves nothing.
			onlyID := proof == oauth.AuthTLS || proof == oauth.AuthSelfSignedTLS
			if client == proof || client == oauth.AuthNone && onlyID {
				want = http.StatusOK
			}
			if got := proofs[proof](string(client)); got.status != want {
				t.Errorf("client %s by %s: status %d, want %d: %s", client, proof, got.status, want, got.body)
			}
		}
	}
}

func TestClientWithASecretAndNoMethodUsesItEitherWay(t *testing.T) {
	w := newWorld(t)
	w.secretClient("either", "")
	w.call("POST", revokePath, form("client_id", "either", "client_secret", sharedSecret, "token", "x")).wantStatus(200)
	r := w.blocked().request("POST", revokePath, form("token", "x"))
	r.SetBasicAuth("either", sharedSecret)
	w.blocked().do(r).wantStatus(200)
	w.call("POST", revokePath, form("client_id", "either", "token", "x")).wantCode(401, oauth.InvalidClient)
	w.call("POST", revokePath, asserting(macJWT(t, sharedSecret, w.assertionClaims("either")))).wantCode(401, oauth.InvalidClient)
}

func TestUnknownClientAndWrongProofAreAnsweredAlike(t *testing.T) {
	w := newWorld(t)
	w.keyClient("known", oauth.AuthPrivateKeyJWT, "key")
	w.secretClient("secret", oauth.AuthSecretPost)
	unknown := w.call("POST", revokePath, form("client_id", "nobody", "client_secret", "x", "token", "x"))
	for name, got := range map[string]page{
		"an assertion of nobody": w.call("POST", revokePath, asserting(clientJWT(t, "key", "JWT", w.assertionClaims("nobody")))),
		"a wrong key":            w.call("POST", revokePath, asserting(clientJWT(t, "other", "JWT", w.assertionClaims("known")))),
		"a wrong secret":         w.call("POST", revokePath, form("client_id", "secret", "client_secret", "x", "token", "x")),
		"no assertion":           w.call("POST", revokePath, asserting("")),
		"no secret":              w.call("POST", revokePath, form("client_id", "secret", "token", "x")),
		"no client":              w.call("POST", revokePath, form("token", "x")),
	} {
		if got.status != unknown.status || got.body != unknown.body || got.header.Get("WWW-Authenticate") != unknown.header.Get("WWW-Authenticate") {
			t.Errorf("%s: %d %s, for an unknown client: %d %s", name, got.status, got.body, unknown.status, unknown.body)
		}
	}
}

func TestTwoWaysToAuthenticateAreRefused(t *testing.T) {
	w := newWorld(t)
	w.keyClient("known", oauth.AuthPrivateKeyJWT, "key")
	assertion := clientJWT(t, "key", "JWT", w.assertionClaims("known"))
	withHeader := func(form url.Values) page {
		r := w.blocked().request("POST", revokePath, form)
		r.SetBasicAuth("known", "secret")
		return w.blocked().do(r)
	}
	for name, got := range map[string]page{
		"assertion and secret":   w.call("POST", revokePath, asserting(assertion, "client_secret", "x")),
		"assertion and header":   withHeader(asserting(assertion)),
		"header and secret":      withHeader(form("client_secret", "x", "token", "x")),
		"header and another id":  withHeader(form("client_id", "other", "token", "x")),
		"two assertions":         w.call("POST", revokePath, asserting(assertion, "client_assertion", assertion)),
		"two kinds of assertion": w.call("POST", revokePath, asserting(assertion, "client_assertion_type", "x")),
	} {
		if got.status != 400 || got.errorCode() != oauth.InvalidRequest {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

func TestAudienceOfAssertions(t *testing.T) {
	w := newWorld(t)
	w.openMTLS()
	w.keyClient("known", oauth.AuthPrivateKeyJWT, "key")
	for _, test := range []struct {
		address string
		aud     any
		want    int
	}{
		{w.url, w.server.issuer, 200},
		{w.url, []string{w.server.issuer, "https://other.example"}, 200},
		{w.url, w.url + tokenPath, 200},
		{w.url, w.url + revokePath, 200},
		{w.url, w.url + introspectPath, 401},
		{w.url, w.url, 401},
		{w.url, "https://other.example" + tokenPath, 401},
		{w.url, w.server.MTLSBaseURL + revokePath, 401},
		{w.server.MTLSBaseURL, w.server.issuer, 200},
		{w.server.MTLSBaseURL, w.server.MTLSBaseURL + revokePath, 200},
		{w.server.MTLSBaseURL, w.server.MTLSBaseURL + tokenPath, 200},
		{w.server.MTLSBaseURL, w.url + tokenPath, 200},
	} {
		assertion := clientJWT(t, "key", "JWT", claimsWith(w.assertionClaims("known"), "aud", test.aud))
		if got := w.call("POST", test.address+revokePath, asserting(assertion)); got.status != test.want {
			t.Errorf("at %s for %v: %d, want %d", test.address, test.aud, got.status, test.want)
		}
	}
}

func TestAssertionsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.keyClient("known", oauth.AuthPrivateKeyJWT, "key")
	w.keyClient("other", oauth.AuthPrivateKeyJWT, "key")
	claims := w.assertionClaims("known")
	for name, assertion := range map[string]url.Values{
		"expired":              asserting(clientJWT(t, "key", "JWT", claimsWith(claims, "exp", w.clock.Now().Unix()-1))),
		"without id":           asserting(clientJWT(t, "key", "JWT", claimsWith(claims, "jti", nil))),
		"by another client":    asserting(clientJWT(t, "key", "JWT", claimsWith(claims, "iss", "other"))),
		"for another client":   asserting(clientJWT(t, "key", "JWT", claims), "client_id", "other"),
		"a DPoP proof":         asserting(clientJWT(t, "key", oauth.TypeDPoP, claims)),
		"a request object":     asserting(clientJWT(t, "key", oauth.TypeRequestObject, claims)),
		"of another type":      form("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "client_assertion", clientJWT(t, "key", "JWT", claims), "token", "x"),
		"of no type":           form("client_assertion", clientJWT(t, "key", "JWT", claims), "token", "x"),
		"a MAC by the key set": asserting(macJWT(t, string(jwksOf(t, publicJWK("key"))), claims)),
	} {
		if got := w.call("POST", revokePath, assertion); got.status != 401 || got.errorCode() != oauth.InvalidClient {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	w.call("POST", revokePath, asserting(clientJWT(t, "key", "JWT", claims))).wantStatus(200) // only what was changed was wrong
}

func TestAlgorithmThatTheClientRegisteredIsTheOnlyOne(t *testing.T) {
	w := newWorld(t)
	w.putClient(oauth.Client{ID: "picky", ClientAuthentication: oauth.ClientAuthentication{
		AuthMethod: oauth.AuthPrivateKeyJWT, JWKS: jwksOf(t, publicJWK("key")), AssertionAlg: oauth.PS256}})
	w.call("POST", revokePath, asserting(clientJWT(t, "key", "JWT", w.assertionClaims("picky")))).wantCode(401, oauth.InvalidClient)
}

func TestClientAssertionTypeHeader(t *testing.T) {
	w := newWorld(t)
	w.keyClient("known", oauth.AuthPrivateKeyJWT, "key")
	w.call("POST", revokePath, asserting(clientJWT(t, "key", oauth.TypeClientAssertion, w.assertionClaims("known")))).wantStatus(200)
}

func TestAssertionIsGoodOnceUnderRace(t *testing.T) {
	w := newWorld(t)
	w.keyClient("known", oauth.AuthPrivateKeyJWT, "key")
	body := asserting(clientJWT(t, "key", "JWT", w.assertionClaims("known")), "grant_type", "client_credentials")
	statuses := make([]int, 16)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() { statuses[i] = w.call("POST", tokenPath, body).status })
	}
	all.Wait()
	won := 0
	for _, status := range statuses {
		switch status {
		case 200:
			won++
		case 401:
		default:
			t.Errorf("status %d", status)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d uses succeeded", won, len(statuses))
	}
}

func TestAssertionIsNotUsedUpByARequestThatFailsOtherwise(t *testing.T) {
	w := newWorld(t)
	w.keyClient("known", oauth.AuthPrivateKeyJWT, "key")
	assertion := clientJWT(t, "key", "JWT", w.assertionClaims("known"))
	body := asserting(assertion)
	body.Del("token")
	w.call("POST", revokePath, body).wantCode(400, oauth.InvalidRequest)
	w.call("POST", revokePath, asserting(assertion)).wantStatus(200)
	w.call("POST", revokePath, asserting(assertion)).wantCode(401, oauth.InvalidClient)
}

func TestSameAssertionIDOfAnotherClient(t *testing.T) {
	w := newWorld(t)
	w.keyClient("one", oauth.AuthPrivateKeyJWT, "key")
	w.keyClient("two", oauth.AuthPrivateKeyJWT, "key")
	for _, id := range []string{"one", "two"} {
		w.call("POST", revokePath, asserting(clientJWT(t, "key", "JWT", claimsWith(w.assertionClaims(id), "jti", "same")))).wantStatus(200)
	}
}

func TestKeysAreFetchedFromTheClient(t *testing.T) {
	w := newWorld(t)
	p := w.partner()
	p.publishKeys(t, "/jwks", publicJWK("first"))
	w.putClient(oauth.Client{ID: "remote", ClientAuthentication: oauth.ClientAuthentication{AuthMethod: oauth.AuthPrivateKeyJWT, JWKSURI: p.URL + "/jwks"}})
	prove := func(kid string) page {
		return w.call("POST", revokePath, asserting(clientJWT(t, kid, "JWT", w.assertionClaims("remote"))))
	}
	prove("first").wantStatus(200)
	prove("first").wantStatus(200)
	if n := p.count("/jwks"); n != 1 {
		t.Fatalf("the keys were fetched %d times", n)
	}
	p.publishKeys(t, "/jwks", publicJWK("second"))
	prove("second").wantStatus(200) // its kid is not known, so the keys are asked for at once
	prove("third").wantCode(401, oauth.InvalidClient)
	if n := p.count("/jwks"); n != 2 {
		t.Fatalf("the keys were fetched %d times: unknown ones may cause one fetch in 30 s", n)
	}
	prove("first").wantCode(401, oauth.InvalidClient) // withdrawn
	w.clock.pass(31 * time.Second)
	p.publishKeys(t, "/jwks", publicJWK("third"))
	prove("third").wantStatus(200)
}

func TestCertificatesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	ca, stranger := newAuthority(t), &authority{key: clientKey("stranger")}
	stranger.cert = &x509.Certificate{RawSubject: ca.cert.RawSubject} // the same name, another key
	w.openMTLS(ca)
	w.putClient(oauth.Client{ID: "dn", ClientAuthentication: oauth.ClientAuthentication{AuthMethod: oauth.AuthTLS, TLSSubjectDN: "cn=client"}})
	w.putClient(oauth.Client{ID: "dns", ClientAuthentication: oauth.ClientAuthentication{AuthMethod: oauth.AuthTLS, TLSSANDNS: "client.example"}})
	w.putClient(oauth.Client{ID: "unnamed", ClientAuthentication: oauth.ClientAuthentication{AuthMethod: oauth.AuthTLS}})
	w.keyClient("self", oauth.AuthSelfSignedTLS, "self")
	prove := func(id string, certificate *tls.Certificate) int {
		return w.callWith(certificate, w.server.MTLSBaseURL+revokePath, form("client_id", id, "token", "x")).status
	}
	good := ca.issue(t, "issued", "client", x509.ExtKeyUsageClientAuth)
	for _, test := range []struct {
		name, id    string
		certificate *tls.Certificate
		want        int
	}{
		{"its own", "dn", good, 200},
		{"its own", "dns", good, 200},
		{"without a usage", "dn", ca.issue(t, "issued", "client"), 200},
		{"none", "dn", nil, 401},
		{"none", "self", nil, 401},
		{"of another subject", "dn", ca.issue(t, "issued", "other", x509.ExtKeyUsageClientAuth), 401},
		{"of another name", "dns", ca.issue(t, "issued", "other", x509.ExtKeyUsageClientAuth), 401},
		{"for servers", "dn", ca.issue(t, "issued", "client", x509.ExtKeyUsageServerAuth), 401},
		{"self-signed", "dn", selfSigned(t, "issued"), 401},
		{"of a client without a name", "unnamed", good, 401},
		{"of another key", "self", selfSigned(t, "other"), 401},
		{"of another CA", "dn", stranger.issue(t, "issued", "client", x509.ExtKeyUsageClientAuth), 401},
	} {
		if got := prove(test.id, test.certificate); got != test.want {
			t.Errorf("client %s, certificate %s: %d, want %d", test.id, test.name, got, test.want)
		}
	}
	w.clock.pass(2 * time.Hour)
	if got := prove("dn", good); got != 401 {
		t.Errorf("an expired certificate: %d", got)
	}
}

func TestOrdinaryListenerTakesNoCertificate(t *testing.T) {
	w := newWorld(t)
	w.http.TLS.ClientAuth = tls.RequestClientCert // as a careless set-up would have it
	w.openMTLS()
	w.keyClient("self", oauth.AuthSelfSignedTLS, "self")
	w.callWith(selfSigned(t, "self"), w.url+revokePath, form("client_id", "self", "token", "x")).wantCode(401, oauth.InvalidClient)
}

func TestListenerForCertificatesServesNoPage(t *testing.T) {
	w := newWorld(t)
	w.openMTLS()
	for _, path := range []string{"/", authorizePath, assistedPath, signInPath, logoutPath, issuerPath + "/jwks"} {
		if got := w.call("GET", w.server.MTLSBaseURL+path, nil); got.status != 404 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	for name, address := range w.server.mtlsAliases(&w.server.current.Load().profile) {
		if got := w.call("POST", address, form()); got.status == 404 || !strings.HasSuffix(name, "_endpoint") {
			t.Errorf("%s %s: %d", name, address, got.status)
		}
	}
}

func TestTokenIsBoundToTheCertificate(t *testing.T) {
	w := newWorld(t)
	w.openMTLS()
	certificate := selfSigned(t, "self")
	w.putClient(oauth.Client{ID: "bound", ClientAuthentication: oauth.ClientAuthentication{AuthMethod: oauth.AuthSelfSignedTLS, JWKS: jwksOf(t, publicJWK("self"))},
		ClientTokens: oauth.ClientTokens{TLSBound: true}})
	got := w.callWith(certificate, w.server.MTLSBaseURL+tokenPath, form("client_id", "bound", "grant_type", "client_credentials"))
	got.wantStatus(200)
	cnf, _ := w.introspect(got.object()["access_token"].(string))["cnf"].(map[string]any)
	if cnf["x5t#S256"] != token.CertificateThumbprint(certificate.Leaf) {
		t.Errorf("cnf is %v", cnf)
	}
}
