package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
)

const (
	appOrigin   = "http://localhost:8080"
	otherOrigin = "https://localhost:8000"
	evilOrigin  = "https://evil.example"
	password    = "correct horse battery"
)

// world is a real server over TLS on a real database, with a clock that tests can move.
type world struct {
	t       testing.TB
	server  *Server
	url     string
	http    *httptest.Server
	store   store.Store
	manager *manage.Manager
	clock   *testClock
	log     *lockedBuffer
	secret  string // of the client "api"
	alice   oauth.Account
	second  *second // nil where there is one node
}

type testClock struct {
	mu  sync.Mutex
	off time.Duration
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

func (c *testClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
}

type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newWorld starts a server on SQLite, or two of them on PostgreSQL (see twoNodes).
func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOf(t, *twoNodes)
}

// oneNode starts a single server, for tests that reach into it.
func oneNode(t testing.TB) *world {
	t.Helper()
	return newWorldOf(t, false)
}

func newWorldOf(t testing.TB, two bool) *world {
	t.Helper()
	return newWorldAt(t, database(t, *twoNodes), two)
}

// newWorldAt starts it on an empty database.
func newWorldAt(t testing.TB, databaseURL string, two bool) *world {
	t.Helper()
	ctx := context.Background()
	w := &world{t: t, clock: &testClock{}, log: &lockedBuffer{}}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	st, err := sqlstore.Open(ctx, sqlstore.Options{URL: databaseURL, Logger: log})
	w.must(err)
	t.Cleanup(func() { w.must(st.Close()) })
	w.store = st
	costly := expensive()
	master := costly.master
	w.manager = &manage.Manager{Store: st, Master: master, Now: w.clock.Now, Rand: rand.Reader, Actor: "test", Role: oauth.RoleAdmin}
	w.must(st.Bootstrap(ctx, oauth.DefaultProfile(), costly.keys))
	w.alice = oauth.Account{ID: newID(), Username: "alice", Name: "Alice", Email: "alice@example.com",
		PasswordHash: costly.hash, Created: w.clock.Now()}
	w.must(st.CreateAccount(ctx, w.alice, noAudit))
	w.addClients(ctx)
	w.start(databaseURL, two, log, master)
	return w
}

// expensive is made once for all tests: keys and a password's hash.
var expensive = sync.OnceValue(func() (e struct {
	master token.Master
	keys   []token.WrappedKey
	hash   string
}) {
	now := time.Now().Add(-time.Minute)
	var err error
	if e.master, err = token.NewMaster(rand.Reader); err != nil {
		panic(err)
	}
	for _, k := range []struct {
		use token.Use
		alg oauth.Alg
	}{{token.UseSeal, ""}, {token.UseSign, oauth.ES256}, {token.UseSign, oauth.RS256}} {
		made, err := token.NewKey(rand.Reader, k.use, k.alg, now, now, e.master)
		if err != nil {
			panic(err)
		}
		e.keys = append(e.keys, made)
	}
	if e.hash, err = authn.HashPassword(password); err != nil {
		panic(err)
	}
	return e
})

func (w *world) addClients(ctx context.Context) {
	assisted := []oauth.Capability{oauth.CapAssistedToken}
	for _, c := range []oauth.Client{
		{ID: "app", Name: "The App", Capabilities: assisted, AllowedOrigins: []oauth.OriginPattern{appOrigin},
			Scope: []string{"openid", "profile", "payment"}, PostLogoutRedirectURIs: []string{"https://app.example/bye"}},
		{ID: "many", Name: "Many", Capabilities: assisted, Scope: []string{"read"},
			AllowedOrigins: []oauth.OriginPattern{otherOrigin, "https://*.apps.example"}},
		{ID: "foreign", Name: "Foreign", Capabilities: assisted, AllowedOrigins: []oauth.OriginPattern{appOrigin},
			Scope: []string{"openid", "read", "email"}, ConsentRequired: true},
		{ID: "jwt", Name: "JWT", Capabilities: assisted, AllowedOrigins: []oauth.OriginPattern{appOrigin}, Scope: []string{"openid", "read"},
			ClientTokens: oauth.ClientTokens{
				AccessTokenFormat: oauth.FormatJWT, IDTokenAlg: oauth.RS256, Audience: []string{"https://api.example"}}},
	} {
		w.must(w.manager.CreatePublicClient(ctx, c))
	}
	off := oauth.Client{ID: "off", Name: "Off", AllowedOrigins: []oauth.OriginPattern{appOrigin}}
	w.must(w.store.PutClient(ctx, off, 0, noAudit))
	var err error
	w.secret, err = w.manager.CreateConfidentialClient(ctx, oauth.Client{ID: "api", Name: "API", Capabilities: []oauth.Capability{oauth.CapIntrospection}})
	w.must(err)
}

