package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// fromNetworks lets browsers come from addresses of their own (browser.from).
func (w *world) fromNetworks() {
	next := w.http.Config.Handler
	w.http.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if address := r.Header.Get("X-Test-Address"); address != "" {
			r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(address), 1).String()
		}
		next.ServeHTTP(rw, r)
	})
}

// network is an address of the network with this number.
func networkOf(i int) string {
	return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}).String()
}

// guess types a password into the form, from an address.
func (b *browser) guess(form page, address, username, pass string) page {
	b.t.Helper()
	return b.do(b.request("POST", signInPath,
		url.Values{"flow": {form.field("flow")}, "username": {username}, "password": {pass}},
		"Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site", "same-origin", "Origin", b.url,
		"X-Test-Address", address))
}

// wrong guesses wrong, and tells whether that was judged.
func (b *browser) wrong(form page, address, username string) bool {
	b.t.Helper()
	return b.guess(form, address, username, "wrong").status == http.StatusUnprocessableEntity
}

// tries guesses from an address until it is refused, and tells how many guesses were judged.
func (b *browser) tries(address, username string) (judged int) {
	b.t.Helper()
	f := b.frame(assisted("client_id", "app"))
	for judged < 100 && b.wrong(f, address, username) {
		judged++
	}
	return judged
}

// guesses is what the store remembers of guesses at alice's password.
func (w *world) guesses() authn.ThrottleView {
	w.t.Helper()
	v, err := w.manager.Throttle(w.t.Context(), w.alice.ID)
	w.must(err)
	return v
}

func TestGuessesAreThrottled(t *testing.T) {
	w := newWorld(t)
	w.fromNetworks()
	known := w.browser()
	known.signIn("client_id", "app").token()
	stranger := w.browser()
	if judged := stranger.tries("", "alice"); judged != 10 {
		t.Errorf("%d guesses of one network were judged", judged)
	}
	f := stranger.frame(assisted("client_id", "app"))
	for range 20 { // refused guesses prolong no wait
		p := stranger.guess(f, "", "alice", password)
		if p.status != http.StatusTooManyRequests || p.header.Get("Retry-After") == "" {
			t.Fatalf("the right password after too many guesses: status %d", p.status)
		}
		p.wantText("Too many attempts. Try again in 37 minutes")
	}
	// The browser that signed in before is not affected, nor is a new one on another network.
	known.signIn("client_id", "app", "prompt", "login").token()
	other := w.browser()
	other.guess(other.frame(assisted("client_id", "app")), networkOf(1), "alice", password).token()
	w.clock.pass(38 * time.Minute)
	stranger.guess(stranger.frame(assisted("client_id", "app")), "", "alice", password).token()
}

func TestRightPasswordsCostNothing(t *testing.T) {
	w := newWorld(t)
	for range authn.MaxBrowsers {
		w.browser().signIn("client_id", "app").token()
	}
	if v := w.guesses(); v.Guesses != 0 || len(v.Networks) != 0 || v.Browsers != authn.MaxBrowsers {
		t.Errorf("%+v", v)
	}
}

func TestUnknownNamesAreThrottledAlike(t *testing.T) {
	w := newWorld(t)
	w.fromNetworks()
	pages := map[string]string{}
	for _, name := range []string{"alice", "no such user"} {
		b := w.browser()
		judged := ""
		for i := range 20 {
			judged += fmt.Sprint(b.tries(networkOf(i), name), " ")
		}
		p := b.guess(b.frame(assisted("client_id", "app")), networkOf(99), name, "wrong")
		spelled := " " + strings.ToUpper(name) + " "
		if b.wrong(b.frame(assisted("client_id", "app")), networkOf(1), spelled) {
			t.Errorf("%q may be guessed at again", spelled)
		}
		for _, cut := range []string{p.field("flow"), name} {
			p.body = strings.ReplaceAll(p.body, cut, "")
		}
		_, text, _ := strings.Cut(p.body, "role=\"alert\"")
		text, _, _ = strings.Cut(text, "</div>")
		pages[name] = fmt.Sprint(judged, p.status, text)
		if !strings.Contains(text, "one-time link") {
			t.Errorf("%s: %d %s", name, p.status, text)
		}
	}
	if pages["alice"] != pages["no such user"] {
		t.Errorf("known and unknown names are told apart:\n%s\n%s", pages["alice"], pages["no such user"])
	}
	if n := strings.Count(w.log.String(), "many networks guess"); n != 1 {
		t.Errorf("operators were told %d times", n)
	}
}

func TestConcurrentGuessesAllCount(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	f := b.frame(assisted("client_id", "app"))
	var wait sync.WaitGroup
	var mu sync.Mutex
	answers := map[int]int{}
	for range 40 {
		wait.Go(func() {
			p := b.submitPassword(f, "alice", "wrong")
			mu.Lock()
			answers[p.status]++
			mu.Unlock()
		})
	}
	wait.Wait()
	if answers[http.StatusUnprocessableEntity] > 10 || w.guesses().Guesses > 10 {
		t.Errorf("answers %v, %+v", answers, w.guesses())
	}
}

