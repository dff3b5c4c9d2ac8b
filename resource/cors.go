package resource

import (
	"net/http"
	"slices"
)

// CORS lets pages of these origins call an API with an access token, and read why it was refused (RFC 9449 §7.1). The one
// origin "*" stands for all: a token is never sent by a browser on its own, so an origin is no more than a
// second line. It has to be outside of the rules, for a preflight carries no token. Credentials that browsers do send on their own,
// cookies, are never allowed.
func CORS(origins ...string) func(http.Handler) http.Handler {
	origins = slices.Clone(origins)
	everyone := slices.Contains(origins, "*")
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h, origin := w.Header(), r.Header.Get("Origin")
			h.Set("Access-Control-Expose-Headers", "WWW-Authenticate")
			if everyone {
				h.Set("Access-Control-Allow-Origin", "*")
			} else {
				h.Add("Vary", "Origin")
				if slices.Contains(origins, origin) && origin != "" {
					h.Set("Access-Control-Allow-Origin", origin)
				}
			}
			if r.Method == http.MethodOptions && origin != "" && r.Header.Get("Access-Control-Request-Method") != "" {
				preflight(h)
				w.WriteHeader(http.StatusNoContent)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// preflight says what may be sent. Without Access-Control-Allow-Origin it allows nothing.
func preflight(h http.Header) {
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, DPoP, Content-Type")
	h.Set("Access-Control-Max-Age", "600")
}
