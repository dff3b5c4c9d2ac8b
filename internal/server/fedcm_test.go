package server

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// byBrowser sends what the browser itself asks for a page at the origin (FedCM).
func (b *browser) byBrowser(method, path string, form url.Values, origin string) page {
	b.t.Helper()
	headers := []string{"Sec-Fetch-Dest", "webidentity", "Sec-Fetch-Site", "cross-site"}
	if origin != "" {
		headers = append(headers, "Origin", origin)
	}
	return b.do(b.request(method, path, form, headers...))
}

// json reads an answer, which has to be one that nobody keeps.
func (p page) json() (m map[string]any) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.body), &m); err != nil || p.header.Get("Content-Type") != "application/json" || p.header.Get("Cache-Control") != "no-store" {
		p.t.Fatalf("status %d, headers %v, not the JSON of ours: %s", p.status, p.header, p.body)
	}
	return m
}

const (
	fedcmVerifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	fedcmChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // its hash (RFC 7636 Appendix B)
)

// asserting is the form that the browser posts after the choice of an account; more is name, value of params.
func (w *world) asserting(client string, more ...string) url.Values {
	params := map[string]string{"ticket_challenge": fedcmChallenge, "for_origin": appOrigin}
	for i := 0; i < len(more); i += 2 {
		params[more[i]] = more[i+1]
	}
	text, err := json.Marshal(params)
	w.must(err)
	return form("client_id", client, "account_id", w.alice.ID.String(), "disclosure_text_shown", "false", "params", string(text))
}

// withParam is such a form with one field changed.
func withParam(form url.Values, name string, values ...string) url.Values {
	changed := maps.Clone(form)
	changed[name] = values
	return changed
}

// firstParty is a browser in which alice signed in at the server itself.
func (w *world) firstParty() *browser {
	w.t.Helper()
	b := w.browser()
	b.submitPassword(b.open(loginPath), "alice", password)
	return b
}

// redeemed brings a ticket of FedCM into a hidden frame, as the library does.
func (b *browser) redeemed(ticket, client, verifier string) page {
	b.t.Helper()
	at := ticketPath + "?" + form("client_id", client, "for_origin", appOrigin, "prompt", "none").Encode()
	return b.submit(continuePath, form("flow", b.frame(at).field("flow"), "ticket", ticket, "verifier", verifier))
}

func TestFedCMDocuments(t *testing.T) {
	w := newWorld(t)
	known := w.call("GET", webIdentityPath, nil).json()
	config := w.call("GET", fedcmConfigPath, nil).json()
	if urls, ok := known["provider_urls"].([]any); !ok || len(urls) != 1 || urls[0] != w.url+fedcmConfigPath {
		t.Errorf("the well-known names %v", known["provider_urls"])
	}
	for _, name := range []string{"accounts_endpoint", "login_url"} { // the browser demands that both say the same
		if known[name] != config[name] || !strings.HasPrefix(config[name].(string), w.url+"/") {
			t.Errorf("%s is %v and %v", name, known[name], config[name])
		}
	}
	for _, name := range []string{"client_metadata_endpoint", "id_assertion_endpoint", "disconnect_endpoint"} {
		if address, ok := config[name].(string); !ok || !strings.HasPrefix(address, w.url+fedcmPath+"/") {
			t.Errorf("%s is %v", name, config[name])
		}
	}
}

func TestFedCMAnswersTheBrowserAlone(t *testing.T) {
	w := newWorld(t)
	b := w.firstParty()
	for _, request := range []string{
		"GET " + fedcmAccountsPath, "GET " + fedcmClientPath + "?client_id=app", "POST " + fedcmAssertionPath, "POST " + fedcmDisconnectPath,
	} {
		method, address, _ := strings.Cut(request, " ")
		for _, dest := range []string{"", "document", "iframe", "empty", "image", "webidentity, empty", "Webidentity"} {
			before := w.stats().Reads
			r := b.request(method, address, w.asserting("app"), "Origin", appOrigin)
			if dest != "" {
				r.Header.Set("Sec-Fetch-Dest", dest)
			}
			p := b.do(r)
			if p.status != http.StatusForbidden || w.stats().Reads != before || p.header.Get("Cache-Control") != "no-store" ||
				p.header.Get("Access-Control-Allow-Credentials") != "" || p.header.Get("Set-Login") != "" {
				t.Errorf("%s for %q: status %d, %d reads, headers %v", request, dest, p.status, w.stats().Reads-before, p.header)
			}
		}
	}
}

