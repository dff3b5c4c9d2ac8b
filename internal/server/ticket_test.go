package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const (
	ticketVerifier = "the-verifier-that-the-page-keeps-to-itself-alone"
	appPage        = appOrigin + "/page?q=1"
)

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// from loads an address as the whole page, on the way from another page.
func (b *browser) from(referer, address string, headers ...string) page {
	b.t.Helper()
	r := b.request("GET", address, nil, append([]string{
		"Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, headers...)...)
	if referer != "" {
		r.Header.Set("Referer", referer)
	}
	return b.do(r)
}

// wayThrough is the address of the library's way through the server; further pairs replace what it says.
func wayThrough(pairs ...string) string {
	q := form("client_id", "app", "for_origin", appOrigin, "prompt", "none", "return_to", appPage+"#there", "ticket_challenge", challengeOf(ticketVerifier))
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return preflightPath + "?" + q.Encode()
}

// carried is the ticket with which the page comes back: always by the same redirect to the same address.
func (p page) carried() string {
	p.t.Helper()
	at, ticket, found := strings.Cut(p.header.Get("Location"), "#usher_ticket=")
	if p.status != http.StatusSeeOther || !found || at != appPage || p.header.Get("Referrer-Policy") != "no-referrer" || p.header.Get("Cache-Control") != "no-store" {
		p.t.Fatalf("status %d, headers %v", p.status, p.header)
	}
	return ticket
}

// ticketWorld has a browser that is signed in, first-party.
func ticketWorld(t *testing.T) (*world, *browser) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("client_id", "app", "scope", "openid").token()
	return w, b
}

func (b *browser) freshTicket(pairs ...string) string {
	b.t.Helper()
	ticket := b.from(appPage, wayThrough(pairs...)).carried()
	if ticket == "" {
		b.t.Fatal("there is no ticket")
	}
	return ticket
}

// redeem brings a ticket to the hidden page; pairs are the page's parameters.
func (b *browser) redeem(ticket, verifier, frameCookies string, pairs ...string) page {
	b.t.Helper()
	q := form("client_id", "app", "dpop_jkt", jktOf(b.t, "dpop"))
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	p := b.frame(ticketPath + "?" + q.Encode())
	return b.submit(continuePath, form("flow", p.field("flow"), "ticket", ticket, "verifier", verifier, "frame_cookies", frameCookies))
}

// partitioned keeps in its frames what a browser without third-party cookies keeps there.
func (w *world) partitioned() *browser {
	b := w.browser()
	b.client.Jar = onlyPartitioned{b.client.Jar}
	return b
}

func (p page) wantKept(kept oauth.Kept) {
	p.t.Helper()
	p.token()
	if _, m := p.message(); m["session_kept"] != string(kept) {
		p.t.Errorf("the session is kept at %v, want %s", m["session_kept"], kept)
	}
}

func (p page) cookieNames() (names []string) {
	for _, line := range p.header.Values("Set-Cookie") {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	return names
}

const silentApp = assistedPath + "?client_id=app&prompt=none"

func TestAVisitBringsTheSessionIntoTheFrame(t *testing.T) {
	w, b := ticketWorld(t)
	f := w.partitioned()
	f.frame(silentApp).wantError(oauth.InteractionRequired)
	answer := f.redeem(b.freshTicket(), ticketVerifier, "yes")
	answer.wantKept(oauth.KeptInFrame)
	if to, m := answer.message(); to != appOrigin || m["renewal_offered"] != true || m["sub"] != w.alice.ID.String() {
		t.Errorf("to %s: %v", to, m)
	}
	if names := answer.cookieNames(); len(names) != 1 || !strings.HasPrefix(names[0], "__Host-usher-child-") {
		t.Errorf("redeeming sets %v: nothing but a child session may come of it", names)
	}
	access := f.frame(silentApp).token()
	f.frame(assistedPath + "?client_id=jwt&prompt=none").wantError(oauth.InteractionRequired)
	b.submit(logoutPath, form("confirm", "yes", "client_id", "app", "for_origin", appOrigin))
	w.wantActive(access, false)
	f.frame(silentApp).wantError(oauth.InteractionRequired)
	if w.audits(store.EventAdmitted) != 1 {
		t.Error("a session that came into a frame leaves no record")
	}
}

func TestAFrameThatKeepsNoCookieGetsNoChild(t *testing.T) {
	w, b := ticketWorld(t)
	f := w.partitioned()
	answer := f.redeem(b.freshTicket(), ticketVerifier, "no")
	answer.wantKept(oauth.KeptAtServer)
	if names := answer.cookieNames(); len(names) != 0 {
		t.Errorf("sets %v", names)
	}
	f.redeem(b.freshTicket(), ticketVerifier, "").token() // who does not say gets one: a cookie that is dropped does no harm
	f.frame(silentApp).token()
}

func TestASignInInABlockedFrameIsKeptInItsTab(t *testing.T) {
	w := newWorld(t)
	for found, want := range map[string]any{"no": "tab", "yes": "frame", "": nil, "maybe": nil} {
		b := w.blocked()
		p := b.frame(assisted("client_id", "app", "dpop_jkt", jktOf(t, "dpop")))
		answer := b.submit(signInPath, form("flow", p.field("flow"), "username", "alice", "password", password, "frame_cookies", found))
		if _, m := answer.message(); m["status"] != "success" || m["session_kept"] != want {
			t.Errorf("%q: %v", found, m)
		}
	}
}

// windowOf opens the window that a framed page of ours offers, as its script does.
func (b *browser) windowOf(offer page, verifier string) page {
	b.t.Helper()
	address := unescape(attribute(b.t, offer.body, "data-open"))
	if verifier != "" {
		address += "&ticket_challenge=" + challengeOf(verifier)
	}
	return b.from("", address, "Sec-Fetch-Site", "same-origin")
}

func TestAWindowBringsTheSessionIntoTheFrame(t *testing.T) {
	w := newWorld(t)
	f, top := w.partitioned(), w.browser()
	offer := f.frame(assisted("client_id", "app", "scope", "openid", "dpop_jkt", jktOf(t, "dpop")))
	window := top.windowOf(offer, ticketVerifier)
	window.wantText(`name="password"`)
	done := top.submitPassword(window, "alice", password)
	done.wantText(`data-page="done"`)
	if strings.Contains(done.body, "access_token") || !framedByNobody(done) {
		t.Error("the window holds a token, or may be framed")
	}
	ticket := attribute(t, done.body, "data-ticket")
	goOn := form("flow", offer.field("flow"), "ticket", ticket, "verifier", ticketVerifier, "frame_cookies", "yes")
	f.submit(continuePath, goOn).wantKept(oauth.KeptInFrame)
	f.submit(continuePath, goOn).wantError(oauth.InteractionRequired)
	f.frame(silentApp).token()

	// Who is signed in there already needs no password, and a window that was not asked for a ticket makes none.
	other := w.partitioned()
	offer = other.frame(assisted("client_id", "app"))
	done = top.windowOf(offer, "")
	done.wantText(`data-page="done" data-ticket=""`)
	other.submit(continuePath, form("flow", offer.field("flow"))).wantError(oauth.InteractionRequired)
	done = top.windowOf(offer, ticketVerifier)
	other.submit(continuePath, form("flow", offer.field("flow"), "ticket", attribute(t, done.body, "data-ticket"), "verifier", ticketVerifier)).token()
}

func TestOnlyOneRacerRedeemsATicket(t *testing.T) {
	w, b := ticketWorld(t)
	ticket, f := b.freshTicket(), w.blocked()
	flow := f.frame(ticketPath + "?client_id=app").field("flow")
	var wait sync.WaitGroup
	results := make(chan string, 12)
	for range cap(results) {
		wait.Go(func() {
			_, m := f.submit(continuePath, form("flow", flow, "ticket", ticket, "verifier", ticketVerifier)).message()
			results <- m["status"].(string)
		})
	}
	wait.Wait()
	close(results)
	won := 0
	for status := range results {
		if status == "success" {
			won++
		}
	}
	if won != 1 || w.audits(store.EventAdmitted) != 1 {
		t.Errorf("%d of %d redeemed one ticket; %d records", won, cap(results), w.audits(store.EventAdmitted))
	}
}

func TestATicketLivesAMinute(t *testing.T) {
	w, b := ticketWorld(t)
	ticket := b.freshTicket()
	w.clock.pass(oauth.TicketLifetime - 5*time.Second)
	b.freshTicket()
	w.blocked().redeem(ticket, ticketVerifier, "no").token()
	ticket = b.freshTicket()
	w.clock.pass(oauth.TicketLifetime + time.Second)
	w.blocked().redeem(ticket, ticketVerifier, "no").wantError(oauth.InteractionRequired)
}

// What a thief of the ticket tries, and what its owner can still do afterwards: a refusal spends nothing.
func TestAStolenTicketIsWorthNothing(t *testing.T) {
	w, b := ticketWorld(t)
	ticket, f := b.freshTicket(), w.blocked()
	for _, verifier := range []string{"", "x", challengeOf(ticketVerifier), ticketVerifier + "x", strings.Repeat("é", 64), strings.Repeat("v", 5000)} {
		f.redeem(ticket, verifier, "no").wantError(oauth.InvalidRequest)
	}
	f.redeem(ticket, ticketVerifier, "no", "client_id", "jwt").wantError(oauth.InvalidRequest)
	w.change("app", func(c *oauth.Client) { c.AllowedOrigins = append(c.AllowedOrigins, otherOrigin) })
	f.redeem(ticket, ticketVerifier, "no", "for_origin", otherOrigin).wantError(oauth.InvalidRequest)

	flow := f.frame(ticketPath + "?" + form("client_id", "app", "for_origin", appOrigin).Encode()).field("flow")
	goOn := form("flow", flow, "ticket", ticket, "verifier", ticketVerifier, "frame_cookies", "no")
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site", "Origin", evilOrigin}, {"Sec-Fetch-Site", "same-site", "Origin", w.url}, {"Origin", "null"}, {"Origin", appOrigin}} {
		f.do(f.request("POST", continuePath, goOn, headers...)).wantPlain(http.StatusForbidden)
	}
	f.submit(continuePath, goOn).token()
}

func TestNothingElsePassesForATicket(t *testing.T) {
	w, b := ticketWorld(t)
	f := w.blocked()
	first := f.signIn("client_id", "app", "dpop_jkt", jktOf(t, "dpop"))
	ticket := b.freshTicket()
	for name, other := range map[string]string{
		"access token": first.token(), "renewal handle": first.handle(), "flow": f.frame(assisted("client_id", "app")).field("flow"),
		"garbage": "x", "cut": ticket[:len(ticket)-2], "longer": ticket + "A", "control": "\x00\r\n", "not UTF-8": "\xff", "markup": `"><script>`,
		"long": strings.Repeat("A", 2000), "too long": strings.Repeat("A", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			p := f.redeem(other, ticketVerifier, "no")
			p.t = t
			p.wantError(oauth.InvalidRequest)
		})
	}
	twice := form("flow", f.frame(ticketPath+"?client_id=app").field("flow"), "ticket", ticket, "verifier", ticketVerifier)
	twice.Add("ticket", ticket)
	f.submit(continuePath, twice).wantError(oauth.InvalidRequest)
	f.submit(continuePath, form("flow", "x", "ticket", ticket, "verifier", ticketVerifier)).wantPlain(http.StatusBadRequest)
	f.submit(continuePath, form("flow", ticket, "ticket", ticket, "verifier", ticketVerifier)).wantPlain(http.StatusBadRequest)
	f.submit(continuePath, form("ticket", strings.Repeat("A", 200_000))).wantPlain(http.StatusBadRequest)
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("the log has errors: %s", w.log)
	}
}

