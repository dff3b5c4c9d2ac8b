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
	st, p := standing(time.Minute), oauth.DefaultProfile()
	return st, oauth.NewAccessToken(id(9), st.Delegation, st, scope, c, &p, noon.Add(900*time.Millisecond))
}

// The example of OpenID Connect Core, appendix A.3.
func TestATHashVector(t *testing.T) {
	if got := oauth.ATHash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"); got != "77QmUPtjPfzWtF2AnpK9RQ" {
		t.Errorf("at_hash = %s", got)
	}
}

func TestIDToken(t *testing.T) {
	st, p, c := standing(time.Minute), oauth.DefaultProfile(), &oauth.Client{ID: "app"}
	now := noon.Add(900 * time.Millisecond)
	got := oauth.NewIDToken(issuer, c, &p, st, "n-1", "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", now)
	golden(t, "id_token", got)
	if got.Expires-got.Issued != int64(p.IDTokenSeconds) || got.AuthTime != noon.Unix()-60 {
		t.Errorf("times: %+v", got)
	}
	golden(t, "id_token_without_nonce", oauth.NewIDToken(issuer, c, &p, st, "", "x", now))
}

func TestJWTAccessToken(t *testing.T) {
	c := &oauth.Client{ID: "app", Audience: []string{"https://api.example", "https://other.example"}}
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
	if diff := cmp.Diff(at, back); diff != "" {
		t.Errorf("the token does not survive its claims: %s", diff)
	}
}

func TestAccessTokenLifetime(t *testing.T) {
	p := oauth.DefaultProfile()
	if got := oauth.AccessTokenLifetime(&oauth.Client{}, &p); got != 300*time.Second {
		t.Errorf("the profile's: %s", got)
	}
	if got := oauth.AccessTokenLifetime(&oauth.Client{AccessTokenSeconds: 20}, &p); got != 20*time.Second {
		t.Errorf("the client's own: %s", got)
	}
	_, at := token(&oauth.Client{ID: "app", AccessTokenSeconds: 20}, nil)
	if !at.Issued.Equal(noon) || !at.Expires.Equal(noon.Add(20*time.Second)) || at.ID != id(9) || at.DelegationID != id(3) || at.Subject != id(2).String() {
		t.Errorf("%+v", at)
	}
}

// Keys have to be kept as long as the longest-lived thing made with them.
func TestLongestLifetime(t *testing.T) {
	p := oauth.Profile{AccessTokenSeconds: 300, IDTokenSeconds: 300, SessionMaxSeconds: 60}
	if got := oauth.LongestLifetime(&p, nil); got != oauth.FlowLifetime {
		t.Errorf("a flow lasts longer: %s", got)
	}
	if got := oauth.LongestLifetime(&p, []oauth.Client{{}, {AccessTokenSeconds: 3600}, {AccessTokenSeconds: 5}}); got != time.Hour {
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
	golden(t, "assisted_error", oauth.NewAssistedError(oauth.SilentError(oauth.StepAuthenticate)))

	raw := &oauth.Error{Code: oauth.ServerError, Description: "a \"b\" \\ \u2028 é", Cause: oauth.Errorf(oauth.AccessDenied, "secret")}
	text, err := json.Marshal(oauth.NewAssistedError(raw))
	if err != nil || string(text) != `{"status":"error","error":"server_error","error_description":"a 'b' ? ? ?"}` {
		t.Errorf("%s, %v", text, err)
	}
}

func TestUserInfoShape(t *testing.T) {
	golden(t, "userinfo", oauth.NewUserInfo(&standing(0).Account, []string{"openid", "profile", "email"}))
}
