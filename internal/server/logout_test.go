package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

func logoutAddress(pairs ...string) string { return logoutPath + "?" + form(pairs...).Encode() }

func TestLogoutGETEndsNothing(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	_, m := b.signIn("client_id", "app", "scope", "openid").message()
	access, hint := m["access_token"].(string), m["id_token"].(string)

	b.open(logoutPath).wantText("Sign out?")
	auto := b.open(logoutAddress("id_token_hint", hint, "post_logout_redirect_uri", "https://app.example/bye", "state", "s 1"))
	auto.wantText(`data-auto="yes"`)
	for name, r := range map[string]*http.Request{
		"cross-site POST": b.request("POST", logoutPath, form("id_token_hint", hint, "confirm", "yes"), "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "document", "Origin", evilOrigin),
		"POST, no origin": b.request("POST", logoutPath, form("id_token_hint", hint), "Sec-Fetch-Dest", "document"),
	} {
		p := b.do(r)
		if p.status != 200 || !strings.Contains(p.body, "Sign out?") {
			t.Errorf("%s: status %d, not the page that asks", name, p.status)
		}
	}
	w.wantActive(access, true)

	bye := b.submit(logoutPath, form("confirm", auto.field("confirm"), "id_token_hint", auto.field("id_token_hint"),
		"post_logout_redirect_uri", auto.field("post_logout_redirect_uri"), "state", auto.field("state")))
	if bye.status != http.StatusSeeOther || bye.header.Get("Location") != "https://app.example/bye?state=s+1" {
		t.Errorf("status %d, Location %q", bye.status, bye.header.Get("Location"))
	}
	w.wantActive(access, false)
	b.frame(assisted("client_id", "app", "prompt", "none")).wantError(oauth.InteractionRequired)
	b.open(logoutPath).wantText("You are signed out")
}

func TestLogoutHintOfSomebodyElseOnlyAsks(t *testing.T) {
	w := newWorld(t)
	_, m := w.browser().signIn("client_id", "app", "scope", "openid").message()
	b := w.browser()
	b.signIn("client_id", "app")
	p := b.open(logoutAddress("id_token_hint", m["id_token"].(string)))
	p.wantText("Sign out?")
	if strings.Contains(p.body, "data-auto") {
		t.Error("the hint of another session submits by itself")
	}
	for _, hint := range []string{"garbage", m["access_token"].(string), m["id_token"].(string) + "x"} {
		if p := b.open(logoutAddress("id_token_hint", hint)); strings.Contains(p.body, "data-auto") {
			t.Errorf("the hint %q submits by itself", hint)
		}
	}
}

func TestLogoutRedirectsOnlyWhereRegistered(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("client_id", "app")
	for _, uri := range []string{"https://evil.example/", "https://app.example/bye/", "https://app.example/bye?x=1", "https://app.example/bye#", "//app.example/bye"} {
		b.open(logoutAddress("client_id", "app", "post_logout_redirect_uri", uri)).wantPlain(http.StatusBadRequest)
		b.submit(logoutPath, form("confirm", "yes", "client_id", "app", "post_logout_redirect_uri", uri)).wantPlain(http.StatusBadRequest)
	}
	b.open(logoutAddress("post_logout_redirect_uri", "https://app.example/bye")).wantPlain(http.StatusBadRequest)
	b.open(logoutAddress("client_id", "nobody")).wantPlain(http.StatusBadRequest)
	b.frame(assisted("client_id", "app", "prompt", "none")).token()
}

func TestLogoutInAFrame(t *testing.T) {
	w := newWorld(t)
	b := w.blocked() // the token alone names the session
	access := b.signIn("client_id", "app").token()
	asks := b.frame(logoutAddress("client_id", "app", "for_origin", appOrigin))
	asks.wantText(`data-awaits-token="yes"`)
	if got := asks.header.Get("Content-Security-Policy"); !strings.HasSuffix(got, "frame-ancestors "+appOrigin) {
		t.Errorf("CSP %q", got)
	}
	w.call("POST", revokePath, form("token", access, "client_id", "app")) // as the library does before
	others := w.browser().signIn("client_id", "jwt").token()
	for _, token := range []string{"", "garbage", others} { // another client's token ends nothing
		to, m := b.submit(logoutPath, form("confirm", "yes", "client_id", "app", "for_origin", appOrigin, "access_token", token)).message()
		if to != appOrigin || m["status"] != "success" || m["type"] != "logout" {
			t.Errorf("to %s: %v", to, m)
		}
	}
	w.wantActive(others, true)
	fresh := b.signIn("client_id", "app").token()
	b.submit(logoutPath, form("confirm", "yes", "client_id", "app", "for_origin", appOrigin, "access_token", fresh))
	w.wantActive(fresh, false)
	for _, address := range []string{
		logoutAddress("client_id", "app", "for_origin", evilOrigin), logoutAddress("for_origin", appOrigin), logoutAddress("client_id", "nobody", "for_origin", appOrigin),
	} {
		b.frame(address).wantPlain(http.StatusBadRequest)
	}
}

func TestLogoutEndsTheSessionThatTheRevokedTokenNames(t *testing.T) {
	w := newWorld(t)
	b := w.childBrowser()
	access := b.frame(assisted("client_id", "app", "prompt", "none")).token()
	w.call("POST", revokePath, form("token", access, "client_id", "app"))
	w.blocked().submit(logoutPath, form("confirm", "yes", "client_id", "app", "for_origin", appOrigin, "access_token", access))
	b.frame(assisted("client_id", "app", "prompt", "none")).wantError(oauth.InteractionRequired)
}

// Signing out is never only a matter of this node's clock: it ends the session also where that takes it for
// expired, as in the moment before a jump of the clock is noticed.
func TestLogoutEndsASessionThatSeemsExpired(t *testing.T) {
	for name, browser := range map[string]func(*world) *browser{
		"SSO session":   func(w *world) *browser { b := w.browser(); b.signIn("client_id", "app"); return b },
		"child session": func(w *world) *browser { return w.childBrowser() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := browser(w)
			access := b.frame(assisted("client_id", "app", "prompt", "none")).token()
			w.clock.pass(9 * time.Hour)
			b.submit(logoutPath, form("confirm", "yes", "client_id", "app", "for_origin", appOrigin))
			w.clock.pass(-9 * time.Hour)
			w.wantActive(access, false)
			b.frame(assisted("client_id", "app", "prompt", "none")).wantError(oauth.InteractionRequired)
		})
	}
}