func TestATicketEndsWithItsSession(t *testing.T) {
	for name, end := range map[string]func(*world, *browser){
		"logout":  func(w *world, b *browser) { b.submit(logoutPath, form("confirm", "yes")) },
		"lock":    func(w *world, _ *browser) { w.must(w.store.SetLocked(w.t.Context(), w.alice.ID, 0, true, noAudit)) },
		"removal": func(w *world, _ *browser) { w.must(w.manager.RemoveAccount(w.t.Context(), w.alice.ID)) },
	} {
		t.Run(name, func(t *testing.T) {
			w, b := ticketWorld(t)
			ticket := b.freshTicket()
			end(w, b)
			w.blocked().redeem(ticket, ticketVerifier, "no").wantError(oauth.InteractionRequired)
			if w.audits(store.EventAdmitted) != 0 {
				t.Error("the ticket was spent")
			}
		})
	}
	w, b := ticketWorld(t)
	ticket, f := b.freshTicket(), w.blocked()
	p := f.frame(ticketPath + "?client_id=app")
	w.change("app", func(c *oauth.Client) { c.Disabled = true })
	f.submit(continuePath, form("flow", p.field("flow"), "ticket", ticket, "verifier", ticketVerifier)).wantPlain(http.StatusBadRequest)
}

// A ticket carries a session, and no more than that: what a hidden frame would be refused, it is refused too, and can be
// used for something less afterwards.
func TestATicketIsNoFresherThanItsSession(t *testing.T) {
	w, b := ticketWorld(t)
	w.clock.pass(2 * time.Minute)
	ticket, f := b.freshTicket(), w.blocked()
	for _, pair := range [][]string{{"prompt", "login"}, {"force_auth", "true"}, {"max_age", "60"}, {"scope", "openid payment"}} {
		f.redeem(ticket, ticketVerifier, "no", pair...).wantError(oauth.InteractionRequired)
		if got := b.from(appPage, wayThrough(append([]string{"prompt", ""}, pair...)...)).carried(); got != "" {
			t.Errorf("%v: the page comes back with a ticket", pair)
		}
	}
	f.redeem(ticket, ticketVerifier, "no", "prompt", "consent").wantError(oauth.ConsentRequired)
	f.frame(ticketPath + "?client_id=app&scope=no-such").wantError(oauth.InvalidScope)
	f.redeem(ticket, ticketVerifier, "no", "scope", "openid profile").token()
}

