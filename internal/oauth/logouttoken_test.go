package oauth_test

import (
	"encoding/json"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

func TestLogoutTokenWireForm(t *testing.T) {
	p := oauth.DefaultProfile()
	golden(t, "logout_token", oauth.NewLogoutToken("https://id.example/as", &oauth.Client{ID: "app"}, &p, &standing(0).Session, id(7), noon))
}

// A logout token names the user as the client's ID tokens do, and nothing in it can pass for one.
func TestLogoutTokenOfAPairwiseClient(t *testing.T) {
	p := oauth.DefaultProfile()
	p.PairwiseSalt = []byte("salt")
	c := &oauth.Client{ID: "app", ClientTokens: oauth.ClientTokens{SubjectType: oauth.SubjectPairwise, SectorIdentifier: "app.example"}}
	s := &standing(0).Session
	token := oauth.NewLogoutToken("https://id.example/as", c, &p, s, id(7), noon)
	if token.Subject != p.Subject(c, s.AccountID) || token.Subject == s.AccountID.String() {
		t.Errorf("sub %q", token.Subject)
	}
	issue := oauth.Issue{Client: c, Profile: &p, Standing: &oauth.Standing{Session: *s}, Now: noon}
	if token.SID != issue.IDToken(oauth.IssuedWith{}).SID || token.SID == s.ID.String() {
		t.Errorf("sid %q", token.SID)
	}
	text, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	if _, there := claims["nonce"]; there {
		t.Error("a logout token has a nonce (OpenID Connect Back-Channel Logout §2.4 forbids it)")
	}
}
