package admin

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

func TestAnOperatorSignsInByTheServerItselfAndComesBackToThePage(t *testing.T) {
	w := newWorld(t)
	v := w.visitor()
	answer := v.signIn(w.url+"/admin/clients?search=a%20b", "vera")
	r, body := v.get(location(t, answer))
	if r.StatusCode != http.StatusOK || r.Request.URL.String() != w.url+"/admin/clients?search=a%20b" {
		t.Fatalf("%d at %s: %s", r.StatusCode, r.Request.URL, body)
	}
	if strings.Contains(w.log.text.String(), "code=") {
		t.Error("the log holds a code")
	}
}

func location(t *testing.T, r *http.Response) string {
	t.Helper()
	to, err := r.Location()
	if err != nil {
		t.Fatalf("%d %s", r.StatusCode, bodyOf(r))
	}
	return to.String()
}

func TestTheCodeFlowWorksWhereTheProfileHasItOff(t *testing.T) {
	w := newWorld(t)
	p, err := w.manager.Profile(t.Context())
	w.must(err)
	was := p.Version
	p.Capabilities = []oauth.Capability{oauth.CapAssistedToken}
	w.must(w.store.PutProfile(t.Context(), p, was, noAudit))
	v := w.visitor()
	if r, body := v.get(location(t, v.signIn(w.url+homePath, "ada"))); r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", r.StatusCode, body)
	}
}

func TestWhoHasNoRoleIsToldSo(t *testing.T) {
	w := newWorld(t)
	v := w.visitor()
	r, body := v.get(location(t, v.signIn(w.url+homePath, "nora")))
	if r.StatusCode != http.StatusForbidden || !strings.Contains(body, "nora") || !strings.Contains(body, "usher operator link") {
		t.Fatalf("%d %s", r.StatusCode, body)
	}
	out := v.send("POST", w.url+logoutPath, url.Values{})
	if body := bodyOf(out); out.StatusCode != http.StatusOK || !strings.Contains(body, loginOther) {
		t.Errorf("signing out: %d %s", out.StatusCode, body)
	}
	again, err := v.send("GET", w.url+loginOther, nil).Location()
	w.must(err)
	if again.Query().Get("prompt") != "login" {
		t.Errorf("asks %s", again)
	}
	if r, body := v.get(location(t, v.signIn(w.url+loginOther, "vera"))); r.StatusCode != http.StatusOK {
		t.Errorf("somebody else: %d %s", r.StatusCode, body)
	}
}

func TestSigningOutEndsTheDelegation(t *testing.T) {
	w := newWorld(t)
	v := w.visitor()
	v.get(location(t, v.signIn(w.url+homePath, "ada")))
	jar, _ := url.Parse(w.url)
	stolen := ""
	for _, c := range v.http.Jar.Cookies(jar) {
		if c.Name == sessionCookie.Name {
			stolen = c.Value
		}
	}
	w.wantIn(stolen)
	r := v.send("POST", w.url+logoutPath, url.Values{})
	if body := bodyOf(r); r.StatusCode != http.StatusOK || !strings.Contains(body, w.runtime+runtimeLogoutPath) {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	w.wantOut(stolen)
	list, _, err := w.store.Audits(t.Context(), store.AuditFilter{Event: store.EventDelegationEnded}, oauth.ID{}, 10)
	w.must(err)
	if len(list) != 1 || list[0].Actor != "operator:ada" {
		t.Errorf("audit: %+v", list)
	}
}

// callback is the answer that a sign-in is waiting for, and the cookie that it waits with.
func (w *world) callback(change func(q url.Values)) (path, cookie string) {
	w.t.Helper()
	begun := w.answer(w.request("GET", loginPath, nil))
	asked, err := begun.Location()
	w.must(err)
	q := url.Values{"state": {asked.Query().Get("state")}, "iss": {w.manager.Issuer}, "code": {"x"}}
	if change != nil {
		change(q)
	}
	return callbackPath + "?" + q.Encode(), begun.Header.Get("Set-Cookie")
}

func TestAnswersThatWereNotAskedForBeginNoSession(t *testing.T) {
	w := newWorld(t)
	_, others := w.callback(nil)
	for _, tc := range []struct {
		name   string
		change func(q url.Values)
		cookie func(own string) string
		want   string
	}{
		{"another browser's", nil, func(string) string { return others }, "not begun in this browser"},
		{"no cookie", nil, func(string) string { return "" }, "not begun in this browser"},
		{"no state", func(q url.Values) { q.Del("state") }, nil, "not begun in this browser"},
		{"two states", func(q url.Values) { q.Add("state", "x") }, nil, "not begun in this browser"},
		{"another issuer", func(q url.Values) { q.Set("iss", "https://evil.example") }, nil, "not come from this server"},
		{"no issuer", func(q url.Values) { q.Del("iss") }, nil, "not come from this server"},
		{"cancelled", func(q url.Values) { q.Set("error", "access_denied") }, nil, "was cancelled"},
		{"an error with markup", func(q url.Values) { q.Set("error", "<script>") }, nil, "refused the sign-in"},
		{"no code", func(q url.Values) { q.Del("code") }, nil, "has no code"},
		{"a code of nobody's", nil, nil, "did not accept"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path, cookie := w.callback(tc.change)
			if tc.cookie != nil {
				cookie = tc.cookie(cookie)
			}
			value, _, _ := strings.Cut(cookie, ";")
			r := w.answer(w.request("GET", path, nil, "Cookie", value))
			body := bodyOf(r)
			if r.StatusCode < 400 || !strings.Contains(body, tc.want) || strings.Contains(body, "<script>") && tc.name == "an error with markup" {
				t.Errorf("%d %s", r.StatusCode, body)
			}
			for _, c := range r.Cookies() {
				if c.Name == sessionCookie.Name && c.MaxAge >= 0 {
					t.Error("a session begins")
				}
			}
		})
	}
}

