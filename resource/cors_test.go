package resource

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestCORS(t *testing.T) {
	const app = "http://localhost:4200"
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })
	preflight := http.Header{"Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,dpop"}}
	tests := []struct {
		name           string
		origins        []string
		method, origin string
		header         http.Header
		status         int
		allowed, vary  string
	}{
		{"a page of the app", []string{app}, "GET", app, nil, 418, app, "Origin"},
		{"its preflight", []string{"https://app.example.com", app}, "OPTIONS", app, preflight, 204, app, "Origin"},
		{"a stranger", []string{app}, "GET", "https://evil.example.com", nil, 418, "", "Origin"},
		{"a stranger's preflight", []string{app}, "OPTIONS", "https://evil.example.com", preflight, 204, "", "Origin"},
		{"an origin that begins alike", []string{app}, "GET", app + "0", nil, 418, "", "Origin"},
		{"a sandboxed page", []string{app}, "GET", "null", nil, 418, "", "Origin"},
		{"no origin", []string{app, ""}, "GET", "", nil, 418, "", "Origin"},
		{"anybody", []string{"*"}, "GET", "https://x.example.com", nil, 418, "*", ""},
		{"anybody's preflight", []string{"*"}, "OPTIONS", "https://x.example.com", preflight, 204, "*", ""},
		{"OPTIONS that is no preflight", []string{app}, "OPTIONS", app, nil, 418, app, "Origin"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest(tc.method, "/", nil)
			for name, v := range tc.header {
				r.Header[name] = v
			}
			if tc.origin != "" {
				r.Header.Set("Origin", tc.origin)
			}
			w := httptest.NewRecorder()
			CORS(tc.origins...)(handler).ServeHTTP(w, r)
			h := w.Header()
			if w.Code != tc.status || h.Get("Access-Control-Allow-Origin") != tc.allowed || h.Get("Vary") != tc.vary {
				t.Errorf("%d %v", w.Code, h)
			}
			if h.Get("Access-Control-Allow-Credentials") != "" || h.Get("Access-Control-Expose-Headers") != "WWW-Authenticate" {
				t.Errorf("%v", h)
			}
			if tc.status == 204 && h.Get("Access-Control-Allow-Headers") != "Authorization, DPoP, Content-Type" {
				t.Errorf("%v", h)
			}
		})
	}
}
