package server

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

// allowed lets the user agree to the request, and demands the code.
func (b *browser) allowed(address string) {
	b.t.Helper()
	p := b.decide(b.authorize(address), "allow")
	if p.answer().Get("code") == "" {
		b.t.Fatalf("no code: %v", p.answer())
	}
}

// TestARegisteredClientThatChangesAsksAgain swaps name and redirect URI under the user's consent.
func TestARegisteredClientThatChangesAsksAgain(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, change := range []string{
		`"client_name":"RP","redirect_uris":["https://evil.example/cb"]`,
		`"client_name":"Your Bank","redirect_uris":["https://rp.example/cb"]`,
		`"client_name":"RP","redirect_uris":["https://rp.example/cb","https://evil.example/cb"]`,
	} {
		a := w.registers(goodRegistration)
		id := a["client_id"].(string)
		request := []string{"redirect_uri", "https://rp.example/cb", "scope", "openid email"}
		b.allowed(authorization(id, request...))
		silent := append(request, "prompt", "none")
		if b.open(authorization(id, silent...)).answer().Get("code") == "" {
			t.Fatal("the consent does not count")
		}
		w.send("PUT", a["registration_client_uri"].(string), a["registration_access_token"].(string),
			`{"client_id":"`+id+`","scope":"openid email",`+change+`}`).wantStatus(http.StatusOK)
		w.changed(nil)
		for _, host := range []string{"rp.example", "evil.example"} {
			if !strings.Contains(change, host) {
				continue
			}
			silent[1] = "https://" + host + "/cb"
			b.open(authorization(id, silent...)).wantRefused(oauth.ConsentRequired)
		}
		again := b.open(authorization(id, silent[:4]...))
		again.wantText(`data-page="consent"`)
		if b.decide(again, "allow").answer().Get("code") == "" {
			t.Error("agreeing again does not help")
		}
		if b.open(authorization(id, silent...)).answer().Get("code") == "" {
			t.Error("the second consent does not count")
		}
	}
}

// TestOperatorsChangesAskAgain: the same holds for ChangeClient, which the pages, API, CLI and undo use, and for a
// file; also where version 0.1.0 wrote the consent.
func TestOperatorsChangesAskAgain(t *testing.T) {
	file := "usher: 1\nclients:\n  - id: foreign\n    name: From a file\n    capabilities: [assisted_token]\n" +
		"    allowed_origins: [\"" + appOrigin + "\"]\n    scope: [openid, read]\n    consent_required: true\n"
	for _, old := range []bool{false, true} {
		w := newWorld(t)
		b := w.browser()
		b.signIn("client_id", "app").token()
		silent := assisted("client_id", "foreign", "prompt", "none", "scope", "openid read", "for_origin", appOrigin)
		for name, change := range map[string]func(){
			"name": func() { w.change("foreign", func(c *oauth.Client) { c.Name += "!" }) },
			"origin": func() {
				w.change("foreign", func(c *oauth.Client) { c.AllowedOrigins = append(c.AllowedOrigins, evilOrigin) })
			},
			"file": func() { w.apply(file) },
		} {
			w.agreed("foreign", old)
			b.frame(silent).token()
			w.change("foreign", func(c *oauth.Client) { c.AccessTokenSeconds = 700 - c.AccessTokenSeconds })
			b.frame(silent).token()
			change()
			b.frame(silent).wantError(oauth.ConsentRequired)
			if old { // one that version 0.1.0 writes after the change counts
				w.agreed("foreign", old)
				b.frame(silent).token()
			}
			if t.Failed() {
				t.Fatalf("after %s, consent of 0.1.0: %v", name, old)
			}
		}
	}
}

// agreed stores alice's consent as this version or, without what was shown, as 0.1.0 does.
func (w *world) agreed(client string, old bool) {
	w.t.Helper()
	w.clock.pass(time.Second)
	c, _ := w.server.current.Load().client(client)
	given := oauth.Consent{
		AccountID: w.alice.ID, ClientID: client, Scope: []string{"openid", "read"}, Updated: w.clock.Now(),
	}
	if !old {
		given.Shown = c.Shown()
	}
	w.must(w.manager.WithdrawConsent(context.Background(), w.alice.ID, client))
	w.must(w.store.GrantConsent(context.Background(), given, c.ShownSince, noAudit))
	w.clock.pass(time.Second)
}

