package server

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/store/storetest"
)

// emptyPostgres is a database of the current schema.
func emptyPostgres(t testing.TB) string {
	return storetest.PreparedPostgres(t, func(url string) error {
		st, err := sqlstore.Open(context.Background(), sqlstore.Options{URL: url})
		if err == nil {
			err = st.Close()
		}
		return err
	})
}

// asked is a request that needs the database, with the check of what is answered while that is away.
type asked struct {
	send func() page
	want func(page)
}

// away lists every kind of request, made ready while the database is there.
func (w *world) away() map[string]asked {
	w.t.Helper()
	w.put(oauth.Client{ID: "tv", Name: "The TV", Capabilities: []oauth.Capability{oauth.CapDevice}, Scope: []string{"openid"}})
	b := w.browser()
	access := b.signIn("client_id", "app").token()
	code := b.authorize(authorization("web", "scope", "openid read offline_access", "prompt", "consent"))
	for strings.Contains(code.body, `data-page="consent"`) {
		code = b.decide(code, "allow")
	}
	granted := w.redeem("web", code.answer().Get("code")).granted(w.t)
	second := b.authorize(authorization("web")).answer().Get("code")
	form1 := w.browser().frame(assisted("client_id", "app"))
	page1 := w.browser()
	top := page1.open(authorization("web", "prompt", "login"))
	signInForm := func(p page) url.Values {
		return form("flow", p.field("flow"), "username", "alice", "password", password)
	}
	as := func(path string, q url.Values) func() page {
		return func() page {
			r := w.blocked().request("POST", path, q)
			if path == introspectPath {
				r.SetBasicAuth("api", w.secret)
			} else {
				r.SetBasicAuth("web", url.QueryEscape(webKey))
			}
			return w.blocked().do(r)
		}
	}
	message := func(p page) { p.wantError(oauth.TemporarilyUnavailable) }
	refused := func(p page) { p.wantRefused(oauth.TemporarilyUnavailable) }
	return map[string]asked{
		"code":               {as(tokenPath, form("grant_type", "authorization_code", "code", second, "redirect_uri", callback, "code_verifier", verifier)), page.wantAwayJSON},
		"refresh":            {as(tokenPath, form("grant_type", "refresh_token", "refresh_token", granted.Refresh)), page.wantAwayJSON},
		"introspection":      {as(introspectPath, form("token", access)), page.wantAwayJSON},
		"introspect refresh": {as(introspectPath, form("token", granted.Access)), page.wantAwayJSON},
		"revocation":         {func() page { return w.call("POST", revokePath, form("token", access, "client_id", "app")) }, page.wantAwayJSON},
		"revoke refresh":     {as(revokePath, form("token", granted.Refresh)), page.wantAwayJSON},
		"userinfo":           {func() page { return w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+granted.Access) }, page.wantAwayJSON},
		"device":             {func() page { return w.call("POST", deviceAuthorizationPath, form("client_id", "tv")) }, page.wantAwayJSON},
		"device code":        {func() page { return b.post(devicePath, form("user_code", "BCDF-GHJK")) }, page.wantAwayPage},
		"silent renewal":     {func() page { return b.frame(assisted("client_id", "app", "prompt", "none")) }, message},
		"assisted, visible":  {func() page { return b.frame(assisted("client_id", "app")) }, message},
		"authorize":          {func() page { return b.open(authorization("web")) }, refused},
		"authorize, silent":  {func() page { return b.open(authorization("web", "prompt", "none")) }, refused},
		"sign-in in a frame": {func() page { return w.browser().submit(signInPath, signInForm(form1)) }, page.wantAwayPage},
		"sign-in":            {func() page { return page1.post(signInPath, signInForm(top)) }, page.wantAwayPage},
		"logout":             {func() page { return b.submit(logoutPath, form("confirm", "yes", "client_id", "app")) }, page.wantAwayPage},
		"logout in a frame": {func() page {
			return b.submit(logoutPath, form("confirm", "yes", "client_id", "app", "for_origin", appOrigin))
		}, message},
		"registered client": {func() page { return w.call("GET", registerPath+"/dyn-x", nil, "Authorization", "Bearer x") }, page.wantAwayJSON},
		"unknown client":    {func() page { return b.open(authorization("dyn-unknown")) }, func(page) {}},
	}
}

