package manage

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/usher-id/usher/internal/oauth"
)

const (
	maxAttributes     = 64
	maxAttributeName  = 64
	maxAttributeValue = 2 << 10 // bytes of JSON
)

// textClaims are the standard claims that are strings; the others that have a type are in validateClaim (OpenID Connect
// Core §5.1).
var textClaims = []string{
	"given_name", "family_name", "middle_name", "nickname", "profile", "picture", "website", "gender", "birthdate",
	"zoneinfo", "locale", "phone_number",
}

// TextClaim tells whether a claim about a user is a string whatever it looks like.
func TextClaim(name string) bool { return slices.Contains(textClaims, name) }

// validateAttributes reports what is wrong with the further claims about a user, and brings them into one form.
func validateAttributes(f *faults, acc *oauth.Account) {
	if len(acc.Attributes) == 0 {
		acc.Attributes = nil
		return
	}
	var claims map[string]json.RawMessage
	if err := json.Unmarshal(acc.Attributes, &claims); err != nil {
		f.add("attributes", "it is not a JSON object of claims by their names")
		return
	}
	if len(claims) > maxAttributes {
		f.add("attributes", "more than %d claims", maxAttributes)
	}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if problem := claimNameProblem(name); problem != "" {
			f.add("attributes", "%.100q %s", name, problem)
		} else if problem := attributeProblem(name, claims[name]); problem != "" {
			f.add("attributes", "%s %s", name, problem)
		}
	}
	acc.Attributes = nil
	if len(claims) > 0 {
		acc.Attributes, _ = json.Marshal(claims) // was parsed a moment ago
	}
}

func claimNameProblem(name string) string {
	switch {
	case name == "" || len(name) > maxAttributeName || oauth.Printable(name) != name || bytes.ContainsAny([]byte(name), " '"):
		return "is not a name: printable characters without spaces and quotes, at most 64"
	case oauth.ReservedClaim(name):
		return "is a token's own claim, which nothing about a user may set"
	}
	return ""
}

// attributeProblem judges the value of a claim, by its type where OpenID Connect Core §5.1 gives it one.
func attributeProblem(name string, value json.RawMessage) string {
	switch name {
	case "name", "email":
		return "is a field of the account: set it by its own flag (--" + name + ")"
	case "preferred_username":
		return "is the user name: set that instead"
	}
	if len(value) > maxAttributeValue {
		return "has more than 2048 bytes"
	}
	var v any
	if err := json.Unmarshal(value, &v); err != nil || v == nil {
		return "has no value: leave it out instead (OpenID Connect Core section 5.3.2)"
	}
	kind, good := "", true
	switch {
	case TextClaim(name):
		kind = "a text"
		_, good = v.(string)
	case name == "email_verified" || name == "phone_number_verified":
		kind = "true or false"
		_, good = v.(bool)
	case name == "updated_at":
		kind = "a number, the seconds since 1970"
		_, good = v.(float64)
	case name == "address":
		kind = `an object, as in {"locality":"Bern","country":"CH"}`
		_, good = v.(map[string]any)
	}
	if !good {
		return "is " + kind + " (OpenID Connect Core section 5.1)"
	}
	return ""
}
