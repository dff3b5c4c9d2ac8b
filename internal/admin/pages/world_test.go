package pages

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
)

// Names as somebody hostile, or just somebody, would choose them.
const (
	hostileName = `<script>alert(1)</script>`
	oddName     = "Zoë אבג 🦉 \"quoted\" & <b>bold</b>"
)

// firstKeys are made once for all tests.
var firstKeys = sync.OnceValues(func() (token.Master, []token.WrappedKey) {
	master, err := token.NewMaster(rand.Reader)
	if err != nil {
		panic(err)
	}
	var keys []token.WrappedKey
	for _, need := range token.Due(nil, testTime, token.DefaultPolicy()) {
		k, err := token.NewKey(rand.Reader, need.Use, need.Alg, testTime.Add(-48*time.Hour), testTime.Add(-48*time.Hour), master)
		if err != nil {
			panic(err)
		}
		keys = append(keys, k)
	}
	return master, keys
})

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// world is the pages over a real store, without the door: the test says who calls.
type world struct {
	*testing.T
	manager *manage.Manager
	pages   *Pages
	now     time.Time
	ada     oauth.Account // an admin, who calls
	root    oauth.Account // another, so that ada may lose the role
	odd     oauth.Account // a user with an odd name
}

func newWorld(t *testing.T) *world {
	t.Helper()
	st, err := sqlstore.Open(t.Context(), sqlstore.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "usher.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{T: t, now: testTime}
	clock := func() time.Time { return w.now }
	master, keys := firstKeys()
	w.must(st.Bootstrap(t.Context(), oauth.DefaultProfile(), keys))
	w.manager = &manage.Manager{
		Store: st, Master: master, Now: clock, Rand: rand.Reader, Actor: "cli:test", Role: oauth.RoleAdmin,
		Issuer: "https://id.example/oauth/v2/oauth-anonymous", BaseURL: "https://id.example", AdminURL: "https://id.example:6749",
	}
	w.must(w.manager.EnsureAdminClient(t.Context()))
	w.pages = New(Options{
		RuntimeURL: "https://id.example", AdminURL: "https://id.example:6749", Version: "test", Now: clock, Logger: slog.New(slog.DiscardHandler),
		Settings: []Setting{
			{Key: "base_url", Value: "https://id.example", Help: "where the runtime is", Origin: "file"},
			{Key: "insecure_any_origin", Value: "true", Default: "false", Help: "lets clients allow every origin", Origin: "environment", Insecure: true},
		},
	})
	w.ada = w.addAccount("ada", oauth.RoleAdmin)
	w.root = w.addAccount("root", oauth.RoleAdmin)
	return w
}

// furnish adds what the lists show.
func (w *world) furnish() {
	w.Helper()
	w.must(w.manager.CreatePublicClient(w.Context(), oauth.Client{
		ID: "shop", Name: hostileName, Capabilities: []oauth.Capability{oauth.CapAssistedToken, oauth.CapImplicit},
		AllowedOrigins: []oauth.OriginPattern{"https://*.shop.example"}, RedirectURIs: []string{"https://shop.example/cb"}, Scope: []string{"openid"},
	}))
	w.odd = w.addAccount("zoë.🦉", "")
	_, _, err := w.manager.ChangeAccount(w.Context(), w.odd.ID, func(a *oauth.Account) { a.Name = oddName })
	w.must(err)
	session := oauth.Session{
		ID: oauth.ID{1}, CookieHash: []byte("cookie"), AccountID: w.odd.ID, AuthTime: w.now, AMR: []string{"pwd"}, LastUsed: w.now,
		IdleTimeout: time.Hour, Expires: w.now.Add(24 * time.Hour), Created: w.now,
	}
	acc, err := w.manager.Account(w.Context(), w.odd.ID)
	w.must(err)
	w.must(w.manager.Store.StartSession(w.Context(), acc.Version, session, nil, nil, store.Audit{At: w.now, Event: store.EventSignIn, Actor: "user", AccountID: acc.ID, Address: "192.0.2.1", Count: 1, ID: idAt(w.now)}))
	_, err = w.manager.Store.Delegate(w.Context(), oauth.Delegation{
		ID: oauth.ID{2}, SessionID: session.ID, ClientID: "shop", AccountID: acc.ID, Scope: []string{"openid"}, Created: w.now,
	}, w.now, store.Audit{})
	w.must(err)
	w.must(w.manager.Store.AddTallies(w.Context(), []store.Tally{
		{At: w.now.Truncate(store.TallyStep), Name: store.TallySignIns, Count: 3}, {At: w.now.Truncate(store.TallyStep).Add(-time.Hour), Name: store.TallyTokens, Count: 40},
	}))
}

func (w *world) addAccount(username string, role oauth.Role) oauth.Account {
	w.Helper()
	acc := oauth.Account{ID: newID(), Username: username, Created: w.now}
	w.must(w.manager.Store.CreateAccount(w.Context(), acc, store.Audit{}))
	if role != "" {
		w.must(w.manager.Store.SetRole(w.Context(), acc.ID, 0, role, store.Audit{}))
	}
	acc, err := w.manager.Account(w.Context(), acc.ID)
	w.must(err)
	return acc
}

// idAt is an audit record's: the first 48 bits are its time.
func idAt(at time.Time) oauth.ID {
	id := newID()
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(id[:6], ms[2:])
	return id
}

func newID() (id oauth.ID) {
	rand.Read(id[:])
	return id
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// answer is a page as it came.
type answer struct {
	*testing.T
	status int
	header http.Header
	body   string
	doc    *node
}

// as makes a request in a role; routes are those of the pages, and what may not be done is left to the door.
func (w *world) as(role oauth.Role, r *http.Request) answer {
	w.Helper()
	mux := http.NewServeMux()
	for _, rt := range w.pages.Routes() {
		mux.HandleFunc(rt.Pattern, func(out http.ResponseWriter, r *http.Request) {
			m := *w.manager
			m.Actor, m.Role = "operator:ada", role
			c := &route.Call{W: out, R: r, Manage: &m, Caller: route.Caller{AccountID: w.ada.ID, Username: "ada", ClientID: oauth.AdminClientID, Role: role}}
			if err := rt.Handle(c); err != nil {
				w.pages.WriteError(c, err)
			}
		})
	}
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, r.WithContext(context.WithoutCancel(w.Context())))
	return answerOf(w.T, rec)
}

func answerOf(t *testing.T, rec *httptest.ResponseRecorder) answer {
	t.Helper()
	res := rec.Result()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{t, res.StatusCode, res.Header, string(body), &node{}}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		if a.doc, err = parse(string(body)); err != nil {
			t.Fatalf("the page is not well formed: %v\n%s", err, body)
		}
	}
	return a
}

