package web

import (
	"net/http"

	"github.com/usher-id/usher/internal/oauth"
)

// AllowAny lets any origin read a public document (CORS); without credentials, of course.
func AllowAny(w http.ResponseWriter) { w.Header()["Access-Control-Allow-Origin"] = []string{"*"} }

// AllowOrigin lets the page at origin read the answer. Access-Control-Allow-Credentials is never sent
// here: these endpoints take no cookie. The two of FedCM that do add it themselves.
func AllowOrigin(w http.ResponseWriter, origin oauth.ValidOrigin) {
	h := w.Header()
	h.Add("Vary", "Origin")
	if !origin.IsZero() {
		h.Set("Access-Control-Allow-Origin", origin.String())
		h.Set("Access-Control-Expose-Headers", "DPoP-Nonce, WWW-Authenticate")
	}
}

// Preflight answers a CORS preflight for an origin that may or may not be known.
func Preflight(w http.ResponseWriter, origin oauth.ValidOrigin, methods string) {
	AllowOrigin(w, origin)
	if !origin.IsZero() {
		h := w.Header()
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
		h.Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
}
