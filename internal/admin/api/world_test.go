package api

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/admin/pages"
	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
)

const (
	adminURL = "https://admin.test.example"
	issuer   = "https://id.test.example/oauth/v2/oauth-anonymous"
)

// world is an API over a real store, with something of everything in it.
type world struct {
	*testing.T
	m   *manage.Manager
	api *API
	mux *http.ServeMux

	ann, boss           oauth.Account
	session, delegation oauth.ID
	change, removable   string // ids
}

// seeded is a seeded database, made once and copied for each test.
type seeded struct {
	database []byte
	master   token.Master
	world    world // the ids of what is in it
}

var (
	once    sync.Once
	theSeed seeded
)

func newWorld(t *testing.T) *world {
	t.Helper()
	once.Do(func() {
		file := filepath.Join(t.TempDir(), "usher.db")
		master, err := token.NewMaster(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		w := open(t, file, master)
		w.must(w.m.Bootstrap(t.Context()))
		w.seed()
		w.must(w.m.Store.Close())
		theSeed.database, err = os.ReadFile(file)
		w.must(err)
		theSeed.master, theSeed.world = master, *w
	})
	file := filepath.Join(t.TempDir(), "usher.db")
	if err := os.WriteFile(file, theSeed.database, 0o600); err != nil {
		t.Fatal(err)
	}
	w := open(t, file, theSeed.master)
	t.Cleanup(func() { w.m.Store.Close() })
	from := &theSeed.world
	w.ann, w.boss, w.session, w.delegation, w.change, w.removable = from.ann, from.boss, from.session, from.delegation, from.change, from.removable
	return w
}

func open(t *testing.T, file string, master token.Master) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s, err := sqlstore.Open(t.Context(), sqlstore.Options{URL: "sqlite:" + file, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, mux: http.NewServeMux()}
	w.m = &manage.Manager{
		Store: s, Master: master, Now: time.Now, Rand: rand.Reader, Actor: "operator:boss", Role: oauth.RoleAdmin,
		Issuer: issuer, BaseURL: "https://id.test.example", AdminURL: adminURL,
	}
	w.api = New(Options{AdminURL: adminURL, Issuer: issuer, Logger: log, Settings: []pages.Setting{
		{Key: "listen", Value: ":8443", Default: ":8443", Help: "Where it listens.", Origin: "default"},
	}})
	for _, r := range w.api.Routes() {
		w.mux.HandleFunc(r.Pattern, w.door(r))
	}
	return w
}

// door stands for the real one: a token's text is the role that it gives.
func (w *world) door(rt route.Route) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		role, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			w.api.Unauthorized(rw, r, http.StatusUnauthorized, "", "Send an access token.")
			return
		}
		if !manage.Allowed(oauth.Role(role), rt.Op) {
			w.api.Unauthorized(rw, r, http.StatusForbidden, "insufficient_scope", `This "needs" more.`)
			return
		}
		m := *w.m
		m.Role, m.Actor = oauth.Role(role), "operator:"+role
		if err := rt.Handle(&route.Call{W: rw, R: r, Manage: &m, Caller: route.Caller{Role: oauth.Role(role)}}); err != nil {
			w.api.WriteError(rw, r, err)
		}
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func newID() (id oauth.ID) {
	rand.Read(id[:])
	return id
}

func (w *world) seed() {
	ctx := w.Context()
	var err error
	w.ann, err = w.m.CreateAccount(ctx, oauth.Account{Username: "ann", Name: "Ann Archer", Email: "ann@example.com"}, "")
	w.must(err)
	w.boss, err = w.m.CreateAccount(ctx, oauth.Account{Username: "boss"}, "")
	w.must(err)
	w.must(w.m.SetRole(ctx, w.boss.ID, oauth.RoleAdmin))
	w.must(w.m.CreatePublicClient(ctx, oauth.Client{
		ID: "shop", Name: "Shop", Capabilities: []oauth.Capability{oauth.CapAssistedToken},
		AllowedOrigins: []oauth.OriginPattern{"https://shop.example.com"}, Scope: []string{"openid", "read"},
	}))
	_, err = w.m.CreateConfidentialClient(ctx, oauth.Client{ID: "orders", Name: "Orders", Capabilities: []oauth.Capability{oauth.CapIntrospection}})
	w.must(err)
	now := w.m.Now()
	w.session, w.delegation = newID(), newID()
	w.must(w.m.Store.StartSession(ctx, w.ann.Version, oauth.Session{
		ID: w.session, CookieHash: bytes.Repeat([]byte{1}, 32), AccountID: w.ann.ID, AuthTime: now, AMR: []string{"pwd"}, Created: now,
		LastUsed: now, IdleTimeout: time.Hour, Expires: now.Add(time.Hour),
	}, nil, nil, store.Audit{}))
	_, err = w.m.Store.Delegate(ctx, oauth.Delegation{
		ID: w.delegation, SessionID: w.session, ClientID: "shop", AccountID: w.ann.ID, Scope: []string{"openid"}, Created: now,
	}, now, store.Audit{})
	w.must(err)
	w.must(w.m.Store.GrantConsent(ctx, oauth.Consent{AccountID: w.ann.ID, ClientID: "shop", Scope: []string{"openid"}, Updated: now}, time.Time{}, store.Audit{}))
	_, _, err = w.m.ChangeClient(ctx, "shop", func(c *oauth.Client) { c.Name = "The shop" })
	w.must(err)
	changes, err := w.m.Changes(ctx, store.ChangeFilter{Kind: store.KindClient, Subject: "shop"}, "", 1)
	w.must(err)
	w.change = changes.Items[0].ID.String()
	keys, err := w.m.Keys(ctx)
	w.must(err)
	w.removable = keys[0].ID
}

