package server

import (
	"fmt"
	"net/http"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

const userinfoPath = "/oauth/v2/oauth-userinfo"

// userinfo tells the bearer of an access token with the scope openid who the user is (OpenID Connect Core
// §5.3).
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	// Any client's page may learn that its token is worth nothing; the answer is for the token's client alone.
	web.AllowOrigin(w, s.current.Load().anyClientsOrigin(r.Header.Get("Origin")))
	if r.Method == http.MethodPost {
		if err := web.ParseForm(w, r); err != nil {
			web.WriteJSONError(w, s.Logger, err)
			return
		}
	}
	accessToken, ok := bearer(r)
	switch {
	case !ok:
		challenge(w, http.StatusBadRequest, "invalid_request", "The request sends the access token in two ways.")
		return
	case accessToken == "": // RFC 6750 §3.1: no error code where nothing was sent
		challenge(w, http.StatusUnauthorized, "", "")
		return
	}
	active, err := s.activeToken(r, accessToken)
	switch {
	case err != nil:
		web.WriteJSONError(w, s.Logger, err)
	case active == nil:
		challenge(w, http.StatusUnauthorized, "invalid_token", "The access token expired, was revoked or is not one.")
	case !oauth.HasOpenID(active.token.Scope):
		challenge(w, http.StatusForbidden, "insufficient_scope", "The access token lacks the scope openid.")
	default:
		w.Header().Del("Access-Control-Allow-Origin")
		w.Header().Del("Vary")
		allowClientOrigin(w, r, active.client)
		web.WriteJSON(w, oauth.UserInfo(&active.token, &active.standing.Account, &s.current.Load().profile))
	}
}

// challenge answers as RFC 6750 §3 says.
func challenge(w http.ResponseWriter, status int, code, description string) {
	value := `Bearer realm="usher"`
	if code != "" {
		value += fmt.Sprintf(`, error=%q, error_description=%q`, code, description)
	}
	w.Header().Set("WWW-Authenticate", value)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
}
