package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/manage"
)

// passwordLink makes a one-time link for alice and returns its path and its code.
func (w *world) passwordLink() (path, code string) {
	w.t.Helper()
	w.manager.Issuer, w.manager.BaseURL = w.server.issuer, w.url
	l, err := w.manager.NewPasswordLink(w.t.Context(), w.alice.ID)
	w.must(err)
	u, err := url.Parse(l.URL)
	w.must(err)
	return u.RequestURI(), u.Query().Get("code")
}

func newPassword(code, password string) url.Values { return form("code", code, "password", password) }

func TestAUserSetsAPasswordByALink(t *testing.T) {
	w := newWorld(t)
	path, code := w.passwordLink()
	b := w.browser()
	for range 2 { // looking uses nothing up
		p := b.open(path)
		p.wantPlainPage(t, http.StatusOK)
		p.wantText("alice")
		if got := p.header.Get("Referrer-Policy"); got != "no-referrer" {
			t.Errorf("Referrer-Policy %q", got)
		}
	}
	b.post(manage.PasswordLinkPath, newPassword(code, "a new password of hers")).wantText("Your password is set")
	w.browser().submitPassword(b.frame(assisted("client_id", "app")), "alice", "a new password of hers").token()
	if p := b.post(manage.PasswordLinkPath, newPassword(code, "yet another password")); p.status != http.StatusGone {
		t.Errorf("a second use: %d", p.status)
	}
}

// wantPlainPage demands a page of our own that nobody frames.
func (p page) wantPlainPage(t *testing.T, status int) {
	t.Helper()
	if p.status != status || !strings.HasSuffix(p.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("status %d, %s", p.status, p.header.Get("Content-Security-Policy"))
	}
}

func TestABadPasswordLeavesTheLinkGood(t *testing.T) {
	w := newWorld(t)
	_, code := w.passwordLink()
	b := w.browser()
	p := b.post(manage.PasswordLinkPath, newPassword(code, "alice"))
	p.wantPlainPage(t, http.StatusUnprocessableEntity)
	if p.wantText("role=\"alert\""); p.field("code") != code || strings.Contains(p.body, `value="alice" autocomplete="new-password"`) {
		t.Error(p.body)
	}
	b.post(manage.PasswordLinkPath, newPassword(code, "a new password of hers")).wantText("Your password is set")
}

func TestAPasswordLinkEndsEverySession(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	held := b.signIn("client_id", "app").token()
	_, code := w.passwordLink()
	b.post(manage.PasswordLinkPath, newPassword(code, "a new password of hers"))
	w.wantActive(held, false)
}

func TestPasswordLinksThatAreNoGood(t *testing.T) {
	w := newWorld(t)
	path, code := w.passwordLink()
	b := w.browser()
	for _, p := range []page{b.open(manage.PasswordLinkPath), b.open(manage.PasswordLinkPath + "?code=x")} {
		p.wantPlainPage(t, http.StatusGone)
	}
	r := b.request("POST", manage.PasswordLinkPath, newPassword(code, "a new password of hers"), "Sec-Fetch-Site", "cross-site", "Origin", evilOrigin)
	b.do(r).wantPlainPage(t, http.StatusForbidden)
	w.clock.pass(manage.LinkLifetime)
	b.open(path).wantPlainPage(t, http.StatusGone)
	if p := b.post(manage.PasswordLinkPath, newPassword(code, "a new password of hers")); p.status != http.StatusGone {
		t.Errorf("expired: %d", p.status)
	}
}

func TestPasswordLinksAreThrottledByAddress(t *testing.T) {
	w := oneNode(t)
	b, last := w.browser(), 0
	for range addressBurst * 2 {
		if last = b.open(manage.PasswordLinkPath + "?code=x").status; last == http.StatusTooManyRequests {
			return
		}
	}
	t.Errorf("got %d", last)
}
