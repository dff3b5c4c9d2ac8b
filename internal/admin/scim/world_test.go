package scim

import (
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
)

const adminURL = "https://admin.test.example"

// world is the service over a real store.
type world struct {
	*testing.T
	m    *manage.Manager
	mux  *http.ServeMux
	role oauth.Role
}

func newWorld(t *testing.T) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s, err := sqlstore.Open(t.Context(), sqlstore.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "usher.db"), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	master, err := token.NewMaster(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, mux: http.NewServeMux(), role: oauth.RoleAdmin}
	w.m = &manage.Manager{
		Store: s, Master: master, Now: time.Now, Rand: rand.Reader, Actor: "client:hr", Role: oauth.RoleAdmin,
		Issuer: "https://id.test.example/oauth/v2/oauth-anonymous", BaseURL: "https://id.test.example", AdminURL: adminURL,
	}
	if err := w.m.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	service := &Service{AdminURL: adminURL, Logger: log}
	for _, rt := range service.Routes() {
		w.mux.HandleFunc(rt.Pattern, func(rw http.ResponseWriter, r *http.Request) {
			m := *w.m
			m.Role = w.role
			if err := rt.Handle(&route.Call{W: rw, R: r, Manage: &m}); err != nil {
				service.WriteError(rw, r, err)
			}
		})
	}
	return w
}

// do makes a request; headers come in pairs.
func (w *world) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequest(method, Prefix+path, strings.NewReader(body)).WithContext(w.Context())
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	if rec.Body.Len() > 0 && rec.Header().Get("Content-Type") != "application/scim+json" || rec.Header().Get("Cache-Control") != "no-store" {
		w.Errorf("%s %s: %d of the type %q, Cache-Control %q", method, path, rec.Code, rec.Header().Get("Content-Type"), rec.Header().Get("Cache-Control"))
	}
	return rec
}

// want makes a request that is to be answered with the status, and reads the answer.
func (w *world) want(status int, method, path, body string, headers ...string) map[string]any {
	w.Helper()
	rec := w.do(method, path, body, headers...)
	if rec.Code != status {
		w.Fatalf("%s %s %s: %d, want %d: %s", method, path, body, rec.Code, status, rec.Body)
	}
	if rec.Body.Len() == 0 {
		return nil
	}
	var v map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
		w.Fatal(err)
	}
	return v
}

// add adds a user and returns its id.
func (w *world) add(user string) string {
	w.Helper()
	return w.want(201, "POST", "/Users", user)["id"].(string)
}

// bare is a user by the name and little else.
func bare(name string) string {
	return `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"` + name + `","externalId":"x-` + name +
		`","emails":[{"value":"` + name + `@example.com","type":"work","primary":true}]}`
}

// patch applies operations to a user.
func (w *world) patch(id, operations string) map[string]any {
	w.Helper()
	return w.want(200, "PATCH", "/Users/"+id, patchOf(operations))
}

func patchOf(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}

// at follows names and list positions into an answer.
func at(v any, path ...any) any {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[s]
		case int:
			list, _ := v.([]any)
			if s >= len(list) {
				return nil
			}
			v = list[s]
		}
	}
	return v
}
