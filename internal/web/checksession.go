package web

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
)

//go:embed static/checksession.js
var checkSessionScript string

var (
	checkSessionPage = []byte("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Session check</title></head><body>" +
		"<script>" + checkSessionScript + "</script></body></html>\n")
	checkSessionPolicy = func() string {
		sum := sha256.Sum256([]byte(checkSessionScript))
		return "default-src 'none'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors *"
	}()
)

// WriteCheckSession answers with the check_session_iframe (OpenID Connect Session Management 1.0 §3.3), the one page
// that anybody may frame: it is the same for everybody and shows nothing. Whoever frames it learns only whether a
// session_state that they were given is still good.
func WriteCheckSession(w http.ResponseWriter) {
	h := w.Header()
	h.Del("X-Frame-Options")
	h.Set("Content-Security-Policy", checkSessionPolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "public, max-age=300")
	w.Write(checkSessionPage)
}
