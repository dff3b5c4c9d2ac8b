package scim

import "strings"

// definition is what the schema says of an attribute (RFC 7643 §2.2, §7).
type definition struct {
	Name        string       `json:"name"`
	Type        string       `json:"type"`
	Sub         []definition `json:"subAttributes,omitempty"`
	MultiValued bool         `json:"multiValued"`
	Description string       `json:"description"`
	Required    bool         `json:"required"`
	CaseExact   bool         `json:"caseExact"`
	Mutability  string       `json:"mutability"`
	Returned    string       `json:"returned"`
	Uniqueness  string       `json:"uniqueness"`
}

// text is an attribute that is a text, as most are.
func text(name, description string) definition {
	return definition{Name: name, Type: "string", Description: description, Mutability: "readWrite", Returned: "default", Uniqueness: "none"}
}

func (d definition) as(change func(*definition)) definition {
	change(&d)
	return d
}

func exact(d *definition)    { d.CaseExact = true }
func truth(d *definition)    { d.Type = "boolean" }
func address(d *definition)  { d.Type, d.CaseExact = "reference", true }
func readOnly(d *definition) { d.Mutability, d.CaseExact = "readOnly", true }

func parts(name, description string, sub ...definition) definition {
	return text(name, description).as(func(d *definition) { d.Type, d.Sub = "complex", sub })
}

// one is an attribute that may have several values in SCIM, and of which an account has one.
func one(name, description string, sub ...definition) definition {
	sub = append(sub, text("type", "A label, such as work."), text("primary", "It is the preferred one.").as(truth))
	return parts(name, description+" One is kept: the primary, else the first.", sub...).as(func(d *definition) { d.MultiValued = true })
}

// userAttributes are those of a User that an account has a place for.
var userAttributes = []definition{
	text("userName", "The name by which the user signs in.").as(func(d *definition) { d.Required, d.Uniqueness = true, "server" }),
	parts("name", "The parts of the user's name.",
		text("formatted", "The full name; that of the account, as displayName is."), text("familyName", "The family name."),
		text("givenName", "The given name."), text("middleName", "The middle name.")),
	text("displayName", "The name as others read it."),
	text("nickName", "A casual name."),
	text("profileUrl", "The address of a page about the user.").as(address),
	text("locale", "As in en-US."),
	text("timezone", "As in Europe/Zurich."),
	text("active", "False where the account is locked; setting it to false ends its sessions.").as(truth),
	text("password", "It can be set, and is never shown.").as(func(d *definition) { d.Mutability, d.Returned, d.CaseExact = "writeOnly", "never", true }),
	one("emails", "The e-mail address.", text("value", "The address.")),
	one("phoneNumbers", "The telephone number.", text("value", "The number.")),
	one("photos", "A picture of the user.", text("value", "Its address.").as(address)),
	one("addresses", "The postal address.", text("formatted", "All of it."), text("streetAddress", "Street and number."),
		text("locality", "The city."), text("region", "The state or region."), text("postalCode", "The postal code."), text("country", "The country.")),
}

// commonAttributes are those that every resource has (RFC 7643 §3.1).
var commonAttributes = []definition{
	text("id", "The identifier.").as(readOnly),
	text("externalId", "The name in the directory that provisions the user.").as(exact),
	parts("meta", "What the server knows of the resource.",
		text("resourceType", "").as(readOnly), text("created", "").as(func(d *definition) { d.Type, d.Mutability = "dateTime", "readOnly" }),
		text("version", "").as(readOnly), text("location", "").as(readOnly),
	).as(readOnly),
}

var allAttributes = append(append([]definition{}, commonAttributes...), userAttributes...)

// leftAside are the attributes of a User that an account has no place for (RFC 7643 §4.1): they are accepted and not kept.
// Among them are roles, which say nothing about what an operator may do here.
var leftAside = []string{
	"schemas", "title", "usertype", "preferredlanguage", "ims", "groups", "entitlements", "roles", "x509certificates",
}

// find finds a definition by its name, whatever the case.
func find(list []definition, name string) *definition {
	for i := range list {
		if strings.EqualFold(list[i].Name, name) {
			return &list[i]
		}
	}
	return nil
}