func TestASignInTakesTenMinutesAtMost(t *testing.T) {
	w := newWorld(t)
	path, cookie := w.callback(nil)
	value, _, _ := strings.Cut(cookie, ";")
	w.off = maxSignIn
	if r := w.answer(w.request("GET", path, nil, "Cookie", value)); !strings.Contains(bodyOf(r), "took too long") {
		t.Errorf("got %d", r.StatusCode)
	}
}

func TestOneSignInsCodeIsNothingToAnother(t *testing.T) {
	w := newWorld(t)
	victim, attacker := w.visitor(), w.visitor()
	stolen, err := url.Parse(location(t, attacker.signIn(w.url+homePath, "ada")))
	w.must(err)
	begun := victim.send("GET", w.url+loginPath, nil)
	asked, err := begun.Location()
	w.must(err)
	q := stolen.Query()
	q.Set("state", asked.Query().Get("state")) // even with the victim's own state, PKCE and nonce hold
	if r := victim.send("GET", w.url+callbackPath+"?"+q.Encode(), nil); r.StatusCode != http.StatusBadGateway {
		t.Errorf("got %d", r.StatusCode)
	}
}

func TestASignInEndsBelowAdminAndNowhereElse(t *testing.T) {
	for asked, want := range map[string]string{
		"/admin":                      "/admin",
		"/admin/clients?search=x&p=1": "/admin/clients?search=x&p=1",
		"/admin/clients/a%2Fb":        "/admin/clients/a%2Fb",
		"":                            homePath,
		"https://evil.example/admin":  homePath,
		"//evil.example/admin":        homePath,
		"/\\evil.example":             homePath,
		"/admin\\..\\..\\evil":        homePath,
		"/\t/evil.example":            homePath,
		"/admin/../../evil":           homePath,
		"/admin/%2e%2e/oauth":         homePath,
		"/administrator":              homePath,
		"/other":                      homePath,
		"javascript:alert(1)//admin":  homePath,
		"/admin/login?return=/admin":  homePath,
		"/admin/callback":             homePath,
		"/admin/link?code=x":          homePath,
		"/admin//evil.example":        homePath,
		"@evil.example/admin":         homePath,
		"/admin/clients?q=" + strings.Repeat("x", maxReturn): homePath, // the cookie would not be kept
	} {
		if got := returnPath(asked); got != want {
			t.Errorf("%q: %q, want %q", asked, got, want)
		}
	}
}

func TestTheSignInAsksForAProofNotOlderThanASession(t *testing.T) {
	w := newWorld(t)
	r := w.answer(w.request("GET", loginPath+"?return=//evil.example", nil))
	asked, err := r.Location()
	w.must(err)
	q := asked.Query()
	if q.Get("max_age") != "43200" || q.Get("code_challenge_method") != "S256" || q.Get("redirect_uri") != w.url+callbackPath || q.Get("nonce") == "" {
		t.Errorf("asks %v", q)
	}
	cookie := r.Cookies()[0]
	if !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
		t.Errorf("cookie %+v", cookie)
	}
	var f flow
	if ok, err := w.admin.open(t.Context(), token.KindAdminFlow, cookie.Value, &f); !ok || f.Return != homePath {
		t.Errorf("%v %v %+v", ok, err, f)
	}
}

func TestAFormOfSomebodyWhoIsSignedOutIsNotLostInARedirect(t *testing.T) {
	w := newWorld(t)
	for _, rt := range w.admin.pages.Routes() {
		if !strings.HasPrefix(rt.Pattern, "POST ") || strings.Contains(rt.Pattern, "{") {
			continue
		}
		_, path, _ := strings.Cut(rt.Pattern, " ")
		if r := w.answer(w.request("POST", path, url.Values{})); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}