// A guess that nobody judged costs nothing, whether the server is busy, the browser hangs up, or
// a node crashes.
func TestGuessesThatWereNotJudgedAreGivenBack(t *testing.T) {
	w := oneNode(t)
	s := w.server
	r := w.browser().request("POST", signInPath, nil)
	r.RemoteAddr = "10.1.0.1:1"
	counted := 0
	for range 8 {
		a, v, refused := s.admit(httptest.NewRecorder(), r, "alice")
		if a == nil || refused != nil {
			t.Fatalf("%+v, %v", v, refused)
		}
		ctx, cancel := context.WithCancel(r.Context())
		cancel() // whether the hash is computed all the same is chance
		if err := s.authenticate(httptest.NewRecorder(), r.WithContext(ctx), a, "wrong"); err.Code == oauth.AccessDenied {
			counted++
		}
	}
	if got := w.guesses().Guesses; got != counted {
		t.Errorf("%d guesses count, %d were judged", got, counted)
	}
	admitted := 0
	for range 20 { // by a node that crashes every time
		if a, _, _ := s.admit(httptest.NewRecorder(), r, "alice"); a != nil {
			admitted++
		}
	}
	a, v, _ := s.admit(httptest.NewRecorder(), r, "alice")
	if admitted != 10-counted || a != nil || v.Cause != authn.CauseBusy {
		t.Errorf("%d were admitted after %d guesses, then %+v", admitted, counted, v)
	}
	w.clock.pass(61 * time.Second)
	if a, v, _ := s.admit(httptest.NewRecorder(), r, "alice"); a == nil {
		t.Errorf("a minute later: %+v", v)
	}
}

// What counts for one kind of secret counts for no other, whatever somebody calls himself.
func TestThrottleDomainsAreApart(t *testing.T) {
	w := newDeviceWorld(t)
	guess := func() int { return w.browser().post(devicePath, form("user_code", "BCDF-GHJK")).status }
	for _, name := range []string{
		"device codes from 127.0.0.1/32", "network 127.0.0.1/32", "user code", "127.0.0.1/32",
		"user " + w.alice.ID.String(), w.alice.ID.String(), string(w.alice.ID[:]),
	} {
		w.browser().tries("", name)
	}
	if got := guess(); got != http.StatusUnprocessableEntity {
		t.Errorf("a user code after guesses at such names: %d", got)
	}
	w.browser().signIn("client_id", "app").token()
	for range 20 {
		guess()
	}
	if got := guess(); got != http.StatusTooManyRequests {
		t.Errorf("too many user codes: %d", got)
	}
	w.browser().signIn("client_id", "app").token()
}

// A device cookie is worth nothing more after what ends every session, and only the newest are
// known.
func TestDeviceCookiesEnd(t *testing.T) {
	ctx := context.Background()
	for name, end := range map[string]func(w *world) error{
		"password changed": func(w *world) error {
			return w.manager.SetPassword(ctx, w.alice.ID, password)
		},
		"locked and unlocked": func(w *world) error {
			w.must(w.manager.LockAccount(ctx, w.alice.ID))
			return w.manager.UnlockAccount(ctx, w.alice.ID)
		},
		"signed out by an operator": func(w *world) error {
			return w.manager.EndAccountSessions(ctx, w.alice.ID)
		},
		"reset by a link": func(w *world) error {
			_, code := w.passwordLink()
			b := w.browser()
			b.post(manage.PasswordLinkPath, newPassword(code, password)).wantText("Your password is set")
			return nil
		},
		"nothing": func(*world) error { return nil },
		"as many newer ones": func(w *world) error {
			for range authn.MaxBrowsers {
				w.browser().signIn("client_id", "app").token()
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			known := w.browser()
			known.signIn("client_id", "app").token()
			w.must(end(w))
			w.browser().tries("", "alice")
			want := http.StatusTooManyRequests
			if name == "nothing" {
				want = http.StatusOK
			}
			if p := known.signIn("client_id", "app", "prompt", "login"); p.status != want {
				t.Errorf("status %d, want %d", p.status, want)
			}
		})
	}
}

