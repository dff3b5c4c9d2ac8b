package web_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

func TestNonceIsFresh(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		n := web.Nonce()
		if raw, err := base64.StdEncoding.DecodeString(n); err != nil || len(raw) != 16 {
			t.Fatalf("%q is not 128 bits", n)
		}
		if seen[n] {
			t.Fatalf("%q came twice", n)
		}
		seen[n] = true
	}
}

func TestHarden(t *testing.T) {
	for host, hsts := range map[string]string{
		"id.example.com": "max-age=31536000", "usher": "max-age=31536000",
		"localhost": "", "id.localhost": "", "127.0.0.1": "", "192.0.2.7": "", "::1": "", "[2001:db8::1]": "", "2001:db8::1": "",
	} {
		next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })
		w := httptest.NewRecorder()
		web.Harden(next, host).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		headers(t, w.Result().Header, map[string]string{"X-Content-Type-Options": "nosniff", "Strict-Transport-Security": hsts})
		if w.Code != http.StatusTeapot {
			t.Errorf("%s: status %d", host, w.Code)
		}
	}
}

// Every page that any door shows carries the same headers, whoever writes it.
func TestEveryPageCarriesTheHeaders(t *testing.T) {
	log, _ := logger()
	for name, view := range views("x") {
		for _, frame := range []oauth.ValidOrigin{{}, app(t)} {
			t.Run(name+" framed by "+frame.String(), func(t *testing.T) {
				w := record(func(w http.ResponseWriter) { web.WritePage(w, log, http.StatusAccepted, frame, view) })
				ancestors, options, referrer := "'none'", "DENY", "same-origin"
				if _, behindLink := view.(web.NewPassword); behindLink {
					referrer = "no-referrer" // its address holds the link's code
				}
				if !frame.IsZero() {
					ancestors, options = "https://app.example:8443", "ALLOW-FROM https://app.example:8443"
				}
				headers(t, w.Result().Header, map[string]string{
					"Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8", "Referrer-Policy": referrer,
					"X-Frame-Options": options, "Access-Control-Allow-Origin": "", "Cross-Origin-Opener-Policy": "",
				})
				policy(t, w.Result().Header, ancestors)
				if w.Code != http.StatusAccepted {
					t.Errorf("status %d", w.Code)
				}
			})
		}
	}
}

func TestOperatorsPagesCarryTheirHeaders(t *testing.T) {
	for _, tc := range []struct{ runtime, want string }{
		{"", "form-action 'self'; frame-ancestors 'none'"},
		{"https://id.example", "form-action 'self' https://id.example; frame-src https://id.example; frame-ancestors 'none'"},
	} {
		h := http.Header{}
		web.AdminPageHeaders(h, "N", tc.runtime)
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; script-src 'self' 'nonce-N'; ") || !strings.HasSuffix(csp, tc.want) || strings.Contains(csp, "unsafe") {
			t.Error(csp)
		}
		headers(t, h, map[string]string{
			"X-Frame-Options": "DENY", "Cache-Control": "no-store", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
		})
	}
	h := http.Header{"Referrer-Policy": {"no-referrer"}}
	web.AdminPageHeaders(h, "N", "")
	headers(t, h, map[string]string{"Referrer-Policy": "no-referrer"})
}

func TestPagesDoNotShareANonce(t *testing.T) {
	log, _ := logger()
	first := record(func(w http.ResponseWriter) { web.WritePage(w, log, 200, oauth.ValidOrigin{}, web.SignedOut{}) })
	second := record(func(w http.ResponseWriter) { web.WritePage(w, log, 200, oauth.ValidOrigin{}, web.SignedOut{}) })
	if policy(t, first.Result().Header, "'none'") == policy(t, second.Result().Header, "'none'") {
		t.Error("two answers, one nonce")
	}
}

// Chromium holds the redirect that answers a form against form-action, so the logout page has to name where it
// leads; no other page leads anywhere.
func TestLogoutFormLeadsToItsTarget(t *testing.T) {
	log, _ := logger()
	c := &oauth.Client{PostLogoutRedirectURIs: []string{"https://app.example/out?x=1"}}
	target, ok := c.PostLogoutRedirect("https://app.example/out?x=1", "s")
	if !ok {
		t.Fatal("the test's redirect is not valid")
	}
	for want, view := range map[string]web.View{
		"; form-action 'self' https:; ": web.Logout{Target: target}, "; form-action 'self'; ": web.Logout{},
	} {
		w := record(func(w http.ResponseWriter) { web.WritePage(w, log, 200, oauth.ValidOrigin{}, view) })
		if csp := w.Result().Header.Get("Content-Security-Policy"); !strings.Contains(csp, want) {
			t.Errorf("%q lacks %q", csp, want)
		}
	}
}
