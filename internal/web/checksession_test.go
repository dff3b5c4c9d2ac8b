package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/web"
)

// The check_session_iframe is the one page that anybody may frame; only its own script runs in it.
func TestCheckSessionPage(t *testing.T) {
	w := record(func(w http.ResponseWriter) {
		w.Header().Set("X-Frame-Options", "DENY") // as web.Harden does
		web.WriteCheckSession(w)
	})
	_, rest, _ := strings.Cut(w.Body.String(), "<script>")
	script, _, found := strings.Cut(rest, "</script>")
	if !found || strings.Count(w.Body.String(), "<script") != 1 {
		t.Fatalf("not one script in\n%s", w.Body)
	}
	sum := sha256.Sum256([]byte(script))
	headers(t, w.Result().Header, map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors *",
		"X-Frame-Options": "", "Content-Type": "text/html; charset=utf-8", "Set-Cookie": "",
	})
}