// Ten networks guess for a day as fast as they can; the user comes with new browsers, and mistypes.
func TestTenNetworksKeepNobodyOut(t *testing.T) {
	for _, networks := range []int{1, 10} {
		t.Run(fmt.Sprint(networks), func(t *testing.T) {
			w := newWorld(t)
			w.fromNetworks()
			guesser, judged, refused := w.browser(), 0, 0
			for step := range 24 * 4 { // every 15 minutes
				f := guesser.frame(assisted("client_id", "app"))
				for i := range networks {
					for guesser.wrong(f, networkOf(i), "alice") {
						judged++
					}
				}
				if step%12 == 0 {
					b := w.browser()
					f := b.frame(assisted("client_id", "app"))
					address := networkOf(1000 + step)
					for range 2 {
						b.guess(f, address, "alice", "mistyped").wantText("User name or password is wrong")
						judged++
					}
					if p := b.guess(f, address, "alice", password); p.status != http.StatusOK {
						refused++
					}
				}
				w.clock.pass(15 * time.Minute)
			}
			t.Logf("%d guesses were judged", judged)
			if refused > 0 || judged >= 100 {
				t.Errorf("%d guesses were judged, the user was refused %d times", judged, refused)
			}
		})
	}
}

// A thousand networks guess for a day: fewer than 100 guesses are judged, known browsers notice
// nothing, and a one-time link lets a new browser in.
func TestAThousandNetworks(t *testing.T) {
	w := newWorld(t)
	w.fromNetworks()
	known, guesser, judged := w.browser(), w.browser(), 0
	known.signIn("client_id", "app").token()
	for hour := range 24 {
		f := guesser.frame(assisted("client_id", "app"))
		for i := range 1000 {
			if hour > 0 && i%25 != hour {
				continue // at first all of them, then 40 an hour
			}
			for guesser.wrong(f, networkOf(i), "alice") {
				judged++
			}
		}
		if hour%6 == 0 {
			known.signIn("client_id", "app", "prompt", "login").token()
		}
		w.clock.pass(time.Hour)
	}
	t.Logf("%d guesses were judged", judged)
	if judged >= 100 || judged < 80 {
		t.Errorf("%d guesses were judged within 24 hours", judged)
	}
	w.clock.pass(-time.Minute) // the last hour forgot a guess or two, which the guessers use up
	guesser.tries(networkOf(998), "alice")
	guesser.tries(networkOf(999), "alice")
	b := w.browser()
	f := b.frame(assisted("client_id", "app"))
	p := b.guess(f, networkOf(5000), "alice", password)
	if p.status != http.StatusTooManyRequests {
		t.Fatalf("status %d", p.status)
	}
	p.wantText("ask your administrator for a one-time link")
	path, code := w.passwordLink()
	b.open(path).wantText("Keep my password")
	b.keepPassword(code).wantText("You can sign in with this browser now")
	b.guess(b.frame(assisted("client_id", "app")), networkOf(5000), "alice", password).token()
	if p := w.browser().keepPassword(code); p.status != http.StatusGone {
		t.Errorf("the link works twice: %d", p.status)
	}
	if n := strings.Count(w.log.String(), "many networks guess"); n < 12 || n > 25 {
		t.Errorf("operators were told %d times in 24 hours", n)
	}
	v := w.guesses()
	if v.Cause != authn.CauseAccount || v.Until == nil || v.Browsers != 2 || len(v.Networks) == 0 {
		t.Errorf("operators see %+v", v)
	}
	w.must(w.manager.ReleaseThrottle(t.Context(), w.alice.ID))
	b = w.browser()
	b.guess(b.frame(assisted("client_id", "app")), networkOf(5000), "alice", password).token()
}

func (b *browser) keepPassword(code string) page {
	b.t.Helper()
	return b.post(manage.PasswordLinkPath, form("code", code, "keep", "yes"))
}

func TestKeepingThePasswordByALink(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	held := b.signIn("client_id", "app").token()
	keep := func(code string) int { return w.browser().keepPassword(code).status }
	_, code := w.passwordLink()
	if got := keep(code); got != http.StatusOK {
		t.Errorf("status %d", got)
	}
	w.wantActive(held, true) // nothing ends
	_, stale := w.passwordLink()
	w.must(w.manager.SetPassword(t.Context(), w.alice.ID, password))
	_, late := w.passwordLink()
	w.clock.pass(manage.LinkLifetime)
	for name, code := range map[string]string{
		"used": code, "of another version": stale, "late": late, "none": "",
	} {
		if got := keep(code); got != http.StatusGone {
			t.Errorf("%s: status %d", name, got)
		}
	}
	bob, err := w.manager.CreateAccount(t.Context(), oauth.Account{Username: "bob"}, "")
	w.must(err)
	l, err := w.manager.NewPasswordLink(t.Context(), bob.ID)
	w.must(err)
	u := mustURL(t, l.URL)
	if p := w.browser().open(u.RequestURI()); strings.Contains(p.body, "Keep my password") {
		t.Error("a user without a password may keep it")
	}
	if got := keep(u.Query().Get("code")); got != http.StatusGone {
		t.Errorf("without a password: status %d", got)
	}
	known := store.AuditFilter{Event: store.EventBrowserKnown}
	audits, _, err := w.store.Audits(t.Context(), known, oauth.ID{}, 10)
	w.must(err)
	if len(audits) != 1 || audits[0].AccountID != w.alice.ID {
		t.Errorf("%+v", audits)
	}
}
