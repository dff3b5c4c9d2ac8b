package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// foreignKeys are what clients sign with, made once.
var foreignKeys = sync.OnceValue(func() (k struct {
	p256, other *ecdsa.PrivateKey
	p384        *ecdsa.PrivateKey
	rsa, weak   *rsa.PrivateKey
	ed          ed25519.PrivateKey
}) {
	var errs [6]error
	k.p256, errs[0] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.other, errs[1] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.p384, errs[2] = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	k.rsa, errs[3] = rsa.GenerateKey(rand.Reader, 2048)
	k.weak, errs[4] = rsa.GenerateKey(rand.Reader, 1024)
	_, k.ed, errs[5] = ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(errs[:]...); err != nil {
		panic(err)
	}
	return k
})

// sign makes a compact JWS over {"a":1}; headers are name, value pairs.
func sign(t testing.TB, alg oauth.Alg, key any, headers ...string) string {
	t.Helper()
	options := &jose.SignerOptions{}
	for i := 0; i < len(headers); i += 2 {
		options.WithHeader(jose.HeaderKey(headers[i]), headers[i+1])
	}
	return signWith(t, alg, key, options)
}

func signWith(t testing.TB, alg oauth.Alg, key any, options *jose.SignerOptions) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func keySet(t testing.TB, keys ...jose.JSONWebKey) *token.KeySet {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: append([]jose.JSONWebKey{}, keys...)})
	if err != nil {
		t.Fatal(err)
	}
	set, err := token.ParseKeySet(text)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func parse(t testing.TB, text string) *token.Foreign {
	t.Helper()
	f, err := token.ParseForeign(text, oauth.ClientAlgs)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestVerifyForeign(t *testing.T) {
	k := foreignKeys()
	for _, test := range []struct {
		name string
		text string
		keys []jose.JSONWebKey
		want error
	}{
		{"ES256", sign(t, oauth.ES256, k.p256, "kid", "1"), []jose.JSONWebKey{{Key: &k.p256.PublicKey, KeyID: "1"}}, nil},
		{"RS256", sign(t, oauth.RS256, k.rsa, "kid", "1"), []jose.JSONWebKey{{Key: &k.rsa.PublicKey, KeyID: "1", Algorithm: "RS256", Use: "sig"}}, nil},
		{"PS256", sign(t, oauth.PS256, k.rsa, "kid", "1"), []jose.JSONWebKey{{Key: &k.rsa.PublicKey, KeyID: "1"}}, nil},
		{"EdDSA", sign(t, oauth.EdDSA, k.ed, "kid", "1"), []jose.JSONWebKey{{Key: k.ed.Public(), KeyID: "1"}}, nil},
		{"without kid, one of two", sign(t, oauth.ES256, k.p256), []jose.JSONWebKey{{Key: &k.other.PublicKey}, {Key: &k.p256.PublicKey, KeyID: "x"}}, nil},
		{"another kid", sign(t, oauth.ES256, k.p256, "kid", "2"), []jose.JSONWebKey{{Key: &k.p256.PublicKey, KeyID: "1"}}, token.ErrUnknownKey},
		{"without kid, none", sign(t, oauth.ES256, k.p256), []jose.JSONWebKey{{Key: &k.other.PublicKey}}, token.ErrUnknownKey},
		{"no keys", sign(t, oauth.ES256, k.p256), nil, token.ErrUnknownKey},
		{"another key by the kid", sign(t, oauth.ES256, k.p256, "kid", "1"), []jose.JSONWebKey{{Key: &k.other.PublicKey, KeyID: "1"}}, token.ErrInvalid},
		{"a key for encryption", sign(t, oauth.ES256, k.p256), []jose.JSONWebKey{{Key: &k.p256.PublicKey, Use: "enc"}}, token.ErrUnknownKey},
		{"a key of another algorithm", sign(t, oauth.PS256, k.rsa), []jose.JSONWebKey{{Key: &k.rsa.PublicKey, Algorithm: "RS256"}}, token.ErrUnknownKey},
		{"a weak key", sign(t, oauth.RS256, k.weak), []jose.JSONWebKey{{Key: &k.weak.PublicKey}}, token.ErrUnknownKey},
	} {
		claims, err := parse(t, test.text).Verify(keySet(t, test.keys...))
		if !errors.Is(err, test.want) || test.want == nil && string(claims) != `{"a":1}` {
			t.Errorf("%s: %q, %v; want %v", test.name, claims, err, test.want)
		}
	}
}

func TestVerifyForeignByAChangedText(t *testing.T) {
	k := foreignKeys()
	parts := strings.Split(sign(t, oauth.ES256, k.p256, "kid", "1"), ".")
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(`{"a":2}`))
	if _, err := parse(t, strings.Join(parts, ".")).Verify(keySet(t, jose.JSONWebKey{Key: &k.p256.PublicKey, KeyID: "1"})); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("accepted: %v", err)
	}
}

