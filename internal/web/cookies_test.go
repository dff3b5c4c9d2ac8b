package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

func TestCookieAttributes(t *testing.T) {
	plain := web.Cookie{Name: "__Host-usher-a"}
	kept := web.Cookie{Name: "__Host-usher-b", Lifetime: time.Hour}
	framed := web.Cookie{Name: "__Host-usher-c", Partitioned: true}
	script := web.Cookie{Name: "__Host-usher-d", Readable: true}
	own := web.Cookie{Name: "__Host-usher-e", SameSite: http.SameSiteLaxMode}
	for want, write := range map[string]func(http.ResponseWriter){
		"__Host-usher-e=v; Path=/; HttpOnly; Secure; SameSite=Lax":                         func(w http.ResponseWriter) { own.Set(w, "v") },
		"__Host-usher-e=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax":               own.Clear,
		"__Host-usher-a=v; Path=/; HttpOnly; Secure; SameSite=None":                        func(w http.ResponseWriter) { plain.Set(w, "v") },
		"__Host-usher-b=v; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=None":          func(w http.ResponseWriter) { kept.Set(w, "v") },
		"__Host-usher-c=v; Path=/; HttpOnly; Secure; SameSite=None; Partitioned":           func(w http.ResponseWriter) { framed.Set(w, "v") },
		"__Host-usher-d=v; Path=/; Secure; SameSite=None":                                  func(w http.ResponseWriter) { script.Set(w, "v") },
		"__Host-usher-a=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=None":              plain.Clear,
		"__Host-usher-c=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=None; Partitioned": framed.Clear,
	} {
		headers(t, record(write).Result().Header, map[string]string{"Set-Cookie": want})
	}
}

func TestCookieRead(t *testing.T) {
	c := web.Cookie{Name: "__Host-usher-a"}
	r := httptest.NewRequest("GET", "/", nil)
	if got := c.Read(r); got != "" {
		t.Errorf("no cookie: %q", got)
	}
	r.Header.Set("Cookie", "__Host-usher-ab=other; __host-usher-a=case; __Host-usher-a=v")
	if got := c.Read(r); got != "v" {
		t.Errorf("read %q", got)
	}
}

func TestSecrets(t *testing.T) {
	a, b := web.NewSecret(), web.NewSecret()
	if a == b || len(a) != 43 || len(web.HashSecret(a)) != 32 || string(web.HashSecret(a)) == string(web.HashSecret(b)) {
		t.Errorf("%q, %q", a, b)
	}
}

func TestCORS(t *testing.T) {
	const (
		allow, credentials, vary = "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Vary"
		methods, names, age      = "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age"
	)
	h := record(web.AllowAny).Result().Header
	headers(t, h, map[string]string{allow: "*", credentials: ""})

	h = record(func(w http.ResponseWriter) { web.AllowOrigin(w, app(t)) }).Result().Header
	headers(t, h, map[string]string{allow: "https://app.example:8443", credentials: "", vary: "Origin"})
	h = record(func(w http.ResponseWriter) { web.AllowOrigin(w, oauth.ValidOrigin{}) }).Result().Header
	headers(t, h, map[string]string{allow: "", credentials: "", vary: "Origin"})

	w := record(func(w http.ResponseWriter) { web.Preflight(w, app(t), "POST, OPTIONS") })
	headers(t, w.Result().Header, map[string]string{
		allow: "https://app.example:8443", credentials: "", vary: "Origin",
		methods: "POST, OPTIONS", names: "Authorization, Content-Type, DPoP", age: "600",
	})
	stranger := record(func(w http.ResponseWriter) { web.Preflight(w, oauth.ValidOrigin{}, "POST, OPTIONS") })
	headers(t, stranger.Result().Header, map[string]string{allow: "", credentials: "", vary: "Origin", methods: "", names: "", age: ""})
	if w.Code != http.StatusNoContent || stranger.Code != http.StatusNoContent {
		t.Errorf("status %d, %d", w.Code, stranger.Code)
	}
}
