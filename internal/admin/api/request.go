package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const (
	maxJSON = 1 << 20 // bytes of a JSON body
	maxDeep = 64      // levels of a JSON body

	defaultPage = 50
)

var (
	jsonTypes  = []string{"application/json"}
	patchTypes = []string{"application/merge-patch+json", "application/json"}
)

// body reads a body of one of the given types, of bounded size.
func body(c *route.Call, most int64, types []string) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(c.R.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(types, kind) {
		return nil, &problem{Status: http.StatusUnsupportedMediaType, Type: typeMediaType, Detail: "Send " + strings.Join(types, " or ") + "."}
	}
	text, err := io.ReadAll(http.MaxBytesReader(c.W, c.R.Body, most))
	var large *http.MaxBytesError
	if err != nil && !errors.As(err, &large) {
		return nil, malformed("it ended early")
	}
	return text, err
}

// object reads a JSON object, without double members: which of two counts is not the same everywhere (RFC 8259 §4).
func object(c *route.Call, types []string) (map[string]json.RawMessage, error) {
	text, err := body(c, maxJSON, types)
	if err != nil {
		return nil, err
	}
	if err := checkJSON(text); err != nil {
		return nil, malformed(err.Error())
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, malformed("it is not a JSON object")
	}
	return members, nil
}

func malformed(why string) *problem {
	return &problem{Status: http.StatusBadRequest, Type: typeMalformed, Detail: why}
}

// checkJSON refuses what is no JSON, has a member twice, or is nested deeply.
func checkJSON(text []byte) error {
	if !json.Valid(text) {
		return errors.New("it is not JSON")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return checkValue(d, maxDeep)
}

func checkValue(d *json.Decoder, levels int) error {
	if levels == 0 {
		return errors.New("it is nested too deeply")
	}
	token, err := d.Token()
	delim, nested := token.(json.Delim)
	if err != nil || !nested {
		return err
	}
	seen := map[string]bool{}
	for d.More() {
		if delim == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			key, _ := name.(string)
			if seen[key] {
				return fmt.Errorf("%.100q is there twice", key)
			}
			seen[key] = true
		}
		if err := checkValue(d, levels-1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// decode reads an object into a value of ours, every member of which may be set; all unknown ones are reported.
func decode(c *route.Call, into any) error {
	members, err := object(c, jsonTypes)
	if err != nil {
		return err
	}
	if faults := strange(members, fieldsOf(into), nil); len(faults) > 0 {
		return faults
	}
	text, err := json.Marshal(members)
	if err != nil {
		return err
	}
	return typed(json.Unmarshal(text, into))
}

// typed names the member that has a value of the wrong type.
func typed(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return manage.Invalid{{Field: wrong.Field, Problem: "a " + wrong.Value + " is no value for it"}}
	}
	if err != nil {
		if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
			return manage.Invalid{{Field: strings.Trim(name, `"`), Problem: "there is no such member"}}
		}
		return malformed(strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// paging reads limit and cursor.
func paging(q url.Values) (cursor string, limit int, err error) {
	limit, err = whole(q, "limit", defaultPage, 1, manage.MaxPage)
	return q.Get("cursor"), limit, err
}

// whole reads a whole number between two.
func whole(q url.Values, name string, otherwise, low, high int) (int, error) {
	if !q.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < low || n > high {
		return 0, badParameter(name, fmt.Sprintf("it is a number from %d to %d", low, high))
	}
	return n, nil
}

// boolean reads true or false; false where it is not there.
func boolean(q url.Values, name string) (bool, error) {
	switch q.Get(name) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	if !q.Has(name) {
		return false, nil
	}
	return false, badParameter(name, "it is true or false")
}

// moment reads a time (RFC 3339); zero where it is not there.
func moment(q url.Values, name string) (time.Time, error) {
	if !q.Has(name) {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, q.Get(name))
	if err != nil {
		return at, badParameter(name, "it is a time as in 2026-01-31T12:00:00Z (RFC 3339)")
	}
	return at, nil
}

// filterID reads an identifier that narrows a list; zero where it is not there.
func filterID(q url.Values, name string) (oauth.ID, error) {
	if !q.Has(name) {
		return oauth.ID{}, nil
	}
	id, err := oauth.ParseID(q.Get(name))
	if err == nil && id.IsZero() {
		err = errors.New("this names nothing")
	}
	if err != nil {
		return id, badParameter(name, err.Error())
	}
	return id, nil
}

// filterAccount reads the account that narrows a list, by account_id or by username; zero where
// neither is there.
func filterAccount(c *route.Call, q url.Values) (oauth.ID, error) {
	if !q.Has("username") {
		return filterID(q, "account_id")
	}
	if q.Has("account_id") {
		return oauth.ID{}, badParameter("username", "it does not go with account_id")
	}
	acc, err := c.Manage.AccountNamed(c.R.Context(), q.Get("username"))
	var invalid manage.Invalid
	if errors.Is(err, store.ErrNotFound) || errors.As(err, &invalid) {
		return acc.ID, badParameter("username", "there is no user of this name")
	}
	return acc.ID, err
}

// pathID reads the identifier in the path: what is none names nothing.
func pathID(c *route.Call) (oauth.ID, error) {
	id, err := oauth.ParseID(c.R.PathValue("id"))
	if err != nil {
		return id, store.ErrNotFound
	}
	return id, nil
}

// answer writes a value as JSON.
func answer(c *route.Call, status int, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	c.W.Header().Set("Content-Type", "application/json")
	c.W.WriteHeader(status)
	_, err = c.W.Write(text)
	return hungUp(err)
}

// hungUp drops the error of a write: the answer is on its way, and no other can follow.
func hungUp(error) error { return nil }

func done(c *route.Call) error {
	c.W.WriteHeader(http.StatusNoContent)
	return nil
}
