package admin

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

func TestFormsOfOthersAreRefused(t *testing.T) {
	w := newWorld(t)
	cookie := w.cookie("ada")
	for _, tc := range []struct {
		name    string
		headers []string
		want    int
	}{
		{"own page", nil, http.StatusOK},
		{"another site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, http.StatusForbidden},
		{"another port or subdomain", []string{"Sec-Fetch-Site", "same-site", "Origin", w.runtime}, http.StatusForbidden},
		{"an old browser, from elsewhere", []string{"Sec-Fetch-Site", "", "Sec-Fetch-Dest", "", "Origin", w.runtime}, http.StatusForbidden},
		{"a sandboxed frame", []string{"Sec-Fetch-Site", "", "Sec-Fetch-Dest", "", "Origin", "null"}, http.StatusForbidden},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := w.answer(w.request("POST", logoutPath, url.Values{}, append(tc.headers, "Cookie", sessionCookie.Name+"="+cookie)...))
			if r.StatusCode != tc.want {
				t.Errorf("got %d", r.StatusCode)
			}
			if tc.want == http.StatusForbidden {
				w.wantIn(w.cookie("ada"))
			}
			cookie = w.cookie("ada")
		})
	}
}

func TestAForgedFormChangesNothing(t *testing.T) {
	w := newWorld(t)
	cookie := w.cookie("ada")
	for _, rt := range w.admin.pages.Routes() {
		method, path, _ := strings.Cut(rt.Pattern, " ")
		if method == http.MethodGet {
			continue
		}
		path = placeholder.ReplaceAllString(path, newID().String())
		r := w.answer(w.request(method, path, url.Values{}, "Cookie", sessionCookie.Name+"="+cookie, "Sec-Fetch-Site", "same-site"))
		if r.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", rt.Pattern, r.StatusCode)
		}
	}
}

func TestPagesAreInNobodysFrame(t *testing.T) {
	w := newWorld(t)
	cookie := w.cookie("ada")
	for _, dest := range []string{"iframe", "frame", "embed", "object", "image", "script"} {
		r := w.answer(w.request("GET", homePath, nil, "Cookie", sessionCookie.Name+"="+cookie, "Sec-Fetch-Dest", dest))
		if r.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", dest, r.StatusCode)
		}
	}
	foreign := w.answer(w.request("GET", homePath, nil, "Cookie", sessionCookie.Name+"="+cookie, "Sec-Fetch-Dest", "empty", "Sec-Fetch-Site", "same-site"))
	if foreign.StatusCode != http.StatusForbidden {
		t.Errorf("a neighbour's script: %d", foreign.StatusCode)
	}
	own := w.answer(w.request("GET", homePath, nil, "Cookie", sessionCookie.Name+"="+cookie, "Sec-Fetch-Dest", "empty"))
	if own.StatusCode != http.StatusOK {
		t.Errorf("own script: %d", own.StatusCode)
	}
}

func TestEveryPageCarriesItsHeaders(t *testing.T) {
	w := newWorld(t)
	cookie := w.cookie("ada")
	paths := []string{"/admin/nowhere", callbackPath, "/admin/link?code=x"}
	for _, rt := range w.admin.pages.Routes() {
		if path, ok := strings.CutPrefix(rt.Pattern, "GET "); ok {
			paths = append(paths, placeholder.ReplaceAllString(path, newID().String()))
		}
	}
	for _, path := range paths {
		r := w.as(cookie, path)
		h := r.Header
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", path, csp)
		}
		if h.Get("X-Frame-Options") != "DENY" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Cache-Control"), "no-store") {
			t.Errorf("%s: %v", path, h)
		}
		if h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s speaks CORS", path)
		}
	}
}

func TestOnlyTheDoorsOwnNameIsAnswered(t *testing.T) {
	w := newWorld(t)
	for _, host := range []string{"evil.example", "localhost:1", "127.0.0.1", ""} {
		r := w.request("GET", "/admin/api/v1/clients", nil, "Authorization", "Bearer "+w.accessToken("ada", nil, oauth.ScopeAdmin))
		r.Host = host
		if got := w.answer(r).StatusCode; got != http.StatusMisdirectedRequest {
			t.Errorf("%q: %d", host, got)
		}
	}
}

func TestNothingIsAnsweredInTheClear(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/admin", "/admin/link", "/admin/api/v1/clients"} {
		r := w.request("GET", path, nil)
		r.TLS = nil
		r.Header.Set("X-Forwarded-Proto", "https") // of no proxy that is trusted
		if got := w.answer(r).StatusCode; got != http.StatusForbidden {
			t.Errorf("%s: %d", path, got)
		}
	}
}

