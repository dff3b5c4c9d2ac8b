package oauth_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// The verifier and the challenge of RFC 7636 appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func TestCodeCheck(t *testing.T) {
	client := &oauth.Client{ID: "app", RedirectURIs: []string{"https://app.example/cb", "https://app.example/other"}}
	good := oauth.AuthorizationCode{ClientID: "app", RedirectURI: "https://app.example/cb", Challenge: challenge, JKT: "key", Issued: noon}
	for _, tt := range []struct {
		name   string
		change func(*oauth.AuthorizationCode, *oauth.CodeRequest)
		jkt    string
		later  time.Duration
		good   bool
	}{
		{"all is well", func(*oauth.AuthorizationCode, *oauth.CodeRequest) {}, "key", 59 * time.Second, true},
		{"another client's", func(a *oauth.AuthorizationCode, _ *oauth.CodeRequest) { a.ClientID = "other" }, "key", 0, false},
		{"a minute old", func(*oauth.AuthorizationCode, *oauth.CodeRequest) {}, "key", time.Minute, false},
		{"another redirect URI of the client", func(_ *oauth.AuthorizationCode, r *oauth.CodeRequest) { r.RedirectURI = "https://app.example/other" }, "key", 0, false},
		{"no redirect URI", func(_ *oauth.AuthorizationCode, r *oauth.CodeRequest) { r.RedirectURI = "" }, "key", 0, false},
		{"one that is not registered, where none was named", func(a *oauth.AuthorizationCode, r *oauth.CodeRequest) {
			a.RedirectURI, r.RedirectURI = "", "https://evil.example/"
		}, "key", 0, false},
		{"none, where none was named", func(a *oauth.AuthorizationCode, r *oauth.CodeRequest) { a.RedirectURI, r.RedirectURI = "", "" }, "key", 0, true},
		{"no verifier", func(_ *oauth.AuthorizationCode, r *oauth.CodeRequest) { r.Verifier = "" }, "key", 0, false},
		{"another verifier", func(_ *oauth.AuthorizationCode, r *oauth.CodeRequest) { r.Verifier = strings.Repeat("a", 43) }, "key", 0, false},
		{"the challenge as verifier", func(_ *oauth.AuthorizationCode, r *oauth.CodeRequest) { r.Verifier = challenge }, "key", 0, false},
		{"a verifier without a challenge", func(a *oauth.AuthorizationCode, _ *oauth.CodeRequest) { a.Challenge = "" }, "key", 0, false},
		{"neither", func(a *oauth.AuthorizationCode, r *oauth.CodeRequest) { a.Challenge, r.Verifier = "", "" }, "key", 0, true},
		{"another key", func(*oauth.AuthorizationCode, *oauth.CodeRequest) {}, "other", 0, false},
		{"no key", func(*oauth.AuthorizationCode, *oauth.CodeRequest) {}, "", 0, false},
	} {
		code, request := good, oauth.CodeRequest{RedirectURI: "https://app.example/cb", Verifier: verifier}
		tt.change(&code, &request)
		err := code.Check(request, client, tt.jkt, noon.Add(tt.later))
		if (err == nil) != tt.good || err != nil && err.Code != oauth.InvalidGrant {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// A verifier has 43 to 128 unreserved characters (RFC 7636 §4.1), even where its hash would fit.
func TestShortVerifierIsNone(t *testing.T) {
	code := oauth.AuthorizationCode{ClientID: "app", Issued: noon, Challenge: "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"} // of "hello"
	if code.Check(oauth.CodeRequest{Verifier: "hello"}, &oauth.Client{ID: "app"}, "", noon) == nil {
		t.Error("a verifier of five characters was accepted")
	}
}

func TestRefreshCheck(t *testing.T) {
	both := oauth.Confirmation{JKT: "key", X5T: "certificate"}
	token := oauth.RefreshToken{ClientID: "app", Expires: noon.Add(time.Hour), Confirmation: both}
	for _, tt := range []struct {
		name, client string
		proof        oauth.Confirmation
		later        time.Duration
		good         bool
	}{
		{"all is well", "app", both, 0, true},
		{"another client", "other", both, 0, false},
		{"expired", "app", both, time.Hour, false},
		{"another key", "app", oauth.Confirmation{JKT: "other", X5T: "certificate"}, 0, false},
		{"no key", "app", oauth.Confirmation{X5T: "certificate"}, 0, false},
		{"another certificate", "app", oauth.Confirmation{JKT: "key", X5T: "other"}, 0, false},
		{"no certificate", "app", oauth.Confirmation{JKT: "key"}, 0, false},
	} {
		err := token.Check(&oauth.Client{ID: tt.client}, tt.proof, noon.Add(tt.later))
		if (err == nil) != tt.good || err != nil && err.Code != oauth.InvalidGrant {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestRefreshJudge(t *testing.T) {
	public, confidential := &oauth.Client{}, &oauth.Client{ClientAuthentication: oauth.ClientAuthentication{SecretHash: []byte("x")}}
	bound := oauth.Confirmation{JKT: "key"}
	for _, tt := range []struct {
		name       string
		generation int
		bound      oauth.Confirmation
		client     *oauth.Client
		later      time.Duration
		want       oauth.RefreshVerdict
	}{
		{"the current one", 5, oauth.Confirmation{}, public, time.Hour, oauth.RefreshGood},
		{"the one before, at once", 4, oauth.Confirmation{}, public, oauth.RefreshGrace - 1, oauth.RefreshRaced},
		{"the one before, late", 4, oauth.Confirmation{}, public, oauth.RefreshGrace, oauth.RefreshReused},
		{"an older one, at once", 3, oauth.Confirmation{}, public, 0, oauth.RefreshReused},
		{"one that was never issued", 6, oauth.Confirmation{}, public, 0, oauth.RefreshReused},
		{"the one before, of a client that authenticates", 4, oauth.Confirmation{}, confidential, 0, oauth.RefreshReused},
		{"the one before, bound to a key", 4, bound, public, 0, oauth.RefreshReused},
	} {
		token := oauth.RefreshToken{Generation: tt.generation, Confirmation: tt.bound}
		if got := token.Judge(&oauth.Family{Generation: 5, Rotated: noon}, tt.client, noon.Add(tt.later)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRefreshedScope(t *testing.T) {
	p := oauth.DefaultProfile()
	c := &oauth.Client{Scope: []string{"openid", "read", "payment"}}
	token := oauth.RefreshToken{Scope: []string{"openid", "read", "email", "payment"}}
	for _, tt := range []struct {
		name  string
		asked []string
		age   time.Duration
		want  []string
	}{
		{"all that the client still has", nil, 0, []string{"openid", "read", "payment"}},
		{"less", []string{"read"}, 0, []string{"read"}},
		{"more than was agreed to", []string{"read", "profile"}, 0, nil},
		{"what demands a fresher sign-in is left out", nil, time.Hour, []string{"openid", "read"}},
	} {
		got, err := token.RefreshedScope(tt.asked, noon.Add(-tt.age), c, &p, noon)
		if (err != nil) != (tt.want == nil) || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v %v", tt.name, got, err)
		}
	}
}

func TestCheckBinding(t *testing.T) {
	key, certificate := oauth.Confirmation{JKT: "key"}, oauth.Confirmation{X5T: "certificate"}
	for _, tt := range []struct {
		dpop, tls bool
		proof     oauth.Confirmation
		good      bool
	}{
		{false, false, oauth.Confirmation{}, true}, {true, false, key, true}, {false, true, certificate, true},
		{true, false, oauth.Confirmation{}, false}, {true, false, certificate, false},
		{false, true, oauth.Confirmation{}, false}, {false, true, key, false},
	} {
		c := &oauth.Client{ClientTokens: oauth.ClientTokens{DPoPBound: tt.dpop, TLSBound: tt.tls}}
		if err := c.CheckBinding(tt.proof); (err == nil) != tt.good {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// There is nobody in the token of a client to know, to have signed in, or to be away.
func TestParseClientScope(t *testing.T) {
	p := oauth.DefaultProfile()
	c := &oauth.Client{Scope: []string{"openid", "read", "payment", "offline_access"}}
	got, err := oauth.ParseClientScope(url.Values{}, c, &p)
	if err != nil || !slices.Equal(got, []string{"read"}) {
		t.Errorf("%v %v", got, err)
	}
}

func TestDeviceCodeCheck(t *testing.T) {
	code := oauth.DeviceCode{ClientID: "tv", Expires: noon}
	for _, tt := range []struct {
		name, client string
		at           time.Time
		want         oauth.Code
	}{
		{"all is well", "tv", noon.Add(-1), ""},
		{"another client", "radio", noon.Add(-1), oauth.InvalidGrant},
		{"expired", "tv", noon, oauth.ExpiredToken},
	} {
		err := code.Check(&oauth.Client{ID: tt.client}, tt.at)
		if (err == nil) != (tt.want == "") || err != nil && err.Code != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
