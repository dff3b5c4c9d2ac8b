package javascriptspa

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
)

// api is the app's own API. It answers what it learned about who is calling.
type api struct{ tokens introspector }

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	token, err := bearerToken(r)
	switch {
	case errors.Is(err, errNoToken):
		// RFC 6750 §3.1: who sent no token is told no error code, only how to authenticate.
		challenge(w, http.StatusUnauthorized, "", "This API wants a bearer token.")
		return
	case err != nil:
		challenge(w, http.StatusBadRequest, "invalid_request", "The Authorization header is malformed.")
		return
	}
	claims, err := a.tokens.introspect(r.Context(), token)
	switch {
	case errors.Is(err, errInactive):
		challenge(w, http.StatusUnauthorized, "invalid_token", "The token expired, was revoked, or never was one.")
	case err != nil:
		slog.Error("the token could not be checked", "error", err)
		writeJSON(w, http.StatusServiceUnavailable, map[string]any{
			"error":             "temporarily_unavailable",
			"error_description": "The API cannot reach the identity server to check the token.",
		})
	default:
		writeJSON(w, http.StatusOK, map[string]any{"message": "The API knows who you are.", "claims": claims})
	}
}

// preflight answers CORS preflights. Any page may ask: who may have an answer is decided by the token alone, which
// the browser never sends by itself.
func preflight(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET")
	h.Set("Access-Control-Allow-Headers", "Authorization")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

var (
	errNoToken   = errors.New("no bearer token")
	errMalformed = errors.New("malformed Authorization header")

	// b64token is the syntax of a token in the Authorization header (RFC 6750 §2.1).
	b64token = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)
)

// bearerToken returns the token of the Authorization header (RFC 6750 §2.1), the only place this API
// looks: a token in a URL or a form would end up in logs.
func bearerToken(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return "", errMalformed
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", errNoToken
	}
	if token = strings.TrimLeft(token, " "); !b64token.MatchString(token) {
		return "", errMalformed
	}
	return token, nil
}

// challenge refuses with a WWW-Authenticate header (RFC 6750 §3).
func challenge(w http.ResponseWriter, status int, code, description string) {
	header := "Bearer"
	body := map[string]any{"error_description": description}
	if code != "" {
		header += ` error="` + code + `", error_description="` + description + `"`
		body["error"] = code
	}
	w.Header().Set("WWW-Authenticate", header)
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		slog.Debug("the caller hung up", "error", err)
	}
}
