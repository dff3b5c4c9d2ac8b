package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// hidden is in whatever callers send here that no log may hold.
const hidden = "HIDDEN-c2VjcmV0"

// since returns the lines of the log that came after so many bytes.
func (w *world) since(length int) []string {
	text := strings.TrimSpace(w.log.String()[length:])
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// Every refused request of a protocol endpoint has one line in the log, with client, address, route
// and cause, and without what the caller has to keep secret.
func TestEachRefusalHasOneLine(t *testing.T) {
	w := newOAuthWorld(t)
	code := w.browser().authorize(authorization("spa")).answer().Get("code")
	w.redeem("spa", code).granted(t)
	used := code
	basic := func(user, password string) string {
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	token := func(pairs ...string) func() page {
		return func() page { return w.call("POST", tokenPath, form(pairs...)) }
	}
	asked := func(address string) func() page {
		return func() page { return w.browser().open(address) }
	}
	for _, tt := range []struct {
		name, route, client, cause string
		level                      string
		ask                        func() page
	}{
		{"unknown client", "POST " + tokenPath, "nobody", "unknown client", "WARN",
			token("client_id", "nobody", "client_secret", hidden, "grant_type", "client_credentials")},
		{"bad secret", "POST " + tokenPath, "web", "wrong secret", "WARN", func() page {
			return w.call("POST", tokenPath, form("grant_type", "client_credentials"), "Authorization",
				basic("web", hidden))
		}},
		{"another method", "POST " + tokenPath, "web", "does not authenticate by none", "WARN",
			token("client_id", "web", "grant_type", "client_credentials")},
		{"two methods", "POST " + tokenPath, "web", "authenticates the client in two ways", "WARN",
			func() page {
				return w.call("POST", tokenPath, form("client_id", "web", "client_secret", hidden),
					"Authorization", basic("web", hidden))
			}},
		{"bad assertion", "POST " + tokenPath, "web", "", "WARN", token("client_id", "web", "grant_type",
			"client_credentials",
			"client_assertion_type", oauth.ClientAssertionType, "client_assertion",
			hidden+"."+hidden+"."+hidden)},
		{"bad PKCE", "POST " + tokenPath, "spa", "code_verifier", "WARN", func() page {
			code := w.browser().authorize(authorization("spa")).answer().Get("code")
			return w.call("POST", tokenPath, form("client_id", "spa", "grant_type", "authorization_code",
				"code", code,
				"redirect_uri", callback, "code_verifier", hidden+strings.Repeat("x", 43)))
		}},
		{"replayed code", "POST " + tokenPath, "spa", "used before", "WARN", token("client_id", "spa",
			"grant_type", "authorization_code", "code", used, "redirect_uri", callback, "code_verifier",
			verifier)},
		{"no code of ours", "POST " + tokenPath, "spa", "", "WARN", token("client_id", "spa",
			"grant_type", "authorization_code", "code", hidden, "redirect_uri", callback, "code_verifier",
			verifier)},
		{"no refresh token of ours", "POST " + tokenPath, "spa", "", "WARN", token("client_id", "spa",
			"grant_type", "refresh_token", "refresh_token", hidden)},
		{"grant type", "POST " + tokenPath, "spa", "grant_type is not supported", "WARN",
			token("client_id", "spa", "grant_type", "password", "password", hidden)},
		{"no client", "POST " + tokenPath, "", "unknown client", "WARN", token("grant_type", "password")},
		{"malformed form", "POST " + tokenPath, "", "invalid URL escape", "WARN", func() page {
			r := w.blocked().request("POST", tokenPath, nil)
			r.Body = http.NoBody
			r = w.blocked().request("POST", tokenPath, form("client_secret", hidden))
			r.Body = readCloser("client_secret=" + hidden + "&a=%zz")
			r.ContentLength = -1
			return w.blocked().do(r)
		}},
		{"authorize: unknown client", "GET " + authorizePath, "nobody", "unknown client", "WARN",
			asked(authorization("nobody"))},
		{"authorize: redirect URI", "GET " + authorizePath, "spa", "https://evil.example/cb", "WARN",
			asked(authorization("spa", "redirect_uri", "https://evil.example/cb?code="+hidden))},
		{"authorize: mode", "GET " + authorizePath, "spa", "response_mode", "WARN",
			asked(authorization("spa", "response_mode", "carrier"))},
		{"authorize: no PKCE", "GET " + authorizePath, "spa", "code_challenge", "WARN",
			asked(authorization("spa", "code_challenge", "", "code_challenge_method", ""))},
		{"authorize: nobody is signed in", "GET " + authorizePath, "spa", "", "INFO",
			asked(authorization("spa", "prompt", "none"))},
		{"authorize: hint", "GET " + authorizePath, "spa", "id_token_hint", "WARN",
			asked(authorization("spa", "id_token_hint", hidden))},
		{"assisted: origin", "GET " + assistedPath, "app", "https://evil.example", "WARN",
			asked(assisted("client_id", "app", "for_origin", "https://evil.example"))},
		{"assisted: nobody is signed in", "GET " + assistedPath, "app", "", "INFO",
			asked(assisted("client_id", "app", "prompt", "none"))},
		{"assisted: unauthorized client", "GET " + assistedPath, "off", "assisted token flow", "WARN",
			asked(assisted("client_id", "off"))},
		{"renewal: origin", "POST " + renewalPath, "app", "another origin", "WARN", func() page {
			return w.call("POST", renewalPath, form("client_id", "app", "renewal_handle", hidden), "Origin",
				evilOrigin)
		}},
		{"introspection: public", "POST " + introspectPath, "spa", "public client", "WARN", func() page {
			return w.call("POST", introspectPath, form("client_id", "spa", "token", hidden))
		}},
		{"introspection: secret", "POST " + introspectPath, "api", "wrong secret", "WARN", func() page {
			return w.call("POST", introspectPath, form("token", hidden), "Authorization", basic("api",
				hidden))
		}},
		{"revocation", "POST " + revokePath, "nobody", "unknown client", "WARN", func() page {
			return w.call("POST", revokePath, form("client_id", "nobody", "token", hidden))
		}},
		{"userinfo: token", "GET " + userinfoPath, "", "access token", "WARN", func() page {
			return w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+hidden)
		}},
		{"userinfo: no token", "GET " + userinfoPath, "", "", "WARN", func() page {
			return w.call("GET",
				userinfoPath, nil)
		}},
		{"pushed request", "POST " + parPath, "web", "wrong secret", "WARN", func() page {
			return w.call("POST", parPath, form("client_id", "web", "client_secret", hidden))
		}},
		{"device", "POST " + deviceAuthorizationPath, "spa", "capability", "WARN", func() page {
			return w.call("POST", deviceAuthorizationPath, form("client_id", "spa"))
		}},
		{"device: bad code", "POST " + devicePath, "", "", "WARN", func() page {
			return w.browser().post(devicePath, form("user_code", hidden))
		}},
		{"registration", "POST " + registerPath, "", "initial access token", "WARN", func() page {
			return w.call("POST", registerPath, nil, "Authorization", "Bearer "+hidden)
		}},
		{"registered client", "GET " + registerPath + "/{id}", "some", "registration access token",
			"WARN", func() page {
				return w.call("GET", registerPath+"/some", nil, "Authorization", "Bearer "+hidden)
			}},
		{"logout: unknown client", "GET " + logoutPath, "nobody", "unknown client", "WARN",
			asked(logoutPath + "?client_id=nobody")},
		{"stale flow", "POST " + signInPath, "", "", "WARN", func() page {
			return w.browser().post(signInPath, form("flow", hidden, "username", "alice", "password",
				hidden))
		}},
		{"form of another origin", "POST " + signInPath, "", "cross-origin", "WARN", func() page {
			return w.call("POST", signInPath, form("password", hidden), "Sec-Fetch-Site", "cross-site",
				"Origin", evilOrigin)
		}},
		{"image", "GET " + authorizePath, "spa", "only as a page", "WARN", func() page {
			return w.call("GET", authorization("spa"), nil, "Sec-Fetch-Dest", "image")
		}},
		{"password link", "GET /authn/password", "", "", "WARN", asked("/authn/password?code=" + hidden)},
		{"method", tokenPath, "", "only", "INFO", asked(tokenPath + "?client_secret=" + hidden)},
		{"no route", "none", "", "does not exist", "INFO", asked("/nowhere?token=" + hidden)},
		{"fedcm", "POST " + fedcmAssertionPath, "", "only the browser", "WARN", func() page {
			return w.call("POST", fedcmAssertionPath, form("client_id", ""))
		}},
		{"wrong password", "POST " + signInPath, "app", "wrong password", "WARN", func() page {
			b := w.browser()
			return b.submitPassword(b.frame(assisted("client_id", "app")), "alice", hidden)
		}},
		{"unknown user", "POST " + signInPath, "app", "unknown user name", "WARN", func() page {
			b := w.browser()
			return b.submitPassword(b.frame(assisted("client_id", "app")), hidden, hidden)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(w.log.String())
			p := tt.ask()
			var lines []string
			for _, line := range w.since(before) {
				if !strings.Contains(line, "token issued") {
					lines = append(lines, line)
				}
			}
			if len(lines) != 1 {
				t.Fatalf("status %d, %d lines: %q", p.status, len(lines), lines)
			}
			line := lines[0]
			for _, want := range []string{
				"level=" + tt.level, `msg="request refused"`, "address=127.0.0.1", tt.cause, "error=", "cause=",
				fmt.Sprint(" status=", p.status, " "), fmt.Sprintf("route=%s", quoted(tt.route)),
			} {
				if !strings.Contains(line, want) {
					t.Errorf("%s is not in %s", want, line)
				}
			}
			if tt.client != "" && !strings.Contains(line, "client="+quoted(tt.client)) {
				t.Errorf("the client is not in %s", line)
			}
			for _, secret := range []string{hidden, used, w.secret} {
				if strings.Contains(line, secret) {
					t.Errorf("a secret is in %s", line)
				}
			}
		})
	}
}

// quoted is a value as the text handler writes it.
func quoted(s string) string {
	if strings.ContainsAny(s, " {}=\"") {
		return fmt.Sprintf("%q", s)
	}
	return s
}

type closing struct{ *strings.Reader }

func (closing) Close() error { return nil }

func readCloser(text string) closing { return closing{strings.NewReader(text)} }

// What a caller sends stays within its line and bounds, whatever it holds.
func TestRefusalsAreOneShortLine(t *testing.T) {
	w := newOAuthWorld(t)
	for _, id := range []string{
		"a\nlevel=ERROR msg=forged", "\x1b[2J\x1b]0;x\a", "\u202egnirts", "a\u0085b\u2028c", "a\x9bb",
		"\xff\xfe",
		strings.Repeat("x", 60_000), strings.Repeat("é", 20_000), `"}{"level":"ERROR"`,
	} {
		for _, ask := range []func(){
			func() { w.call("POST", tokenPath, url.Values{"client_id": {id}}) },
			func() { w.call("POST", tokenPath, url.Values{}, "Authorization", "Basic "+basicOf(id)) },
			func() { w.call("POST", authorizePath, url.Values{"client_id": {"spa"}, "redirect_uri": {id}}) },
		} {
			before := len(w.log.String())
			ask()
			lines := w.since(before)
			if len(lines) != 1 || len(lines[0]) > 2000 {
				t.Fatalf("%.20q: %d lines, the first with %d bytes", id, len(lines), len(lines[0]))
			}
			for _, r := range lines[0] {
				if r < ' ' || r == 0x9b || r == 0x85 || r == '\u202e' || r == '\u2028' || r == '\ufffd' {
					t.Errorf("%.20q: %q is in the log", id, r)
				}
			}
		}
	}
}

func basicOf(user string) string {
	r := httptest.NewRequest("GET", "/", nil)
	r.SetBasicAuth(url.QueryEscape(user), "x")
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
}

// Failed sign-ins are listed in the order of time, each with its own reason.
func TestFailedSignInsKeepReasonAndOrder(t *testing.T) {
	w := oneNode(t)
	ctx := context.Background()
	try := func(pass string) {
		w.clock.pass(time.Hour) // so that nothing is throttled
		b := w.browser()
		b.submitPassword(b.frame(assisted("client_id", "app")), "alice", pass)
	}
	for _, pass := range []string{"a", "b", "c", password, "d"} {
		try(pass)
	}
	for range 6 {
		try("wrong")
	}
	w.must(w.manager.LockAccount(ctx, w.alice.ID))
	try(password)
	list, _, err := w.store.Audits(ctx, store.AuditFilter{AccountID: w.alice.ID}, oauth.ID{}, 100)
	w.must(err)
	var got []string
	for i, a := range list {
		if i > 0 && a.At.After(list[i-1].At) {
			t.Errorf("record %d is newer than the one above it", i)
		}
		if a.Event == store.EventSignIn || a.Event == store.EventSignInFailed {
			got = append(got, a.Detail)
		}
	}
	want := append([]string{reasonLocked}, slices.Repeat([]string{reasonWrong}, 7)...)
	want = append(append(want, ""), slices.Repeat([]string{reasonWrong}, 3)...)
	if !slices.Equal(got, want) {
		t.Errorf("newest first: %q", got)
	}
	seen, err := w.manager.SignIns(ctx, &w.alice)
	w.must(err)
	if seen.Last == nil || len(seen.Failures) != 5 || seen.Failures[0].Detail != reasonLocked {
		t.Errorf("sign-ins: %+v", seen)
	}
	w.must(w.manager.UnlockAccount(ctx, w.alice.ID))
}

// However many networks guess at one account, its records stay few, and count every attempt.
func TestFailuresOfManyNetworksAreBounded(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var f failures
	account, records, counted, attempts := newID(), 0, 0, 0
	take := func(list ...store.Audit) {
		for _, a := range list {
			records, counted = records+1, counted+a.Count
		}
	}
	for range 60 {
		for network := range 1000 {
			from := netip.AddrFrom4([4]byte{10, byte(network >> 8), byte(network), 1})
			if a, due := f.add(account, reasonThrottled, from, now); due {
				take(a)
			}
			attempts++
		}
		now = now.Add(time.Minute)
		take(f.due(now, false)...)
	}
	take(f.due(now, true)...)
	if counted != attempts || records > 600 || len(f.folds) > 2*failureKindsEach {
		t.Errorf("%d of %d attempts in %d records of %d kinds", counted, attempts, records, len(f.folds))
	}
	for id := range maxFailureKinds + 100 {
		f.add(oauth.ID{1: byte(id), 2: byte(id >> 8), 3: byte(id >> 16), 4: 1}, reasonWrong,
			netip.Addr{}, now)
	}
	if len(f.folds) > maxFailureKinds+failureKindsEach {
		t.Errorf("%d kinds are kept", len(f.folds))
	}
	f.due(now.Add(2*time.Hour), true)
	f.due(now.Add(2*time.Hour), true)
	if len(f.folds)+len(f.ofOne) != 0 {
		t.Errorf("%d kinds are kept for ever", len(f.folds))
	}
}

// A session keeps the browser and the address of its sign-in; what a browser says is bounded and
// printable.
func TestSessionsKeepBrowserAndAddress(t *testing.T) {
	w := oneNode(t)
	ctx := context.Background()
	for _, tt := range []struct{ agent, want string }{
		{"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"},
		{strings.Repeat("x", 20_000), strings.Repeat("x", 40) + "..."},
		{"a\u202eb", `a\u202eb`},
		{"", ""},
	} {
		b := w.browser()
		page := b.frame(assisted("client_id", "app"))
		r := b.request("POST", signInPath, url.Values{"flow": {page.field("flow")},
			"username": {"alice"}, "password": {password}},
			"User-Agent", tt.agent, "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site", "same-origin", "Origin",
			w.url)
		b.do(r).token()
		list, err := w.manager.Sessions(ctx, w.alice.ID, "", 1)
		w.must(err)
		if s := list.Items[0]; s.Browser != tt.want || s.Address != "127.0.0.1" {
			t.Errorf("%.30q: %q from %q", tt.agent, s.Browser, s.Address)
		}
		w.clock.pass(time.Second)
	}
}

// A flood of throttled sign-ins makes few records, which count every attempt and no other reason.
func TestThrottledSignInsAreFewRecords(t *testing.T) {
	w := oneNode(t)
	b := w.browser()
	f := b.frame(assisted("client_id", "app"))
	const flood = 6_000
	body := url.Values{"flow": {f.field("flow")}, "username": {"alice"},
		"password": {"wrong"}}.Encode()
	cookies := b.client.Jar.Cookies(mustURL(t, w.url))
	refused := 0
	for range flood {
		r := httptest.NewRequest("POST", w.url+signInPath, strings.NewReader(body))
		r.RemoteAddr = "192.0.2.7:1234"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		for _, c := range cookies {
			r.AddCookie(c)
		}
		answer := httptest.NewRecorder()
		w.http.Config.Handler.ServeHTTP(answer, r)
		if answer.Code == http.StatusTooManyRequests {
			refused++
		}
	}
	w.server.writeFailures(context.Background(), true)
	list, _, err := w.store.Audits(context.Background(),
		store.AuditFilter{Event: store.EventSignInFailed}, oauth.ID{}, 1000)
	w.must(err)
	counts := map[string]int{}
	for _, a := range list {
		counts[a.Detail] += a.Count
	}
	if counts[reasonThrottled]+counts[reasonAddress] != refused ||
		counts[reasonWrong] != flood-refused || len(list) > 100 {
		t.Errorf("%d records; %d attempts refused; counted %v", len(list), refused, counts)
	}
	t.Logf("%d attempts, %d throttled, %d records", flood, refused, len(list))
}