// popup is the address of the window that the library itself opens; further pairs replace what it says.
func popup(pairs ...string) string {
	q := form("client_id", "app", "for_origin", appOrigin, "ticket_challenge", challengeOf(ticketVerifier), "return_to", appOrigin+"/page")
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return assistedPath + "?" + q.Encode()
}

// outcome is what the window hands over.
func (p page) outcome() (to string, m map[string]any, back string) {
	p.t.Helper()
	p.wantText(`data-page="handover"`)
	if err := json.Unmarshal([]byte(unescape(attribute(p.t, p.body, "data-message"))), &m); err != nil {
		p.t.Fatal(err)
	}
	if !framedByNobody(p) || p.header.Get("Cache-Control") != "no-store" || strings.Contains(p.body, "access_token") {
		p.t.Errorf("headers %v of\n%s", p.header, p.body)
	}
	return unescape(attribute(p.t, p.body, "data-to")), m, unescape(attribute(p.t, p.body, "data-return"))
}

func framedByNobody(p page) bool {
	return strings.HasSuffix(p.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") && p.header.Get("X-Frame-Options") == "DENY"
}

func TestAWindowOfTheAppHandsATicketOver(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	window := b.from(appPage, popup())
	window.wantText(`data-opener="` + appOrigin + `"`)
	to, m, back := b.submitPassword(window, "alice", password).outcome()
	ticket, _ := m["ticket"].(string)
	if to != appOrigin || m["status"] != "ticket" || ticket == "" || back != appOrigin+"/page#usher_ticket="+ticket {
		t.Errorf("to %s: %v, back at %s", to, m, back)
	}
	w.blocked().redeem(ticket, ticketVerifier, "no").wantKept(oauth.KeptAtServer)
	if _, m, _ := b.from(appPage, popup()).outcome(); m["ticket"] == "" || m["ticket"] == ticket {
		t.Errorf("the second window: %v", m)
	}

	cancelled := b.submit(cancelPath, form("flow", b.from(appPage, popup("prompt", "login")).field("flow")))
	to, m, back = cancelled.outcome()
	if to != appOrigin || m["status"] != "error" || m["error"] != string(oauth.AccessDenied) || m["ticket"] != nil || back != "" {
		t.Errorf("cancelled: to %s: %v, back at %s", to, m, back)
	}
	_, m, _ = w.browser().from(appPage, popup("prompt", "none")).outcome()
	if m["error"] != string(oauth.InteractionRequired) {
		t.Errorf("nobody is there: %v", m)
	}
	b.from(appPage, popup("scope", "no-such")).wantError(oauth.InvalidScope)
	b.from(appPage, popup("ticket_challenge", "short")).wantError(oauth.InvalidRequest)
	for _, dest := range []string{"document", ""} { // older agents do not say
		b.do(b.request("GET", popup(), nil, "Sec-Fetch-Dest", dest)).outcome()
	}
	b.frame(popup()).token() // a frame gets its answer by message
	b.from(appPage, popup("for_origin", evilOrigin)).wantPlain(http.StatusBadRequest)
}

// The sign-in, or the consent, that the request demanded was made in the window: the hidden page that redeems its ticket asks the
// same and must not find it stale.
func TestWhatTheUserDidInTheWindowCounts(t *testing.T) {
	w, b := ticketWorld(t)
	f := w.blocked()
	for _, pair := range [][]string{{"prompt", "login"}, {"force_auth", "true"}, {"max_age", "0"}, {"scope", "openid payment"}} {
		w.clock.pass(2 * time.Minute)
		_, m, _ := b.submitPassword(b.from(appPage, popup(pair...)), "alice", password).outcome()
		w.clock.pass(10 * time.Second)
		f.redeem(m["ticket"].(string), ticketVerifier, "no", pair...).token()
	}
	consent := b.from(appPage, popup("prompt", "consent"))
	w.clock.pass(10 * time.Second) // the store's times are whole milliseconds
	_, m, _ := b.submit(consentPath, form("flow", consent.field("flow"), "user", consent.field("user"), "decision", "allow")).outcome()
	f.redeem(m["ticket"].(string), ticketVerifier, "no", "prompt", "consent").token()
	_, m, _ = b.from(appPage, popup()).outcome() // nobody had to act in this one
	f.redeem(m["ticket"].(string), ticketVerifier, "no", "prompt", "login").wantError(oauth.InteractionRequired)
}

func TestAClientWithConsentByTicket(t *testing.T) {
	w, b := ticketWorld(t)
	f := w.partitioned()
	if got := b.from(appPage, wayThrough("client_id", "foreign", "scope", "read")).carried(); got != "" {
		t.Error("a ticket for a client that the user never agreed to")
	}
	offer := f.frame(assisted("client_id", "foreign", "scope", "read", "dpop_jkt", jktOf(t, "dpop")))
	offer.wantText("Continue in a window")
	f.redeem(b.freshTicket(), ticketVerifier, "no", "client_id", "foreign").wantError(oauth.InvalidRequest)
	consent := b.windowOf(offer, ticketVerifier)
	done := b.submit(consentPath, form("flow", consent.field("flow"), "user", consent.field("user"), "decision", "allow"))
	ticket := attribute(t, done.body, "data-ticket")
	f.redeem(ticket, ticketVerifier, "no", "client_id", "foreign", "scope", "email").wantError(oauth.ConsentRequired)
	f.submit(continuePath, form("flow", offer.field("flow"), "ticket", ticket, "verifier", ticketVerifier, "frame_cookies", "yes")).wantKept(oauth.KeptInFrame)
	f.frame(assisted("client_id", "foreign", "prompt", "none", "scope", "read")).token()
	b.freshTicket("client_id", "foreign", "scope", "read")
	w.must(w.manager.WithdrawConsent(t.Context(), w.alice.ID, "foreign"))
	if got := b.from(appPage, wayThrough("client_id", "foreign", "scope", "read")).carried(); got != "" {
		t.Error("a ticket after the consent was withdrawn")
	}
}

// Whoever is there, and whatever is missing: the page comes back to the same address by the same redirect.
func TestAVisitIsNoLoginOracle(t *testing.T) {
	w, b := ticketWorld(t)
	stranger := w.browser()
	in, out := b.from(appPage, wayThrough()), stranger.from(appPage, wayThrough())
	if in.carried() == "" || out.carried() != "" {
		t.Errorf("%q and %q", in.carried(), out.carried())
	}
	for _, p := range []page{in, out} {
		p.header.Del("Date")
		p.header.Set("Location", appPage)
	}
	if got, want := dump(in), dump(out); got != want {
		t.Errorf("signed in:\n%s\nand not:\n%s", got, want)
	}
	for name, address := range map[string]string{
		"a scope that is not the client's": wayThrough("scope", "read"), "a challenge that is none": wayThrough("ticket_challenge", "x"),
		"no challenge": wayThrough("ticket_challenge", ""), "a client that may not": wayThrough("client_id", "off"), "another user": wayThrough("prompt", "login"),
	} {
		if ticket := b.from(appPage, address).carried(); ticket != "" {
			t.Errorf("%s: a ticket", name)
		}
	}
	before := w.stats().Writes
	stranger.from(appPage, wayThrough())
	stranger.from(appPage, popup())
	stranger.frame(ticketPath + "?client_id=app")
	if w.stats().Writes != before {
		t.Error("a stranger's visit writes")
	}
}

func dump(p page) string {
	var text strings.Builder
	text.WriteString(http.StatusText(p.status))
	_ = p.header.Write(&text)
	return text.String() + p.body
}

// Only the app's own page gets a ticket: a stranger who sends the browser here chose the challenge, and where the app redirects
// to anywhere the fragment would follow to that stranger.
func TestNoTicketForAStrangersErrand(t *testing.T) {
	w, b := ticketWorld(t)
	w.change("app", func(c *oauth.Client) { c.AllowedOrigins = append(c.AllowedOrigins, otherOrigin) })
	for _, referer := range []string{"", evilOrigin + "/", otherOrigin + "/", w.url + "/", appOrigin + ".evil.example/", "http://localhost:80801/"} {
		before := w.stats().Reads
		if b.from(referer, wayThrough()).carried() != "" || w.stats().Reads != before {
			t.Errorf("a ticket, or a look at the session, for %q", referer)
		}
		if _, _, back := b.from(referer, popup()).outcome(); back != "" {
			t.Errorf("sent by %q the window goes on to %s", referer, back)
		}
	}
}

func TestAWindowGoesOnToAPageOfTheAppAlone(t *testing.T) {
	w, b := ticketWorld(t)
	w.change("many", func(c *oauth.Client) { c.Scope = []string{"openid"} })
	for _, back := range []string{
		"", evilOrigin + "/", otherOrigin + "/", appOrigin + ".evil.example/", "http://localhost:8080@evil.example/", "javascript:alert(1)", "//localhost:8080/", "/page",
		"http:\\\\localhost:8080/", appOrigin + "/\r\nX: y", w.url + "/", appOrigin + "/" + strings.Repeat("a", 4000),
	} {
		to, m, where := b.from(appPage, popup("return_to", back)).outcome()
		if to != appOrigin || m["ticket"] == "" || where != "" {
			t.Errorf("%.60q: to %s, goes on to %s", back, to, where)
		}
	}
	// An origin that the client allows by a pattern alone may get the message, and is no place to go to.
	pattern := "https://one.apps.example"
	address := assisted("client_id", "many", "for_origin", pattern, "ticket_challenge", challengeOf(ticketVerifier), "return_to", pattern+"/")
	to, m, where := b.from(pattern+"/", address).outcome()
	if to != pattern || m["ticket"] == "" || where != "" {
		t.Errorf("to %s: %v, goes on to %s", to, m, where)
	}
	// Nor does the visit go to any of these, or to another client's origin with this one's ticket.
	for _, pairs := range [][]string{
		{"return_to", evilOrigin + "/"}, {"return_to", otherOrigin + "/"}, {"return_to", ""}, {"client_id", "many", "for_origin", pattern, "return_to", pattern + "/"},
	} {
		b.from(appPage, wayThrough(pairs...)).wantPlain(http.StatusBadRequest)
	}
	// The app's page does not end here for a client that is gone, or a request that is wrong.
	for _, pairs := range [][]string{
		{"client_id", "nobody"}, {"client_id", ""}, {"for_origin", evilOrigin}, {"for_origin", "null"}, {"client_id", strings.Repeat("a", 5000)}, {"for_origin", "\x00"},
	} {
		p := b.from(appPage, wayThrough(pairs...))
		if where := p.header.Get("Location"); p.status != http.StatusSeeOther || !strings.HasSuffix(where, "#usher_ticket=") || !strings.HasPrefix(where, appOrigin) {
			t.Errorf("%.60q: %d to %s", pairs, p.status, where)
		}
	}
}

func TestAVisitInAFrameBringsNoTicket(t *testing.T) {
	_, b := ticketWorld(t)
	p := b.from(appPage, wayThrough(), "Sec-Fetch-Dest", "iframe")
	if p.status != http.StatusSeeOther || p.header.Get("Location") != appPage+"#there" || p.header.Get("Set-Cookie") != "" {
		t.Errorf("status %d, headers %v", p.status, p.header)
	}
}

func TestTheTicketPageIsForOneOriginsFrame(t *testing.T) {
	w, b := ticketWorld(t)
	before := w.stats().Reads
	p := b.frame(ticketPath + "?client_id=app")
	if got := p.header.Get("Content-Security-Policy"); p.status != 200 || !strings.HasSuffix(got, "frame-ancestors "+appOrigin) || p.header.Get("Set-Cookie") != "" {
		t.Errorf("status %d, headers %v", p.status, p.header)
	}
	p.wantText(`data-frame="` + appOrigin + `"`)
	if w.stats().Reads != before {
		t.Error("the page reads the session before there is a ticket")
	}
	b.frame(ticketPath + "?client_id=app&for_origin=" + url.QueryEscape(evilOrigin)).wantPlain(http.StatusBadRequest)
	b.frame(ticketPath + "?client_id=app&client_id=app").wantPlain(http.StatusBadRequest)
	b.frame(ticketPath + "?client_id=app&x=%zz").wantPlain(http.StatusBadRequest)
	b.frame(ticketPath + "?client_id=nobody").wantPlain(http.StatusBadRequest)
	b.frame(ticketPath + "?client_id=off").wantError(oauth.UnauthorizedClient)
	for _, dest := range []string{"image", "empty", "object", "embed", "script"} {
		if p := b.do(b.request("GET", ticketPath+"?client_id=app", nil, "Sec-Fetch-Dest", dest)); p.status != http.StatusForbidden {
			t.Errorf("%s: status %d", dest, p.status)
		}
	}
}

// A window's flow is bound to its browser: its form in another one makes neither a session nor a ticket.
func TestAWindowsFlowIsItsBrowsersAlone(t *testing.T) {
	w := newWorld(t)
	attacker, victim := w.browser(), w.browser()
	window := attacker.windowOf(attacker.frame(assisted("client_id", "app")), ticketVerifier)
	handOver := attacker.from(appPage, popup())
	for _, p := range []page{window, handOver} {
		victim.submit(signInPath, form("flow", p.field("flow"), "username", "alice", "password", password)).wantPlain(http.StatusBadRequest)
		attacker.submit(continuePath, form("flow", p.field("flow"))).wantText("open for too long") // only a frame goes on with a ticket
		victim.from("", windowPath+"?flow="+url.QueryEscape(handOver.field("flow"))).wantText(`name="password"`)
	}
	offer := victim.frame(assisted("client_id", "app"))
	for _, challenge := range []string{"x", strings.Repeat("A", 5000), challengeOf("v") + "&ticket_challenge=" + challengeOf("v")} {
		victim.open(unescape(attribute(t, offer.body, "data-open")) + "&ticket_challenge=" + challenge).wantPlain(http.StatusBadRequest)
	}
	victim.open(windowPath + "?flow=" + strings.Repeat("A", 50_000)).wantPlain(http.StatusBadRequest)
	// What ends in "done" already is no flow to begin a window with.
	victim.open(windowPath + "?flow=" + url.QueryEscape(window.field("flow"))).wantPlain(http.StatusBadRequest)
}

// Where an SSO session reaches the frame it wins, and no child is made beside it. A cookie that names none counts for nothing.
func TestTheSSOCookieWinsOverATicket(t *testing.T) {
	w, b := ticketWorld(t)
	_, err := w.manager.CreateAccount(t.Context(), oauth.Account{Username: "bob"}, password)
	w.must(err)
	bob := w.browser()
	bob.submitPassword(bob.frame(assisted("client_id", "app")), "bob", password).token()
	answer := b.redeem(bob.freshTicket(), ticketVerifier, "yes")
	answer.wantKept(oauth.KeptInFrame)
	if _, m := answer.message(); m["sub"] != w.alice.ID.String() || len(answer.cookieNames()) != 0 {
		t.Errorf("an SSO session in the frame gives way to another's ticket: %v, sets %v", m["sub"], answer.cookieNames())
	}
	old := w.browser()
	old.signIn("client_id", "app").token()
	gone := old.client.Jar
	jar := w.browser().client.Jar
	jar.SetCookies(mustURL(t, w.url), secured(gone.Cookies(mustURL(t, w.url))))
	old.submit(logoutPath, form("confirm", "yes"))
	f := w.browser()
	f.client.Jar = onlyPartitioned{jar}
	answer = f.redeem(b.freshTicket(), ticketVerifier, "yes")
	answer.wantKept(oauth.KeptInFrame)
	f.frame(silentApp).token()
}

func secured(cookies []*http.Cookie) []*http.Cookie {
	for _, c := range cookies {
		c.Secure, c.Path = true, "/"
	}
	return cookies
}

// A ticket's child is of the very session that the SSO cookie names; it stays, for when that does not arrive again.
func TestAChildOfTheSameSessionStaysBesideTheSSOCookie(t *testing.T) {
	w, b := ticketWorld(t)
	f := w.partitioned()
	f.redeem(b.freshTicket(), ticketVerifier, "yes").token()
	both := f.request("GET", silentApp, nil)
	for _, c := range b.client.Jar.Cookies(mustURL(t, w.url)) {
		both.AddCookie(c)
	}
	p := f.do(both)
	p.token()
	if len(p.header.Values("Set-Cookie")) != 0 {
		t.Errorf("sets %v", p.cookieNames())
	}
	f.frame(silentApp).token()
}

// A former child of the frame goes when a ticket brings another session.
func TestATicketReplacesTheChildOfAnother(t *testing.T) {
	w, b := ticketWorld(t)
	f := w.childBrowser()
	stolen := f.request("GET", silentApp, nil)
	stolen.AddCookie(f.client.Jar.Cookies(mustURL(t, w.url))[0])
	w.blocked().do(stolen.Clone(t.Context())).token()
	f.client.Jar = onlyPartitioned{f.client.Jar}
	f.redeem(b.freshTicket(), ticketVerifier, "yes").token()
	w.blocked().do(stolen).wantError(oauth.InteractionRequired)
	f.frame(silentApp).token()
}

func TestTicketsStayOutOfTheLog(t *testing.T) {
	w, b := ticketWorld(t)
	ticket := b.freshTicket()
	w.blocked().redeem(ticket, ticketVerifier, "no").token()
	w.blocked().redeem(ticket, ticketVerifier, "no").wantError(oauth.InteractionRequired)
	for _, secret := range []string{ticket, ticketVerifier} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestStorageAccessIsAskedForTheValidatedOrigin(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	ask := func(access, address string) page {
		return b.do(b.request("GET", address, nil, "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Storage-Access", access, "Origin", evilOrigin))
	}
	for access, want := range map[string]string{"inactive": `retry; allowed-origin="` + appOrigin + `"`, "active": "", "none": "", "": "", "x": ""} {
		if got := ask(access, silentApp).header.Get("Activate-Storage-Access"); got != want {
			t.Errorf("%q: %q", access, got)
		}
	}
	for _, address := range []string{assisted("client_id", "app", "for_origin", evilOrigin), assisted("client_id", "nobody"), assisted("client_id", "app", "scope", "no-such")} {
		if got := ask("inactive", address).header.Get("Activate-Storage-Access"); got != "" {
			t.Errorf("%s: %q", address, got)
		}
	}
	form := ask("none", assisted("client_id", "app"))
	form.wantText(`data-storage-access="none"`)
	ask(`"><script>`, assisted("client_id", "app")).wantText(`data-storage-access="&#34;&gt;&lt;script&gt;"`)
}

func TestASilentErrorTellsTheLibraryWhy(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	named := silentApp + "&dpop_jkt=" + jktOf(t, "dpop")
	for access, want := range map[string]any{"active": "not_signed_in", "": "unknown", "inactive": "needs_click", "none": "needs_click", "x": "needs_click"} {
		p := b.do(b.request("GET", named, nil, "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Storage-Access", access))
		if _, m := p.message(); m["error"] != string(oauth.InteractionRequired) || m["reason"] != want {
			t.Errorf("%q: %v", access, m)
		}
	}
	if _, m := b.frame(silentApp).message(); m["reason"] != nil {
		t.Errorf("an app that asks by itself gets a reason: %v", m)
	}
	if _, m := b.frame(named + "&scope=no-such").message(); m["reason"] != nil {
		t.Errorf("an error that is the app's own has a reason: %v", m)
	}
}

// Whoever had a framed flow sealed for the app's page cannot have somebody else's window bring a ticket there.
func TestAWindowThatAStrangerOpensGoesNowhere(t *testing.T) {
	w := newWorld(t)
	attacker := w.browser()
	framed := attacker.do(attacker.request("GET", assisted("client_id", "app", "return_to", appPage), nil, "Sec-Fetch-Dest", "iframe", "Referer", appPage))
	window := windowPath + "?flow=" + url.QueryEscape(framed.field("flow")) + "&ticket_challenge=" + challengeOf(ticketVerifier)
	victim := w.browser()
	victim.signIn("client_id", "app")
	for referer, goes := range map[string]bool{"": false, evilOrigin + "/": false, appPage: false, w.url + ".evil.example/": false, w.url + assistedPath: true} {
		p := victim.from(referer, window)
		p.wantText(`data-page="done"`)
		if there := strings.Contains(p.body, `data-return="`+appPage); there != goes {
			t.Errorf("from %q: goes on: %v", referer, there)
		}
	}
}