// TestConsentPageOpenWhileTheClientChanges: what counts is what the page showed, not what the client is when the
// form arrives.
func TestConsentPageOpenWhileTheClientChanges(t *testing.T) {
	w := newOAuthWorld(t)
	w.put(oauth.Client{ID: "partner", Name: "Partner", Capabilities: []oauth.Capability{oauth.CapCode}, ConsentRequired: true,
		Scope: []string{"openid", "read", "email"}, RedirectURIs: []string{callback}})
	b := w.browser()
	for name, change := range map[string]func(*oauth.Client){
		"name": func(c *oauth.Client) { c.Name = "Your Bank" },
		"host": func(c *oauth.Client) { c.RedirectURIs = append(c.RedirectURIs, "https://evil.example/cb") },
	} {
		p := b.authorize(authorization("partner"))
		p.wantText(`data-page="consent"`)
		w.change("partner", change)
		p = b.decide(p, "allow")
		if !strings.Contains(p.body, `data-page="consent"`) {
			t.Fatalf("%s: the form of the former page was taken: %d", name, p.status)
		}
		if b.decide(p, "allow").answer().Get("code") == "" {
			t.Errorf("%s: the page that shows the change is not taken", name)
		}
		w.must(w.manager.WithdrawConsent(context.Background(), w.alice.ID, "partner"))
	}
}

func TestConsentPageShowsWhereAnswersGo(t *testing.T) {
	w := newWorld(t)
	a := w.registers(`{"client_name":"Your Bank","scope":"openid",
		"redirect_uris":["https://rp.example/cb","https://other.example:8443/cb"]}`)
	id := a["client_id"].(string)
	b := w.browser()
	request := authorization(id, "redirect_uri", "https://rp.example/cb", "scope", "openid")
	p := b.authorize(request)
	p.wantText("<strong><bdi>rp.example</bdi></strong>")
	p.wantText("<bdi>other.example:8443</bdi>")
	p.wantText("Unverified app")
	w.change(id, func(c *oauth.Client) { c.Verified = true })
	if verified := b.open(request); strings.Contains(verified.body, "Unverified app") {
		t.Error("an operator verified it, and it is still marked")
	}
	// What the operator verified was this name at these hosts.
	w.send("PUT", a["registration_client_uri"].(string), a["registration_access_token"].(string),
		`{"client_id":"`+id+`","client_name":"Your Bank","scope":"openid","redirect_uris":["https://rp.example/cb"]}`).
		wantStatus(http.StatusOK)
	w.changed(nil)
	b.open(request).wantText("Unverified app")
}

// TestOfflineAccessWithoutAQuestion: users of such a client were not asked, so nothing says that they agreed; the
// refresh token works, and ends when the operator has users asked.
func TestOfflineAccessWithoutAQuestion(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	got := w.redeem("web", b.authorize(authorization("web", "scope", "openid read offline_access")).answer().Get("code")).granted(t)
	list, err := w.store.Consents(context.Background(), w.alice.ID)
	w.must(err)
	if len(list) != 1 || len(list[0].Scope) != 0 || list[0].Shown != oauth.NotShown {
		t.Errorf("consents %+v", list)
	}
	got = w.trade("web", "grant_type", "refresh_token", "refresh_token", got.Refresh).granted(t)
	w.change("web", func(c *oauth.Client) { c.ConsentRequired = true })
	b.open(authorization("web", "prompt", "none")).wantRefused(oauth.ConsentRequired)
	w.trade("web", "grant_type", "refresh_token", "refresh_token", got.Refresh).wantError(t, oauth.InvalidGrant)
	// Offline access that the user agreed to goes on when the client changes its name.
	code := b.decide(b.open(authorization("web", "scope", "openid read offline_access")), "allow").answer().Get("code")
	got = w.redeem("web", code).granted(t)
	w.change("web", func(c *oauth.Client) { c.Name = "Web 2" })
	w.trade("web", "grant_type", "refresh_token", "refresh_token", got.Refresh).granted(t)
	b.open(authorization("web", "prompt", "none")).wantRefused(oauth.ConsentRequired)
}

