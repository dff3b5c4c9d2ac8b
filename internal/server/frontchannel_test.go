package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

// frontChannel gives clients an address for the frame that tells them of logouts.
func (w *world) frontChannel(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		w.change(id, func(c *oauth.Client) { c.FrontChannelLogoutURI = appOrigin + "/" + id + "/out?a=b" })
	}
}

// logoutFrames are the addresses that a page frames.
func (p page) logoutFrames() (addresses []string) {
	for _, part := range strings.Split(p.body, "<iframe src=\"")[1:] {
		address, _, _ := strings.Cut(part, `"`)
		addresses = append(addresses, unescape(address))
	}
	return addresses
}

// Clients with subjects of their own must not find each other's by a sid that both see (OpenID Connect Core §8.1): each has
// its own, and the one of its ID tokens is the one that it hears of at the end.
func TestPairwiseClientsHaveASIDOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.frontChannel("app", "jwt")
	for _, id := range []string{"app", "jwt"} {
		w.change(id, func(c *oauth.Client) { c.SubjectType, c.SectorIdentifier = oauth.SubjectPairwise, id+".example" })
	}
	b := w.browser()
	_, m := b.signIn("client_id", "app", "scope", "openid").message()
	hint := m["id_token"].(string)
	sid := w.claims(hint, "ES256", "JWT")["sid"].(string)
	_, m = b.frame(assisted("client_id", "jwt", "prompt", "none", "scope", "openid")).message()
	if other := w.claims(m["id_token"].(string), "RS256", "JWT")["sid"]; other == sid {
		t.Error("both clients see one sid")
	}
	b.open(logoutAddress("id_token_hint", hint)).wantText(`data-auto="yes"`)
	for _, address := range b.submit(logoutPath, form("confirm", "yes", "id_token_hint", hint)).logoutFrames() {
		if told := strings.Contains(address, "sid="+sid); told != strings.Contains(address, "/app/") {
			t.Errorf("sid %s, told %s", sid, address)
		}
	}
}

// OpenID Connect Front-Channel Logout §2, §3: every client of the session is framed, with iss and its sid, before the page
// goes on.
func TestFrontChannelLogout(t *testing.T) {
	w := newWorld(t)
	w.frontChannel("app", "jwt", "foreign")
	b := w.browser()
	_, m := b.signIn("client_id", "app", "scope", "openid").message()
	b.frame(assisted("client_id", "jwt", "prompt", "none")).token()
	sid := w.claims(m["id_token"].(string), "ES256", "JWT")["sid"].(string)
	p := b.submit(logoutPath, form("confirm", "yes", "id_token_hint", m["id_token"].(string),
		"post_logout_redirect_uri", "https://app.example/bye", "state", "s"))
	if p.status != http.StatusOK || p.header.Get("Location") != "" {
		t.Errorf("status %d, Location %q: the frames are skipped", p.status, p.header.Get("Location"))
	}
	p.wantText(`id="next" href="https://app.example/bye?state=s"`)
	got := map[string]bool{}
	for _, address := range p.logoutFrames() {
		got[address] = true
	}
	for _, id := range []string{"app", "jwt"} {
		if want := appOrigin + "/" + id + "/out?" + "a=b&" + form("iss", w.server.issuer, "sid", sid).Encode(); !got[want] {
			t.Errorf("%s is not framed in %v", want, got)
		}
	}
	if len(got) != 2 {
		t.Errorf("framed %v", got)
	}
	csp := p.header.Get("Content-Security-Policy")
	if !strings.HasSuffix(csp, "; frame-src "+appOrigin+"; frame-ancestors 'none'") || p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("CSP %q, Cache-Control %q", csp, p.header.Get("Cache-Control"))
	}
}

// In an app's frame the page tells the app, once the frames have loaded; without frames the answer is there at once.
func TestFrontChannelLogoutInAFrame(t *testing.T) {
	w := newWorld(t)
	w.frontChannel("app")
	b := w.browser()
	b.signIn("client_id", "app")
	request := form("confirm", "yes", "client_id", "app", "for_origin", appOrigin)
	p := b.submit(logoutPath, request)
	p.wantText(` data-tells="yes"`)
	if len(p.logoutFrames()) != 1 || !strings.HasSuffix(p.header.Get("Content-Security-Policy"), "; frame-ancestors "+appOrigin) {
		t.Errorf("frames %v, CSP %q", p.logoutFrames(), p.header.Get("Content-Security-Policy"))
	}
	if to, m := b.submit(logoutPath, request).message(); to != appOrigin || m["type"] != "logout" {
		t.Errorf("to %s: %v", to, m)
	}
}

// Where the browser stays, the page leads back to a new sign-in at a client that has an address for that (OpenID Connect
// Core §4); never where it goes on by itself.
func TestSignedOutLeadsToANewSignIn(t *testing.T) {
	w := newWorld(t)
	again := `href="https://app.example/start?iss=` + strings.ReplaceAll(strings.ReplaceAll(w.server.issuer, ":", "%3A"), "/", "%2F") + `"`
	w.change("app", func(c *oauth.Client) { c.InitiateLoginURI = "https://app.example/start" })
	b := w.browser()
	b.signIn("client_id", "app")
	b.submit(logoutPath, form("confirm", "yes", "client_id", "app")).wantText(again)
	b.open(logoutAddress("client_id", "app")).wantText(again)
	for _, p := range []page{b.open(logoutPath), b.open(logoutAddress("client_id", "many"))} {
		if p.wantText("You are signed out"); strings.Contains(p.body, "Sign in again") {
			t.Error("the page leads to a client that it was not asked for")
		}
	}
}