// request is one request and what it is to look like.
type request struct {
	op     manage.Operation
	path   string // what follows the prefix
	body   string
	kind   string // of the body; JSON where it is empty and there is a body
	match  string // If-Match
	known  string // If-None-Match
	bearer string // "admin" where empty; "-" for none
}

// do makes a request and holds it and its answer against the document.
func (w *world) do(q request) *httptest.ResponseRecorder {
	w.Helper()
	d := theDocument()
	r := httptest.NewRequest(d.operations()[q.op][0], Prefix+q.path, strings.NewReader(q.body)).WithContext(w.Context())
	if q.body != "" || q.kind != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.kind != "" {
		r.Header.Set("Content-Type", q.kind)
	}
	if q.match != "" {
		r.Header.Set("If-Match", q.match)
	}
	if q.known != "" {
		r.Header.Set("If-None-Match", q.known)
	}
	switch q.bearer {
	case "":
		r.Header.Set("Authorization", "Bearer admin")
	case "-":
	default:
		r.Header.Set("Authorization", "Bearer "+q.bearer)
	}
	if _, pattern := w.mux.Handler(r); !strings.HasSuffix(pattern, Prefix+d.operations()[q.op][1]) {
		w.Fatalf("%s is answered by %s", q.path, pattern)
	}
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	exercised.Store(string(q.op)+" "+itoa(rec.Code), true)
	if err := d.checkAnswer(q.op, rec); err != nil {
		w.Errorf("%s %s: %v", r.Method, q.path, err)
	}
	if rec.Code < 400 {
		if err := d.checkRequest(q.op, r, []byte(q.body)); err != nil {
			w.Errorf("%s %s: %v", r.Method, q.path, err)
		}
	}
	if rec.Header().Get("Cache-Control") != "no-store" {
		w.Errorf("%s %s may be cached", r.Method, q.path)
	}
	return rec
}

func itoa(n int) string {
	text, _ := json.Marshal(n)
	return string(text)
}

// want makes a request that is to be answered with the status, and reads the answer.
func (w *world) want(status int, q request) map[string]any {
	w.Helper()
	rec := w.do(q)
	if rec.Code != status {
		w.Fatalf("%s %s: %d, want %d: %s", q.op, q.path, rec.Code, status, rec.Body)
	}
	var v map[string]any
	if text, _ := io.ReadAll(rec.Body); len(text) > 0 && text[0] == '{' {
		if err := json.Unmarshal(text, &v); err != nil {
			w.Fatal(err)
		}
	}
	return v
}

