package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

func TestCodeIsBoundToWhatAskedForIt(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	b.authorize(authorization("web"))
	code := func(params ...string) string { return b.open(authorization("web", params...)).answer().Get("code") }
	for name, try := range map[string]func() tokens{
		"no verifier": func() tokens {
			return w.trade("web", "grant_type", "authorization_code", "code", code(), "redirect_uri", callback)
		},
		"another redirect": func() tokens {
			return w.trade("web", "grant_type", "authorization_code", "code", code(), "code_verifier", verifier, "redirect_uri", callback+"?a=b")
		},
		"no redirect": func() tokens {
			return w.trade("web", "grant_type", "authorization_code", "code", code(), "code_verifier", verifier)
		},
		"wrong verifier": func() tokens {
			return w.trade("web", "grant_type", "authorization_code", "code", code(), "code_verifier", strings.Repeat("a", 43), "redirect_uri", callback)
		},
		"another client":  func() tokens { return w.redeem("spa", code()) },
		"a downgrade":     func() tokens { return w.redeem("web", code("code_challenge", "", "code_challenge_method", "")) },
		"garbage":         func() tokens { return w.redeem("web", "garbage") },
		"an access token": func() tokens { return w.redeem("web", w.redeem("web", code()).granted(t).Access) },
		"too late":        func() tokens { c := code(); w.clock.pass(61 * time.Second); return w.redeem("web", c) },
	} {
		t.Run(name, func(t *testing.T) {
			try().wantError(t, oauth.InvalidGrant)
		})
	}
}

// RFC 6749 §5.1: no cache, old ones neither, keeps what has a token in it.
func TestTokenAnswersAreNotCached(t *testing.T) {
	w := newOAuthWorld(t)
	p := w.call("POST", tokenPath, form("grant_type", "client_credentials", "scope", "read", "client_id", "web", "client_secret", webKey))
	p.wantStatus(200)
	if p.header.Get("Cache-Control") != "no-store" || p.header.Get("Pragma") != "no-cache" {
		t.Errorf("%v", p.header)
	}
}

// RFC 6749 §4.1.2: a second use of a code ends what the first one yielded.
func TestCodeReplayEndsWhatItYielded(t *testing.T) {
	w := newOAuthWorld(t)
	code := w.browser().authorize(authorization("web")).answer().Get("code")
	first := w.redeem("web", code).granted(t)
	w.redeem("web", code).wantError(t, oauth.InvalidGrant)
	w.wantActive(first.Access, false)
	w.trade("web", "grant_type", "refresh_token", "refresh_token", first.Refresh).wantError(t, oauth.InvalidGrant)
}

func TestLogoutEndsACodeUnderWay(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	code := b.authorize(authorization("web")).answer().Get("code")
	b.post(logoutPath, url.Values{"confirm": {"yes"}})
	w.redeem("web", code).wantError(t, oauth.InvalidGrant)
}

func TestRefreshOfAConfidentialClientDoesNotRotate(t *testing.T) {
	w := newOAuthWorld(t)
	first := w.redeem("web", w.browser().authorize(authorization("web")).answer().Get("code")).granted(t)
	for range 3 {
		got := w.trade("web", "grant_type", "refresh_token", "refresh_token", first.Refresh).granted(t)
		w.wantActive(got.Access, true)
		if got.ID == "" || got.Refresh == "" {
			t.Errorf("%+v", got)
		}
	}
	narrow := w.trade("web", "grant_type", "refresh_token", "refresh_token", first.Refresh, "scope", "read").granted(t)
	if narrow.Scope != "read" || narrow.ID != "" {
		t.Errorf("a narrower scope: %+v", narrow)
	}
	if again := w.trade("web", "grant_type", "refresh_token", "refresh_token", narrow.Refresh).granted(t); again.Scope != "openid read" { // RFC 6749 §6
		t.Errorf("the narrower scope stuck to the refresh token: %+v", again)
	}
	w.trade("web", "grant_type", "refresh_token", "refresh_token", first.Refresh, "scope", "openid email").wantError(t, oauth.InvalidScope)
	w.trade("spa", "grant_type", "refresh_token", "refresh_token", first.Refresh).wantError(t, oauth.InvalidGrant)
}

