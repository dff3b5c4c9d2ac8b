package oauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// Rules of specifications that no other test of this package holds; docs/specs.md says which.

const specCallback = "https://web.example/callback"

func specCode() oauth.AuthorizationCode {
	return oauth.AuthorizationCode{ClientID: "web", RedirectURI: specCallback, Issued: time.Unix(1_700_000_000, 0)}
}

func refuses(t *testing.T, name string, err *oauth.Error, code oauth.Code) {
	t.Helper()
	switch {
	case code == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case code != "" && (err == nil || err.Code != code):
		t.Errorf("%s: got %v, want %s", name, err, code)
	}
}

// RFC 7636 §4.1, §4.6, and the vector of its appendix B.
func TestCodeVerifier(t *testing.T) {
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	c, now := &oauth.Client{ID: "web"}, specCode().Issued
	s256 := func(verifier string) string { // of what need not be one
		sum := sha256.Sum256([]byte(verifier))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	for name, tt := range map[string]struct {
		challenge, verifier string
		code                oauth.Code
	}{
		"the vector":           {challenge, verifier, ""},
		"none":                 {challenge, "", oauth.InvalidGrant},
		"none, and its hash":   {s256(""), "", oauth.InvalidGrant},
		"the challenge itself": {challenge, challenge, oauth.InvalidGrant},
		"one character more":   {challenge, verifier + "A", oauth.InvalidGrant},
		"43 characters":        {s256(verifier[:43]), verifier[:43], ""},
		"42 characters":        {s256(verifier[:42]), verifier[:42], oauth.InvalidGrant},
		"128 characters":       {s256(strings.Repeat("~", 128)), strings.Repeat("~", 128), ""},
		"129 characters":       {s256(strings.Repeat("~", 129)), strings.Repeat("~", 129), oauth.InvalidGrant},
		"another character":    {s256(verifier + "+"), verifier + "+", oauth.InvalidGrant},
		"without a challenge":  {"", verifier, oauth.InvalidGrant},
		"neither of the two":   {"", "", ""},
	} {
		code := specCode()
		code.Challenge = tt.challenge
		refuses(t, name, code.Check(oauth.CodeRequest{RedirectURI: specCallback, Verifier: tt.verifier}, c, "", now), tt.code)
	}
}

// RFC 6749 §4.1.3: the token request repeats the redirect_uri that the authorization request named.
func TestRedirectURIOfATokenRequest(t *testing.T) {
	c, now := &oauth.Client{ID: "web", RedirectURIs: []string{specCallback}}, specCode().Issued
	for name, tt := range map[string]struct {
		named, repeated string
		code            oauth.Code
	}{
		"named and repeated":           {specCallback, specCallback, ""},
		"named, not repeated":          {specCallback, "", oauth.InvalidGrant},
		"named, another":               {specCallback, specCallback + "/", oauth.InvalidGrant},
		"not named":                    {"", "", ""},
		"not named, the only one told": {"", specCallback, ""},
		"not named, a stranger's told": {"", "https://evil.example/", oauth.InvalidGrant},
	} {
		code := specCode()
		code.RedirectURI = tt.named
		refuses(t, name, code.Check(oauth.CodeRequest{RedirectURI: tt.repeated}, c, "", now), tt.code)
	}
}

// RFC 8252 §7.3: a native app gets its port when it starts. §8.3: localhost is a name, and no loopback address.
func TestPortOfALoopbackRedirect(t *testing.T) {
	c := &oauth.Client{RedirectURIs: []string{
		"http://127.0.0.1/cb", "http://[::1]:1/cb?a=b", "http://localhost:4200/cb", "https://127.0.0.1:8443/cb",
	}}
	for uri, want := range map[string]bool{
		"http://127.0.0.1/cb": true, "http://127.0.0.1:49152/cb": true, "http://[::1]:65535/cb?a=b": true, "http://localhost:4200/cb": true,
		"http://127.0.0.1:0/cb": false, "http://127.0.0.1:65536/cb": false, "http://127.0.0.1:/cb": false, "http://127.0.0.1:1/other": false,
		"http://127.0.0.1:1@evil.example/cb": false, "http://127.0.0.1.evil.example/cb": false, "http://127.0.0.1:1/cb?x": false,
		"http://127.0.0.2:1/cb": false, "http://[::1]:1/cb": false, "http://localhost:4201/cb": false, "https://127.0.0.1:1/cb": false,
		"http://127.0.0.1:1/cb#x": false, "http://127.0.0.1:+1/cb": false,
	} {
		if to, ok := c.Redirect(uri); ok != want || ok && to.String() != uri {
			t.Errorf("%s: %v %q", uri, ok, to)
		}
	}
}

// OAuth 2.0 Multiple Response Types §3, §5: the values stand in any order.
func TestParseResponseType(t *testing.T) {
	for text, want := range map[string]oauth.ResponseType{
		"code": {Code: true}, "token id_token": {IDToken: true, Token: true}, "id_token token code": {Code: true, IDToken: true, Token: true},
	} {
		if got, err := oauth.ParseResponseType(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"token", "none", "code none", "code code", "code ", " code", "Code", "code,token"} {
		_, err := oauth.ParseResponseType(text)
		refuses(t, text, err, oauth.UnsupportedResponseType)
	}
}

// RFC 9207 §2: a client that talks to several servers learns from each answer whose it is.
func TestAnswersNameTheirIssuer(t *testing.T) {
	const issuer = "https://login.example"
	yes := (&oauth.AuthorizationResponse{Code: "c"}).Values("s", issuer)
	no := oauth.AuthorizationError(oauth.Errorf(oauth.AccessDenied, "No."), "s", issuer)
	for name, v := range map[string]url.Values{"a code": yes, "an error": no} {
		if !slices.Equal(v["iss"], []string{issuer}) || v.Get("state") != "s" {
			t.Errorf("%s: %v", name, v)
		}
	}
}

// RFC 8707 §2: several resources, each of which the client is registered for.
func TestParseResources(t *testing.T) {
	c := &oauth.Client{ClientTokens: oauth.ClientTokens{Resources: []string{"https://a.example/", "https://b.example/"}}}
	got, err := oauth.ParseResources(url.Values{"resource": {"https://b.example/", "", "https://a.example/", "https://b.example/"}}, c)
	if err != nil || !slices.Equal(got, []string{"https://b.example/", "https://a.example/"}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, v := range []string{"https://a.example", "https://A.example/", "https://a.example/#x", "https://c.example/"} {
		_, err := oauth.ParseResources(url.Values{"resource": {"https://a.example/", v}}, c)
		refuses(t, v, err, oauth.InvalidTarget)
	}
}

// RFC 9449 §5.2, RFC 8705 §3.4: a client that wants bound tokens gets no others.
func TestClientsThatWantBoundTokens(t *testing.T) {
	dpop, tls := oauth.Confirmation{JKT: "k"}, oauth.Confirmation{X5T: "x"}
	for name, tt := range map[string]struct {
		tokens oauth.ClientTokens
		proof  oauth.Confirmation
		code   oauth.Code
	}{
		"neither":            {oauth.ClientTokens{}, oauth.Confirmation{}, ""},
		"a key":              {oauth.ClientTokens{DPoPBound: true}, dpop, ""},
		"no key":             {oauth.ClientTokens{DPoPBound: true}, oauth.Confirmation{}, oauth.InvalidRequest},
		"no key, but a cert": {oauth.ClientTokens{DPoPBound: true}, tls, oauth.InvalidRequest},
		"a certificate":      {oauth.ClientTokens{TLSBound: true}, tls, ""},
		"no certificate":     {oauth.ClientTokens{TLSBound: true}, oauth.Confirmation{}, oauth.InvalidRequest},
	} {
		c := &oauth.Client{ClientTokens: tt.tokens}
		refuses(t, name, c.CheckBinding(tt.proof), tt.code)
	}
}

// RFC 9449 §5, RFC 8705 §4: a refresh token that is bound to a key works with that key alone; then it does not rotate.
func TestRefreshTokenIsBoundToItsKey(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	public, other := &oauth.Client{ID: "spa"}, &oauth.Client{ID: "other"}
	for name, tt := range map[string]struct {
		client       *oauth.Client
		bound, proof oauth.Confirmation
		code         oauth.Code
	}{
		"its key":             {public, oauth.Confirmation{JKT: "k"}, oauth.Confirmation{JKT: "k"}, ""},
		"another key":         {public, oauth.Confirmation{JKT: "k"}, oauth.Confirmation{JKT: "l"}, oauth.InvalidGrant},
		"no key":              {public, oauth.Confirmation{JKT: "k"}, oauth.Confirmation{}, oauth.InvalidGrant},
		"its certificate":     {public, oauth.Confirmation{X5T: "x"}, oauth.Confirmation{X5T: "x"}, ""},
		"another certificate": {public, oauth.Confirmation{X5T: "x"}, oauth.Confirmation{X5T: "y"}, oauth.InvalidGrant},
		"another client":      {other, oauth.Confirmation{}, oauth.Confirmation{}, oauth.InvalidGrant},
	} {
		token := oauth.RefreshToken{ClientID: "spa", Confirmation: tt.bound, Expires: now.Add(time.Hour)}
		refuses(t, name, token.Check(tt.client, tt.proof, now), tt.code)
		if token.Rotates(tt.client) != tt.bound.IsZero() {
			t.Errorf("%s: rotates is %v", name, token.Rotates(tt.client))
		}
	}
}

// OpenID Connect Core §8.1: clients of one sector see one subject, others another, and none the account's id.
func TestPairwiseSubjects(t *testing.T) {
	account, profile := oauth.ID{1}, &oauth.Profile{PairwiseSalt: []byte("salt")}
	in := func(sector string) *oauth.Client {
		return &oauth.Client{ClientTokens: oauth.ClientTokens{SubjectType: oauth.SubjectPairwise, SectorIdentifier: sector}}
	}
	one := profile.Subject(in("a.example"), account)
	if one != profile.Subject(in("a.example"), account) {
		t.Error("it changes")
	}
	for name, other := range map[string]string{
		"another sector":  profile.Subject(in("b.example"), account),
		"another user":    profile.Subject(in("a.example"), oauth.ID{2}),
		"another salt":    (&oauth.Profile{PairwiseSalt: []byte("pepper")}).Subject(in("a.example"), account),
		"a public client": profile.Subject(&oauth.Client{}, account),
	} {
		if one == other || len(one) > 255 { // Core §2
			t.Errorf("%s: %s", name, other)
		}
	}
}

// OpenID Connect Core §5.5: which parts of the claims parameter count.
func TestParseClaims(t *testing.T) {
	got, err := oauth.ParseClaims(`{"userinfo":{"email":null,"name":{"essential":true}},"id_token":{"sub":{"value":"u"},
		"acr":{"essential":true,"values":["gold","silver"]}},"elsewhere":{"x":null}}`)
	if err != nil || !slices.Equal(got.UserInfo, []string{"email", "name"}) || got.Subject != "u" || !slices.Equal(got.EssentialACR, []string{"gold", "silver"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if voluntary, err := oauth.ParseClaims(`{"id_token":{"acr":{"values":["gold"]}}}`); err != nil || len(voluntary.EssentialACR) > 0 {
		t.Errorf("a voluntary acr: %+v, %v", voluntary, err)
	}
	for _, text := range []string{"x", "[]", `{"userinfo":1}`, `{"id_token":{"a":1}}`} {
		_, err := oauth.ParseClaims(text)
		refuses(t, text, err, oauth.InvalidRequest)
	}
}

// OpenID Connect Registration §2, default_max_age: a request's own max_age is stronger.
func TestDefaultMaxAge(t *testing.T) {
	profile := &oauth.Profile{Capabilities: []oauth.Capability{oauth.CapCode}}
	for asked, want := range map[string]int{"": 60, "5": 5} {
		c := &oauth.Client{ID: "web", Capabilities: profile.Capabilities, ClientRequests: oauth.ClientRequests{DefaultMaxAge: new(60)}}
		c.SecretHash = []byte("not public")
		got, err := oauth.ParseAuthorization(url.Values{"max_age": {asked}}, &oauth.Redirection{Type: oauth.ResponseType{Code: true}}, c, profile)
		if err != nil || got.MaxAge != want {
			t.Errorf("max_age %q: %d, %v", asked, got.MaxAge, err)
		}
	}
}

// RFC 7800 §3, RFC 9449 §6.1, §6.2, RFC 8705 §3.1, §3.2: a bound token names its key, in a JWT and in introspection alike.
func TestBoundTokensNameTheirKey(t *testing.T) {
	c := &oauth.Client{ID: "web"}
	for want, bound := range map[string]oauth.Confirmation{
		`"cnf":{"jkt":"k"}`: {JKT: "k"}, `"cnf":{"x5t#S256":"x"}`: {X5T: "x"}, "": {},
	} {
		token := oauth.AccessToken{ClientID: "web", Confirmation: bound}
		for name, value := range map[string]any{
			"JWT": token.JWT("https://login.example", c, nil), "introspection": oauth.Introspect(&token, nil, "https://login.example", c),
		} {
			text, err := json.Marshal(value)
			if err != nil || !strings.Contains(string(text), want) || want == "" && strings.Contains(string(text), "cnf") {
				t.Errorf("%s: %s, %v", name, text, err)
			}
		}
	}
}

// OpenID Connect Core §5.5: the claims parameter gives a client nothing that none of its scopes could.
func TestClaimsBeyondTheScopeOfTheClient(t *testing.T) {
	profile := &oauth.Profile{Scopes: []oauth.Scope{{Name: "openid"}, {Name: "email", Claims: []string{"email"}}, {Name: "phone", Claims: []string{"phone_number"}}}}
	c := &oauth.Client{Scope: []string{"openid", "email"}}
	asked := oauth.ClaimsRequest{UserInfo: []string{"email", "phone_number"}, IDToken: []string{"phone_number"}}
	got := asked.Permitted(c, profile)
	if !slices.Equal(got.UserInfo, []string{"email"}) || len(got.IDToken) != 0 || !slices.Equal(got.Scope(c, profile), []string{"email"}) {
		t.Errorf("%+v, %v", got, got.Scope(c, profile))
	}
}
