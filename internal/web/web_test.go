package web_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

// app is an allowed origin, validated as every origin has to be.
func app(t testing.TB) oauth.ValidOrigin {
	t.Helper()
	c := &oauth.Client{AllowedOrigins: []oauth.OriginPattern{"https://app.example:8443"}}
	origin, ok := c.OnlyOrigin()
	if !ok {
		t.Fatal("the test's origin is not valid")
	}
	return origin
}

// logger writes into a buffer.
func logger() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewJSONHandler(&b, nil)), &b
}

// record runs one writer.
func record(write func(w http.ResponseWriter)) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	write(w)
	return w
}

// headers checks that each header has exactly one value, the given one; an empty one means absent.
func headers(t *testing.T, h http.Header, want map[string]string) {
	t.Helper()
	for name, value := range want {
		got := h.Values(name)
		if value == "" && len(got) == 0 || value != "" && len(got) == 1 && got[0] == value {
			continue
		}
		t.Errorf("%s: %q, want %q", name, got, value)
	}
}

var nonceInCSP = regexp.MustCompile(`^default-src 'none'; script-src 'nonce-([A-Za-z0-9+/]{22}==)'; `)

// policy checks the content security policy of a page and returns its nonce. ancestors is what may frame it.
func policy(t *testing.T, h http.Header, ancestors string) string {
	t.Helper()
	all := h.Values("Content-Security-Policy")
	if len(all) != 1 {
		t.Fatalf("%d policies", len(all))
	}
	m := nonceInCSP.FindStringSubmatch(all[0])
	if m == nil {
		t.Fatalf("no nonce in %q", all[0])
	}
	if want := "; frame-ancestors " + ancestors; strings.Count(all[0], "frame-ancestors") != 1 || !strings.HasSuffix(all[0], want) {
		t.Errorf("%q does not end in %q", all[0], want)
	}
	for _, want := range []string{"form-action 'self'", "base-uri 'none'", "img-src 'self' data:", "style-src 'self' 'nonce-" + m[1] + "'"} {
		if !strings.Contains(all[0]+";", "; "+want+";") {
			t.Errorf("%q lacks %s", all[0], want)
		}
	}
	for _, never := range []string{"unsafe", "*", "http:", "https: "} {
		if strings.Contains(all[0], never) {
			t.Errorf("%q holds %s", all[0], never)
		}
	}
	return m[1]
}