func TestUnknownAddressesAndMethods(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		method, path string
		want         int
		kind, allow  string
	}{
		{"GET", "/admin/nowhere", 404, "text/html", ""},
		{"GET", "/elsewhere", 404, "text/html", ""},
		{"GET", "/admin/api/v1/nowhere", 404, "application/problem+json", ""},
		{"GET", "/admin/scim/v2/nowhere", 404, "application/scim+json", ""},
		{"DELETE", "/admin", 405, "text/html", "GET, HEAD"},
		{"PUT", "/admin/logout", 405, "text/html", "POST"},
		{"PUT", "/admin/api/v1/clients", 405, "application/problem+json", "GET, HEAD, POST"},
	} {
		r := w.answer(w.request(tc.method, tc.path, nil))
		if r.StatusCode != tc.want || !strings.HasPrefix(r.Header.Get("Content-Type"), tc.kind) || r.Header.Get("Allow") != tc.allow {
			t.Errorf("%s %s: %d %s, Allow %q", tc.method, tc.path, r.StatusCode, r.Header.Get("Content-Type"), r.Header.Get("Allow"))
		}
	}
	if r := w.answer(w.request("GET", "/", nil)); r.Header.Get("Location") != homePath {
		t.Errorf("/: %d", r.StatusCode)
	}
}

func TestAPIsSpeakNoCORS(t *testing.T) {
	w := newWorld(t)
	r := w.answer(w.request("OPTIONS", "/admin/api/v1/clients", nil, "Origin", w.runtime, "Access-Control-Request-Method", "GET"))
	if r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
}

func TestABodyIsBounded(t *testing.T) {
	w := newWorld(t)
	large := url.Values{"id": {strings.Repeat("x", maxBody)}}
	for _, rt := range w.admin.pages.Routes() {
		if rt.Op != "createClient" || !strings.HasPrefix(rt.Pattern, "POST ") || strings.Contains(rt.Pattern, "{") {
			continue
		}
		_, path, _ := strings.Cut(rt.Pattern, " ")
		r := w.answer(w.request("POST", path, large, "Cookie", sessionCookie.Name+"="+w.cookie("ada")))
		if r.StatusCode < 400 {
			t.Errorf("%s: %d", rt.Pattern, r.StatusCode)
		}
	}
}

func TestTokensThatDoNotOpenTheAPI(t *testing.T) {
	w := newWorld(t)
	const path = "/admin/api/v1/clients"
	ask := func(text string) (int, string) {
		r := w.answer(w.request("GET", path, nil, "Authorization", "Bearer "+text))
		return r.StatusCode, r.Header.Get("WWW-Authenticate")
	}
	of := func(change func(*oauth.AccessToken)) string { return w.accessToken("ada", change, oauth.ScopeRead) }
	if status, _ := ask(of(nil)); status != http.StatusOK {
		t.Fatalf("a good one: %d", status)
	}
	for name, text := range map[string]string{
		"expired":                          of(func(a *oauth.AccessToken) { a.Expires = w.now() }),
		"for another API":                  of(func(a *oauth.AccessToken) { a.Audience = []string{"https://api.example"} }),
		"bound to a DPoP key":              of(func(a *oauth.AccessToken) { a.Confirmation.JKT = "x" }),
		"bound to a certificate":           of(func(a *oauth.AccessToken) { a.Confirmation.X5T = "x" }),
		"of another client than its grant": of(func(a *oauth.AccessToken) { a.ClientID = oauth.AdminClientID }),
		"of a client that is not there":    of(func(a *oauth.AccessToken) { a.ClientID = "gone" }),
		"of a grant that ended": of(func(a *oauth.AccessToken) {
			w.must(w.store.EndDelegation(t.Context(), a.DelegationID, noAudit))
		}),
		"revoked":  of(func(a *oauth.AccessToken) { w.must(w.store.RevokeToken(t.Context(), a.ID, a.Expires, noAudit)) }),
		"nonsense": "nonsense",
		"a JWT":    "a.b.c",
	} {
		if status, challenge := ask(text); status != http.StatusUnauthorized || !strings.Contains(challenge, `error="invalid_token"`) {
			t.Errorf("%s: %d %s", name, status, challenge)
		}
	}
	for name, want := range map[string][]string{"for the issuer": {w.manager.Issuer}, "for this API": {"https://api.example", w.url}} {
		if status, _ := ask(of(func(a *oauth.AccessToken) { a.Audience = want })); status != http.StatusOK {
			t.Errorf("%s: %d", name, status)
		}
	}
}

