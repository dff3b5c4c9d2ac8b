package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

// setCookie is what an answer sets a cookie to, with its attributes.
func (p page) setCookie(name string) *http.Cookie {
	for _, c := range (&http.Response{Header: p.header}).Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// OpenID Connect Session Management §3.2: the browser's state changes with every sign-in and with the logout, and its
// cookie is for script, in whatever frame.
func TestBrowserStateFollowsTheSession(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	seen := map[string]bool{}
	for range 2 {
		p := b.signIn("client_id", "app", "prompt", "login")
		sso, state := p.setCookie(ssoCookie.Name), p.setCookie(browserStateCookie.Name)
		if sso == nil || state == nil || state.Value != oauth.BrowserState(sso.Value) || seen[state.Value] {
			t.Fatalf("cookies %v, %v", sso, state)
		}
		if state.HttpOnly || !state.Secure || state.SameSite != http.SameSiteNoneMode || state.Path != "/" || state.MaxAge != 0 {
			t.Errorf("attributes of %v", state)
		}
		seen[state.Value] = true
	}
	if gone := b.submit(logoutPath, form("confirm", "yes")).setCookie(browserStateCookie.Name); gone == nil || gone.MaxAge >= 0 {
		t.Errorf("after the logout the state is %v", gone)
	}
}

// A session that ended elsewhere takes its state along as soon as the browser asks.
func TestBrowserStateOfADeadSessionIsForgotten(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("client_id", "app")
	w.must(w.manager.LockAccount(t.Context(), w.alice.ID))
	if gone := b.open(logoutPath).setCookie(browserStateCookie.Name); gone == nil || gone.MaxAge >= 0 {
		t.Errorf("the state is %v", gone)
	}
}

// A sign-in in a frame that no flow cookie reaches gives no first-party session, and so no state.
func TestChildSessionHasNoBrowserState(t *testing.T) {
	w := newWorld(t)
	if state := w.blocked().signIn("client_id", "app").setCookie(browserStateCookie.Name); state != nil {
		t.Errorf("the state is %v", state)
	}
}

func TestCheckSessionIframeIsTheSameForEverybody(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("client_id", "app")
	reads := w.stats().Reads
	mine, strangers := b.frame(checkSessionPath), w.blocked().frame(checkSessionPath)
	if mine.status != http.StatusOK || mine.body != strangers.body || w.stats().Reads != reads {
		t.Errorf("status %d, %d reads", mine.status, w.stats().Reads-reads)
	}
	if csp := mine.header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "frame-ancestors *") || mine.header.Get("X-Frame-Options") != "" {
		t.Errorf("CSP %q, X-Frame-Options %q", csp, mine.header.Get("X-Frame-Options"))
	}
	if !strings.Contains(mine.body, browserStateCookie.Name+"=") {
		t.Error("the page's script reads another cookie")
	}
}

func TestSessionStateOfAnAnswer(t *testing.T) {
	w := newWorld(t)
	c := &oauth.Client{ID: "app", PostLogoutRedirectURIs: []string{"https://app.example/cb", "com.example.app:/cb"}}
	web, _ := c.PostLogoutRedirect("https://app.example/cb", "")
	native, _ := c.PostLogoutRedirect("com.example.app:/cb", "")
	r := w.blocked().request("GET", authorizePath, nil, "Cookie", ssoCookie.Name+"=came")
	for secret, state := range map[string]string{"set": oauth.BrowserState("set"), "": oauth.BrowserState("came")} {
		got := w.server.sessionState(r, &visit{client: c, redirect: web, secret: secret})
		_, salt, _ := strings.Cut(got, ".")
		if salt == "" || got != oauth.SessionState("app", "https://app.example", state, salt) {
			t.Errorf("with the secret %q: %q", secret, got)
		}
	}
	if got := w.server.sessionState(r, &visit{client: c, redirect: native}); got != "" {
		t.Errorf("for a client without a web origin: %q", got)
	}
}

// The answer that a sign-in ends in has the state that this very sign-in sets; the next one has it, too.
func TestSessionStateAfterASignIn(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	b.signIn("client_id", "app") // another state before
	signedIn := b.authorize(authorization("spa", "prompt", "login"))
	state := signedIn.setCookie(browserStateCookie.Name)
	if state == nil {
		t.Fatal("no state is set")
	}
	for _, p := range []page{signedIn, b.open(authorization("spa", "prompt", "none"))} {
		to, err := url.Parse(p.header.Get("Location"))
		w.must(err)
		got := to.Query().Get("session_state")
		_, salt, _ := strings.Cut(got, ".")
		if salt == "" || got != oauth.SessionState("spa", "https://web.example", state.Value, salt) {
			t.Errorf("status %d, session_state %q", p.status, got)
		}
	}
}

func TestDiscoveryTellsOfLogout(t *testing.T) {
	w := newWorld(t)
	body := w.call("GET", issuerPath+"/.well-known/openid-configuration", nil).body
	for _, want := range []string{
		`"end_session_endpoint": "` + w.url + logoutPath + `"`, `"check_session_iframe": "` + w.url + checkSessionPath + `"`,
		`"frontchannel_logout_supported": true`, `"frontchannel_logout_session_supported": true`,
		`"backchannel_logout_supported": true`, `"backchannel_logout_session_supported": true`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
}
