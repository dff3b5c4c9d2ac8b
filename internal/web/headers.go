// Package web is what both doors of usher share: typed pages, the one place that sets security headers,
// cookies, CORS, the client's address, and the writers for JSON and errors.
//
// Threat model of the pages. Whoever frames a page could trick its user (clickjacking) or learn from it,
// so every page may be framed by one validated origin or by nobody (CSP frame-ancestors, X-Frame-
// Options, and a script that hides a page whose ancestors are others). Whoever injects markup must not get
// script to run: only script with the response's nonce does, and nothing is loaded from elsewhere. Tokens
// must not linger: every page is no-store, and a page that holds a token sends no referrer.
package web

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
)

// Nonce returns 128 fresh random bits for a CSP nonce.
func Nonce() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// frameNobody is the zero ValidOrigin by its meaning.
var frameNobody oauth.ValidOrigin

// pageHeaders sets what every page of ours needs. frame is the one origin that may show it in a frame, target
// the source to which the answer to its form redirects, if any: Chromium holds redirects against form-action.
func pageHeaders(h http.Header, nonce string, frame oauth.ValidOrigin, target, referrer string) {
	ancestors := "'none'"
	if !frame.IsZero() {
		ancestors = frame.String()
	}
	var csp strings.Builder
	csp.Grow(224)
	csp.WriteString("default-src 'none'; script-src 'nonce-")
	csp.WriteString(nonce)
	csp.WriteString("'; style-src 'self' 'nonce-")
	csp.WriteString(nonce)
	csp.WriteString("'; img-src 'self' data:; base-uri 'none'; form-action 'self'")
	if target != "" {
		csp.WriteByte(' ')
		csp.WriteString(target)
	}
	csp.WriteString("; frame-ancestors ")
	csp.WriteString(ancestors)
	h["Content-Security-Policy"] = []string{csp.String()}
	if frame.IsZero() {
		h["X-Frame-Options"] = headerDeny
	} else {
		// For agents that do not know frame-ancestors; all others ignore ALLOW-FROM (RFC 7034 §2.1).
		h["X-Frame-Options"] = []string{"ALLOW-FROM " + frame.String()}
	}
	h["Content-Type"] = headerHTML
	h["Referrer-Policy"] = []string{referrer}
	h["Cache-Control"] = headerNoStore
}

// Shared header values: assigned, never appended to.
var (
	headerNoFrame = []string{"default-src 'none'; frame-ancestors 'none'"}
	headerDeny    = []string{"DENY"}
	headerHTML    = []string{"text/html; charset=utf-8"}
	headerJSON    = []string{"application/json"}
	headerNoStore = []string{"no-store"}
	headerNosniff = []string{"nosniff"}
)

// Harden wraps a whole door: what every answer carries, whoever writes it, and HSTS (RFC 6797) save on
// localhost and IP addresses, where it would outlive the server and break others on the same name.
func Harden(next http.Handler, host string) http.Handler {
	var hsts []string
	if !oauth.IsLoopback(host) && !isIP(host) {
		hsts = []string{"max-age=31536000"}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-Content-Type-Options"] = headerNosniff
		h["X-Frame-Options"] = headerDeny // what is no page of ours is in nobody's frame either
		h["Content-Security-Policy"] = headerNoFrame
		if hsts != nil {
			h["Strict-Transport-Security"] = hsts
		}
		next.ServeHTTP(w, r)
	})
}