func TestFedCMAccounts(t *testing.T) {
	w := newWorld(t)
	none := w.browser().byBrowser("GET", fedcmAccountsPath, nil, "")
	if none.json(); none.status != http.StatusUnauthorized || none.header.Get("Set-Login") != loggedOutStatus || strings.Contains(none.body, "alice") {
		t.Errorf("nobody: %d %v %s", none.status, none.header, none.body)
	}
	there := w.firstParty().byBrowser("GET", fedcmAccountsPath, nil, "")
	list := there.json()["accounts"].([]any)
	account := list[0].(map[string]any)
	if there.status != 200 || len(list) != 1 || account["id"] != w.alice.ID.String() || account["name"] != "Alice" || account["email"] != "alice@example.com" {
		t.Errorf("%d %s", there.status, there.body)
	}
	if hints := account["login_hints"].([]any); len(hints) != 3 || hints[1] != "alice" {
		t.Errorf("hints %v", hints)
	}
	// What a page gets is nobody's to read with the user's cookies.
	if there.header.Get("Access-Control-Allow-Origin") != "" || there.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("headers %v", there.header)
	}
	child, _, _ := strings.Cut(w.blocked().signIn("client_id", "app").header.Get("Set-Cookie"), ";")
	if !strings.HasPrefix(child, "__Host-usher-child-") {
		t.Fatalf("a framed sign-in leaves %q", child)
	}
	r := w.blocked().request("GET", fedcmAccountsPath, nil, "Sec-Fetch-Dest", "webidentity", "Cookie", child)
	if p := w.blocked().do(r); p.status != http.StatusUnauthorized {
		t.Errorf("a child session counts: %s", p.body)
	}
}

func TestFedCMClientMetadata(t *testing.T) {
	w := newWorld(t)
	at := func(id string) page {
		return w.blocked().byBrowser("GET", fedcmClientPath+"?client_id="+id, nil, appOrigin)
	}
	if m := at("app").json(); len(m) != 0 {
		t.Errorf("a client that tells nothing: %v", m)
	}
	w.change("app", func(c *oauth.Client) {
		c.PolicyURI, c.TOSURI = "https://app.example/privacy", "https://app.example/terms"
	})
	if m := at("app").json(); len(m) != 2 || m["privacy_policy_url"] != "https://app.example/privacy" || m["terms_of_service_url"] != "https://app.example/terms" {
		t.Errorf("got %v", m)
	}
	w.change("app", func(c *oauth.Client) { c.Disabled = true })
	for _, id := range []string{"app", "nobody", "", "app&client_id=app", "%zz"} {
		if p := at(id); p.status != http.StatusBadRequest || strings.Contains(p.body, "privacy") {
			t.Errorf("client %q: %d %s", id, p.status, p.body)
		}
	}
}

func TestFedCMAssertionGivesATicket(t *testing.T) {
	w := newWorld(t)
	b := w.firstParty()
	p := b.byBrowser("POST", fedcmAssertionPath, w.asserting("app", "scope", "openid profile", "prompt", "none"), appOrigin)
	if p.header.Get("Access-Control-Allow-Origin") != appOrigin || p.header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("headers %v", p.header)
	}
	answer := p.json()
	ticket, ok := answer["token"].(string)
	if !ok || len(answer) != 1 {
		t.Fatalf("got %v", answer)
	}
	w.blocked().redeemed(ticket, "app", fedcmVerifier+"x").wantError(oauth.InvalidRequest)
	w.blocked().redeemed(ticket, "foreign", fedcmVerifier).wantError(oauth.InvalidRequest)
	got := w.blocked().redeemed(ticket, "app", fedcmVerifier)
	_, m := got.message()
	if m["sub"] != w.alice.ID.String() {
		t.Errorf("the ticket brought %v", m)
	}
	w.wantActive(got.token(), true)
	w.blocked().redeemed(ticket, "app", fedcmVerifier).wantError(oauth.InteractionRequired) // once
}

