package resource

import (
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func (i *issuer) jwt(key jose.JSONWebKey, change map[string]any) string {
	return sign(i.t, key, jose.SignatureAlgorithm(key.Algorithm), map[string]any{"typ": "at+jwt"}, i.claims(change))
}

func TestJWTClaims(t *testing.T) {
	i := newIssuer(t)
	key := i.addKey("k1", jose.ES256)
	now := i.clock.Now().Unix()
	rule := i.verifier(ByJWT()).Require()
	tests := []struct {
		name   string
		change map[string]any
		status int
	}{
		{"a good token", nil, 200},
		{"one audience as a string", map[string]any{"aud": audience}, 200},
		{"expired within the leeway", map[string]any{"exp": now - 9}, 200},
		{"issued by a clock that is ahead a little", map[string]any{"iat": now + 9}, 200},
		{"expired", map[string]any{"exp": now - 10}, 401},
		{"no end", map[string]any{"exp": nil}, 401},
		{"an end that is no time", map[string]any{"exp": "soon"}, 401},
		{"an end beyond all time", map[string]any{"exp": 1e300}, 401},
		{"issued in the future", map[string]any{"iat": now + 60}, 401},
		{"no time of issue", map[string]any{"iat": nil}, 401},
		{"not yet", map[string]any{"nbf": now + 60}, 401},
		{"from another issuer", map[string]any{"iss": "https://evil.example.com"}, 401},
		{"no issuer", map[string]any{"iss": nil}, 401},
		{"for another audience", map[string]any{"aud": []string{"https://other.example.com"}}, 401},
		{"for none", map[string]any{"aud": nil}, 401},
		{"no subject", map[string]any{"sub": nil}, 401},
		{"no client", map[string]any{"client_id": nil}, 401},
		{"bound in an unknown way", map[string]any{"cnf": map[string]any{"jwk": map[string]any{}}}, 401},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if w := call(rule, "Authorization", "Bearer "+i.jwt(key, tc.change)); w.Code != tc.status {
				t.Errorf("status %d, want %d: %s", w.Code, tc.status, w.Body)
			}
		})
	}
}

func TestJWTSignatures(t *testing.T) {
	i := newIssuer(t)
	typ := map[string]any{"typ": "at+jwt"}
	keys := map[jose.SignatureAlgorithm]jose.JSONWebKey{}
	for _, alg := range []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256, jose.EdDSA, jose.ES384, jose.HS256} {
		keys[alg] = i.addKey("key-"+string(alg), alg)
	}
	stranger := jose.JSONWebKey{Key: privateKey(t, jose.ES256), KeyID: "key-ES256"}
	encryption := i.addKey("encryption", jose.ES256)
	i.keys[len(i.keys)-1].Use = "enc"
	nameless := jose.JSONWebKey{Key: keys[jose.ES256].Key}
	otherAlg := keys[jose.RS256]
	rule := i.verifier(ByJWT()).Require()
	none := "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30."
	tests := []struct {
		name, token string
		status      int
	}{
		{"ES256", i.jwt(keys[jose.ES256], nil), 200},
		{"RS256", i.jwt(keys[jose.RS256], nil), 200},
		{"PS256", i.jwt(keys[jose.PS256], nil), 200},
		{"EdDSA", i.jwt(keys[jose.EdDSA], nil), 200},
		{"the media type in full", sign(t, keys[jose.ES256], jose.ES256, map[string]any{"typ": "application/AT+JWT"}, i.claims(nil)), 200},
		{"an algorithm that is not listed", i.jwt(keys[jose.ES384], nil), 401},
		{"a shared secret", sign(t, jose.JSONWebKey{Key: privateKey(t, jose.HS256), KeyID: "key-HS256"}, jose.HS256, typ, i.claims(nil)), 401},
		{"none", none, 401},
		{"another algorithm than the key's", sign(t, jose.JSONWebKey{Key: otherAlg.Key, KeyID: otherAlg.KeyID}, jose.PS256, typ, i.claims(nil)), 401},
		{"a stranger's key by a known name", sign(t, stranger, jose.ES256, typ, i.claims(nil)), 401},
		{"a key that the token brings along", sign(t, stranger, jose.ES256, map[string]any{"typ": "at+jwt", "jwk": stranger.Public()}, i.claims(nil)), 401},
		{"a key for encryption", i.jwt(encryption, nil), 401},
		{"no key id", sign(t, nameless, jose.ES256, typ, i.claims(nil)), 401},
		{"an id_token", sign(t, keys[jose.ES256], jose.ES256, map[string]any{"typ": "JWT"}, i.claims(nil)), 401},
		{"no type", sign(t, keys[jose.ES256], jose.ES256, nil, i.claims(nil)), 401},
		{"claims that are no object", sign(t, keys[jose.ES256], jose.ES256, typ, []int{1}), 401},
		{"a handle", "usher_at_x", 401},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if w := call(rule, "Authorization", "Bearer "+tc.token); w.Code != tc.status {
				t.Errorf("status %d, want %d: %s", w.Code, tc.status, w.Body)
			}
		})
	}
}

