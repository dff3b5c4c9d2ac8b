package api

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/manage"
)

// merge applies a JSON merge patch (RFC 7396 §2).
func merge(target json.RawMessage, patch map[string]json.RawMessage) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(target, &members) != nil || members == nil {
		members = map[string]json.RawMessage{} // what was no object becomes one
	}
	for name, value := range patch {
		var inner map[string]json.RawMessage
		switch err := json.Unmarshal(value, &inner); {
		case string(value) == "null":
			delete(members, name)
		case err == nil:
			merged, err := merge(members[name], inner)
			if err != nil {
				return nil, err
			}
			members[name] = merged
		default:
			members[name] = value
		}
	}
	return json.Marshal(members)
}

// fixed are the members of something that are not for clients of the API to set, with the reason.
type fixed map[string]string

const (
	byServer   = "the server sets it"
	byIdentity = "it never changes"
	byHash     = "what secrets are checked by is nobody's to see or set"
)

var (
	fixedOfClient = fixed{
		"id": byIdentity, "version": byServer, "confidential": "it follows from token_endpoint_auth_method and the secret",
		"secret": "the server makes it: POST /clients/{id}/secret", "secret_hash": byHash, "wrapped_secret": byHash,
		"registration_token_hash": byHash, "registration_token_expires": byServer,
		"previous_registration_token_hash": byHash, "previous_registration_token_expires": byServer,
		"registered": byServer, "trial_origin": "POST /clients/{id}/try sets it",
		"trial_until": "POST /clients/{id}/try sets it", "managed_by": "POST /clients/{id}/release takes it away",
		"revoked_before": byServer, "shown_since": byServer, "warnings": byServer,
	}
	fixedOfProfile = fixed{
		"version": byServer, "pairwise_salt": byHash, "managed_by": "POST /profile/release takes it away", "warnings": byServer,
	}
	fixedOfAccount = fixed{
		"id": byIdentity, "version": byServer, "created": byServer, "role": "PUT /operators/{id} sets it",
		"locked": "POST /accounts/{id}/lock and unlock set it",
	}
)

// without is the same list with some members left free.
func (f fixed) without(names ...string) fixed {
	list := maps.Clone(f)
	for _, name := range names {
		delete(list, name)
	}
	return list
}

// maxStrange is how many members are reported: there may be as many as a body has room for.
const maxStrange = 100

// strange reports every member that is not known or may not be set. Names are compared exactly: to encoding/json ID and
// id would be one.
func strange(members map[string]json.RawMessage, known map[string]bool, no fixed) manage.Invalid {
	var faults manage.Invalid
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if len(faults) == maxStrange {
			break
		}
		switch why, is := no[name]; {
		case is:
			faults = append(faults, manage.Fault{Field: name, Problem: "it cannot be set here: " + why})
		case !known[name]:
			faults = append(faults, manage.Fault{Field: name, Problem: "there is no such member"})
		}
	}
	return faults
}

// fieldsOf lists the JSON members of a struct, those of embedded ones included.
func fieldsOf(v any) map[string]bool {
	known := map[string]bool{}
	addFields(known, reflect.TypeOf(v))
	return known
}

func addFields(known map[string]bool, t reflect.Type) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			addFields(known, f.Type)
		case name != "-" && name != "":
			known[name] = true
		}
	}
}

// patched applies a patch to the view of something, and refuses members that may not be set.
func patched(view any, patch map[string]json.RawMessage, no fixed) (json.RawMessage, error) {
	if faults := strange(patch, fieldsOf(view), no); len(faults) > 0 {
		return nil, faults
	}
	text, err := json.Marshal(view)
	if err != nil {
		return nil, err
	}
	return merge(text, patch)
}

// wouldChange says what a patch would change in something as it is now; nothing where the patch does not apply.
func wouldChange(view any, patch map[string]json.RawMessage, no fixed) []manage.Difference {
	after, err := patched(view, patch, no)
	if err != nil {
		return nil
	}
	before, err := json.Marshal(view)
	if err != nil {
		return nil
	}
	return manage.Diff(before, after)
}