func TestRefreshOfAPublicClientRotates(t *testing.T) {
	w := newOAuthWorld(t)
	refresh := func(token string) tokens {
		return w.trade("spa", "grant_type", "refresh_token", "refresh_token", token)
	}
	first := w.redeem("spa", w.browser().authorize(authorization("spa")).answer().Get("code")).granted(t)
	second := refresh(first.Refresh).granted(t)
	raced := refresh(first.Refresh).granted(t) // a second tab, within the grace
	third := refresh(raced.Refresh).granted(t)
	refresh(first.Refresh).wantError(t, oauth.InvalidGrant) // two behind: somebody else has it
	for _, ended := range []tokens{second, third} {
		w.wantActive(ended.Access, false)
		refresh(ended.Refresh).wantError(t, oauth.InvalidGrant)
	}
}

// A request that is refused for its scope or resource uses the refresh token up no more than one that never came.
func TestRefusedRefreshDoesNotRotate(t *testing.T) {
	w := newOAuthWorld(t)
	first := w.redeem("spa", w.browser().authorize(authorization("spa")).answer().Get("code")).granted(t)
	refresh := func(params ...string) tokens {
		return w.trade("spa", append([]string{"grant_type", "refresh_token", "refresh_token", first.Refresh}, params...)...)
	}
	refresh("scope", "nothing-like-it").wantError(t, oauth.InvalidScope)
	refresh("resource", "https://elsewhere.example").wantError(t, oauth.InvalidTarget)
	w.clock.pass(oauth.RefreshGrace + time.Second)
	refresh().granted(t)
}

// What outlives the session does so by the scope offline_access: a client that lost it has to ask the user again.
func TestOfflineFamilyNeedsItsScope(t *testing.T) {
	w := newOAuthWorld(t)
	code := w.browser().authorize(authorization("web", "scope", "openid read offline_access")).answer().Get("code")
	first := w.redeem("web", code).granted(t)
	refresh := func() tokens {
		return w.trade("web", "grant_type", "refresh_token", "refresh_token", first.Refresh)
	}
	refresh().granted(t)
	w.change("web", func(c *oauth.Client) { c.Scope = []string{"openid", "read"} })
	refresh().wantError(t, oauth.InvalidGrant)
}

// A client that lost a scope gets the claims of that scope no longer, however it asked for them.
func TestRefreshGivesUpClaimsThatTheClientLost(t *testing.T) {
	w := newOAuthWorld(t)
	w.change("web", func(c *oauth.Client) { c.Scope = []string{"openid", "read", "email"} })
	code := w.browser().authorize(authorization("web", "scope", "openid read", "claims", `{"userinfo":{"email":null}}`)).answer().Get("code")
	first := w.redeem("web", code).granted(t)
	email := func(access string) any {
		return w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+access).object()["email"]
	}
	if got := email(first.Access); got != w.alice.Email {
		t.Fatalf("email before: %v", got)
	}
	w.change("web", func(c *oauth.Client) { c.Scope = []string{"openid", "read"} })
	again := w.trade("web", "grant_type", "refresh_token", "refresh_token", first.Refresh).granted(t)
	if got := email(again.Access); got != nil {
		t.Errorf("email after: %v", got)
	}
}

func TestRefreshGraceEnds(t *testing.T) {
	w := newOAuthWorld(t)
	first := w.redeem("spa", w.browser().authorize(authorization("spa")).answer().Get("code")).granted(t)
	second := w.trade("spa", "grant_type", "refresh_token", "refresh_token", first.Refresh).granted(t)
	w.clock.pass(oauth.RefreshGrace)
	w.trade("spa", "grant_type", "refresh_token", "refresh_token", first.Refresh).wantError(t, oauth.InvalidGrant)
	w.wantActive(second.Access, false)
}

