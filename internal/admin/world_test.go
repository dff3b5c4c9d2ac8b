package admin

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/server"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
)

const (
	password    = "correct horse battery"
	robotSecret = "the secret of the client robot"
)

// world is a real door before a real runtime on a real database, both over TLS, with a clock that tests can move.
type world struct {
	t        testing.TB
	admin    *Admin
	store    store.Store
	manager  *manage.Manager
	off      time.Duration
	url      string // of the door
	runtime  string
	log      *lockedLog
	client   *http.Client
	accounts map[string]oauth.Account // by user name: nora, vera (viewer), oscar (operator), ada (admin)
}

type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var noAudit store.Audit

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
	}{{token.UseSeal, ""}, {token.UseSign, oauth.ES256}} {
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

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, log: &lockedLog{}, accounts: map[string]oauth.Account{}}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	st, err := sqlstore.Open(t.Context(), sqlstore.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "usher.db"), Logger: log})
	w.must(err)
	t.Cleanup(func() { w.must(st.Close()) })
	runtime, door := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	w.store, w.runtime, w.url = st, "https://"+runtime.Listener.Addr().String(), "https://"+door.Listener.Addr().String()
	costly := expensive()
	w.must(st.Bootstrap(t.Context(), oauth.DefaultProfile(), costly.keys))
	w.manager = &manage.Manager{
		Store: st, Master: costly.master, Now: w.now, Rand: rand.Reader, Actor: "test", Role: oauth.RoleAdmin,
		Issuer: server.Issuer(w.runtime), BaseURL: w.runtime, AdminURL: w.url,
	}
	w.must(w.manager.EnsureAdminClient(t.Context()))
	for name, role := range map[string]oauth.Role{"nora": "", "vera": oauth.RoleViewer, "oscar": oauth.RoleOperator, "ada": oauth.RoleAdmin} {
		w.addAccount(name, role)
	}
	w.must(st.PutClient(t.Context(), oauth.Client{ID: "tool", Name: "Tool", Scope: []string{"openid", oauth.ScopeAdmin, oauth.ScopeRead}}, 0, noAudit))
	robot := oauth.Client{ID: "robot", Name: "Robot", Capabilities: []oauth.Capability{oauth.CapClientCredentials}, Scope: []string{"read", oauth.ScopeRead}}
	robot.SecretHash = manage.HashSecret(robotSecret)
	w.must(st.PutClient(t.Context(), robot, 0, noAudit))
	w.start(runtime, door, log)
	return w
}

// start starts both servers; they trust each other's certificate, as it is one.
func (w *world) start(runtime, door *httptest.Server, log *slog.Logger) {
	registry := prometheus.NewRegistry()
	s, err := server.New(w.t.Context(), server.Options{
		BaseURL: w.runtime, Store: w.store, Master: w.manager.Master, Logger: log, Registry: registry, Now: w.now,
	})
	w.must(err)
	runtime.Config.Handler = s.Handler()
	w.admin, err = New(w.t.Context(), Options{Manager: *w.manager, Runtime: s.Handler(), Version: "test", Logger: log, Registry: registry})
	w.must(err)
	door.Config.Handler = w.admin.Handler()
	for _, h := range []*httptest.Server{runtime, door} {
		h.StartTLS()
		w.t.Cleanup(h.Close)
	}
	w.client = door.Client()
	w.client.Transport.(*http.Transport).TLSClientConfig.RootCAs.AddCert(runtime.Certificate())
}

