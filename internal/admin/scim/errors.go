package scim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/web"
)

const schemaError = "urn:ietf:params:scim:api:messages:2.0:Error"

// The kinds of errors that programs tell apart (RFC 7644 §3.12, table 9).
const (
	invalidFilter = "invalidFilter"
	tooMany       = "tooMany"
	uniqueness    = "uniqueness"
	mutability    = "mutability"
	invalidSyntax = "invalidSyntax"
	invalidPath   = "invalidPath"
	noTarget      = "noTarget"
	invalidValue  = "invalidValue"
)

// scimError is the answer to what went wrong.
type scimError struct {
	Status       int
	Type, Detail string
}

func (e *scimError) Error() string { return e.Type + ": " + e.Detail }

// bad is an error of who asks.
func bad(kind, detail string, args ...any) *scimError {
	return &scimError{http.StatusBadRequest, kind, fmt.Sprintf(detail, args...)}
}

// WriteError answers with a SCIM error (RFC 7644 §3.12).
func (s *Service) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // nobody is there to read it
	}
	e := errorOf(r, err)
	if e == nil {
		id := web.Failed(w, s.Logger, err)
		e = &scimError{
			Status: http.StatusInternalServerError,
			Detail: "The server met an unexpected condition (log id " + id + ").",
		}
	}
	web.Because(w, cmp.Or(e.Type, "invalid_request"), err)
	writeError(w, e)
}

func writeError(w http.ResponseWriter, e *scimError) {
	body := struct {
		Schemas []string `json:"schemas"`
		Type    string   `json:"scimType,omitempty"`
		Detail  string   `json:"detail,omitempty"`
		Status  string   `json:"status"` // a text (RFC 7644 §3.12)
	}{[]string{schemaError}, e.Type, e.Detail, strconv.Itoa(e.Status)}
	_ = answer(w, e.Status, body)
}

// errorOf says what an error is to the client; nil for a fault of ours.
func errorOf(r *http.Request, err error) *scimError {
	var (
		e        *scimError
		invalid  manage.Invalid
		conflict *manage.Conflict
		no       *manage.Forbidden
		large    *http.MaxBytesError
	)
	var busy *oauth.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &busy) && busy.Code == oauth.TemporarilyUnavailable:
		return &scimError{http.StatusServiceUnavailable, "", busy.Description}
	case errors.As(err, &invalid):
		return bad(invalidValue, "%s", inWords(invalid))
	case errors.As(err, &conflict), errors.Is(err, store.ErrConflict):
		if r.Header.Get("If-Match") != "" {
			return &scimError{http.StatusPreconditionFailed, "", "Somebody else changed this since: read it again."}
		}
		return &scimError{http.StatusConflict, "", "Somebody else changed this in the same moment: try again."}
	case errors.As(err, &no):
		return &scimError{http.StatusForbidden, "", no.Why}
	case errors.Is(err, store.ErrNotFound):
		return &scimError{http.StatusNotFound, "", "There is no such resource."}
	case errors.Is(err, store.ErrUnavailable):
		return &scimError{http.StatusServiceUnavailable, "", "The database cannot be used right now. Try again in a moment."}
	case errors.As(err, &large):
		return &scimError{http.StatusRequestEntityTooLarge, "", fmt.Sprintf("At most %d bytes are taken here.", large.Limit)}
	}
	return nil
}

// scimNames are what SCIM calls the fields of an account.
var scimNames = map[string]string{"username": "userName", "name": "displayName", "email": "emails", "external_id": "externalId"}

func inWords(invalid manage.Invalid) string {
	list := make([]string, len(invalid))
	for i, f := range invalid {
		field := f.Field
		if name := scimNames[field]; name != "" {
			field = name
		}
		list[i] = field + ": " + f.Problem
	}
	return strings.Join(list, "; ")
}

// taken tells a user name or externalId that another account has from one that is wrong (RFC 7644 §3.3).
func taken(ctx context.Context, c *manage.Manager, id oauth.ID, acc oauth.Account, err error) error {
	var invalid manage.Invalid
	if !errors.As(err, &invalid) {
		return err
	}
	for _, f := range invalid {
		var other oauth.Account
		var none error
		switch f.Field {
		case "username":
			other, none = c.AccountNamed(ctx, acc.Username)
		case "external_id":
			other, none = c.Store.AccountByExternalID(ctx, acc.ExternalID)
		default:
			continue
		}
		if none == nil && other.ID != id {
			return &scimError{http.StatusConflict, uniqueness, inWords(invalid)}
		}
	}
	return err
}

// Unauthorized is as in the API, in SCIM's form.
func (s *Service) Unauthorized(w http.ResponseWriter, r *http.Request, status int, code, description string) {
	challenge := `Bearer realm="usher"`
	if code != "" {
		challenge += fmt.Sprintf(`, error="%s", error_description="%s"`, oauth.Printable(code), oauth.Printable(description))
	}
	w.Header().Set("WWW-Authenticate", challenge)
	writeError(w, &scimError{Status: status, Detail: description})
}
