package reactapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const app = "http://localhost:3000"

// start returns the API beside an identity server that knows four tokens.
func start(t *testing.T) http.Handler {
	t.Helper()
	now := time.Now().Unix()
	tokens := map[string]map[string]any{
		"plain": {"scope": "openid", "auth_time": now},
		"old":   {"scope": "openid payment", "auth_time": now - 600},
		"fresh": {"scope": "openid payment", "auth_time": now},
		"other": {"aud": "https://other.example.com", "auth_time": now},
	}
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration") {
			json.NewEncoder(w).Encode(map[string]string{"issuer": s.URL, "introspection_endpoint": s.URL + "/introspect"})
			return
		}
		answer := map[string]any{"active": false}
		if claims := tokens[r.PostFormValue("token")]; claims != nil {
			answer = map[string]any{"active": true, "token_type": "Bearer", "aud": s.URL, "sub": "alice"}
			for name, v := range claims {
				answer[name] = v
			}
		}
		json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(s.Close)
	api, err := New(Options{Issuer: s.URL, ClientID: "example-api", ClientSecret: "secret", Origin: app})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func TestAPI(t *testing.T) {
	api := start(t)
	const weak = `Bearer error="insufficient_user_authentication", error_description="A more recent or stronger sign-in is needed here.", scope="payment", max_age="300"`
	tests := []struct {
		name, request, token string
		status               int
		challenge            string // the WWW-Authenticate header begins with it
	}{
		{"no token", "GET /api", "", 401, "Bearer"},
		{"a good token", "GET /api", "plain", 200, ""},
		{"a bad token", "GET /api", "revoked", 401, `Bearer error="invalid_token"`},
		{"another API's token", "GET /api", "other", 401, `Bearer error="invalid_token"`},
		{"a payment without the scope", "POST /api/payment", "plain", 403, `Bearer error="insufficient_scope"`},
		{"a payment with an old sign-in (RFC 9470)", "POST /api/payment", "old", 401, weak},
		{"a payment", "POST /api/payment", "fresh", 200, ""},
		{"a payment by GET", "GET /api/payment", "fresh", 405, ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			method, path, _ := strings.Cut(tc.request, " ")
			r := httptest.NewRequest(method, path, nil)
			r.Header.Set("Origin", app)
			if tc.token != "" {
				r.Header.Set("Authorization", "Bearer "+tc.token)
			}
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			if got := w.Header().Get("WWW-Authenticate"); w.Code != tc.status || !strings.HasPrefix(got, tc.challenge) {
				t.Errorf("%d %q, want %d %q", w.Code, got, tc.status, tc.challenge)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != app {
				t.Errorf("the app cannot read it: %v", w.Header())
			}
		})
	}
}

func TestAPISaysWhatItLearned(t *testing.T) {
	r := httptest.NewRequest("GET", "/api", nil)
	r.Header.Set("Authorization", "Bearer plain")
	w := httptest.NewRecorder()
	start(t).ServeHTTP(w, r)
	var answer struct {
		Message string
		Claims  map[string]any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Claims["sub"] != "alice" || answer.Message == "" {
		t.Errorf("got %s", w.Body)
	}
}

func TestPreflight(t *testing.T) {
	api := start(t)
	for origin, want := range map[string]string{app: app, "https://evil.example.com": ""} {
		r := httptest.NewRequest("OPTIONS", "/api", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "GET")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if got := w.Header().Get("Access-Control-Allow-Origin"); w.Code != http.StatusNoContent || got != want {
			t.Errorf("%s: %d %q, want %q", origin, w.Code, got, want)
		}
	}
}
