package scim

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// claimNames are the claims (OpenID Connect Core §5.1) that mean the same as an attribute of a User.
var claimNames = []struct{ parent, attribute, claim string }{
	{"name", "givenName", "given_name"},
	{"name", "familyName", "family_name"},
	{"name", "middleName", "middle_name"},
	{"", "nickName", "nickname"},
	{"", "profileUrl", "profile"},
	{"", "locale", "locale"},
	{"", "timezone", "zoneinfo"},
}

// listed are those of which a User may have several, and an account has one.
var listed = []struct{ attribute, claim string }{{"phoneNumbers", "phone_number"}, {"photos", "picture"}}

// addressParts are the members of the address claim (OpenID Connect Core §5.1.1).
var addressParts = []struct{ attribute, member string }{
	{"formatted", "formatted"}, {"streetAddress", "street_address"}, {"locality", "locality"}, {"region", "region"},
	{"postalCode", "postal_code"}, {"country", "country"},
}

// labels are the types under which the one value of each is shown.
var labels = map[string]string{"emails": "work", "phoneNumbers": "work", "photos": "photo", "addresses": "work"}

func listOf(attribute string, o object) []object {
	o["type"], o["primary"] = labels[attribute], true
	return []object{o}
}

func claimsOf(acc *oauth.Account) claims {
	c := claims{}
	if len(acc.Attributes) > 0 {
		_ = json.Unmarshal(acc.Attributes, &c) // the store holds what was validated
	}
	return c
}

// version is the entity tag of an account's version (RFC 7644 §3.14): weak, as two forms of one User may differ in their bytes.
func version(v int64) string { return `W/"` + strconv.FormatInt(v, 10) + `"` }

// userOf shows an account as a User.
func (s *Service) userOf(acc *oauth.Account) object {
	u := object{
		"schemas": []string{schemaUser}, "id": acc.ID.String(), "userName": acc.Username, "active": !acc.Locked,
		"meta": object{
			"resourceType": "User", "created": acc.Created.UTC().Format(time.RFC3339Nano), "version": version(acc.Version),
			"location": s.location(acc.ID),
		},
	}
	put := func(o object, name, value string) {
		if value != "" {
			o[name] = value
		}
	}
	name, known := object{}, claimsOf(acc)
	put(u, "externalId", acc.ExternalID)
	put(u, "displayName", acc.Name)
	put(name, "formatted", acc.Name)
	for _, c := range claimNames {
		if c.parent == "name" {
			put(name, c.attribute, known.text(c.claim))
		} else {
			put(u, c.attribute, known.text(c.claim))
		}
	}
	if len(name) > 0 {
		u["name"] = name
	}
	if acc.Email != "" {
		u["emails"] = listOf("emails", object{"value": acc.Email})
	}
	for _, l := range listed {
		if value := known.text(l.claim); value != "" {
			u[l.attribute] = listOf(l.attribute, object{"value": value})
		}
	}
	postal, parts := object{}, map[string]any{}
	_ = json.Unmarshal(known["address"], &parts) // what is no object has no parts
	for _, p := range addressParts {
		put(postal, p.attribute, textOf(parts, p.member))
	}
	if len(postal) > 0 {
		u["addresses"] = listOf("addresses", postal)
	}
	return u
}

func (s *Service) location(id oauth.ID) string { return s.AdminURL + Prefix + "/Users/" + id.String() }

// accountOf gives an account what a User says; claims that SCIM has no name for stay. Lock and password are not among it.
func accountOf(acc oauth.Account, u object) oauth.Account {
	name, _ := u["name"].(object)
	acc.Username, acc.ExternalID = textOf(u, "userName"), textOf(u, "externalId")
	acc.Name = fullName(u, name)
	acc.Email = textOf(preferred(u, "emails"), "value")
	known := claimsOf(&acc)
	for _, c := range claimNames {
		if c.parent == "name" {
			known.set(c.claim, textOf(name, c.attribute))
		} else {
			known.set(c.claim, textOf(u, c.attribute))
		}
	}
	for _, l := range listed {
		known.set(l.claim, textOf(preferred(u, l.attribute), "value"))
	}
	setAddress(known, preferred(u, "addresses"))
	acc.Attributes = nil
	if len(known) > 0 {
		acc.Attributes, _ = json.Marshal(known) // JSON already
	}
	return acc
}

// fullName is the one name that an account has.
func fullName(u, name object) string {
	if full := textOf(u, "displayName"); full != "" {
		return full
	}
	return textOf(name, "formatted")
}

// composeName gives a whole User that has parts of a name alone the name that they make.
func composeName(u object) {
	name, _ := u["name"].(object)
	full := strings.TrimSpace(textOf(name, "givenName") + " " + textOf(name, "familyName"))
	if fullName(u, name) == "" && full != "" {
		u["displayName"] = full
	}
}

func setAddress(known claims, postal object) {
	parts := map[string]any{}
	_ = json.Unmarshal(known["address"], &parts) // members without a name in SCIM stay
	for _, p := range addressParts {
		if value := textOf(postal, p.attribute); value != "" {
			parts[p.member] = value
		} else {
			delete(parts, p.member)
		}
	}
	if len(parts) == 0 {
		delete(known, "address")
		return
	}
	known["address"], _ = json.Marshal(parts)
}
