package interop_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// control serves the tests that run in Node: the user, and the kill between two steps.
func (w *world) control(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /between", func(rw http.ResponseWriter, _ *http.Request) {
		answer(rw, struct{}{}, w.between())
	})
	mux.HandleFunc("POST /all-nodes", func(rw http.ResponseWriter, _ *http.Request) {
		answer(rw, struct{}{}, w.allNodes())
	})
	mux.HandleFunc("POST /visit", func(rw http.ResponseWriter, r *http.Request) {
		where, err := w.visitor(r.FormValue("visitor")).visit(r.Context(), r.FormValue("address"))
		answer(rw, where, err)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func answer(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(value) // the test may have gone
}

// serveApp serves the pages that run in Chromium, and what is bundled for them.
func (w *world) serveApp(t *testing.T) {
	t.Helper()
	pages, err := bundle()
	must(t, err)
	mux := http.NewServeMux()
	for path, content := range pages {
		mux.HandleFunc("GET "+path, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", content.mediaType)
			rw.Header().Set("Cache-Control", "max-age=3600")
			_, _ = rw.Write(content.body) // the browser may have gone
		})
	}
	mux.HandleFunc("GET /world.json", func(rw http.ResponseWriter, _ *http.Request) {
		answer(rw, map[string]string{"issuer": w.issuer}, nil)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	_, at, err := net.SplitHostPort(s.Listener.Addr().String())
	must(t, err)
	w.app = "http://localhost:" + at
}
