package server

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/fair"
	"github.com/usher-id/usher/internal/oauth"
)

// rp is the server of a client, which hears of logouts at every path.
type rp struct {
	*httptest.Server
	heard chan *http.Request // with its form parsed
}

// rp starts a client's server that this server trusts. answer says what it answers to the n-th request.
func (w *world) rp(answer func(n int) int) *rp {
	w.t.Helper()
	c := &rp{heard: make(chan *http.Request, 10)}
	var n atomic.Int32
	c.Server = httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.ParseForm() == nil {
			c.heard <- r
		}
		out.WriteHeader(answer(int(n.Add(1))))
	}))
	w.t.Cleanup(c.Close)
	w.trust(c.Server)
	w.server.backChannel.pause = 0
	w.http.Config.Handler = w.server.Handler() // this node alone: what is under way is the node's own
	return c
}

func always(status int) func(int) int { return func(int) int { return status } }

// backChannelLogout makes clients hear of logouts at the RP, each at a path of its own name.
func (w *world) backChannelLogout(c *rp, ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		w.change(id, func(client *oauth.Client) { client.BackChannelLogoutURI = c.URL + "/" + id })
	}
}

// keys is the server's own key set, as a client fetches it.
func (w *world) keys() (set jose.JSONWebKeySet) {
	w.t.Helper()
	w.must(json.Unmarshal([]byte(w.call("GET", issuerPath+"/jwks", nil).body), &set))
	return set
}

// claims verifies a JWT as a client does.
func (w *world) claims(text string, alg jose.SignatureAlgorithm, typ string) (claims map[string]any) {
	w.t.Helper()
	jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{alg})
	w.must(err)
	header := jws.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != typ {
		w.t.Errorf("typ %v, want %s", header.ExtraHeaders[jose.HeaderType], typ)
	}
	keys := w.keys()
	found := keys.Key(header.KeyID)
	if len(found) != 1 {
		w.t.Fatalf("%d published keys %s", len(found), header.KeyID)
	}
	plain, err := jws.Verify(found[0])
	w.must(err)
	w.must(json.Unmarshal(plain, &claims))
	return claims
}

