package web_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/web"
)

var posted = regexp.MustCompile(`(?s)var to="([^"]*)",message=(.*?);var t=window\.parent`)

func TestWriteMessage(t *testing.T) {
	hostile := "</script><script>alert(1)</script>\u2028\u2029<!--&\"'\\ \x00 \xff"
	w := record(func(w http.ResponseWriter) {
		web.WriteMessage(w, app(t), map[string]string{"status": "success", "state": hostile})
	})
	headers(t, w.Result().Header, map[string]string{
		"Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8", "Referrer-Policy": "no-referrer",
		"X-Frame-Options": "ALLOW-FROM https://app.example:8443",
	})
	nonce := policy(t, w.Result().Header, "https://app.example:8443")
	page := w.Body.String()
	if w.Code != http.StatusOK || strings.Count(page, "<script") != 1 || strings.Count(page, "</script") != 1 ||
		!strings.Contains(page, `<script nonce="`+nonce+`">`) {
		t.Errorf("status %d, page:\n%s", w.Code, page)
	}
	for _, never := range []string{"<!--", "\u2028", "\u2029", "\x00", "alert(1)</", `"*"`, "src=", "href=", "http:"} {
		if strings.Contains(page, never) {
			t.Errorf("the page holds %q:\n%s", never, page)
		}
	}
	m := posted.FindStringSubmatch(page)
	if m == nil || m[1] != "https://app.example:8443" {
		t.Fatalf("posted to %q:\n%s", m, page)
	}
	var back map[string]string
	if err := json.Unmarshal([]byte(m[2]), &back); err != nil || back["state"] != strings.Replace(hostile, "\xff", "\ufffd", 1) {
		t.Errorf("the message became %q, %v", m[2], err)
	}
	if !strings.Contains(page, "t.postMessage(message,to)") || strings.Count(page, "postMessage") != 1 {
		t.Errorf("posted otherwise than to the one origin:\n%s", page)
	}
}

func TestWriteMessageThatCannotBeWritten(t *testing.T) {
	w := record(func(w http.ResponseWriter) { web.WriteMessage(w, app(t), func() {}) })
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "<") {
		t.Errorf("status %d, %q", w.Code, w.Body)
	}
}