// apply applies a configuration file.
func (w *world) apply(text string) {
	w.t.Helper()
	plan, err := w.manager.PlanFile(context.Background(), []byte(text), manage.FileOptions{})
	w.must(err)
	w.changed(w.manager.Apply(context.Background(), plan))
}

// TestARegisteredClientHasTheResponseTypesThatItAskedFor, and no others of the same capability.
func TestARegisteredClientHasTheResponseTypesThatItAskedFor(t *testing.T) {
	w := newOAuthWorld(t)
	w.policy(func(p *oauth.Profile) {
		p.RegistrationCapabilities = []oauth.Capability{oauth.CapCode, oauth.CapImplicit, oauth.CapHybrid}
	})
	for _, c := range []struct{ registered, refused, taken string }{
		{`"id_token"`, "id_token token", "id_token"},
		{`"token id_token"`, "id_token", "token id_token"},
		{`"code id_token"`, "code token", "id_token code"},
		{`"code id_token"`, "code id_token token", "code id_token"},
		{`"code"`, "id_token", "code"},
		{`"code","code token"`, "code id_token", "code token"},
	} {
		a := w.registers(`{"redirect_uris":["` + callback + `"],"scope":"openid","response_types":[` + c.registered + `]}`)
		id := a["client_id"].(string)
		b := w.browser()
		request := []string{"scope", "openid", "response_type", c.refused, "code_challenge", "", "code_challenge_method", ""}
		b.open(authorization(id, request...)).wantRefused(oauth.UnauthorizedClient)
		request[3] = c.taken
		b.authorize(authorization(id, request...)).wantText(`data-page="consent"`)
		// A replacement does not widen it either.
		p := w.send("PUT", a["registration_client_uri"].(string), a["registration_access_token"].(string),
			`{"client_id":"`+id+`","redirect_uris":["`+callback+`"],"scope":"openid","response_types":["`+c.refused+`"]}`)
		p.wantCode(http.StatusBadRequest, oauth.InvalidClientMetadata)
	}
}

// TestRegistrationTokensRotate: each answer brings the next token. The one before is good until that is used.
func TestRegistrationTokensRotate(t *testing.T) {
	w := newWorld(t)
	a := w.registers(goodRegistration)
	id, address := a["client_id"].(string), a["registration_client_uri"].(string)
	body := `{"client_id":"` + id + `","redirect_uris":["https://rp.example/cb"],"scope":"openid"}`
	use := func(method, token string) string {
		t.Helper()
		p := w.send(method, address, token, map[string]string{"PUT": body}[method])
		p.wantStatus(http.StatusOK)
		next := p.object()["registration_access_token"].(string)
		if next == token || len(next) != 43 {
			t.Fatalf("%s answers with the token %q", method, next)
		}
		return next
	}
	ended := func(token string) {
		t.Helper()
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			w.send(method, address, token, map[string]string{"PUT": body}[method]).
				wantCode(http.StatusUnauthorized, oauth.InvalidToken)
		}
	}
	first := a["registration_access_token"].(string)
	lost := use("GET", first)
	second := use("PUT", first)
	ended(lost)
	third := use("PUT", second)
	ended(first)
	fourth := use("GET", third)
	ended(second)
	w.clock.pass(oauth.RegistrationTokenLifetime)
	ended(third)
	ended(fourth)
}

// TestRegistrationTokenRacers: of many uses of one token at once, the client ends with a token that works.
func TestRegistrationTokenRacers(t *testing.T) {
	w := newWorld(t)
	a := w.registers(goodRegistration)
	address, own := a["registration_client_uri"].(string), a["registration_access_token"].(string)
	answers := make([]page, 4)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = w.send("GET", address, own, "") })
	}
	all.Wait()
	good := 0
	for _, p := range answers {
		if p.status != http.StatusOK {
			continue
		}
		if w.send("GET", address, p.object()["registration_access_token"].(string), "").status == http.StatusOK {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d of the tokens that were given out at once are good", good)
	}
}