// OpenID Connect Back-Channel Logout §2.4, §2.5: every client of the session hears of its end, in a token that names the
// user and the session as its ID token did.
func TestBackChannelLogout(t *testing.T) {
	w := newWorld(t)
	c := w.rp(always(http.StatusOK))
	w.backChannelLogout(c, "app", "jwt", "foreign")
	b := w.browser()
	_, app := b.signIn("client_id", "app", "scope", "openid").message()
	_, other := b.frame(assisted("client_id", "jwt", "prompt", "none", "scope", "openid")).message()
	b.submit(logoutPath, form("confirm", "yes"))
	w.server.backChannel.drain()
	close(c.heard)
	told := map[string]bool{}
	for r := range c.heard {
		id := strings.TrimPrefix(r.URL.Path, "/")
		alg, idToken := jose.ES256, app["id_token"].(string)
		if id == "jwt" {
			alg, idToken = jose.RS256, other["id_token"].(string)
		}
		if r.Method != "POST" || len(r.PostForm) != 1 || told[id] {
			t.Errorf("%s %s %v", r.Method, r.URL, r.PostForm)
		}
		told[id] = true
		got := w.claims(r.PostForm.Get("logout_token"), alg, "logout+jwt")
		issued, _ := got["iat"].(float64)
		if age := time.Since(time.Unix(int64(issued), 0)); age < -time.Minute || age > time.Minute {
			t.Errorf("issued %s ago", age)
		}
		if jti, _ := got["jti"].(string); len(jti) != 22 {
			t.Errorf("jti %v", got["jti"])
		}
		delete(got, "jti")
		known := w.claims(idToken, alg, "JWT")
		want := map[string]any{
			"iss": w.server.issuer, "sub": known["sub"], "aud": id, "sid": known["sid"], "iat": issued, "exp": issued + 120,
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if !told["app"] || !told["jwt"] || len(told) != 2 {
		t.Errorf("told %v", told)
	}
}

// A logout token is no ID token: it can neither hint at a session nor be used as one.
func TestLogoutTokenIsNoHint(t *testing.T) {
	w := newWorld(t)
	c := w.rp(always(http.StatusOK))
	w.backChannelLogout(c, "app")
	b := w.browser()
	b.signIn("client_id", "app")
	b.submit(logoutPath, form("confirm", "yes"))
	token := (<-c.heard).PostForm.Get("logout_token")
	if w.server.hint(w.server.current.Load(), token) != nil {
		t.Error("a logout token passes for an ID token")
	}
}

func TestBackChannelLogoutIsTriedOnceMore(t *testing.T) {
	for name, row := range map[string]struct {
		answer func(int) int
		asked  int
		log    string
	}{
		"fails once":   {func(n int) int { return map[bool]int{true: 503, false: 204}[n == 1] }, 2, "a client was told that a session ended"},
		"always fails": {always(http.StatusBadRequest), 2, "a client was not told that a session ended"},
		"succeeds":     {always(http.StatusOK), 1, "a client was told that a session ended"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.rp(row.answer)
			w.backChannelLogout(c, "app")
			b := w.browser()
			b.signIn("client_id", "app")
			b.submit(logoutPath, form("confirm", "yes")).wantText("You are signed out")
			w.server.backChannel.drain()
			if len(c.heard) != row.asked || !strings.Contains(w.log.String(), row.log) {
				t.Fatalf("asked %d times; log:\n%s", len(c.heard), w.log)
			}
			first := (<-c.heard).PostForm.Get("logout_token")
			if row.asked == 2 && (<-c.heard).PostForm.Get("logout_token") != first {
				t.Error("the retry is another event: a client that heard both would see two")
			}
			if strings.Contains(w.log.String(), first) {
				t.Error("the token is in the log")
			}
		})
	}
}

// A second logout of the same session, or one by somebody who is not signed in, tells nobody anything.
func TestNobodyIsToldTwice(t *testing.T) {
	w := newWorld(t)
	c := w.rp(always(http.StatusOK))
	w.backChannelLogout(c, "app")
	b := w.browser()
	access := b.signIn("client_id", "app").token()
	b.submit(logoutPath, form("confirm", "yes"))
	b.submit(logoutPath, form("confirm", "yes"))
	w.blocked().submit(logoutPath, form("confirm", "yes", "client_id", "app", "for_origin", appOrigin, "access_token", access))
	w.server.backChannel.drain()
	if len(c.heard) != 1 {
		t.Errorf("told %d times", len(c.heard))
	}
}

// Another user who signs in in this browser ends the session as a logout does; the same user ends nothing.
func TestAnotherUsersSignInTellsTheClients(t *testing.T) {
	w := newWorld(t)
	_, err := w.manager.CreateAccount(t.Context(), oauth.Account{Username: "bob"}, password)
	w.must(err)
	c := w.rp(always(http.StatusOK))
	w.backChannelLogout(c, "app")
	b := w.browser()
	b.signIn("client_id", "app")
	b.signIn("client_id", "app", "prompt", "login")
	b.submitPassword(b.frame(assisted("client_id", "app", "prompt", "login")), "bob", password).token()
	w.server.backChannel.drain()
	if len(c.heard) != 1 {
		t.Fatalf("told %d times", len(c.heard))
	}
	if got := w.claims((<-c.heard).PostForm.Get("logout_token"), jose.ES256, "logout+jwt"); got["sub"] != w.alice.ID.String() {
		t.Errorf("told of %v", got["sub"])
	}
}

// The answer does not wait for the client's server, and a node that stops does.
func TestStoppingWaitsForTheBackChannel(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	c := w.rp(func(int) int { <-release; return http.StatusOK })
	w.backChannelLogout(c, "app")
	b := w.browser()
	b.signIn("client_id", "app")
	b.submit(logoutPath, form("confirm", "yes")).wantText("You are signed out")
	<-c.heard
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan error)
	go func() { done <- w.server.Run(ctx) }()
	close(release)
	w.must(<-done)
	if !strings.Contains(w.log.String(), "a client was told that a session ended") {
		t.Errorf("cut off:\n%s", w.log)
	}
}

func TestBackChannelIsBounded(t *testing.T) {
	w := newWorld(t)
	c := w.rp(always(http.StatusOK))
	w.backChannelLogout(c, "app")
	b := w.browser()
	b.signIn("client_id", "app")
	w.server.backChannel.queue = fair.New(fair.Bounds{AtOnce: 1}) // one place, which no key may have
	b.submit(logoutPath, form("confirm", "yes")).wantText("You are signed out")
	w.server.backChannel.under.Wait()
	if !strings.Contains(w.log.String(), fair.ErrFull.Error()) || len(c.heard) != 0 {
		t.Errorf("%d heard; log:\n%s", len(c.heard), w.log)
	}
}
