package pages

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
)

// claimField is a claim that has a field of its own in the form; all others are in one JSON object.
type claimField struct {
	name, help string
	// box claims are true or false.
	box bool
}

var claimFields = []claimField{
	{"given_name", "", false}, {"family_name", "", false}, {"nickname", "", false},
	{"phone_number", "As in +49 30 0000000.", false}, {"locale", "The language, as in de-CH.", false}, {"zoneinfo", "As in Europe/Berlin.", false},
	{"picture", "An https address.", false},
	{"email_verified", "The user proved that the e-mail address is theirs.", true},
	{"phone_number_verified", "Likewise the phone number.", true},
}

// drawClaims are these fields for a template.
func drawClaims(f *form) []drawnSetting {
	var list []drawnSetting
	for _, claim := range claimFields {
		kind := asText
		if claim.box {
			kind = asBox
		}
		list = append(list, drawnSetting{kind, f.Field(claim.name, claim.help)})
	}
	return list
}

// accountValues is what the form shows of an account.
func accountValues(acc *oauth.Account) url.Values {
	values := url.Values{}
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	set("username", acc.Username)
	set("name", acc.Name)
	set("email", acc.Email)
	rest := claimsOf(acc)
	for _, claim := range claimFields {
		raw, there := rest[claim.name]
		if !there {
			continue
		}
		delete(rest, claim.name)
		var text string
		switch {
		case claim.box:
			if string(raw) == "true" {
				set(claim.name, "on")
			}
		case json.Unmarshal(raw, &text) == nil:
			set(claim.name, text)
		}
	}
	if len(rest) > 0 {
		if text, err := json.MarshalIndent(rest, "", "  "); err == nil {
			set("attributes", string(text))
		}
	}
	return values
}

func claimsOf(acc *oauth.Account) map[string]json.RawMessage {
	claims := map[string]json.RawMessage{}
	_ = json.Unmarshal(acc.Attributes, &claims) // was validated when it was stored
	return claims
}

// readAccount says what is wrong with the form by itself, and returns what gives an account what is typed. That may be done
// more than once. Nothing else of the form counts: neither id nor role, password nor version.
func readAccount(f *form) func(*oauth.Account) {
	typed := map[string]json.RawMessage{}
	if text := f.text("attributes"); text != "" {
		if err := json.Unmarshal([]byte(text), &typed); err != nil {
			f.fault("attributes", `this is no JSON object of claims by their names, as in {"department": "Sales"}`)
		}
	}
	for _, claim := range claimFields {
		if _, twice := typed[claim.name]; twice {
			f.fault("attributes", "type "+claim.name+" in its own field, above")
		}
	}
	return func(acc *oauth.Account) {
		acc.Username, acc.Name, acc.Email = f.text("username"), f.text("name"), f.text("email")
		before, claims := claimsOf(acc), cloneClaims(typed)
		for _, claim := range claimFields {
			switch {
			case !claim.box:
				if text := f.text(claim.name); text != "" {
					claims[claim.name] = jsonText(text)
				}
			case f.on(claim.name):
				claims[claim.name] = json.RawMessage("true")
			case len(before[claim.name]) > 0: // "no" and "unknown" are two things
				claims[claim.name] = json.RawMessage("false")
			}
		}
		acc.Attributes = nil
		if len(claims) > 0 {
			acc.Attributes, _ = json.Marshal(claims) // each value was parsed, or made here
		}
	}
}

func cloneClaims(claims map[string]json.RawMessage) map[string]json.RawMessage {
	out := make(map[string]json.RawMessage, len(claims))
	for name, value := range claims {
		out[name] = bytes.TrimSpace(value)
	}
	return out
}

func jsonText(text string) json.RawMessage {
	out, _ := json.Marshal(text) // a string always has a form
	return out
}

// placeFaults takes faults about claims to the fields that hold them: manage knows one list of claims.
func placeFaults(f *form) {
	for i, fault := range f.Faults {
		if fault.Field != "attributes" {
			continue
		}
		name, problem, found := strings.Cut(fault.Problem, " ")
		if found && slices.ContainsFunc(claimFields, func(c claimField) bool { return c.name == name }) {
			f.Faults[i].Field, f.Faults[i].Problem = name, "it "+problem
		}
	}
}