func (w *world) start(databaseURL string, two bool, log *slog.Logger, master token.Master) {
	w.http = httptest.NewUnstartedServer(nil)
	w.url = "https://" + w.http.Listener.Addr().String()
	var err error
	w.server, err = New(context.Background(), Options{
		BaseURL: w.url, Store: w.store, Master: master, Logger: log,
		Registry: prometheus.NewRegistry(), Now: w.clock.Now,
	})
	w.must(err)
	w.http.Config.Handler = w.server.Handler()
	if two {
		w.http.Config.Handler = w.turns(w.server.Handler(), databaseURL, log, master)
	}
	w.http.StartTLS()
	w.t.Cleanup(w.http.Close)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// changed makes the server see a change of the configuration at once.
func (w *world) changed(err error) {
	w.t.Helper()
	w.must(err)
	w.must(w.server.refresh(context.Background()))
	if w.second != nil {
		w.must(w.second.server.refresh(context.Background()))
	}
}

func (w *world) change(id string, change func(*oauth.Client)) {
	w.t.Helper()
	_, _, err := w.manager.ChangeClient(context.Background(), id, change)
	w.changed(err)
}

// browser sends what a browser would, with a cookie jar of its own.
type browser struct {
	*world
	client *http.Client
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	w.must(err)
	c := *w.http.Client()
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{w, &c}
}

// blocked is a browser that keeps every cookie from frames.
func (w *world) blocked() *browser {
	b := w.browser()
	b.client.Jar = nil
	return b
}

// page is an answer, read whole.
type page struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

func (b *browser) do(r *http.Request) page {
	b.t.Helper()
	res, err := b.client.Do(r)
	b.must(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	b.must(err)
	return page{b.t, res.StatusCode, res.Header, string(body)}
}

func (b *browser) request(method, address string, form url.Values, headers ...string) *http.Request {
	if strings.HasPrefix(address, "/") {
		address = b.url + address
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, address, body)
	b.must(err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// frame loads an address in a frame of another site.
func (b *browser) frame(address string) page {
	b.t.Helper()
	return b.do(b.request("GET", address, nil, "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"))
}

// open loads an address as the whole page.
func (b *browser) open(address string) page {
	b.t.Helper()
	return b.do(b.request("GET", address, nil, "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"))
}

// submit posts a form of our own page, in a frame.
func (b *browser) submit(path string, form url.Values) page {
	b.t.Helper()
	return b.do(b.request("POST", path, form, "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site", "same-origin", "Origin", b.url))
}

// call is a request of an API or a script, without cookies.
func (w *world) call(method, path string, form url.Values, headers ...string) page {
	w.t.Helper()
	b := w.blocked()
	return b.do(b.request(method, path, form, headers...))
}

// assisted is the address of the assisted token endpoint with parameters: name, value, name, value.
func assisted(params ...string) string {
	q := url.Values{}
	for i := 0; i < len(params); i += 2 {
		q.Add(params[i], params[i+1])
	}
	return assistedPath + "?" + q.Encode()
}

// signIn goes through the form of an interactive request and returns the page after it.
func (b *browser) signIn(params ...string) page {
	b.t.Helper()
	return b.submitPassword(b.frame(assisted(params...)), "alice", password)
}

func (b *browser) submitPassword(form page, username, pass string) page {
	b.t.Helper()
	return b.submit(signInPath, url.Values{"flow": {form.field("flow")}, "username": {username}, "password": {pass}})
}

// field is the value of a hidden field.
func (p page) field(name string) string {
	p.t.Helper()
	m := regexp.MustCompile(`<input type="hidden" name="` + name + `" value="([^"]*)"`).FindStringSubmatch(p.body)
	if m == nil {
		p.t.Fatalf("status %d: no field %s in\n%s", p.status, name, p.body)
	}
	return html.UnescapeString(m[1])
}

var messagePattern = regexp.MustCompile(`var to="([^"]*)",message=(.*?);var (?:t|keeps|handle)=`)

// message is what the page posts, and to which origin.
func (p page) message() (to string, m map[string]any) {
	p.t.Helper()
	found := messagePattern.FindStringSubmatch(p.body)
	if found == nil {
		p.t.Fatalf("status %d: the page posts no message:\n%s", p.status, p.body)
	}
	if err := json.Unmarshal([]byte(found[2]), &m); err != nil {
		p.t.Fatal(err)
	}
	return found[1], m
}

// token is the access token that the page posts to the app.
func (p page) token() string {
	p.t.Helper()
	_, m := p.message()
	if m["status"] != "success" {
		p.t.Fatalf("no token: %v", m)
	}
	return m["access_token"].(string)
}

// wantError demands that the page posts this error.
func (p page) wantError(code oauth.Code) {
	p.t.Helper()
	if _, m := p.message(); m["status"] != "error" || m["error"] != string(code) {
		p.t.Fatalf("got %v, want the error %s", m, code)
	}
}

// wantPlain demands our own page, which nobody may frame and which posts nothing.
func (p page) wantPlain(status int) {
	p.t.Helper()
	csp := p.header.Get("Content-Security-Policy")
	if p.status != status || strings.Contains(p.body, "postMessage") || !strings.HasSuffix(csp, "frame-ancestors 'none'") || p.header.Get("X-Frame-Options") != "DENY" {
		p.t.Fatalf("status %d, CSP %q, not the plain page:\n%s", p.status, csp, p.body)
	}
}

func (p page) wantText(text string) {
	p.t.Helper()
	if !strings.Contains(p.body, text) {
		p.t.Fatalf("status %d: %q is not in\n%s", p.status, text, p.body)
	}
}

// introspect asks what a token is worth.
func (w *world) introspect(accessToken string) map[string]any {
	w.t.Helper()
	r := w.blocked().request("POST", introspectPath, url.Values{"token": {accessToken}})
	r.SetBasicAuth("api", w.secret)
	p := w.blocked().do(r)
	var m map[string]any
	if p.status != 200 {
		w.t.Fatalf("introspection: %d %s", p.status, p.body)
	}
	w.must(json.Unmarshal([]byte(p.body), &m))
	return m
}

func (w *world) wantActive(accessToken string, want bool) {
	w.t.Helper()
	if got := w.introspect(accessToken); got["active"] != want {
		w.t.Fatalf("active is %v, want %v", got, want)
	}
}