func TestATokenOutsideTheHeaderIsNotRead(t *testing.T) {
	w := newWorld(t)
	text := w.accessToken("ada", nil, oauth.ScopeRead)
	for name, r := range map[string]*http.Request{
		"in the address":    w.request("GET", "/admin/api/v1/clients?access_token="+url.QueryEscape(text), nil),
		"by another scheme": w.request("GET", "/admin/api/v1/clients", nil, "Authorization", "DPoP "+text),
	} {
		answer := w.answer(r)
		if challenge := answer.Header.Get("WWW-Authenticate"); answer.StatusCode != http.StatusUnauthorized || strings.Contains(challenge, "error=") {
			t.Errorf("%s: %d %s", name, answer.StatusCode, challenge)
		}
	}
}

func TestWhoIsLockedHasNoGoodToken(t *testing.T) {
	w := newWorld(t)
	text := w.accessToken("oscar", nil, oauth.ScopeAdmin)
	w.must(w.store.SetLocked(t.Context(), w.accounts["oscar"].ID, 0, true, noAudit))
	r := w.answer(w.request("GET", "/admin/api/v1/clients", nil, "Authorization", "Bearer "+text))
	if r.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %d", r.StatusCode)
	}
}

// While the clock is wrong operators see why, and change nothing: the time of the change would be stored.
func TestAWrongClockIsShownAndChangesNothing(t *testing.T) {
	w := newWorld(t)
	var jump time.Duration
	start := time.Now()
	w.admin.Manager.Clock = clock.NewWatch(
		func() time.Time { return w.now().Add(jump) }, func() time.Duration { return time.Since(start) })
	look := func() {
		t.Helper()
		_, err := w.admin.Manager.Clock.Look(func() (clock.Witness, error) { return clock.Witness{Trusted: start}, nil })
		w.must(err)
	}
	ask := func(method string, form url.Values) (int, string) {
		t.Helper()
		r := w.answer(w.request(method, "/admin", form, "Cookie", sessionCookie.Name+"="+w.cookie("ada")))
		body, err := io.ReadAll(r.Body)
		w.must(err)
		return r.StatusCode, string(body)
	}
	look()
	if status, body := ask("GET", nil); status != http.StatusOK || strings.Contains(body, "was set by") {
		t.Errorf("with a right clock: %d", status)
	}
	jump = 2 * time.Hour
	look()
	if status, body := ask("GET", nil); status != http.StatusOK || !strings.Contains(body, "was set by 2h0m0s") {
		t.Errorf("with a wrong clock: %d %s", status, body)
	}
	if status, body := ask("POST", url.Values{}); status != http.StatusServiceUnavailable || !strings.Contains(body, "clock") {
		t.Errorf("a change: %d %s", status, body)
	}
	jump = 0
	look()
	if status, _ := ask("POST", url.Values{}); status == http.StatusServiceUnavailable {
		t.Error("refused though the clock is right again")
	}
}

func TestAKeyMadeElsewhereIsLookedUpOnceASecond(t *testing.T) {
	w := newWorld(t)
	key, err := token.NewKey(w.manager.Rand, token.UseSeal, "", w.now(), w.now(), w.manager.Master)
	w.must(err)
	ring, err := token.NewRing([]token.WrappedKey{key}, w.manager.Master, w.manager.Issuer)
	w.must(err)
	text, err := ring.SealAccess(oauth.AccessToken{ClientID: "tool", Expires: w.now().Add(time.Hour)}, w.now())
	w.must(err)
	for range 5 {
		if _, ok, err := w.admin.openAccess(t.Context(), text); ok || err != nil {
			t.Fatalf("%v, %v", ok, err)
		}
	}
	before := w.store.Stats().Reads
	for range 5 {
		_, _, _ = w.admin.openAccess(t.Context(), text)
	}
	if read := w.store.Stats().Reads - before; read > 1 {
		t.Errorf("%d reads", read)
	}
	_, err = w.store.AddKey(t.Context(), key, w.now().Add(1), noAudit)
	w.must(err)
	w.off = 2 * renewEvery
	if got, ok, err := w.admin.openAccess(t.Context(), text); !ok || got.ClientID != "tool" {
		t.Errorf("the key is not found: %v, %v", ok, err)
	}
}
