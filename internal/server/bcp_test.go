package server

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// What RFC 9700, the best current practice for OAuth 2.0 security, demands of a server and no other test holds. The
// section "RFC 9700" of docs/specs.md lists all of its rules.

// §4.4.2.1: against mix-up every answer names its issuer, errors too, in whichever mode.
func TestEveryAnswerNamesItsIssuer(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	signIn := b.open(authorization("web"))
	cancelled := b.post(cancelPath, form("flow", signIn.field("flow")))
	nobody := b.open(authorization("web", "prompt", "none"))
	b.authorize(authorization("web"))
	for name, p := range map[string]page{
		"cancelled": cancelled, "nobody is there": nobody,
		"a code":           b.open(authorization("web")),
		"a code, fragment": b.open(authorization("web", "response_mode", "fragment")),
		"hybrid":           b.open(authorization("web", "response_type", "code id_token token")),
		"an error":         b.open(authorization("web", "scope", "unknown")),
		"the mode is none": b.open(authorization("web", "response_mode", "jwt")),
	} {
		if got := p.answer()["iss"]; !slices.Equal(got, []string{w.server.issuer}) {
			t.Errorf("%s: iss is %q", name, got)
		}
	}
	for _, scope := range []string{"openid", "unknown"} {
		p := b.open(authorization("web", "response_mode", "form_post", "scope", scope))
		if got := p.field("iss"); got != w.server.issuer {
			t.Errorf("a form with scope %s: iss is %q", scope, got)
		}
	}
}

// §4.5: a code is worth nothing to another client, though it has a session of the same user, and stays good for its own.
func TestCodeIsWorthNothingToAnotherClient(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	w.redeem("spa", b.authorize(authorization("spa")).answer().Get("code")).granted(t)
	code := b.open(authorization("web")).answer().Get("code")
	w.redeem("spa", code).wantError(t, oauth.InvalidGrant)
	w.redeem("web", code).granted(t)
}

// §2.1.1: where there was a challenge, there has to be a verifier, of confidential clients too.
func TestCodeNeedsItsVerifier(t *testing.T) {
	w := newOAuthWorld(t)
	code := w.browser().authorize(authorization("web")).answer().Get("code")
	bare := []string{"grant_type", "authorization_code", "code", code, "redirect_uri", callback}
	w.trade("web", bare...).wantError(t, oauth.InvalidGrant)
	w.trade("web", append(bare, "code_verifier", "")...).wantError(t, oauth.InvalidGrant)
	w.trade("web", append(bare, "code_verifier", codeChallenge)...).wantError(t, oauth.InvalidGrant)
	w.trade("web", append(bare, "code_verifier", verifier)...).granted(t)
}

// §4.7.1: clients find out that the server does PKCE, and by which method, before they rely on it.
func TestMetadataTellsOfPKCEAndIssuer(t *testing.T) {
	m := newOAuthWorld(t).call("GET", issuerPath+"/.well-known/openid-configuration", nil).object()
	if methods, _ := json.Marshal(m["code_challenge_methods_supported"]); string(methods) != `["S256"]` {
		t.Errorf("PKCE by %s", methods)
	}
	if m["authorization_response_iss_parameter_supported"] != true {
		t.Error("nothing tells that answers name their issuer")
	}
}

// §4.7.1: state is the client's own, whatever is in it.
func TestStateComesBackAsItIs(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	b.authorize(authorization("web"))
	for _, state := range []string{"a b+c%20d", "\"><script>", "&code=x#y", "ünïcode ☂", strings.Repeat("s", 2000)} {
		for _, mode := range []string{"query", "fragment"} {
			if got := b.open(authorization("web", "state", state, "response_mode", mode)).answer()["state"]; !slices.Equal(got, []string{state}) {
				t.Errorf("%s: %q came back as %q", mode, state, got)
			}
		}
		if got := b.open(authorization("web", "state", state, "response_mode", "form_post")).field("state"); got != state {
			t.Errorf("form_post: %q came back as %q", state, got)
		}
	}
}