func TestFedCMAssertionRefuses(t *testing.T) {
	w := newWorld(t)
	b := w.firstParty()
	good := func(more ...string) url.Values { return w.asserting("app", more...) }
	for name, c := range map[string]struct {
		form   url.Values
		origin string
		code   oauth.Code
	}{
		"no origin":                {good(), "", oauth.InvalidRequest},
		"origin null":              {good(), "null", oauth.InvalidRequest},
		"origin of a stranger":     {good(), evilOrigin, oauth.InvalidRequest},
		"for_origin of a stranger": {good("for_origin", evilOrigin), evilOrigin, oauth.InvalidRequest},
		"for_origin left out":      {good("for_origin", ""), evilOrigin, oauth.InvalidRequest},
		"another client's origin":  {good(), otherOrigin, oauth.InvalidRequest},
		"unknown client":           {w.asserting("nobody"), appOrigin, oauth.InvalidRequest},
		"client without origins":   {w.asserting("api"), appOrigin, oauth.InvalidRequest},
		"client named twice":       {good("client_id", "foreign"), appOrigin, oauth.InvalidRequest},
		"client repeated":          {withParam(good(), "client_id", "app", "app"), appOrigin, oauth.InvalidRequest},
		"flow off":                 {w.asserting("off"), appOrigin, oauth.UnauthorizedClient},
		"another account":          {withParam(good(), "account_id", newID().String()), appOrigin, oauth.AccessDenied},
		"no account":               {withParam(good(), "account_id"), appOrigin, oauth.InvalidRequest},
		"no params":                {withParam(good(), "params"), appOrigin, oauth.InvalidRequest},
		"params garbage":           {withParam(good(), "params", "{"), appOrigin, oauth.InvalidRequest},
		"params no object":         {withParam(good(), "params", `["a"]`), appOrigin, oauth.InvalidRequest},
		"params nested":            {withParam(good(), "params", `{"scope":{}}`), appOrigin, oauth.InvalidRequest},
		"params too long":          {good("scope", strings.Repeat("a ", 3000)), appOrigin, oauth.InvalidRequest},
		"no challenge":             {good("ticket_challenge", ""), appOrigin, oauth.InvalidRequest},
		"challenge garbage":        {good("ticket_challenge", "x"), appOrigin, oauth.InvalidRequest},
		"scope not the client's":   {good("scope", "read"), appOrigin, oauth.InvalidScope},
		"too old, silently":        {good("max_age", "0", "prompt", "none"), appOrigin, oauth.InteractionRequired},
	} {
		t.Run(name, func(t *testing.T) {
			w.clock.pass(time.Second)
			p := b.byBrowser("POST", fedcmAssertionPath, c.form, c.origin)
			p.t = t
			e, _ := p.json()["error"].(map[string]any)
			if p.status != http.StatusBadRequest || e["error"] != string(c.code) || e["code"] != e["error"] {
				t.Errorf("status %d: %s, want %s", p.status, p.body, c.code)
			}
			if got := p.header.Get("Access-Control-Allow-Origin"); got != "" && got != c.origin || c.origin == evilOrigin && got != "" {
				t.Errorf("readable by %q", got)
			}
		})
	}
	p := w.browser().byBrowser("POST", fedcmAssertionPath, good(), appOrigin)
	if !strings.Contains(p.body, string(oauth.AccessDenied)) {
		t.Errorf("nobody signed in: %d %s", p.status, p.body)
	}
}

// Where the user has to act the browser opens a window of ours, which ends in a ticket for the page that asked.
func TestFedCMContinuesInAWindow(t *testing.T) {
	w := newWorld(t)
	window := func(b *browser, asked url.Values) page {
		t.Helper()
		address, ok := b.byBrowser("POST", fedcmAssertionPath, asked, appOrigin).json()["continue_on"].(string)
		if !ok || !strings.HasPrefix(address, w.url+windowPath) {
			t.Fatalf("continue_on is %q", address)
		}
		p := b.open(address)
		if csp := p.header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "frame-ancestors 'none'") {
			t.Errorf("the window's page may be framed: %s", csp)
		}
		return p
	}
	ticketOf := func(p page) string {
		t.Helper()
		if attribute(t, p.body, "data-page") != "resolve" || attribute(t, p.body, "data-account") != w.alice.ID.String() {
			t.Fatalf("not the end: %s", p.body)
		}
		return unescape(attribute(t, p.body, "data-ticket"))
	}
	t.Run("consent", func(t *testing.T) {
		b := w.firstParty()
		b.byBrowser("POST", fedcmAssertionPath, w.asserting("foreign", "prompt", "none"), appOrigin).wantBrowserError(oauth.ConsentRequired)
		asked := window(b, w.asserting("foreign"))
		end := b.submit(consentPath, form("flow", asked.field("flow"), "user", asked.field("user"), "decision", "allow"))
		w.wantActive(w.blocked().redeemed(ticketOf(end), "foreign", fedcmVerifier).token(), true)
		if _, there := b.byBrowser("POST", fedcmAssertionPath, w.asserting("foreign"), appOrigin).json()["token"]; !there {
			t.Error("whoever agreed is asked again")
		}
	})
	t.Run("step-up", func(t *testing.T) {
		b := w.firstParty()
		w.clock.pass(2 * time.Minute)
		asked := window(b, w.asserting("app", "scope", "openid payment"))
		end := b.submitPassword(asked, "alice", password)
		at := ticketPath + "?" + form("client_id", "app", "for_origin", appOrigin, "scope", "openid payment").Encode()
		frame := w.blocked()
		w.wantActive(frame.submit(continuePath, form("flow", frame.frame(at).field("flow"), "ticket", ticketOf(end), "verifier", fedcmVerifier)).token(), true)
	})
	t.Run("cancelled", func(t *testing.T) {
		b := w.firstParty()
		w.clock.pass(2 * time.Minute)
		end := b.submit(cancelPath, form("flow", window(b, w.asserting("app", "scope", "payment")).field("flow")))
		if attribute(t, end.body, "data-page") != "resolve" || strings.Contains(end.body, "data-ticket") {
			t.Errorf("cancelled, and yet: %s", end.body)
		}
	})
}

