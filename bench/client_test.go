package main

import (
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// serve starts a TLS server for localhost.
func serve(t *testing.T, handler http.HandlerFunc) target {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return target{address: server.Listener.Addr().String(), host: "example.com", roots: roots, pid: os.Getpid()}
}

func TestClientReadsWhatGoServersWrite(t *testing.T) {
	tests := map[string]struct {
		path   string
		status int
		body   string
	}{
		"with a length":        {"/short", 200, "short"},
		"empty":                {"/empty", 404, ""},
		"chunked":              {"/chunked", 200, strings.Repeat("0123456789", 900)},
		"longer than a record": {"/long", 200, strings.Repeat("x", 40_000)},
	}
	there := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for _, tt := range tests {
			if tt.path != r.URL.Path {
				continue
			}
			w.WriteHeader(tt.status)
			for part := tt.body; part != ""; {
				n := min(len(part), 3000)
				io.WriteString(w, part[:n])
				part = part[n:]
				if tt.path == "/chunked" {
					w.(http.Flusher).Flush()
				}
			}
		}
	})
	there.roots = nil // the test's certificate is for example.com
	c, err := connect(there, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for range 2 { // on one connection: nothing may be left over
		for name, tt := range tests {
			a, err := c.roundTrip([]byte("GET " + tt.path + " HTTP/1.1\r\nHost: localhost\r\n\r\n"))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if a.status != tt.status || string(a.body) != tt.body {
				t.Errorf("%s: status %d and %d bytes, want %d and %d", name, a.status, len(a.body), tt.status, len(tt.body))
			}
		}
	}
}

func TestLoadCountsErrors(t *testing.T) {
	there := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "no token here") })
	there.roots = nil
	w := work{
		name: "failing",
		request: func(dst []byte, n int) []byte {
			return fmt.Appendf(dst, "GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n", n)
		},
		check: holds(200, "access_token"),
	}
	r, err := load(there, w, plan{connections: 3, length: 50 * time.Millisecond})
	if err == nil || r.Errors != 3 {
		t.Errorf("%d errors (%v), want one a connection", r.Errors, err)
	}
}

func TestFloorGivesTheSameAnswer(t *testing.T) {
	there := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("X-One", "1")
		w.Header()["Vary"] = []string{"Origin", "Cookie"}
		io.WriteString(w, strings.Repeat("page ", 1000))
	})
	there.roots = nil
	request := []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	want, err := ask(there, request)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := floorOf(want)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := spec.handler()
	if err != nil {
		t.Fatal(err)
	}
	copied := serve(t, handler.ServeHTTP)
	copied.roots = nil
	got, err := ask(copied, request)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.body) != string(want.body) || undated(got.header) != undated(want.header) {
		t.Errorf("the floor answers\n%s\nand usher\n%s", got.header, want.header)
	}
}

// undated is a header without its date.
func undated(header []byte) string {
	var kept []string
	for line := range strings.Lines(string(header)) {
		if !strings.HasPrefix(line, "Date: ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestMedian(t *testing.T) {
	same := func(f float64) float64 { return f }
	if got := median([]float64{3, 1, 2}, same); got != 2 {
		t.Errorf("median %v, want 2", got)
	}
}