// good is a request for every operation, that succeeds in a new world with the status.
func (w *world) good() map[manage.Operation]struct {
	status int
	request
} {
	ann, shop := "/accounts/"+w.ann.ID.String(), "/clients/shop"
	type r = request
	list := []struct {
		status int
		request
	}{
		{200, r{op: manage.OpShowOverview, path: "/overview?hours=48"}},
		{200, r{op: manage.OpShowSettings, path: "/settings"}},
		{200, r{op: manage.OpShowProfile, path: "/profile"}},
		{200, r{op: manage.OpChangeProfile, path: "/profile", match: "*", body: `{"access_token_seconds":600}`, kind: "application/merge-patch+json"}},
		{200, r{op: manage.OpReleaseProfile, path: "/profile/release"}},
		{200, r{op: manage.OpCreateRegistrationToken, path: "/registration-tokens", body: `{"valid_seconds":60}`}},
		{200, r{op: manage.OpListClients, path: "/clients?search=sho&limit=10"}},
		{201, r{op: manage.OpCreateClient, path: "/clients", body: `{"id":"fresh","name":"Fresh","capabilities":["code"],"redirect_uris":["https://new.example.com/cb"]}`}},
		{200, r{op: manage.OpShowClient, path: shop}},
		{200, r{op: manage.OpChangeClient, path: shop, match: "*", body: `{"name":"Shop 2"}`}},
		{204, r{op: manage.OpRemoveClient, path: shop, match: "*"}},
		{200, r{op: manage.OpReleaseClient, path: shop + "/release"}},
		{200, r{op: manage.OpResetClientSecret, path: "/clients/orders/secret"}},
		{200, r{op: manage.OpTryClient, path: shop + "/try"}},
		{200, r{op: manage.OpShowSnippet, path: shop + "/snippets"}},
		{200, r{op: manage.OpListAccounts, path: "/accounts?search=an&limit=10"}},
		{201, r{op: manage.OpCreateAccount, path: "/accounts", body: `{"username":"cid","name":"Cid","attributes":{"locale":"de-CH"},"external_id":"c-1","password":"three blind mice"}`}},
		{200, r{op: manage.OpShowAccount, path: ann}},
		{200, r{op: manage.OpShowSignIns, path: ann + "/sign-ins"}},
		{200, r{op: manage.OpChangeAccount, path: ann, match: "*", body: `{"email":null,"attributes":{"given_name":"Ann"}}`}},
		{204, r{op: manage.OpRemoveAccount, path: ann, match: "*"}},
		{200, r{op: manage.OpLockAccount, path: ann + "/lock"}},
		{200, r{op: manage.OpUnlockAccount, path: ann + "/unlock"}},
		{204, r{op: manage.OpSetPassword, path: ann + "/password", body: `{"password":"three blind mice"}`}},
		{200, r{op: manage.OpCreatePasswordLink, path: ann + "/password-link"}},
		{204, r{op: manage.OpEndAccountSessions, path: ann + "/end-sessions"}},
		{200, r{op: manage.OpShowThrottle, path: ann + "/throttle"}},
		{204, r{op: manage.OpReleaseThrottle, path: ann + "/throttle/release"}},
		{200, r{op: manage.OpListConsents, path: ann + "/consents"}},
		{204, r{op: manage.OpWithdrawConsent, path: ann + "/consents/shop"}},
		{200, r{op: manage.OpListAuthenticators, path: "/authenticators"}},
		{200, r{op: manage.OpListSessions, path: "/sessions?account_id=" + w.ann.ID.String()}},
		{204, r{op: manage.OpEndSession, path: "/sessions/" + w.session.String()}},
		{200, r{op: manage.OpListDelegations, path: "/delegations?client_id=shop&session_id=" + w.session.String()}},
		{204, r{op: manage.OpEndDelegation, path: "/delegations/" + w.delegation.String()}},
		{200, r{op: manage.OpListKeys, path: "/keys"}},
		{200, r{op: manage.OpRotateKeys, path: "/keys/rotate"}},
		{200, r{op: manage.OpRevokeKey, path: "/keys/" + w.removable}},
		{200, r{op: manage.OpListAudit, path: "/audit?event=client_changed&from=2020-01-01T00:00:00Z"}},
		{200, r{op: manage.OpExportAudit, path: "/audit/export?format=csv"}},
		{200, r{op: manage.OpListChanges, path: "/changes?kind=client&subject=shop"}},
		{200, r{op: manage.OpShowChange, path: "/changes/" + w.change}},
		{204, r{op: manage.OpUndoChange, path: "/changes/" + w.change + "/undo"}},
		{200, r{op: manage.OpListOperators, path: "/operators"}},
		{200, r{op: manage.OpSetRole, path: "/operators/" + w.ann.ID.String(), body: `{"role":"viewer"}`}},
		{204, r{op: manage.OpRemoveOperator, path: "/operators/" + w.ann.ID.String()}},
		{200, r{op: manage.OpCreateOperatorLink, path: "/operators/link", body: `{"role":"viewer"}`}},
		{200, r{op: manage.OpExport, path: "/export"}},
		{200, r{op: manage.OpApply, path: "/apply?dry_run=true&prune=true", body: "usher: 1\nname: ops\nprofile: {access_token_seconds: 120}\n", kind: "application/yaml"}},
		{200, r{op: manage.OpImportCurity, path: "/import/curity?dry_run=true", body: curityXML, kind: "application/xml"}},
	}
	all := map[manage.Operation]struct {
		status int
		request
	}{}
	for _, one := range list {
		all[one.op] = one
	}
	return all
}

const curityXML = `<config xmlns="http://tail-f.com/ns/config/1.0"><profiles xmlns="https://curity.se/ns/conf/base"><profile>
<id>token-service</id><type xmlns:as="https://curity.se/ns/conf/profile/oauth">as:oauth-service</type>
<settings><authorization-server xmlns="https://curity.se/ns/conf/profile/oauth">
<client-store><config-backed><client><id>taken-over</id><redirect-uris>https://app.example.com/cb</redirect-uris>
<capabilities><code/></capabilities></client></config-backed></client-store>
</authorization-server></settings></profile></profiles></config>`
