package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/web"
)

// The problem types (RFC 9457 §3.1.1). They never change; people read title and detail.
const (
	typeMalformed    = "urn:usher:problem:malformed"
	typeParameter    = "urn:usher:problem:parameter"
	typeInvalid      = "urn:usher:problem:invalid"
	typeNotFound     = "urn:usher:problem:not-found"
	typeConflict     = "urn:usher:problem:conflict"
	typeManaged      = "urn:usher:problem:managed"
	typeForbidden    = "urn:usher:problem:forbidden"
	typeUnauthorized = "urn:usher:problem:unauthorized"
	typePrecondition = "urn:usher:problem:precondition-required"
	typeMediaType    = "urn:usher:problem:media-type"
	typeTooLarge     = "urn:usher:problem:too-large"
	typeMethod       = "urn:usher:problem:method"
	typeUnavailable  = "urn:usher:problem:unavailable"
	typeFault        = "urn:usher:problem:fault"
)

var titles = map[string]string{
	typeMalformed:    "The body of the request cannot be read",
	typeParameter:    "A parameter of the request is wrong",
	typeInvalid:      "What was asked is not valid",
	typeNotFound:     "There is no such thing",
	typeConflict:     "Somebody else changed this meanwhile",
	typeManaged:      "A file manages this",
	typeForbidden:    "You may not do this",
	typeUnauthorized: "A good access token is needed",
	typePrecondition: "Say which version is to be changed",
	typeMediaType:    "This content type is not taken here",
	typeTooLarge:     "The request is too large",
	typeMethod:       "This method is not offered here",
	typeUnavailable:  "The database cannot be used right now",
	typeFault:        "The server met an unexpected condition",
}

// problem is the answer to what went wrong (RFC 9457 §3).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Errors are what is wrong, by field: []manage.Fault, or []manage.LineFault for a file.
	Errors any `json:"errors,omitempty"`
	// Current is the thing as it is now, where somebody else changed it; Differences what was asked would change in it.
	Current     any                 `json:"current,omitempty"`
	Differences []manage.Difference `json:"differences,omitempty"`
	ManagedBy   string              `json:"managed_by,omitempty"`
	LogID       string              `json:"log_id,omitempty"`

	etag string
}

func (p *problem) Error() string { return p.Type + ": " + p.Detail }

// WriteError answers with problem details (RFC 9457).
func (a *API) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // nobody is there to read it
	}
	p := problemOf(r, err)
	if p == nil {
		p = &problem{Status: http.StatusInternalServerError, Type: typeFault, LogID: web.Failed(w,
			a.Logger, err)}
		p.Detail = "The server's log says more under the id " + p.LogID + "."
	}
	web.Because(w, strings.TrimPrefix(p.Type, "urn:usher:problem:"), err)
	write(w, p)
}

// problemOf says what an error is to the client; nil for a fault of ours.
func problemOf(r *http.Request, err error) *problem {
	var (
		p        *problem
		invalid  manage.Invalid
		file     manage.FileFaults
		conflict *manage.Conflict
		managed  *manage.Managed
		no       *manage.Forbidden
		large    *http.MaxBytesError
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &invalid):
		if len(invalid) == 1 && invalid[0].Field == "cursor" { // the one thing of it that no body says
			return badParameter(invalid[0].Field, invalid[0].Problem)
		}
		return &problem{Status: http.StatusUnprocessableEntity, Type: typeInvalid, Detail: invalid.Error(), Errors: invalid}
	case errors.As(err, &file):
		return &problem{Status: http.StatusUnprocessableEntity, Type: typeInvalid, Detail: "Nothing was changed.", Errors: file}
	case errors.As(err, &conflict):
		return conflictProblem(r, conflict)
	case errors.Is(err, store.ErrConflict):
		return &problem{Status: http.StatusConflict, Type: typeConflict, Detail: "Look at it again, then decide again."}
	case errors.As(err, &managed):
		return &problem{Status: http.StatusConflict, Type: typeManaged, Detail: managed.Error(), ManagedBy: managed.File}
	case errors.As(err, &no):
		return &problem{Status: http.StatusForbidden, Type: typeForbidden, Detail: no.Why}
	case errors.Is(err, store.ErrNotFound):
		return &problem{Status: http.StatusNotFound, Type: typeNotFound}
	case errors.Is(err, store.ErrUnavailable):
		return &problem{Status: http.StatusServiceUnavailable, Type: typeUnavailable,
			Detail: "Try again in a moment. Whether a change was made is not certain: read it again first."}
	case errors.As(err, &large):
		return &problem{Status: http.StatusRequestEntityTooLarge, Type: typeTooLarge, Detail: "At most " + strconv.FormatInt(large.Limit, 10) + " bytes are taken here."}
	}
	return nil
}

// conflictProblem is a failed precondition where the request made one (RFC 9110 §15.5.13), else a conflict.
func conflictProblem(r *http.Request, c *manage.Conflict) *problem {
	p := &problem{Status: http.StatusConflict, Type: typeConflict, Detail: c.Error()}
	if r.Header.Get("If-Match") != "" {
		p.Status = http.StatusPreconditionFailed
	}
	switch v := c.Current.(type) {
	case oauth.Client:
		p.Current, p.etag = manage.ViewClient(&v), etag(v.Version)
	case oauth.Profile:
		p.Current, p.etag = manage.ViewProfile(&v), etag(v.Version)
	case oauth.Account:
		p.Current, p.etag = v, etag(v.Version)
	}
	return p
}

func badParameter(name, what string) *problem {
	return &problem{Status: http.StatusBadRequest, Type: typeParameter, Detail: name + ": " + what, Errors: manage.Invalid{{Field: name, Problem: what}}}
}

func write(w http.ResponseWriter, p *problem) {
	q := *p // titles are the types', whoever made the problem
	q.Title = titles[q.Type]
	body, err := json.Marshal(&q)
	if err != nil { // an extension that cannot be marshalled: the rest still says what happened
		q.Current, q.Differences, q.Errors = nil, nil, nil
		body, _ = json.Marshal(&q)
	}
	h := w.Header()
	if p.etag != "" {
		h.Set("ETag", p.etag)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	web.RetryLater(h, p.Status)
	w.WriteHeader(p.Status)
	w.Write(body)
}

// Unauthorized answers who has no good token (RFC 6750 §3): 401, or 403 with insufficient_scope where the token is good
// but its scope or its account's role does not allow the operation.
func (a *API) Unauthorized(w http.ResponseWriter, r *http.Request, status int, code, description string) {
	challenge := `Bearer realm="usher"`
	if code != "" {
		challenge += `, error="` + quotable(code) + `"`
		if description != "" {
			challenge += `, error_description="` + quotable(description) + `"`
		}
	}
	w.Header().Set("WWW-Authenticate", challenge)
	p := &problem{Status: status, Type: typeUnauthorized, Detail: description}
	if status == http.StatusForbidden {
		p.Type = typeForbidden
	}
	write(w, p)
}

// quotable leaves what may stand in these attributes (RFC 6750 §3).
func quotable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, s)
}