// wantBrowserError demands an error in the browser's form.
func (p page) wantBrowserError(code oauth.Code) {
	p.t.Helper()
	if e, _ := p.json()["error"].(map[string]any); e["error"] != string(code) {
		p.t.Fatalf("got %s, want the error %s", p.body, code)
	}
}

func TestFedCMDisconnect(t *testing.T) {
	w := newWorld(t)
	b := w.firstParty()
	ticket := b.byBrowser("POST", fedcmAssertionPath, w.asserting("app"), appOrigin).json()["token"].(string)
	access := w.blocked().redeemed(ticket, "app", fedcmVerifier).token()
	other := b.byBrowser("POST", fedcmAssertionPath, w.asserting("jwt"), appOrigin).json()["token"].(string)
	kept := w.blocked().redeemed(other, "jwt", fedcmVerifier).token()
	sub := w.alice.ID.String()
	for name, c := range map[string]struct {
		form   url.Values
		origin string
	}{
		"no origin":       {form("client_id", "app", "account_hint", sub), ""},
		"wrong origin":    {form("client_id", "app", "account_hint", sub), evilOrigin},
		"another account": {form("client_id", "app", "account_hint", "bob"), appOrigin},
		"no hint":         {form("client_id", "app"), appOrigin},
		"unknown client":  {form("client_id", "nobody", "account_hint", sub), appOrigin},
		"flow off":        {form("client_id", "off", "account_hint", sub), appOrigin},
	} {
		if p := b.byBrowser("POST", fedcmDisconnectPath, c.form, c.origin); p.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
	w.browser().byBrowser("POST", fedcmDisconnectPath, form("client_id", "app", "account_hint", sub), appOrigin).wantBrowserError(oauth.AccessDenied)
	w.wantActive(access, true)
	p := b.byBrowser("POST", fedcmDisconnectPath, form("client_id", "app", "account_hint", "Alice"), appOrigin)
	if p.json()["account_id"] != sub || p.header.Get("Access-Control-Allow-Origin") != appOrigin || p.header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("%d %v %s", p.status, p.header, p.body)
	}
	w.wantActive(access, false)
	w.wantActive(kept, true)
}

func TestLoginStatus(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.open(loginPath + "?login_hint=alice")
	page.wantText(`value="alice"`)
	if page.header.Get("Set-Login") != "" {
		t.Error("logged in before the sign-in")
	}
	if wrong := b.submitPassword(page, "alice", "wrong"); wrong.header.Get("Set-Login") != "" {
		t.Error("logged in by a wrong password")
	}
	end := b.submitPassword(page, "alice", password)
	if end.header.Get("Set-Login") != loggedInStatus || attribute(t, end.body, "data-page") != "resolve" || strings.Contains(end.body, "data-ticket") {
		t.Errorf("%v %s", end.header, end.body)
	}
	if again := b.open(loginPath); again.header.Get("Set-Login") != loggedInStatus || strings.Contains(again.body, "password") {
		t.Errorf("signed in already: %v %s", again.header, again.body)
	}
	if out := b.submit(logoutPath, form("confirm", "yes")); out.header.Get("Set-Login") != loggedOutStatus {
		t.Errorf("logged out: %v", out.header)
	}
	b.open(loginPath).wantText(`name="password"`)
	b.open(loginPath + "?login_hint=a&login_hint=b").wantPlain(http.StatusBadRequest)
	// A framed sign-in is no first-party session: the browser is told nothing.
	if framed := w.blocked().signIn("client_id", "app"); framed.header.Get("Set-Login") != "" {
		t.Errorf("a framed sign-in: %v", framed.header)
	}
}

// Wherever the sign-in leads to: the answer that sets the SSO cookie tells the browser that somebody is signed in.
func TestAFirstPartySignInTellsTheBrowser(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	done := b.submitPassword(b.open(assisted("client_id", "app")), "alice", password)
	if done.header.Get("Set-Login") != loggedInStatus {
		t.Errorf("headers %v", done.header)
	}
}