// §2.1.2, §2.4: neither a token by itself from the authorization endpoint, nor tokens for a password.
func TestWhatIsNotOffered(t *testing.T) {
	w := newOAuthWorld(t)
	m := w.call("GET", issuerPath+"/.well-known/openid-configuration", nil).object()
	for name, gone := range map[string]string{"grant_types_supported": "password", "response_types_supported": "token"} {
		if list, _ := m[name].([]any); len(list) == 0 || slices.Contains(list, any(gone)) {
			t.Errorf("%s: %v", name, list)
		}
	}
	b := w.browser()
	b.authorize(authorization("web"))
	b.open(authorization("web", "response_type", "token")).wantRefused(oauth.UnsupportedResponseType)
	w.trade("web", "grant_type", "password", "username", "alice", "password", password).wantError(t, oauth.UnsupportedGrantType)
}

// §2.6: no script of another page may read what the authorization endpoint answers.
func TestAuthorizationEndpointHasNoCORS(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	b.authorize(authorization("spa"))
	for _, method := range []string{"GET", "POST", "OPTIONS"} {
		p := b.do(b.request(method, authorization("spa"), nil, "Origin", appOrigin, "Access-Control-Request-Method", "GET"))
		if got := p.header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: %q", method, got)
		}
	}
}

// §4.11.2: an address that is not the client's gets nobody there, not even by a link on the page that says so.
func TestErrorPageLeadsNowhere(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	for name, p := range map[string]page{
		"authorization": b.open(authorization("web", "redirect_uri", evilOrigin+"/cb")),
		"logout":        b.open(logoutAddress("client_id", "web", "post_logout_redirect_uri", evilOrigin+"/cb")),
		"preflight":     b.open(preflightPath + "?back=" + url.QueryEscape(evilOrigin+"/cb")),
		"assisted":      b.frame(assisted("client_id", "many", "for_origin", evilOrigin)),
	} {
		for _, way := range []string{`href="` + evilOrigin, `action="` + evilOrigin, `http-equiv="refresh"`} {
			if p.status/100 == 3 || p.header.Get("Location") != "" || p.header.Get("Refresh") != "" || strings.Contains(p.body, way) {
				t.Errorf("%s: status %d, Location %q, %s\n%s", name, p.status, p.header.Get("Location"), way, p.body)
			}
		}
	}
}

// §4.12: after a form the browser goes on by GET and takes nothing of the form along: 303, not 307 or 308.
func TestNoFormIsSentOn(t *testing.T) {
	w := newOAuthWorld(t)
	w.change("web", func(c *oauth.Client) { c.PostLogoutRedirectURIs = []string{callback} })
	b := w.browser()
	steps := map[string]page{}
	steps["cancelled"] = b.post(cancelPath, form("flow", b.open(authorization("web")).field("flow")))
	steps["signed in"] = b.authorize(authorization("web"))
	consent := b.open(authorization("web", "prompt", "consent"))
	steps["agreed"] = b.decide(consent, "allow")
	steps["denied"] = b.decide(b.open(authorization("web", "prompt", "consent")), "deny")
	choice := b.open(authorization("web", "prompt", "select_account"))
	steps["chosen"] = b.post(accountPath, form("flow", choice.field("flow"), "user", choice.field("user"), "decision", "this"))
	_, q, _ := strings.Cut(authorization("web"), "?")
	request, err := url.ParseQuery(q)
	w.must(err)
	steps["asked by a form"] = b.post(authorizePath, request)
	steps["signed out"] = b.post(logoutPath, form("confirm", "yes", "client_id", "web", "post_logout_redirect_uri", callback))
	for name, p := range steps {
		if p.status != http.StatusSeeOther || !strings.HasPrefix(p.header.Get("Location"), callback) {
			t.Errorf("%s: %d to %q", name, p.status, p.header.Get("Location"))
		}
	}
}

