package oauth_test

import (
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

func TestActive(t *testing.T) {
	type facts struct {
		token   oauth.AccessToken
		st      *oauth.Standing
		revoked bool
		client  *oauth.Client
		now     time.Time
	}
	for _, tt := range []struct {
		name   string
		change func(*facts)
		active bool
	}{
		{"all is well", func(*facts) {}, true},
		{"in its last moment", func(f *facts) { f.now = f.token.Expires.Add(-time.Millisecond) }, true},
		{"expired", func(f *facts) { f.now = f.token.Expires }, false},
		{"revoked", func(f *facts) { f.revoked = true }, false},
		{"the account is locked", func(f *facts) { f.st.Account.Locked = true }, false},
		{"the client is disabled", func(f *facts) { f.client.Disabled = true }, false},
		{"the client is gone", func(f *facts) { f.client = nil }, false},
		{"the session sat idle", func(f *facts) { f.st.Session.LastUsed = noon.Add(-time.Hour) }, false},
		{"the session is over", func(f *facts) { f.st.Session.Expires = noon }, false},
		{"the delegation ended", func(f *facts) { f.st.Delegation = nil }, false},
		{"the delegation is another client's", func(f *facts) { f.st.Delegation.ClientID = "other" }, false},
		{"exchanged by the token's client", func(f *facts) { f.st.Delegation.ClientID, f.token.Actor = "other", "app" }, true},
		{"exchanged by another client", func(f *facts) { f.st.Delegation.ClientID, f.token.Actor = "other", "third" }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := facts{client: &oauth.Client{ID: "app"}, now: noon}
			f.st, f.token = token(f.client, []string{"read"})
			tt.change(&f)
			if got := oauth.Active(&f.token, f.st, f.revoked, f.client, f.now); got != tt.active {
				t.Errorf("Active = %t", got)
			}
		})
	}
}

func TestIntrospect(t *testing.T) {
	c := &oauth.Client{ID: "app"}
	st, at := token(c, []string{"openid", "read"})
	golden(t, "introspection", oauth.Introspect(&at, st, issuer, c))
	golden(t, "introspection_inactive", oauth.Introspection{})
	c.Audience = []string{"https://api.example"}
	if got := oauth.Introspect(&at, st, issuer, c).Audience; len(got) != 1 || got[0] != "https://api.example" {
		t.Errorf("aud = %q", got)
	}
}

// A signed answer says nothing of a token that is meant for other APIs (RFC 9701 §5).
func TestJWTIntrospectionIsForTheAudienceOfTheToken(t *testing.T) {
	api := &oauth.Client{ID: "api"}
	api.Resources = []string{"https://api.example"}
	for _, tt := range []struct {
		name   string
		token  oauth.Introspection
		active bool
	}{
		{"for every API here", oauth.Introspection{Active: true, Audience: []string{issuer}}, true},
		{"by the caller's id", oauth.Introspection{Active: true, Audience: []string{"x", "api"}}, true},
		{"by a name of the caller", oauth.Introspection{Active: true, Audience: []string{"https://api.example"}}, true},
		{"for another", oauth.Introspection{Active: true, Audience: []string{"https://bank.example"}, Subject: "alice"}, false},
		{"for another, but the caller's own", oauth.Introspection{Active: true, ClientID: "api", Audience: []string{"https://bank.example"}}, true},
		{"inactive", oauth.Introspection{}, false},
	} {
		got := oauth.NewJWTIntrospection(tt.token, issuer, api, noon)
		if got.Token.Active != tt.active || !tt.active && got.Token.Subject != "" {
			t.Errorf("%s: %+v", tt.name, got.Token)
		}
		if got.Issuer != issuer || got.Audience != "api" || got.Issued != noon.Unix() {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