func TestUnknownKeyIsLookedForOnceInAWhile(t *testing.T) {
	i := newIssuer(t)
	old := i.addKey("old", jose.ES256)
	rule := i.verifier(ByJWT()).Require()
	status := func(key jose.JSONWebKey, want, reads int) {
		t.Helper()
		w := call(rule, "Authorization", "Bearer "+i.jwt(key, nil))
		if _, n := i.counts(); w.Code != want || n != reads {
			t.Errorf("status %d after %d reads, want %d after %d", w.Code, n, want, reads)
		}
	}
	status(old, 200, 1)
	i.clock.forward(renewEvery)
	fresh := i.addKey("fresh", jose.ES256)
	status(fresh, 200, 2)
	unknown := jose.JSONWebKey{Key: privateKey(t, jose.ES256), KeyID: "unknown", Algorithm: "ES256"}
	for range 5 {
		status(unknown, 401, 2)
	}
	i.clock.forward(renewEvery)
	status(unknown, 401, 3)
}

func TestUnknownKeyOfAServerThatIsDown(t *testing.T) {
	i := newIssuer(t)
	old := i.addKey("old", jose.ES256)
	rule := i.verifier(ByJWT()).Require()
	call(rule, "Authorization", "Bearer "+i.jwt(old, nil))
	i.clock.forward(renewEvery)
	fresh := i.jwt(i.addKey("fresh", jose.ES256), nil)
	i.setDown(true)
	for range 2 {
		if w := call(rule, "Authorization", "Bearer "+fresh); w.Code != http.StatusServiceUnavailable {
			t.Errorf("whether its key is a good one is not known: %d %s", w.Code, w.Body)
		}
	}
	if w := call(rule, "Authorization", "Bearer "+i.jwt(old, nil)); w.Code != http.StatusOK {
		t.Errorf("a key that is known: %d %s", w.Code, w.Body)
	}
}

func TestWithdrawnKeyEndsWithTheKeySet(t *testing.T) {
	i := newIssuer(t)
	key := i.addKey("k1", jose.ES256)
	rule := i.verifier(ByJWT()).Require()
	token := i.jwt(key, map[string]any{"exp": i.clock.Now().Add(time.Hour).Unix()})
	call(rule, "Authorization", "Bearer "+token)
	i.keys = nil
	i.clock.forward(freshFor - 1)
	if w := call(rule, "Authorization", "Bearer "+token); w.Code != http.StatusOK {
		t.Errorf("status %d before the key set is old", w.Code)
	}
	i.clock.forward(1)
	if w := call(rule, "Authorization", "Bearer "+token); w.Code != http.StatusUnauthorized {
		t.Errorf("status %d after", w.Code)
	}
}

func TestKeysOutliveAServerThatIsDown(t *testing.T) {
	i := newIssuer(t)
	key := i.addKey("k1", jose.ES256)
	rule := i.verifier(ByJWT()).Require()
	token := i.jwt(key, map[string]any{"exp": i.clock.Now().Add(3 * time.Hour).Unix()})
	call(rule, "Authorization", "Bearer "+token)
	i.setDown(true)
	for _, step := range []struct {
		name    string
		forward time.Duration
		status  int
	}{
		{"the key set is old", freshFor, 200},
		{"and again at once", 0, 200},
		{"for an hour", keptFor - freshFor - 1, 200},
		{"and no longer", 1, 503},
	} {
		i.clock.forward(step.forward)
		if w := call(rule, "Authorization", "Bearer "+token); w.Code != step.status {
			t.Errorf("%s: status %d, want %d: %s", step.name, w.Code, step.status, w.Body)
		}
	}
	i.setDown(false)
	i.clock.forward(renewEvery)
	if w := call(rule, "Authorization", "Bearer "+token); w.Code != http.StatusOK {
		t.Errorf("it is up again: %d %s", w.Code, w.Body)
	}
}
