package oauth_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
)

const issuer = "https://localhost:8443/oauth/v2/oauth-anonymous"

// token is what alice's app gets a minute after she signed in.
func token(c *oauth.Client, scope []string) (*oauth.Standing, oauth.AccessToken) {
	st := standing(time.Minute)
	i := issue(c, st)
	i.Scope = scope
	return st, i.AccessToken(id(9))
}

// issue is what the tokens of an answer rest on, at most a second after noon.
func issue(c *oauth.Client, st *oauth.Standing) *oauth.Issue {
	p := oauth.DefaultProfile()
	return &oauth.Issue{Issuer: issuer, Client: c, Profile: &p, Standing: st, Now: noon.Add(900 * time.Millisecond)}
}

// The example of OpenID Connect Core, appendix A.3.
func TestATHashVector(t *testing.T) {
	i := issue(&oauth.Client{ID: "app"}, standing(0))
	got := i.IDToken(oauth.IssuedWith{AccessToken: "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"})
	if got.ATHash != "77QmUPtjPfzWtF2AnpK9RQ" || got.CHash != "" || got.SHash != "" {
		t.Errorf("at_hash = %s, c_hash = %s, s_hash = %s", got.ATHash, got.CHash, got.SHash)
	}
}

func TestIDToken(t *testing.T) {
	i := issue(&oauth.Client{ID: "app"}, standing(time.Minute))
	i.Nonce = "n-1"
	got := i.IDToken(oauth.IssuedWith{AccessToken: "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"})
	golden(t, "id_token", got)
	if got.Expires-got.Issued != int64(i.Profile.IDTokenSeconds) || got.AuthTime != noon.Unix()-60 {
		t.Errorf("times: %+v", got)
	}
	i.Nonce = ""
	golden(t, "id_token_without_nonce", i.IDToken(oauth.IssuedWith{AccessToken: "x"}))
}

func TestJWTAccessToken(t *testing.T) {
	c := &oauth.Client{ID: "app"}
	c.Audience = []string{"https://api.example", "https://other.example"}
	st, at := token(c, []string{"openid", "read"})
	claims := at.JWT(issuer, c, &st.Session)
	golden(t, "jwt_access_token", claims)
	// RFC 9068 §2.2: these are required, whatever the client is.
	text, err := json.Marshal(at.JWT(issuer, &oauth.Client{ID: "app"}, &st.Session))
	if err != nil {
		t.Fatal(err)
	}
	var have map[string]any
	if err := json.Unmarshal(text, &have); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} {
		if have[name] == nil {
			t.Errorf("%s is missing: %s", name, text)
		}
	}
	if diff := cmp.Diff([]any{issuer}, have["aud"]); diff != "" {
		t.Errorf("aud falls back to the issuer: %s", diff)
	}
	back := claims.AccessToken()
	at.Audience = c.Audience // that of its client, as long as the token names none
	if diff := cmp.Diff(at, back); diff != "" {
		t.Errorf("the token does not survive its claims: %s", diff)
	}
}

func TestAccessTokenLifetime(t *testing.T) {
	p := oauth.DefaultProfile()
	if got := oauth.AccessTokenLifetime(&oauth.Client{}, &p); got != 300*time.Second {
		t.Errorf("the profile's: %s", got)
	}
	if got := oauth.AccessTokenLifetime(lasting(20), &p); got != 20*time.Second {
		t.Errorf("the client's own: %s", got)
	}
	_, at := token(lasting(20), nil)
	if !at.Issued.Equal(noon) || !at.Expires.Equal(noon.Add(20*time.Second)) || at.ID != id(9) || at.DelegationID != id(3) || at.Subject != id(2).String() {
		t.Errorf("%+v", at)
	}
}

// Keys have to be kept as long as the longest-lived thing made with them.
func TestLongestLifetime(t *testing.T) {
	p := oauth.Profile{AccessTokenSeconds: 300, IDTokenSeconds: 300, RefreshSeconds: 60, SessionMaxSeconds: 60}
	if got := oauth.LongestLifetime(&p, nil); got != oauth.FlowLifetime {
		t.Errorf("a flow lasts longer: %s", got)
	}
	if got := oauth.LongestLifetime(&p, []oauth.Client{{}, *lasting(3600), *lasting(5)}); got != time.Hour {
		t.Errorf("a client's token lasts longer: %s", got)
	}
	p.IDTokenSeconds = 7200
	if got := oauth.LongestLifetime(&p, nil); got != 2*time.Hour {
		t.Errorf("an ID token lasts longer: %s", got)
	}
	p.SessionMaxSeconds = 86400
	if got := oauth.LongestLifetime(&p, nil); got != 24*time.Hour {
		t.Errorf("a session lasts longer: %s", got)
	}
}

func TestHasOpenID(t *testing.T) {
	if oauth.HasOpenID(nil) || oauth.HasOpenID([]string{"OpenID", "openid2"}) || !oauth.HasOpenID([]string{"read", "openid"}) {
		t.Error("HasOpenID")
	}
}

func TestAssistedMessages(t *testing.T) {
	_, at := token(&oauth.Client{ID: "app"}, []string{"openid", "read"})
	golden(t, "assisted_success", oauth.NewAssistedSuccess(&at, "handle", "id.to.ken"))
	_, bare := token(&oauth.Client{ID: "app"}, nil)
	golden(t, "assisted_success_without_scope", oauth.NewAssistedSuccess(&bare, "handle", ""))
	golden(t, "assisted_error", oauth.NewAssistedError(message.SilentError(oauth.StepAuthenticate)))

	raw := &oauth.Error{Code: oauth.ServerError, Description: "a \"b\" \\ \u2028 é", Cause: oauth.Errorf(oauth.AccessDenied, "secret")}
	text, err := json.Marshal(oauth.NewAssistedError(raw))
	if err != nil || string(text) != `{"status":"error","error":"server_error","error_description":"a 'b' ? ? ?"}` {
		t.Errorf("%s, %v", text, err)
	}
}

// message is a flow whose answer is a message.
var message = &oauth.Flow{Ending: oauth.EndMessage}

func TestUserInfoShape(t *testing.T) {
	_, at := token(&oauth.Client{ID: "app"}, []string{"openid", "profile", "email"})
	p := oauth.DefaultProfile()
	golden(t, "userinfo", oauth.UserInfo(&at, &standing(0).Account, &p))
}

// lasting is a client whose access tokens live so many seconds.
func lasting(seconds int) *oauth.Client {
	c := &oauth.Client{ID: "app"}
	c.AccessTokenSeconds = seconds
	return c
}