// wantAway demands 503 with a time to come back.
func (p page) wantAway() {
	p.t.Helper()
	if p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" {
		p.t.Errorf("status %d, Retry-After %q:\n%.500s", p.status, p.header.Get("Retry-After"), p.body)
	}
}

func (p page) wantAwayJSON() {
	p.t.Helper()
	p.wantAway()
	if !strings.Contains(p.body, `"error":"temporarily_unavailable"`) || strings.Contains(p.body, "connect") {
		p.t.Errorf("it answers %s", p.body)
	}
}

func (p page) wantAwayPage() {
	p.t.Helper()
	p.wantAway()
	if !strings.Contains(p.body, "temporarily unavailable") || !strings.Contains(p.body, "Try again") {
		p.t.Errorf("it shows %s", p.body)
	}
}

// TestDatabaseAway asks everything, once and from 300 callers, while the database is cut off or silent: each
// is answered within the bound with the error that says so, and is served again at once afterwards.
func TestDatabaseAway(t *testing.T) {
	for name, fault := range map[string]func(*storetest.Proxy){
		"cut": (*storetest.Proxy).Cut, "silent": (*storetest.Proxy).Silence,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := storetest.NewProxy(t, emptyPostgres(t))
			w := newWorldAt(t, proxy.URL, false).withOAuth()
			requests := w.away()
			for _, callers := range []int{len(requests), 300} {
				fault(proxy)
				w.askAll(requests, callers)
				proxy.Heal()
				w.servesAgain()
			}
		})
	}
}

func (w *world) askAll(requests map[string]asked, callers int) {
	var all sync.WaitGroup
	for callers > 0 {
		for name, one := range requests {
			if callers--; callers < 0 {
				break
			}
			all.Go(func() {
				began := time.Now()
				one.want(one.send())
				// The bound is 5 s; the machine that tests is busy with 300 handshakes as well.
				if took := time.Since(began); took > 10*time.Second {
					w.t.Errorf("%s took %s", name, took)
				}
			})
		}
	}
	all.Wait()
}

// servesAgain waits until a sign-in goes well.
func (w *world) servesAgain() {
	w.t.Helper()
	began := time.Now()
	for {
		b := w.browser()
		p := b.submitPassword(b.frame(assisted("client_id", "app")), "alice", password)
		if p.status == http.StatusOK {
			p.token()
			break
		}
		if time.Since(began) > 15*time.Second {
			w.t.Fatalf("it does not serve again: %d %.500s", p.status, p.body)
		}
	}
	w.t.Logf("served again after %s", time.Since(began))
}

// TestReadOnlyDatabase: what only reads goes on, what writes says that it cannot for now.
func TestReadOnlyDatabase(t *testing.T) {
	database := emptyPostgres(t)
	first := newWorldAt(t, database, false)
	access := first.browser().signIn("client_id", "app").token()
	log := first.server.Logger
	readOnly, err := sqlstore.Open(t.Context(), sqlstore.Options{URL: database + "&default_transaction_read_only=on", Logger: log})
	first.must(err)
	t.Cleanup(func() { first.must(readOnly.Close()) })
	first.server.Store = readOnly
	first.wantActive(access, true)
	first.call("POST", revokePath, form("token", access, "client_id", "app")).wantAwayJSON()
	b := first.browser()
	b.submitPassword(b.frame(assisted("client_id", "app")), "alice", password).wantAwayPage()
	before := readOnly.Stats()
	for range 20 { // probes that come together cost one attempt
		if err := first.server.Ready(t.Context()); err == nil || err.Error() != "the database takes no writes: read-only" {
			t.Errorf("ready: %v", err)
		}
	}
	if asked := readOnly.Stats().Writes - before.Writes; asked > 6 { // each is tried on a fresh connection too
		t.Errorf("20 probes caused %d writes", asked)
	}
}

// TestBehindPgBouncer signs in, exchanges codes and renews at two nodes whose database is behind a pooler.
func TestBehindPgBouncer(t *testing.T) {
	pooled := storetest.PgBouncer(t, emptyPostgres(t), "transaction")
	w := newWorldAt(t, pooled, true).withOAuth()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				b := w.browser()
				b.signIn("client_id", "app").token()
				w.wantActive(b.frame(assisted("client_id", "app", "prompt", "none")).token(), true)
				w.redeem("web", b.authorize(authorization("web")).answer().Get("code")).granted(t)
			}
		})
	}
	all.Wait()
}
