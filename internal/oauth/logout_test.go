package oauth_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
)

var logoutParameters = []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "for_origin"}

func TestParseLogout(t *testing.T) {
	token := strings.Repeat("t", 8192)
	for raw, want := range map[string]oauth.LogoutRequest{
		"": {},
		"id_token_hint=&client_id=&post_logout_redirect_uri=&state=&for_origin=": {},
		"unknown=1&unknown=2&ui_locales=de":                                      {},
		"id_token_hint=h&client_id=c&post_logout_redirect_uri=https://a.example/o&state=s%26&for_origin=https://a.example": {
			IDTokenHint: "h", ClientID: "c", PostLogoutRedirectURI: "https://a.example/o", State: "s&", ForOrigin: "https://a.example",
		},
		"id_token_hint=" + token: {IDTokenHint: token},
	} {
		got, err := oauth.ParseLogout(query(t, raw))
		if err != nil {
			t.Errorf("%.80q: %v", raw, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%.80q: %s", raw, diff)
		}
	}
	for _, name := range logoutParameters {
		for _, raw := range []string{name + "=1&" + name + "=1", name + "=&" + name + "=", name + "=" + strings.Repeat("t", 24<<10+1)} {
			if got, err := oauth.ParseLogout(query(t, raw)); code(err) != oauth.InvalidRequest || got != (oauth.LogoutRequest{}) {
				t.Errorf("%.80q: %v", raw, err)
			}
		}
	}
}

func FuzzParseLogout(f *testing.F) {
	f.Add("id_token_hint=a.b.c&state=%00&for_origin=https://a.example")
	f.Add("state=1&state=2")
	f.Fuzz(func(t *testing.T, raw string) {
		q, _ := url.ParseQuery(raw)
		r, err := oauth.ParseLogout(q)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		for i, got := range []string{r.IDTokenHint, r.ClientID, r.PostLogoutRedirectURI, r.State, r.ForOrigin} {
			if name := logoutParameters[i]; len(q[name]) > 1 || got != q.Get(name) {
				t.Errorf("%q: %s is %q", raw, name, got)
			}
		}
	})
}

func TestHintNames(t *testing.T) {
	s := &standing(0).Session
	for sid, want := range map[string]bool{s.ID.String(): true, "": false, id(9).String(): false, "x" + s.ID.String(): false} {
		if got := (&oauth.IDToken{SID: sid}).HintNames(s); got != want {
			t.Errorf("sid %q: %t", sid, got)
		}
	}
}

func TestLogoutFrame(t *testing.T) {
	for uri, want := range map[string]oauth.LogoutFrame{
		"https://a.example/out":           {Address: "https://a.example/out?iss=https%3A%2F%2Fid.example%2Fas&sid=S", Origin: "https://a.example"},
		"https://a.example/out?b=2&a=%20": {Address: "https://a.example/out?b=2&a=%20&iss=https%3A%2F%2Fid.example%2Fas&sid=S", Origin: "https://a.example"},
		"https://A.example:443/out?":      {Address: "https://A.example:443/out?iss=https%3A%2F%2Fid.example%2Fas&sid=S", Origin: "https://a.example"},
		"http://localhost:8080/out":       {Address: "http://localhost:8080/out?iss=https%3A%2F%2Fid.example%2Fas&sid=S", Origin: "http://localhost:8080"},
		// Nothing that could leave its place in a policy, or show another origin than it seems to.
		"": {}, "/out": {}, "com.example.app:/out": {}, "javascript:alert(1)": {}, "data:text/html,x": {}, "https://a.example/#out": {},
		"https://u@a.example/out": {}, "https://a.example;script-src */": {}, "https://*/out": {}, "https://a.example\\@b.example/": {}, "https:a.example": {},
	} {
		c := &oauth.Client{ClientLogout: oauth.ClientLogout{FrontChannelLogoutURI: uri}}
		got, ok := c.LogoutFrame("https://id.example/as", "S")
		if diff := cmp.Diff(want, got); diff != "" || ok != (want != oauth.LogoutFrame{}) {
			t.Errorf("%q: %t, %s", uri, ok, diff)
		}
	}
}

func TestInitiateLogin(t *testing.T) {
	for _, tt := range []struct{ uri, hint, want string }{
		{"https://a.example/start", "", "https://a.example/start?iss=https%3A%2F%2Fid.example%2Fas"},
		{"https://a.example/start?x=1", "alice & co", "https://a.example/start?x=1&iss=https%3A%2F%2Fid.example%2Fas&login_hint=alice+%26+co"},
		{"", "", ""}, {"javascript:alert(1)", "", ""}, {"com.example.app:/start", "", ""}, {"//a.example", "", ""},
	} {
		c := &oauth.Client{ClientRequests: oauth.ClientRequests{InitiateLoginURI: tt.uri}}
		if got, ok := c.InitiateLogin("https://id.example/as", tt.hint); got.String() != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: %q, %t", tt.uri, got, ok)
		}
	}
}