func (w *world) now() time.Time { return time.Now().Add(w.off) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func newID() (id oauth.ID) {
	rand.Read(id[:])
	return id
}

func (w *world) addAccount(name string, role oauth.Role) {
	w.t.Helper()
	acc := oauth.Account{ID: newID(), Username: name, Name: name, PasswordHash: expensive().hash, Created: w.now()}
	w.must(w.store.CreateAccount(w.t.Context(), acc, noAudit))
	if role != "" {
		w.must(w.store.SetRole(w.t.Context(), acc.ID, 0, role, noAudit))
	}
	stored, err := w.store.Account(w.t.Context(), acc.ID)
	w.must(err)
	w.accounts[name] = stored
}

// delegation signs somebody in, past the pages, and gives the client something.
func (w *world) delegation(name, clientID string) oauth.Delegation {
	w.t.Helper()
	acc, now := w.accounts[name], w.now()
	s := oauth.Session{
		ID: newID(), CookieHash: []byte(newID().String()), AccountID: acc.ID, AuthTime: now, Created: now, LastUsed: now,
		Expires: now.Add(7 * 24 * time.Hour), IdleTimeout: 13 * time.Hour,
	}
	current, err := w.store.Account(w.t.Context(), acc.ID)
	w.must(err)
	w.must(w.store.StartSession(w.t.Context(), current.Version, s, nil, nil, noAudit))
	d, err := w.store.Delegate(w.t.Context(), oauth.Delegation{
		ID: newID(), SessionID: s.ID, ClientID: clientID, AccountID: acc.ID, Created: now,
	}, now, noAudit)
	w.must(err)
	return d
}

// cookie is that of somebody who is signed in here.
func (w *world) cookie(name string) string {
	w.t.Helper()
	sealed, err := w.admin.seal(token.KindAdminSession, &adminSession{w.delegation(name, oauth.AdminClientID).ID, w.now()})
	w.must(err)
	return sealed
}

// accessToken is a token of the client "tool", with what change makes of it: of the user, or of its own where there is none.
func (w *world) accessToken(name string, change func(*oauth.AccessToken), scope ...string) string {
	w.t.Helper()
	now := w.now()
	t := oauth.AccessToken{ID: newID(), ClientID: "tool", Subject: "tool", Scope: scope, Issued: now, Expires: now.Add(time.Hour)}
	if name != "" {
		t.DelegationID, t.Subject = w.delegation(name, "tool").ID, w.accounts[name].ID.String()
	}
	if change != nil {
		change(&t)
	}
	text, err := w.admin.ring().SealAccess(t, now)
	w.must(err)
	return text
}

// request is one to the door as a browser sends it from a page of the door's own; headers are name, value, name, value.
func (w *world) request(method, path string, form url.Values, headers ...string) *http.Request {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, w.url+path, body)
	r.TLS = &tls.ConnectionState{}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Del(headers[i]); headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return r
}

func (w *world) answer(r *http.Request) *http.Response {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
	defer cancel()
	rec := httptest.NewRecorder()
	w.admin.Handler().ServeHTTP(rec, r.WithContext(ctx))
	return rec.Result()
}

// as asks for a page with the cookie of somebody.
func (w *world) as(cookie, path string) *http.Response {
	w.t.Helper()
	return w.answer(w.request("GET", path, nil, "Cookie", sessionCookie.Name+"="+cookie))
}

// wantIn demands that the overview is there; wantOut that the visitor is sent to the sign-in.
func (w *world) wantIn(cookie string) {
	w.t.Helper()
	if r := w.as(cookie, homePath); r.StatusCode != http.StatusOK {
		w.t.Fatalf("not in: %d %s", r.StatusCode, bodyOf(r))
	}
}

func (w *world) wantOut(cookie string) {
	w.t.Helper()
	if r := w.as(cookie, homePath); r.StatusCode != http.StatusSeeOther || !strings.HasPrefix(r.Header.Get("Location"), loginPath) {
		w.t.Fatalf("not out: %d %s", r.StatusCode, bodyOf(r))
	}
}

func bodyOf(r *http.Response) string {
	b, _ := io.ReadAll(r.Body)
	return string(b)
}

// visitor is a browser with a cookie jar, that follows no redirect by itself.
type visitor struct {
	*world
	http *http.Client
}

func (w *world) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	w.must(err)
	c := *w.client
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{w, &c}
}

// get loads a page, and follows where it leads until something is shown.
func (v *visitor) get(address string) (r *http.Response, body string) {
	v.t.Helper()
	for range 10 {
		r = v.send("GET", address, nil)
		if body = bodyOf(r); r.StatusCode != http.StatusSeeOther {
			return r, body
		}
		to, err := r.Location()
		v.must(err)
		address = to.String()
	}
	v.t.Fatalf("round and round: %s", address)
	return nil, ""
}

func (v *visitor) send(method, address string, form url.Values) *http.Response {
	v.t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	v.must(err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	answer, err := v.http.Do(r)
	v.must(err)
	v.t.Cleanup(func() { answer.Body.Close() })
	return answer
}

// signIn goes through the whole sign-in from a page of the door and returns the answer of the callback, unfollowed.
func (v *visitor) signIn(address, name string) *http.Response {
	v.t.Helper()
	_, form := v.get(address)
	return v.send("POST", v.runtime+"/authn/authentication/password", url.Values{
		"flow": {field(v.t, form, "flow")}, "username": {name}, "password": {password},
	})
}

func field(t testing.TB, page, name string) string {
	t.Helper()
	m := regexp.MustCompile(`<input type="hidden" name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no field %s in\n%s", name, page)
	}
	return html.UnescapeString(m[1])
}
