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
		for _, raw := range []string{name + "=1&" + name + "=1", name + "=&" + name + "=", name + "=" + token + "t"} {
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
