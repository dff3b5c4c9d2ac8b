package manage

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// web is a confidential client with the code flow; hash stands for a secret.
func webApp() oauth.Client {
	c := oauth.Client{
		ID: "web", Name: "Web", Capabilities: []oauth.Capability{oauth.CapCode, oauth.CapRefresh},
		RedirectURIs: []string{"https://web.example.com/cb"}, Scope: []string{"openid"},
	}
	c.SecretHash = HashSecret("secret")
	return c
}

var testKeys = sync.OnceValue(func() (k struct {
	ec, ec384 *ecdsa.PrivateKey
	rsa, weak *rsa.PrivateKey
	ed        ed25519.PrivateKey
}) {
	var errs [5]error
	k.ec, errs[0] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.ec384, errs[1] = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	k.rsa, errs[2] = rsa.GenerateKey(rand.Reader, 2048)
	k.weak, errs[3] = rsa.GenerateKey(rand.Reader, 1024)
	_, k.ed, errs[4] = ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(errs[:]...); err != nil {
		panic(err)
	}
	return k
})

// jwks is a set of the keys; a signer gives its public part.
func jwks(t *testing.T, keys ...any) json.RawMessage {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		if jwk, ok := k.(jose.JSONWebKey); ok {
			set.Keys = append(set.Keys, jwk)
		} else {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.(crypto.Signer).Public()})
		}
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestKeySetsThatAreAccepted(t *testing.T) {
	k := testKeys()
	for name, set := range map[string]json.RawMessage{
		"EC": jwks(t, k.ec), "RSA": jwks(t, k.rsa), "Ed25519": jwks(t, k.ed), "several": jwks(t, k.ec, k.rsa, k.ec384),
	} {
		if err := checkJWKS(set); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeySetsThatAreRefused(t *testing.T) {
	k := testKeys()
	for name, tc := range map[string]struct {
		set  json.RawMessage
		want string
	}{
		"no set":          {json.RawMessage(`[]`), "not a key set"},
		"no keys":         {json.RawMessage(`{"keys":[]}`), "not a key set"},
		"private EC":      {jwks(t, jose.JSONWebKey{Key: k.ec}), `holds "d"`},
		"private RSA":     {jwks(t, jose.JSONWebKey{Key: k.rsa}), `holds "d"`},
		"private Ed25519": {jwks(t, jose.JSONWebKey{Key: k.ed}), `holds "d"`},
		"symmetric":       {json.RawMessage(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`), `holds "k"`},
		"null private":    {json.RawMessage(`{"keys":[{"kty":"EC","d":null}]}`), `holds "d"`},
		"short RSA":       {jwks(t, k.weak), "1024 bits"},
		"unknown curve":   {json.RawMessage(`{"keys":[{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}]}`), "cannot read"},
		"only encryption": {jwks(t, jose.JSONWebKey{Key: k.ec.Public(), Use: "enc"}), "no key is good"},
		"only P-384":      {jwks(t, k.ec384), "no key is good"},
		"same kid":        {jwks(t, jose.JSONWebKey{Key: k.ec.Public(), KeyID: "a"}, jose.JSONWebKey{Key: k.rsa.Public(), KeyID: "a"}), "same kid"},
		"too long":        {json.RawMessage(`{"keys":["` + strings.Repeat("x", maxJWKS) + `"]}`), "more than"},
	} {
		if err := checkJWKS(tc.set); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: want %q, got %v", name, tc.want, err)
		}
	}
}

func TestOneFaultOfAWebClient(t *testing.T) {
	keys := jwks(t, testKeys().ec)
	for _, tc := range []struct {
		name, want string
		break_     func(*oauth.Client)
	}{
		{"code without redirect URI", "give at least one", func(c *oauth.Client) { c.RedirectURIs = nil }},
		{"implicit to a scheme of its own", "go to https only", func(c *oauth.Client) {
			c.Capabilities = append(c.Capabilities, oauth.CapImplicit)
			c.RedirectURIs = []string{"com.example.app:/cb"}
		}},
		{"public client credentials", "RFC 6749 section 4.4", func(c *oauth.Client) {
			c.SecretHash, c.Capabilities = nil, []oauth.Capability{oauth.CapClientCredentials}
		}},
		{"public token exchange", "RFC 8693", func(c *oauth.Client) {
			c.AuthMethod, c.SecretHash, c.Capabilities = oauth.AuthNone, nil, []oauth.Capability{oauth.CapTokenExchange}
		}},
		{"secret method without secret", "let one be generated", func(c *oauth.Client) { c.AuthMethod, c.SecretHash = oauth.AuthSecretPost, nil }},
		{"client_secret_jwt with a hash alone", "let a new one be generated", func(c *oauth.Client) { c.AuthMethod = oauth.AuthSecretJWT }},
		{"private_key_jwt without keys", "needs the client's public keys", func(c *oauth.Client) { c.AuthMethod = oauth.AuthPrivateKeyJWT }},
		{"self-signed without keys", "needs the client's public keys", func(c *oauth.Client) { c.AuthMethod = oauth.AuthSelfSignedTLS }},
		{"signed requests without keys", "need the client's public keys", func(c *oauth.Client) { c.RequireSigned = true }},
		{"jwks twice", "keep one of the two", func(c *oauth.Client) { c.JWKS, c.JWKSURI = keys, "https://web.example.com/jwks" }},
		{"jwks_uri in the clear", "not an https address", func(c *oauth.Client) { c.JWKSURI = "http://localhost/jwks" }},
		{"TLS without a name", "needs one name", func(c *oauth.Client) { c.AuthMethod = oauth.AuthTLS }},
		{"TLS with two names", "needs one name", func(c *oauth.Client) {
			c.AuthMethod, c.TLSSubjectDN, c.TLSSANDNS = oauth.AuthTLS, "CN=web", "web.example.com"
		}},
		{"certificate name without TLS", "tls_client_auth alone", func(c *oauth.Client) { c.TLSSubjectDN = "CN=web" }},
		{"HS256 for another method", "client_secret_jwt alone", func(c *oauth.Client) { c.AssertionAlg = oauth.HS256 }},
		{"resource with fragment", "without a fragment", func(c *oauth.Client) { c.Resources = []string{"https://api.example.com/#x"} }},
		{"relative resource", "absolute URI", func(c *oauth.Client) { c.Resources = []string{"/api"} }},
		{"DPoP and TLS", "choose DPoP", func(c *oauth.Client) { c.DPoPBound, c.TLSBound = true, true }},
		{"pairwise with two hosts", "name the host", func(c *oauth.Client) {
			c.SubjectType, c.RedirectURIs = oauth.SubjectPairwise, append(c.RedirectURIs, "https://other.example.com/cb")
		}},
		{"sector with a path", "not a host name", func(c *oauth.Client) { c.SectorIdentifier = "example.com/x" }},
		{"unsigned and signed", "contradicts", func(c *oauth.Client) {
			c.RequireSigned, c.JWKS, c.RequestObjectAlg = true, keys, oauth.AlgNone
		}},
		{"front-channel elsewhere", "another scheme, host or port", func(c *oauth.Client) { c.FrontChannelLogoutURI = "https://evil.example/out" }},
		{"back-channel in the clear", "is http", func(c *oauth.Client) { c.BackChannelLogoutURI = "http://web.example.com/out" }},
		{"back-channel with fragment", "fragment", func(c *oauth.Client) { c.BackChannelLogoutURI = "https://web.example.com/out#x" }},
		{"initiate in the clear", "not an https address", func(c *oauth.Client) { c.InitiateLoginURI = "http://localhost/login" }},
		{"request URI in the clear", "not an https address", func(c *oauth.Client) { c.RequestURIs = []string{"http://web.example.com/r"} }},
		{"max age", "out of range", func(c *oauth.Client) { c.DefaultMaxAge = new(-2) }},
		{"logo of another scheme", "not an https address", func(c *oauth.Client) { c.LogoURI = "javascript:alert(1)" }},
		{"long address", "more than 2000", func(c *oauth.Client) { c.TOSURI = "https://a.example/" + strings.Repeat("x", 2000) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, profile := &Manager{}, oauth.DefaultProfile()
			c := webApp()
			tc.break_(&c)
			settleSubject(&c)
			err := m.validateClient(&c, &profile)
			var invalid Invalid
			if !errors.As(err, &invalid) || len(invalid) != 1 || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want one fault with %q, got %v", tc.want, err)
			}
		})
	}
}

func TestClientsThatAreGood(t *testing.T) {
	keys := jwks(t, testKeys().rsa)
	for name, change := range map[string]func(*oauth.Client){
		"as it is":        func(*oauth.Client) {},
		"private_key_jwt": func(c *oauth.Client) { c.AuthMethod, c.JWKS = oauth.AuthPrivateKeyJWT, keys },
		"keys by reference": func(c *oauth.Client) {
			c.AuthMethod, c.JWKSURI = oauth.AuthPrivateKeyJWT, "https://web.example.com/jwks"
		},
		"TLS": func(c *oauth.Client) { c.AuthMethod, c.TLSSubjectDN = oauth.AuthTLS, "CN=web,O=Example" },
		"implicit on localhost": func(c *oauth.Client) {
			c.Capabilities, c.RedirectURIs = []oauth.Capability{oauth.CapImplicit}, []string{"http://localhost:4200"}
		},
		"logout at its origin": func(c *oauth.Client) {
			c.FrontChannelLogoutURI, c.BackChannelLogoutURI = "https://web.example.com/out?x=1", "http://localhost:9000/out"
		},
		"everything else": func(c *oauth.Client) {
			c.Resources, c.RequestURIs = []string{"https://api.example.com/", "urn:example:api"}, []string{"https://web.example.com/r.jwt#abc"}
			c.DefaultMaxAge, c.DefaultACR, c.LogoURI, c.Contacts = new(0), []string{"urn:a"}, "https://web.example.com/logo.png", []string{"ann@example.com"}
			c.UserInfoAlg, c.IntrospectionAlg, c.RequestObjectAlg, c.ApplicationType = oauth.RS256, oauth.ES256, oauth.PS256, "web"
		},
	} {
		profile, c := oauth.DefaultProfile(), webApp()
		change(&c)
		if err := (&Manager{}).validateClient(&c, &profile); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPairwiseClientsGetASectorAndOneSalt(t *testing.T) {
	m, _ := newManager(t)
	c := webApp()
	c.SubjectType = oauth.SubjectPairwise
	if _, err := m.CreateConfidentialClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	stored, err := m.Client(t.Context(), "web")
	if err != nil || stored.SectorIdentifier != "web.example.com" {
		t.Errorf("sector %q, %v", stored.SectorIdentifier, err)
	}
	first, err := m.Profile(t.Context())
	if err != nil || len(first.PairwiseSalt) != 32 {
		t.Fatalf("salt %x, %v", first.PairwiseSalt, err)
	}
	c.ID = "web2"
	if _, err := m.CreateConfidentialClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	_, _, err = m.ChangeProfile(t.Context(), func(p *oauth.Profile) error { p.PairwiseSalt = nil; return nil })
	if second, err2 := m.Profile(t.Context()); err != nil || err2 != nil || !bytes.Equal(first.PairwiseSalt, second.PairwiseSalt) {
		t.Errorf("the salt changed: %v, %v", err, err2)
	}
	// With another redirect URI the subjects that the client knows stay.
	_, after, err := m.ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.RedirectURIs = []string{"https://new.example.com/cb"} })
	if err != nil || after.SectorIdentifier != "web.example.com" {
		t.Errorf("sector %q, %v", after.SectorIdentifier, err)
	}
}

func TestDisablingEndsTokensWithoutAUserForGood(t *testing.T) {
	m, now := newManager(t)
	if _, err := m.CreateConfidentialClient(t.Context(), webApp()); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(time.Hour)
	_, after, err := m.ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.Disabled = true })
	if err != nil || !after.RevokedBefore.Equal(*now) {
		t.Errorf("revoked before %s, %v", after.RevokedBefore, err)
	}
	then := *now
	*now = now.Add(time.Hour)
	_, after, err = m.ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.Disabled = false })
	if err != nil || !after.RevokedBefore.Equal(then) {
		t.Errorf("revoked before %s, %v", after.RevokedBefore, err)
	}
}

// secretOf opens the kept secret of a client.
func secretOf(t *testing.T, m *Manager, master token.Master, id string) (string, error) {
	t.Helper()
	c, err := m.Client(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return master.OpenSecret(id, c.WrappedSecret)
}

func TestClientSecretJWTKeepsItsSecretThroughAChangeOfTheMasterKey(t *testing.T) {
	m, _ := newManager(t)
	c := webApp()
	c.AuthMethod = oauth.AuthSecretJWT
	secret, err := m.CreateConfidentialClient(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := secretOf(t, m, m.Master, "web"); err != nil || got != secret {
		t.Errorf("kept %q, %v", got, err)
	}
	next := token.Master{1, 2, 3}
	// A change that was interrupted after the secrets is finished by asking again.
	if err := m.rewrapSecrets(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if err := m.ChangeMaster(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if got, err := secretOf(t, m, next, "web"); err != nil || got != secret {
		t.Errorf("after the change: %q, %v", got, err)
	}
	if err := m.ChangeMaster(t.Context(), m.Master); !errors.Is(err, token.ErrMaster) {
		t.Errorf("changed with the former master key: %v", err)
	}
}

func TestASecretThatNobodyCanOpenStopsTheChangeByName(t *testing.T) {
	m, _ := newManager(t)
	c := webApp()
	c.AuthMethod = oauth.AuthSecretJWT
	if _, err := m.CreateConfidentialClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	lost := *m
	lost.Master = token.Master{4, 5, 6}
	if err := lost.ResetKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := lost.ChangeMaster(t.Context(), token.Master{7}); err == nil || !strings.Contains(err.Error(), "usher client reset-secret web") {
		t.Errorf("got %v", err)
	}
	if _, err := lost.ResetSecret(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if err := lost.ChangeMaster(t.Context(), token.Master{7}); err != nil {
		t.Error(err)
	}
}

func TestAnotherWayToAuthenticateForgetsTheSecret(t *testing.T) {
	m, _ := newManager(t)
	c := webApp()
	c.AuthMethod = oauth.AuthSecretJWT
	if _, err := m.CreateConfidentialClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	_, after, err := m.ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.AuthMethod = oauth.AuthSecretBasic })
	if err != nil || len(after.WrappedSecret) != 0 || len(after.SecretHash) == 0 {
		t.Errorf("basic: %v", err)
	}
	_, after, err = m.ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.AuthMethod = oauth.AuthNone })
	if err != nil || len(after.SecretHash) != 0 || !after.IsPublic() {
		t.Errorf("none: %v", err)
	}
	_, secret, err := m.ChangeClientAndSecret(t.Context(), "web", func(c *oauth.Client) { c.AuthMethod = oauth.AuthSecretJWT })
	if got, openErr := secretOf(t, m, m.Master, "web"); err != nil || openErr != nil || got != secret {
		t.Errorf("back: %v, %v", err, openErr)
	}
}

func TestKeptSecretsNeedTheMasterKeyOfTheKeys(t *testing.T) {
	m, _ := newManager(t)
	c := webApp()
	c.AuthMethod = oauth.AuthSecretJWT
	without, other := *m, *m
	without.Master, other.Master = token.Master{}, token.Master{9}
	if _, err := without.CreateConfidentialClient(t.Context(), c); !isInvalid(err, "token_endpoint_auth_method") {
		t.Errorf("without: %v", err)
	}
	if _, err := other.CreateConfidentialClient(t.Context(), c); !errors.Is(err, token.ErrMaster) {
		t.Errorf("with another: %v", err)
	}
}

func TestProfileChangesAreValidatedAndRecorded(t *testing.T) {
	m, now := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(time.Second)
	_, after, err := m.ChangeProfile(t.Context(), func(p *oauth.Profile) error {
		p.Scopes = append(p.Scopes, oauth.Scope{Name: "orders", Description: "See your orders", Claims: []string{"customer"}})
		p.Registration = oauth.RegistrationOff
		return nil
	})
	if err != nil || after.Registration != oauth.RegistrationOff {
		t.Fatal(err)
	}
	wantAudit(t, m, store.EventProfileChanged, "")
	stored, err := m.Profile(t.Context())
	if _, known := stored.ScopeNamed("orders"); err != nil || !known {
		t.Errorf("stored %+v, %v", stored.Scopes, err)
	}
	_, _, err = m.ChangeProfile(t.Context(), func(p *oauth.Profile) error {
		*p = oauth.Profile{
			Capabilities: []oauth.Capability{"magic"}, Registration: "everybody", DefaultScope: []string{"x"}, RefreshSeconds: 1,
			Scopes:             []oauth.Scope{{Name: "a b", Description: ""}, {Name: "c", Description: "C", Claims: []string{"iss"}, MaxAuthAge: -1}},
			SessionIdleSeconds: 120, SessionMaxSeconds: 60,
		}
		return nil
	})
	for _, field := range []string{
		"capabilities", "scopes", "default_scope", "access_token_seconds", "id_token_seconds", "refresh_seconds", "session_idle_seconds", "registration",
	} {
		if !isInvalid(err, field) {
			t.Errorf("no fault for %s in: %v", field, err)
		}
	}
	if err == nil || !strings.Contains(err.Error(), "read is the scope of clients: take it from them first (shop)") {
		t.Errorf("got %v", err)
	}
}

func TestWarningsSayWhatIsTrue(t *testing.T) {
	c := webApp()
	if w := Warnings(&c); len(w) != 0 {
		t.Errorf("a safe client: %v", w)
	}
	c.Capabilities = append(c.Capabilities, oauth.CapImplicit, oauth.CapHybrid)
	c.AuthMethod, c.RequestObjectAlg = oauth.AuthSecretPost, oauth.AlgNone
	for i, want := range []string{"implicit", "hybrid", "client_secret_post", "request_object_signing_alg"} {
		if w := Warnings(&c); len(w) != 4 || !strings.HasPrefix(w[i], want) {
			t.Errorf("want %s in %v", want, w)
		}
	}
	p := oauth.DefaultProfile()
	if w := ProfileWarnings(&p); len(w) != 0 {
		t.Errorf("a safe profile: %v", w)
	}
	p.Registration = oauth.RegistrationInsecureOpen
	if w := ProfileWarnings(&p); len(w) != 1 {
		t.Errorf("got %v", w)
	}
}

func TestAttributes(t *testing.T) {
	m, _ := newManager(t)
	good := `{"given_name":"Ann","email_verified":true,"updated_at":1,"address":{"country":"CH"},"groups":["a","b"]}`
	acc, err := m.CreateAccount(t.Context(), oauth.Account{Username: "ann", Attributes: json.RawMessage(good)}, "three blind mice")
	if err != nil {
		t.Fatal(err)
	}
	stored, err := m.Account(t.Context(), acc.ID)
	if err != nil || !bytes.Equal(stored.Attributes, acc.Attributes) || !strings.Contains(string(stored.Attributes), `"groups":["a","b"]`) {
		t.Errorf("stored %s, %v", stored.Attributes, err)
	}
	for text, want := range map[string]string{
		`[]`:                        "not a JSON object",
		`{"sub":"x"}`:               "a token's own claim",
		`{"a b":"x"}`:               "is not a name",
		`{"":"x"}`:                  "is not a name",
		`{"name":"x"}`:              "--name",
		`{"email":"x"}`:             "--email",
		`{"preferred_username":""}`: "user name",
		`{"given_name":5}`:          "is a text",
		`{"email_verified":"true"}`: "true or false",
		`{"updated_at":"now"}`:      "a number",
		`{"address":"Bern"}`:        "an object",
		`{"x":null}`:                "leave it out",
		`{"x":"` + strings.Repeat("y", 2048) + `"}`: "more than 2048",
	} {
		_, _, err := m.ChangeAccount(t.Context(), acc.ID, func(a *oauth.Account) { a.Attributes = json.RawMessage(text) })
		if !isInvalid(err, "attributes") || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: want %q, got %v", text, want, err)
		}
	}
	_, after, err := m.ChangeAccount(t.Context(), acc.ID, func(a *oauth.Account) { a.Attributes = json.RawMessage(`{}`) })
	if err != nil || after.Attributes != nil {
		t.Errorf("emptied: %s, %v", after.Attributes, err)
	}
}