func TestPreflight(t *testing.T) {
	w := newWorld(t)
	check := func(b *browser, headers ...string) map[string]any {
		r := b.request("GET", preflightPath+"/check?for_origin="+url.QueryEscape(appOrigin), nil, append(headers, "Sec-Fetch-Dest", "iframe")...)
		to, m := b.do(r).message()
		if to != appOrigin || m["type"] != "preflight" {
			t.Errorf("to %s: %v", to, m)
		}
		return m
	}
	b := w.browser()
	if check(b)["cookies"] != false {
		t.Error("cookies survive before there are any")
	}
	back := appOrigin + "/path?q=1#frag/ment"
	p := b.open(preflightPath + "?return_to=" + url.QueryEscape(back))
	if p.status != http.StatusSeeOther || p.header.Get("Location") != back {
		t.Errorf("status %d, Location %q", p.status, p.header.Get("Location"))
	}
	if check(b)["cookies"] != true || check(w.blocked())["cookies"] != false {
		t.Error("the check does not tell whether the cookie arrives")
	}
	if check(w.blocked(), "Sec-Fetch-Storage-Access", "active")["cookies"] != true {
		t.Error("the browser's own word is not believed")
	}
	for _, evil := range []string{
		evilOrigin + "/", "https://one.apps.example/", "//localhost:8080/", "javascript:alert(1)", "http://localhost:8080@evil.example/",
		"http://localhost:8080\\@evil.example/", "http://localhost:80800/", "http://localhost:8080.evil.example/", " http://localhost:8080/", "",
		"http://evil.example\t@localhost:8080/", "HTTP://LOCALHOST:8080/",
	} {
		b.open(preflightPath + "?return_to=" + url.QueryEscape(evil)).wantPlain(http.StatusBadRequest)
	}
	for _, origin := range []string{evilOrigin, "https://one.apps.example", "null", ""} { // a pattern does not count
		b.frame(preflightPath + "/check?for_origin=" + url.QueryEscape(origin)).wantPlain(http.StatusBadRequest)
	}
	w.change("app", func(c *oauth.Client) { c.Disabled = true })
	w.change("foreign", func(c *oauth.Client) { c.Disabled = true })
	w.change("jwt", func(c *oauth.Client) { c.Disabled = true })
	off, err := w.manager.Client(t.Context(), "off")
	w.must(err)
	off.Disabled = true
	w.changed(w.store.PutClient(t.Context(), off, off.Version, noAudit))
	b.open(preflightPath + "?return_to=" + url.QueryEscape(appOrigin+"/")).wantPlain(http.StatusBadRequest)
}