// flowPages walks through every page of the flows that a redirect or a device begins.
func (w *world) flowPages() map[string]page {
	b, pages := w.browser(), map[string]page{}
	add := func(name string, p page) page { pages[name] = p; return p }
	add("sign-in", b.frame(authorization("spa"))) // an app that may frame other pages
	add("wrong password", b.submitPassword(pages["sign-in"], "alice", "wrong"))
	b.authorize(authorization("web"))
	add("consent", b.frame(authorization("spa", "prompt", "consent")))
	add("account", b.frame(authorization("spa", "prompt", "select_account")))
	add("form post", b.frame(authorization("web", "response_mode", "form_post")))
	add("form post of an error", b.frame(authorization("web", "response_mode", "form_post", "scope", "unknown")))
	add("error", b.frame(authorization("nobody")))
	add("device", b.frame(devicePath))
	add("wrong user code", b.post(devicePath, form("user_code", "BCDF-GHJK")))
	add("device decided", b.decide(add("device consent", b.enter(w.device().userCode)), "allow"))
	add("device denied", b.decide(b.enter(w.device().userCode), "deny"))
	add("another site's form", b.do(b.request("POST", consentPath, form(), "Sec-Fetch-Site", "cross-site", "Origin", evilOrigin)))
	add("a method too many", b.do(b.request("PUT", authorizePath, nil)))
	add("no such page", b.frame("/nothing"))
	add("logout", b.open(logoutPath))
	add("signed out", b.post(logoutPath, form("confirm", "yes")))
	return pages
}

// §4.16: clickjacking needs a frame, and no page of these flows shows in one.
func TestNoPageOfTheFlowsIsFramed(t *testing.T) {
	for name, p := range newDeviceWorld(t).flowPages() {
		t.Run(name, func(t *testing.T) {
			p.t = t
			p.wantPlain(p.status)
		})
	}
}

// §4.2.4: no page or redirect of these flows tells another site where its user was, or loads anything from there.
func TestNoPageOfTheFlowsLeaksItsAddress(t *testing.T) {
	w := newDeviceWorld(t)
	pages := w.flowPages()
	b := w.browser()
	pages["redirect"] = b.authorize(authorization("web"))
	for name, p := range pages {
		want := "same-origin"
		if strings.HasPrefix(name, "form post") || name == "redirect" {
			want = "no-referrer"
		}
		if got := p.header.Get("Referrer-Policy"); got != want {
			t.Errorf("%s: Referrer-Policy %q, want %s", name, got, want)
		}
		if csp := p.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(p.body, `src="http`) {
			t.Errorf("%s may load from elsewhere: %s", name, csp)
		}
	}
	w.change("web", func(c *oauth.Client) { c.PolicyURI, c.ConsentRequired = "https://web.example/policy", true })
	b.open(authorization("web", "prompt", "consent")).wantText(`<a href="https://web.example/policy" target="_blank" rel="noopener noreferrer">`)
}

// §4.13: nobody but a trusted proxy says where a request came from.
func TestForgedForwardedHeadersChangeNothing(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	p := b.open(authorization("web"))
	b.do(b.request("POST", signInPath, form("flow", p.field("flow"), "username", "alice", "password", password), "Sec-Fetch-Site", "same-origin",
		"Origin", b.url, "X-Forwarded-For", "203.0.113.9", "X-Real-IP", "203.0.113.9", "Forwarded", "for=203.0.113.9;host=evil.example",
		"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "http")).answer()
	records, _, err := w.store.Audits(t.Context(), store.AuditFilter{}, oauth.ID{}, 10)
	w.must(err)
	if i := slices.IndexFunc(records, func(a store.Audit) bool { return a.Event == store.EventSignIn }); i < 0 || records[i].Address != "127.0.0.1" {
		t.Errorf("%+v", records)
	}
}

// A flow under way leads only where its client still has an address, and to what it still may have.
func TestRedirectFlowLosesWhatTheClientLoses(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	p := b.open(authorization("web", "response_type", "id_token"))
	w.change("web", func(c *oauth.Client) { c.Capabilities = []oauth.Capability{oauth.CapCode} })
	b.submitPassword(p, "alice", password).wantPlain(http.StatusBadRequest)
	p = b.open(authorization("web"))
	w.change("web", func(c *oauth.Client) { c.RedirectURIs = []string{callback + "/moved"} })
	b.submitPassword(p, "alice", password).wantPlain(http.StatusBadRequest)
}

// The account that a user chose counts only if it is the one that the page showed.
func TestAccountChoiceCountsForWhoWasAsked(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	b.authorize(authorization("web"))
	p := b.open(authorization("web", "prompt", "select_account"))
	b.post(accountPath, form("flow", p.field("flow"), "user", newID().String(), "decision", "this")).wantText("Continue as <bdi>alice</bdi>")
}