func (w *world) get(path string) answer {
	w.Helper()
	return w.as(oauth.RoleAdmin, httptest.NewRequest("GET", path, nil))
}

func (w *world) post(path string, form url.Values) answer {
	w.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.as(oauth.RoleAdmin, r)
}

func (a answer) want(status int) answer {
	a.Helper()
	if a.status != status {
		a.Fatalf("status %d, want %d: %.600s", a.status, status, a.text())
	}
	return a
}

// wantDone follows no redirect: it says where it leads.
func (a answer) wantRedirect(to string) {
	a.Helper()
	if a.want(http.StatusSeeOther); a.header.Get("Location") != to {
		a.Fatalf("leads to %q, want %q", a.header.Get("Location"), to)
	}
}

// all finds elements by name and, where given, by an attribute.
func (a answer) all(name, key, value string) []*node {
	var found []*node
	for n := range a.doc.walk() {
		if n.name != "" && (name == "*" || n.name == name) && (key == "" || n.has(key) && n.attrs[key] == value) {
			found = append(found, n)
		}
	}
	return found
}

// text is what the page says, as a reader sees it.
func (a answer) text() string {
	if main := a.all("main", "", ""); len(main) > 0 {
		return main[0].text()
	}
	return a.body
}

func (a answer) wantText(parts ...string) answer {
	a.Helper()
	for _, part := range parts {
		if !strings.Contains(a.text(), part) {
			a.Errorf("the page does not say %q: %.1500s", part, a.text())
		}
	}
	return a
}

// form reads the page's fields as a browser would send them, of the form that posts to the path.
func (a answer) form(action string) url.Values {
	a.Helper()
	values := url.Values{}
	forms := a.all("form", "action", action)
	if len(forms) == 0 {
		a.Fatalf("no form posts to %s: %.800s", action, a.body)
	}
	for n := range forms[0].walk() {
		n.fill(values)
	}
	return values
}

// fill adds what the browser sends of an element.
func (n *node) fill(values url.Values) {
	kind := n.attrs["type"]
	switch {
	case !n.has("name"):
	case n.name == "textarea":
		values.Add(n.attrs["name"], strings.TrimPrefix(n.raw(), "\n"))
	case n.name == "select":
		for o := range n.walk() {
			if o.name == "option" && o.has("selected") {
				values.Add(n.attrs["name"], o.attrs["value"])
			}
		}
	case n.name == "input" && (kind == "checkbox" || kind == "radio"):
		if n.has("checked") {
			values.Add(n.attrs["name"], n.attrs["value"])
		}
	case n.name == "input" && kind != "file":
		values.Add(n.attrs["name"], n.attrs["value"])
	}
}

// wantFault makes sure that a field says what is wrong with it, to eyes and to screen readers.
func (a answer) wantFault(field, problem string) {
	a.Helper()
	inputs := a.all("*", "name", field)
	if len(inputs) == 0 {
		a.Fatalf("no field %s: %.800s", field, a.text())
	}
	if inputs[0].attrs["aria-invalid"] != "true" {
		a.Errorf("field %s is not marked", field)
	}
	said := a.all("*", "id", "f-"+field+"-problem")
	if len(said) != 1 || !strings.Contains(said[0].text(), problem) {
		a.Errorf("field %s does not say %q", field, problem)
	}
	if len(a.all("a", "href", "#f-"+field)) == 0 {
		a.Errorf("the summary does not lead to field %s", field)
	}
}