// unsigned makes a JWS with the algorithm none (RFC 7515 §A.5).
func unsigned(header, claims string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "."
}

func TestForeignThatIsNotRead(t *testing.T) {
	k := foreignKeys()
	good := sign(t, oauth.ES256, k.p256)
	for name, text := range map[string]string{
		"nothing":              "",
		"two parts":            "e30.e30",
		"line end":             good + "\n",
		"JSON serialisation":   `{"payload":"e30","protected":"e30","signature":""}`,
		"too long":             good + strings.Repeat("A", 20_000),
		"unsigned":             unsigned(`{"alg":"none"}`, "{}"),
		"another algorithm":    sign(t, "ES384", k.p384),
		"a MAC":                sign(t, oauth.HS256, []byte(strings.Repeat("k", 32))),
		"typ that is a number": signWith(t, oauth.ES256, k.p256, (&jose.SignerOptions{}).WithHeader("typ", 1)),
	} {
		if _, err := token.ParseForeign(text, oauth.ClientAlgs); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestForeignWithACriticalHeaderIsRefused(t *testing.T) {
	k := foreignKeys()
	text := signWith(t, oauth.ES256, k.p256, (&jose.SignerOptions{}).WithHeader("crit", []string{"x"}).WithHeader("x", 1))
	f, err := token.ParseForeign(text, oauth.ClientAlgs)
	if err == nil {
		_, err = f.Verify(keySet(t, jose.JSONWebKey{Key: &k.p256.PublicKey}))
	}
	if err == nil {
		t.Error("accepted") // RFC 7515 §4.1.11
	}
}

func TestUnsignedForeign(t *testing.T) {
	none := []oauth.Alg{oauth.AlgNone}
	f, err := token.ParseForeign(unsigned(`{"alg":"none","typ":"application/JWT"}`, `{"a":1}`), none)
	if err != nil || f.Alg != oauth.AlgNone || f.Type != "JWT" || string(f.Unverified()) != `{"a":1}` {
		t.Fatalf("%+v, %v", f, err)
	}
	if _, err := f.Verify(&token.KeySet{}); err == nil {
		t.Error("somebody vouches for it")
	}
	if _, err := f.VerifyMAC([]byte("secret")); err == nil {
		t.Error("a secret vouches for it")
	}
	if _, _, err := f.VerifyEmbedded(); err == nil {
		t.Error("it vouches for itself")
	}
	for name, text := range map[string]string{
		"another algorithm in small": unsigned(`{"alg":"None"}`, "{}"),
		"with a signature":           unsigned(`{"alg":"none"}`, "{}") + "AA",
		"a critical header":          unsigned(`{"alg":"none","crit":["x"]}`, "{}"),
		"a signed one":               sign(t, oauth.ES256, foreignKeys().p256),
		"four parts":                 unsigned(`{"alg":"none"}`, "{}") + ".",
	} {
		if _, err := token.ParseForeign(text, none); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestForeignMAC(t *testing.T) {
	secret := []byte(strings.Repeat("k", 43))
	f, err := token.ParseForeign(sign(t, oauth.HS256, secret), []oauth.Alg{oauth.HS256})
	if err != nil {
		t.Fatal(err)
	}
	if claims, err := f.VerifyMAC(secret); err != nil || string(claims) != `{"a":1}` {
		t.Errorf("%q, %v", claims, err)
	}
	for _, wrong := range []string{"", "x", strings.Repeat("k", 42)} {
		if _, err := f.VerifyMAC([]byte(wrong)); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("accepted with %q", wrong)
		}
	}
}

// The confusion of algorithms: a MAC whose secret is the text of a public key.
func TestPublicKeyIsNoSecret(t *testing.T) {
	k := foreignKeys()
	jwk, err := json.Marshal(jose.JSONWebKey{Key: &k.p256.PublicKey, KeyID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := token.ParseForeign(sign(t, oauth.HS256, jwk, "kid", "1"), []oauth.Alg{oauth.HS256})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Verify(keySet(t, jose.JSONWebKey{Key: &k.p256.PublicKey, KeyID: "1"})); err == nil {
		t.Error("accepted")
	}
}

func embedded(key any) *jose.SignerOptions {
	return (&jose.SignerOptions{}).WithHeader("jwk", key).WithType("dpop+jwt")
}

func TestEmbeddedKey(t *testing.T) {
	k := foreignKeys()
	public := jose.JSONWebKey{Key: &k.p256.PublicKey}
	claims, jkt, err := parse(t, signWith(t, oauth.ES256, k.p256, embedded(public))).VerifyEmbedded()
	sum, _ := public.Thumbprint(crypto.SHA256)
	if err != nil || string(claims) != `{"a":1}` || jkt != base64.RawURLEncoding.EncodeToString(sum) {
		t.Errorf("%q, %q, %v", claims, jkt, err)
	}
}

func TestEmbeddedKeysThatAreRefused(t *testing.T) {
	k := foreignKeys()
	for name, text := range map[string]string{
		"none":              sign(t, oauth.ES256, k.p256, "typ", "dpop+jwt"),
		"another":           signWith(t, oauth.ES256, k.p256, embedded(jose.JSONWebKey{Key: &k.other.PublicKey})),
		"a private one":     signWith(t, oauth.ES256, k.p256, embedded(jose.JSONWebKey{Key: k.p256})),
		"a secret":          signWith(t, oauth.ES256, k.p256, embedded(jose.JSONWebKey{Key: []byte("secret")})),
		"a weak one":        signWith(t, oauth.RS256, k.weak, embedded(jose.JSONWebKey{Key: &k.weak.PublicKey})),
		"a part of private": signWith(t, oauth.RS256, k.rsa, embedded(withMember(t, &k.rsa.PublicKey, "p", "AQAB"))),
		"that is not a key": signWith(t, oauth.ES256, k.p256, embedded("x")),
	} {
		f, err := token.ParseForeign(text, oauth.ClientAlgs)
		if err == nil {
			_, _, err = f.VerifyEmbedded()
		}
		if err == nil {
			t.Errorf("accepted: %s", name)
		}
	}
}

func withMember(t testing.TB, key any, name, value string) map[string]any {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	members := map[string]any{}
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	members[name] = value
	return members
}

func TestKeySetLeavesOutWhatItDoesNotKnow(t *testing.T) {
	set, err := token.ParseKeySet([]byte(`{"keys":[{"kty":"new"},{"kty":"EC","crv":"P-256"},{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}],"more":1}`))
	if err != nil || set.Len() != 1 {
		t.Errorf("%v, %v", set, err)
	}
}

func TestKeySetsThatAreRefused(t *testing.T) {
	private, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: foreignKeys().p256}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":       "",
		"no list":       `{}`,
		"a list alone":  `[]`,
		"a private key": string(private),
		"a secret":      `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`,
		"too many":      `{"keys":[` + strings.Repeat(`{},`, 64) + `{}]}`,
	} {
		if _, err := token.ParseKeySet([]byte(text)); err == nil {
			t.Errorf("accepted: %s", name)
		}
	}
}

func FuzzForeign(f *testing.F) {
	k := foreignKeys()
	f.Add(sign(f, oauth.ES256, k.p256, "kid", "1", "typ", "JWT"))
	f.Add(signWith(f, oauth.ES256, k.p256, embedded(jose.JSONWebKey{Key: &k.p256.PublicKey})))
	f.Add(unsigned(`{"alg":"none"}`, "{}"))
	f.Add("..")
	set := keySet(f, jose.JSONWebKey{Key: &k.other.PublicKey, KeyID: "1"})
	f.Fuzz(func(t *testing.T, text string) {
		if parsed, err := token.ParseForeign(text, append([]oauth.Alg{oauth.AlgNone}, oauth.ClientAlgs...)); err == nil {
			if _, err := parsed.Verify(set); err == nil {
				t.Errorf("a key verifies what it did not sign: %q", text)
			}
			if _, jkt, err := parsed.VerifyEmbedded(); err == nil && (len(jkt) != 43 || parsed.Alg == oauth.AlgNone) {
				t.Errorf("%q: thumbprint %q", text, jkt)
			}
		}
	})
}
