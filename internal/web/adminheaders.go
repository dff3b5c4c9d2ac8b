package web

import "net/http"

// AdminPageHeaders sets what every page of the operators needs: only script with the nonce or from this origin runs, and
// nobody frames it. runtime is the origin of the runtime where the page frames it, or where its form leads in the end
// (Chromium holds redirects against form-action); empty for neither. A Referrer-Policy that is set already stays.
func AdminPageHeaders(h http.Header, nonce, runtime string) {
	csp := "default-src 'none'; script-src 'self' 'nonce-" + nonce + "'; style-src 'self' 'nonce-" + nonce +
		"'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'"
	if runtime != "" {
		csp += " " + runtime + "; frame-src " + runtime
	}
	h["Content-Security-Policy"] = []string{csp + "; frame-ancestors 'none'"}
	h["X-Frame-Options"] = headerDeny
	h["Content-Type"] = headerHTML
	h["Cache-Control"] = headerNoStore
	h["Cross-Origin-Opener-Policy"] = []string{"same-origin-allow-popups"} // the try-it panel opens windows of the runtime
	if h.Get("Referrer-Policy") == "" {
		h["Referrer-Policy"] = []string{"same-origin"}
	}
}
