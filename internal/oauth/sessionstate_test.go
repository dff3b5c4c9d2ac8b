package oauth_test

import (
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

func TestBrowserState(t *testing.T) {
	a, b := oauth.BrowserState("secret"), oauth.BrowserState("other")
	if a == b || a != oauth.BrowserState("secret") || len(a) != 64 || strings.Trim(a, "0123456789abcdef") != "" {
		t.Errorf("%q, %q", a, b)
	}
}

// The value is what the script of the check_session_iframe computes, from whatever wrote it first: openssl did.
func TestSessionState(t *testing.T) {
	want := "4ca2b64cfe67e32414996d650625a011af070db696c62b72e0061ed618dabbbf.salt"
	if got := oauth.SessionState("app", "https://app.example", "state", "salt"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSessionStateDependsOnEachPart(t *testing.T) {
	seen := map[string]bool{}
	for _, part := range [][4]string{
		{"app", "https://app.example", "state", "salt"}, {"apq", "https://app.example", "state", "salt"},
		{"app", "https://app.exampla", "state", "salt"}, {"app", "https://app.example", "statf", "salt"},
		{"app", "https://app.example", "state", "sals"}, {"app", "https://app.example", "", "salt"},
	} {
		got := oauth.SessionState(part[0], part[1], part[2], part[3])
		if seen[got] || !strings.HasSuffix(got, "."+part[3]) || strings.Contains(got, " ") {
			t.Errorf("%v: %q", part, got)
		}
		seen[got] = true
	}
}

func TestRedirectOrigin(t *testing.T) {
	for uri, want := range map[string]string{
		"https://a.example/cb?x=1": "https://a.example", "https://A.example:443/cb": "https://a.example", "http://localhost:8080": "http://localhost:8080",
		"com.example.app:/cb": "", "https://u@a.example/": "", "https://a.example\\@b.example/": "", "/cb": "",
	} {
		r, ok := (&oauth.Client{PostLogoutRedirectURIs: []string{uri}}).PostLogoutRedirect(uri, "")
		if got := r.Origin(); !ok || got != want {
			t.Errorf("the origin of %q is %q, want %q", uri, got, want)
		}
	}
}
