package javascriptspa

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// asServer answers discovery and introspection as the identity server would: "good" is active, "broken" is answered
// with no JSON, anything else is inactive.
func asServer(t *testing.T) *httptest.Server {
	t.Helper()
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		issuer := s.URL + "/oauth/v2/oauth-anonymous"
		_, secret, _ := r.BasicAuth()
		switch {
		case r.URL.Path == "/oauth/v2/oauth-anonymous/.well-known/openid-configuration":
			json.NewEncoder(w).Encode(map[string]string{"issuer": issuer, "introspection_endpoint": s.URL + "/introspect"})
		case secret != "secret":
			w.WriteHeader(http.StatusUnauthorized)
		case r.PostFormValue("token") == "good":
			json.NewEncoder(w).Encode(map[string]any{
				"active": true, "token_type": "Bearer", "iss": issuer, "aud": []string{issuer}, "sub": "alice", "scope": "openid",
			})
		case r.PostFormValue("token") == "broken":
			io.WriteString(w, "<html>")
		default:
			io.WriteString(w, `{"active":false}`)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func newApp(t *testing.T, o Options) http.Handler {
	t.Helper()
	if o.IntrospectionClient == "" {
		o.IntrospectionClient, o.IntrospectionSecret = "example-api", "secret"
	}
	app, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return app
}

func TestAPI(t *testing.T) {
	app := newApp(t, Options{Server: asServer(t).URL})
	tests := []struct {
		name          string
		authorization []string
		status        int
		challenge     string // the WWW-Authenticate header begins with it
	}{
		{"no token: no error code (RFC 6750 §3.1)", nil, 401, "Bearer"},
		{"a good token", []string{"Bearer good"}, 200, ""},
		{"an inactive token", []string{"Bearer revoked"}, 401, `Bearer error="invalid_token", error_description="`},
		{"an empty token", []string{"Bearer "}, 400, `Bearer error="invalid_request", error_description="`},
		{"a server that makes no sense", []string{"Bearer broken"}, 503, ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/api", nil)
			r.Header["Authorization"] = tc.authorization
			w := httptest.NewRecorder()
			app.ServeHTTP(w, r)
			if w.Code != tc.status {
				t.Fatalf("status %d, want %d: %s", w.Code, tc.status, w.Body)
			}
			challenge := w.Header().Get("WWW-Authenticate")
			if !strings.HasPrefix(challenge, tc.challenge) || tc.challenge == "Bearer" && challenge != "Bearer" {
				t.Errorf("WWW-Authenticate: %q, want %q", challenge, tc.challenge)
			}
			if cc := w.Header().Get("Cache-Control"); cc != "no-store" {
				t.Errorf("Cache-Control: %q", cc)
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Errorf("no JSON: %s", w.Body)
			}
		})
	}
}

func TestAPISaysWhatItLearned(t *testing.T) {
	app := newApp(t, Options{Server: asServer(t).URL})
	r := httptest.NewRequest("GET", "/api", nil)
	r.Header.Set("Authorization", "Bearer good")
	w := httptest.NewRecorder()
	app.ServeHTTP(w, r)
	var answer struct{ Claims map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Claims["sub"] != "alice" || answer.Claims["scope"] != "openid" {
		t.Errorf("got %s", w.Body)
	}
}

func TestAPIWithoutServer(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, o := range map[string]Options{
		"nobody listens":        {Server: gone.URL},
		"it refuses the secret": {Server: asServer(t).URL, IntrospectionClient: "example-api", IntrospectionSecret: "old"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/api", nil)
			r.Header.Set("Authorization", "Bearer good")
			w := httptest.NewRecorder()
			newApp(t, o).ServeHTTP(w, r)
			if w.Code != http.StatusServiceUnavailable {
				t.Errorf("status %d, want 503", w.Code)
			}
		})
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	for name, o := range map[string]Options{
		"no secret":                {IntrospectionClient: "example-api"},
		"a server without https":   {Server: "http://idp.example", IntrospectionClient: "example-api", IntrospectionSecret: "secret"},
		"authorities that are not": {CAFile: "/nowhere", IntrospectionClient: "example-api", IntrospectionSecret: "secret"},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestPage(t *testing.T) {
	app := newApp(t, Options{Server: "https://idp.example:8443/", ClientID: `a"<b`})
	w := httptest.NewRecorder()
	app.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	html := w.Body.String()
	if !strings.Contains(html, `src="https://idp.example:8443/oauth/v2/oauth-assisted-token/resources/js/assisted-token.min.js"`) {
		t.Error("the library is not loaded from the server")
	}
	if strings.Contains(html, `a"<b`) {
		t.Error("the client id is not escaped")
	}
	if regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(>|\s+[^s])`).MatchString(html) {
		t.Error("the page has inline script or style")
	}
	csp := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self' https://idp.example:8443;", "frame-src https://idp.example:8443;"} {
		if !strings.Contains(csp, want) {
			t.Errorf("Content-Security-Policy lacks %q: %s", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("Content-Security-Policy: %s", csp)
	}
	loaded := regexp.MustCompile(`(?:src|href)="([a-z.]+)"`).FindAllStringSubmatch(html, -1)
	if len(loaded) != 4 {
		t.Errorf("the page loads %v", loaded)
	}
	for _, l := range loaded {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, httptest.NewRequest("GET", "/"+l[1], nil))
		if w.Code != http.StatusOK || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", l[1], w.Code, w.Header())
		}
	}
}

func TestNothingElseIsServed(t *testing.T) {
	app := newApp(t, Options{})
	for _, path := range []string{"/index.html", "/static/index.html", "/../app.go", "/x"} {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != http.StatusNotFound && w.Code != http.StatusTemporaryRedirect && w.Code != http.StatusMovedPermanently {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestJQueryKeepsItsLicence(t *testing.T) {
	b, err := files.ReadFile("static/jquery.min.js")
	if err != nil || !strings.HasPrefix(string(b), "/*! jQuery v4.0.0 | (c) OpenJS Foundation and other contributors | jquery.com/license */") {
		t.Errorf("%v: %.120s", err, b)
	}
}
