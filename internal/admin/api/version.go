package api

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
)

// etag is the entity tag of a version.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// answerVersion answers with a thing that has a version: 304 where the client has it already (RFC 9110 §13.1.2).
func answerVersion(c *route.Call, status int, version int64, value any) error {
	tag := etag(version)
	c.W.Header().Set("ETag", tag)
	if c.R.Method == http.MethodGet && anyTag(c.R.Header.Get("If-None-Match"), tag, true) {
		c.W.WriteHeader(http.StatusNotModified)
		return nil
	}
	return answer(c, status, value)
}

// anyTag tells whether a list of entity tags names this one. Weak tags count only where weak is set: never for a
// precondition of a change (RFC 9110 §13.1.1).
func anyTag(list, tag string, weak bool) bool {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		if weak {
			one = strings.TrimPrefix(one, "W/")
		}
		if one == tag || one == "*" {
			return true
		}
	}
	return false
}

// precondition is the If-Match of a request that changes something (RFC 6585 §3 where it is missing).
func precondition(c *route.Call) (string, error) {
	match := strings.Join(c.R.Header.Values("If-Match"), ",")
	if match == "" {
		return "", &problem{Status: http.StatusPreconditionRequired, Type: typePrecondition, Detail: "Send If-Match with the ETag of what was read, or * to change whatever is there."}
	}
	return match, nil
}

// changing makes a change of the version that the request names. read returns the version that is there and the thing;
// change acts by a manager that changes this version alone. With * it begins anew where somebody else was faster.
func changing[T any](c *route.Call, read func() (int64, T, error), change func(*manage.Manager, T) error) error {
	match, err := precondition(c)
	if err != nil {
		return err
	}
	for range 5 {
		var version int64
		var now T
		if version, now, err = read(); err != nil {
			return err
		}
		if !anyTag(match, etag(version), false) {
			return &manage.Conflict{Current: now}
		}
		m := *c.Manage
		m.IfVersion = version
		var conflict *manage.Conflict
		if err = change(&m, now); match != "*" || !errors.As(err, &conflict) {
			return err
		}
	}
	return err
}
