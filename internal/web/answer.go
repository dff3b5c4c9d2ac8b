package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/usher-id/usher/internal/oauth"
)

// MaxForm bounds a form body, in bytes.
const MaxForm = 64 << 10

// ParseForm reads a form body of bounded size. It is for endpoints that take parameters from the body
// only: what stands in the query string is not in r.PostForm.
func ParseForm(w http.ResponseWriter, r *http.Request) *oauth.Error {
	r.Body = http.MaxBytesReader(w, r.Body, MaxForm)
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return oauth.Errorf(oauth.InvalidRequest, "The request is larger than this endpoint takes.")
		}
		return oauth.Errorf(oauth.InvalidRequest, "The form in the request cannot be read.").Because(err)
	}
	return nil
}

// WriteJSON answers 200 with a value that must never be cached.
func WriteJSON(w http.ResponseWriter, value any) {
	writeJSON(w, http.StatusOK, value)
}

// WriteJSONStatus is WriteJSON with another status.
func WriteJSONStatus(w http.ResponseWriter, status int, value any) { writeJSON(w, status, value) }

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil { // only a type that cannot be marshalled: a fault of ours
		http.Error(w, `{"error":"server_error"}`, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h["Content-Type"] = headerJSON
	h["Cache-Control"] = headerNoStore
	RetryLater(h, status)
	w.WriteHeader(status)
	w.Write(body)
}

// WriteJSONError answers with the error object of RFC 6749 §5.2.
func WriteJSONError(w http.ResponseWriter, log *slog.Logger, e *oauth.Error) {
	e = Refused(w, log, e)
	if e.Code == oauth.InvalidClient {
		w.Header().Set("WWW-Authenticate", `Basic realm="usher", charset="UTF-8"`)
	}
	writeJSON(w, StatusOf(e.Code), struct {
		Code        oauth.Code `json:"error"`
		Description string     `json:"error_description"`
	}{e.Code, e.Description})
}

// StatusOf is the HTTP status that goes with an error code.
func StatusOf(c oauth.Code) int {
	switch c {
	case oauth.InvalidClient:
		return http.StatusUnauthorized
	case oauth.ServerError:
		return http.StatusInternalServerError
	case oauth.TemporarilyUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// retryAfter is how many seconds a client is asked to wait. A database that returns is used within 3 s.
const retryAfter = "3"

// RetryLater says when to come back, in an answer of status 503 that does not say so yet (RFC 9110 §10.2.3).
func RetryLater(h http.Header, status int) {
	if status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", retryAfter)
	}
}

// InContext has every request handled in the context that with makes of its own.
func InContext(next http.Handler, with func(context.Context) context.Context) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(with(r.Context())))
	})
}

// AsError turns any error into a protocol error; what is not one is a server_error, or
// temporarily_unavailable where it passes by itself.
func AsError(err error) *oauth.Error {
	var e *oauth.Error
	if errors.As(err, &e) {
		return e
	}
	return oauth.Internal(err)
}
