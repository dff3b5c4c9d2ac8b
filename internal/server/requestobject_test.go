package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
)

// requesting is a client with a key and these settings.
func (w *world) requesting(r oauth.ClientRequests) *oauth.Client {
	return &oauth.Client{ID: "app", ClientAuthentication: oauth.ClientAuthentication{JWKS: jwksOf(w.t, publicJWK("key"))}, ClientRequests: r}
}

func (w *world) parameters(c *oauth.Client, q url.Values) (url.Values, *oauth.Error) {
	return w.server.requestParameters(context.Background(), w.server.current.Load(), c, q)
}

var requestClaims = map[string]any{"client_id": "app", "iss": "app", "response_type": "code", "redirect_uri": "https://app.example/cb", "state": "object"}

// plainJWT is an unsigned request object.
func plainJWT(t testing.TB, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."
}

func TestRequestObjectByValue(t *testing.T) {
	w := newWorld(t)
	q := form("client_id", "app", "scope", "openid", "state", "query", "redirect_uri", "https://evil.example",
		"request", clientJWT(t, "key", "JWT", claimsWith(requestClaims, "aud", w.server.issuer)))
	got, err := w.parameters(w.requesting(oauth.ClientRequests{}), q)
	want := form("client_id", "app", "scope", "openid", "state", "object", "redirect_uri", "https://app.example/cb", "response_type", "code")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestRequestObjectByReference(t *testing.T) {
	w := newWorld(t)
	p := w.partner()
	p.publish("/request", clientJWT(t, "key", oauth.TypeRequestObject, requestClaims)+"\n")
	c := w.requesting(oauth.ClientRequests{RequestURIs: []string{p.URL + "/request#v1"}})
	got, err := w.parameters(c, form("client_id", "app", "scope", "openid", "request_uri", p.URL+"/request#v2"))
	want := form("client_id", "app", "state", "object", "redirect_uri", "https://app.example/cb", "response_type", "code")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestUnsignedRequestObjectIsForClientsThatPromisedNoSignature(t *testing.T) {
	w := newWorld(t)
	q := form("client_id", "app", "scope", "openid", "request", plainJWT(t, requestClaims))
	for _, r := range []oauth.ClientRequests{{}, {RequestObjectAlg: oauth.AlgNone}} {
		if got, err := w.parameters(w.requesting(r), q); err != nil || got.Get("state") != "object" {
			t.Errorf("%+v: %v, %v", r, got, err)
		}
	}
	for _, r := range []oauth.ClientRequests{{RequestObjectAlg: oauth.ES256}, {RequireSigned: true}, {RequirePushed: true}, {RequestObjectAlg: oauth.AlgNone, RequireSigned: true}} {
		if _, err := w.parameters(w.requesting(r), q); err == nil || err.Code != oauth.InvalidRequestObject {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestRequestObjectsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	p := w.partner()
	p.publish("/elsewhere", clientJWT(t, "key", "JWT", requestClaims))
	c := w.requesting(oauth.ClientRequests{RequestURIs: []string{p.URL + "/missing", "https://localhost:1/closed"}})
	good := clientJWT(t, "key", "JWT", requestClaims)
	for name, test := range map[string]struct {
		q    url.Values
		want oauth.Code
	}{
		"both ways":             {form("request", good, "request_uri", p.URL+"/missing"), oauth.InvalidRequest},
		"twice":                 {form("request", good, "request", good), oauth.InvalidRequest},
		"no JWT":                {form("request", "x"), oauth.InvalidRequestObject},
		"another's key":         {form("request", clientJWT(t, "other", "JWT", requestClaims)), oauth.InvalidRequestObject},
		"another client":        {form("request", clientJWT(t, "key", "JWT", claimsWith(requestClaims, "client_id", "other"))), oauth.InvalidRequestObject},
		"for another server":    {form("request", clientJWT(t, "key", "JWT", claimsWith(requestClaims, "aud", "https://other.example"))), oauth.InvalidRequestObject},
		"expired":               {form("request", clientJWT(t, "key", "JWT", claimsWith(requestClaims, "exp", w.clock.Now().Unix()-1))), oauth.InvalidRequestObject},
		"a request in it":       {form("request", clientJWT(t, "key", "JWT", claimsWith(requestClaims, "request", good))), oauth.InvalidRequestObject},
		"a DPoP proof":          {form("request", clientJWT(t, "key", oauth.TypeDPoP, requestClaims)), oauth.InvalidRequestObject},
		"another response_type": {form("scope", "openid", "response_type", "id_token", "request", good), oauth.InvalidRequestObject},
		"not registered":        {form("request_uri", p.URL+"/elsewhere"), oauth.InvalidRequestURI},
		"not there":             {form("request_uri", p.URL+"/missing"), oauth.InvalidRequestURI},
		"nobody there":          {form("request_uri", "https://localhost:1/closed"), oauth.InvalidRequestURI},
	} {
		test.q.Set("client_id", "app")
		if _, err := w.parameters(c, test.q); err == nil || err.Code != test.want {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	if p.count("/elsewhere") != 0 {
		t.Error("an address was fetched that the client did not register")
	}
}

func TestRequestWithoutAnObject(t *testing.T) {
	w := newWorld(t)
	q := form("client_id", "app", "state", "query")
	if got, err := w.parameters(w.requesting(oauth.ClientRequests{}), q); err != nil || !cmp.Equal(got, q) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := w.parameters(w.requesting(oauth.ClientRequests{RequireSigned: true}), q); err == nil || err.Code != oauth.InvalidRequest {
		t.Errorf("a client that has to sign: %v", err)
	}
}

func TestPushedRequestIsLeftToItsEndpoint(t *testing.T) {
	w := newWorld(t)
	q := form("client_id", "app", "request_uri", oauth.RequestURIPrefix+"x")
	if got, err := w.parameters(w.requesting(oauth.ClientRequests{RequireSigned: true}), q); err != nil || !cmp.Equal(got, q) {
		t.Errorf("%v, %v", got, err)
	}
}