func TestOfflineTokensOutliveTheSession(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	online := w.redeem("web", b.authorize(authorization("web")).answer().Get("code")).granted(t)
	offline := w.redeem("web", b.open(authorization("web", "scope", "openid offline_access")).answer().Get("code")).granted(t)
	b.post(logoutPath, url.Values{"confirm": {"yes"}})
	w.wantActive(online.Access, false)
	w.trade("web", "grant_type", "refresh_token", "refresh_token", online.Refresh).wantError(t, oauth.InvalidGrant)
	w.wantActive(offline.Access, true)
	got := w.trade("web", "grant_type", "refresh_token", "refresh_token", offline.Refresh).granted(t)
	w.wantActive(got.Access, true)
	w.must(w.store.WithdrawConsent(t.Context(), w.alice.ID, "web", noAudit))
	w.wantActive(got.Access, false)
	w.trade("web", "grant_type", "refresh_token", "refresh_token", offline.Refresh).wantError(t, oauth.InvalidGrant)
}

func TestRefreshLosesWhatTheClientLost(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	first := w.redeem("web", b.authorize(authorization("web", "scope", "openid read email payment")).answer().Get("code")).granted(t)
	if first.Scope != "openid read email payment" {
		t.Fatalf("scope %q", first.Scope)
	}
	w.clock.pass(2 * time.Minute) // payment demands a fresher sign-in than that
	c := *w.server.current.Load().clients["web"].Client
	c.Scope = []string{"openid", "read", "payment"}
	w.changed(w.store.PutClient(t.Context(), c, c.Version, noAudit))
	if got := w.trade("web", "grant_type", "refresh_token", "refresh_token", first.Refresh).granted(t); got.Scope != "openid read" {
		t.Errorf("scope %q", got.Scope)
	}
}

func TestClientCredentials(t *testing.T) {
	w := newOAuthWorld(t)
	got := w.trade("web", "grant_type", "client_credentials").granted(t)
	if got.Scope != "profile email read" || got.Refresh != "" || got.ID != "" {
		t.Errorf("%+v", got)
	}
	answer := w.introspect(got.Access)
	if answer["active"] != true || answer["sub"] != "web" || answer["client_id"] != "web" || answer["username"] != nil {
		t.Errorf("introspection: %v", answer)
	}
	w.trade("spa", "grant_type", "client_credentials").wantError(t, oauth.UnauthorizedClient)
	w.trade("web", "grant_type", "client_credentials", "scope", "nothing").wantError(t, oauth.InvalidScope)
	if got := w.trade("web", "grant_type", "client_credentials", "scope", "read").granted(t); got.Scope != "read" {
		t.Errorf("%+v", got)
	}
}

func TestClientCredentialsCostNothing(t *testing.T) {
	w := newOAuthWorld(t)
	before := w.stats()
	w.trade("web", "grant_type", "client_credentials").granted(t)
	if after := w.stats(); after != before {
		t.Errorf("statements: %+v, then %+v", before, after)
	}
}

func TestTokenRequestErrors(t *testing.T) {
	w := newOAuthWorld(t)
	w.trade("web").wantError(t, oauth.InvalidRequest)
	w.trade("web", "grant_type", "password").wantError(t, oauth.UnsupportedGrantType)
	w.trade("web", "grant_type", "client_credentials", "grant_type", "client_credentials").wantError(t, oauth.InvalidRequest)
	w.trade("web", "grant_type", "authorization_code").wantError(t, oauth.InvalidRequest)
	w.trade("nobody", "grant_type", "client_credentials").wantError(t, oauth.InvalidClient)
	p := w.call("GET", tokenPath, nil)
	if p.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", p.status)
	}
}

func TestPromptNoneCostsOneQueryAndNoWrite(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	b.authorize(authorization("web"))
	before := w.stats()
	if b.open(authorization("web", "prompt", "none")).answer().Get("code") == "" {
		t.Fatal("no code")
	}
	after := w.stats()
	if after.Reads-before.Reads != 1 || after.Writes != before.Writes {
		t.Errorf("statements: %+v, then %+v", before, after)
	}
}
