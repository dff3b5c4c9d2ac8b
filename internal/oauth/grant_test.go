package oauth_test

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// What a code is bound to beside redirect URI and challenge: the client, a minute, a key.
func TestCodeCheck(t *testing.T) {
	code := oauth.AuthorizationCode{ClientID: "app", JKT: "key", Issued: noon}
	for _, tt := range []struct {
		name, client, jkt string
		later             time.Duration
		good              bool
	}{
		{"all is well", "app", "key", 59 * time.Second, true},
		{"another client", "other", "key", 0, false},
		{"a minute old", "app", "key", time.Minute, false},
		{"another key", "app", "other", 0, false},
		{"no key", "app", "", 0, false},
	} {
		err := code.Check(oauth.CodeRequest{}, &oauth.Client{ID: tt.client}, tt.jkt, noon.Add(tt.later))
		if (err == nil) != tt.good || err != nil && err.Code != oauth.InvalidGrant {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// A verifier has 43 to 128 characters (RFC 7636 §4.1), even where its hash would fit: a short one can be guessed.
func TestShortVerifierIsNone(t *testing.T) {
	code := oauth.AuthorizationCode{ClientID: "app", Issued: noon, Challenge: "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"} // of "hello"
	if code.Check(oauth.CodeRequest{Verifier: "hello"}, &oauth.Client{ID: "app"}, "", noon) == nil {
		t.Error("a verifier of five characters was accepted")
	}
}

func TestRefreshTokenExpires(t *testing.T) {
	token := oauth.RefreshToken{ClientID: "app", Expires: noon}
	for at, good := range map[time.Time]bool{noon.Add(-1): true, noon: false} {
		if err := token.Check(&oauth.Client{ID: "app"}, oauth.Confirmation{}, at); (err == nil) != good {
			t.Errorf("at %s: %v", at, err)
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

// There is nobody in the token of a client to know, to have signed in, or to be away.
func TestParseClientScope(t *testing.T) {
	p := oauth.DefaultProfile()
	c := &oauth.Client{Scope: []string{"openid", "read", "payment", "offline_access"}}
	got, err := oauth.ParseClientScope(url.Values{}, c, &p)
	if err != nil || !slices.Equal(got, []string{"read"}) {
		t.Errorf("%v %v", got, err)
	}
}

// A client's own tokens hang off the client alone: what ends those of before, when it was disabled, ends them for good.
func TestTokensOfAClientEndWithItsDisabling(t *testing.T) {
	p, c := oauth.DefaultProfile(), &oauth.Client{ID: "app"}
	token := oauth.NewClientToken(id(1), c, &p, nil, nil, oauth.Confirmation{}, noon)
	for before, want := range map[time.Time]bool{{}: true, noon: true, noon.Add(time.Second): false} {
		c.RevokedBefore = before
		if got := oauth.Active(&token, &oauth.Standing{}, false, c, noon.Add(time.Second)); got != want {
			t.Errorf("revoked before %s: active is %t", before, got)
		}
	}
}
