package pages

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
)

// The templates that a setting of a client is typed into.
const (
	asText    = "text"
	asList    = "area" // one entry a line
	asJSON    = "json" // one document
	asNumber  = "number"
	asBox     = "checkbox"
	asSelect  = "select"
	asRadios  = "radios"
	asChoices = "checkboxes"
)

// clientSetting is one setting of a client: how it is explained, and how a form's field holds it. Its name is the JSON
// name, so that a fault finds its field.
type clientSetting struct {
	name, label, help, kind string
	required                bool
	options                 []option
	get                     func(*oauth.Client) []string
	set                     func(*oauth.Client, *form)
}

// option is one of the values of a field to choose from. Risk is what is unsafe about it.
type option struct{ Value, Label, Help, Risk string }

// clientSection is what belongs together. Seldom ones are folded.
type clientSection struct {
	id, title, lead string
	seldom          bool
	settings        []clientSetting
}

func textSetting[S ~string](name, label, help string, field func(*oauth.Client) *S) clientSetting {
	return clientSetting{
		name: name, label: label, help: help, kind: asText,
		get: func(c *oauth.Client) []string { return one(string(*field(c))) },
		set: func(c *oauth.Client, f *form) { *field(c) = S(f.text(name)) },
	}
}

// needed marks a setting without which there is no client.
func needed(s clientSetting) clientSetting {
	s.required = true
	return s
}

func selectSetting[S ~string](name, label, help string, field func(*oauth.Client) *S, options ...option) clientSetting {
	s := textSetting(name, label, help, field)
	s.kind, s.options = asSelect, options
	return s
}

func linesSetting[S ~string](name, label, help string, field func(*oauth.Client) *[]S) clientSetting {
	return clientSetting{
		name: name, label: label, help: help, kind: asList,
		get: func(c *oauth.Client) []string { return one(strings.Join(as[string](*field(c)), "\n")) },
		set: func(c *oauth.Client, f *form) { *field(c) = as[S](f.lines(name)) },
	}
}

func choicesSetting[S ~string](name, label, help string, field func(*oauth.Client) *[]S, options ...option) clientSetting {
	return clientSetting{
		name: name, label: label, help: help, kind: asChoices, options: options,
		get: func(c *oauth.Client) []string { return as[string](*field(c)) },
		set: func(c *oauth.Client, f *form) { *field(c) = as[S](f.list(name)) },
	}
}

func boxSetting(name, label, help string, field func(*oauth.Client) *bool) clientSetting {
	return clientSetting{
		name: name, label: label, help: help, kind: asBox,
		get: func(c *oauth.Client) []string {
			if *field(c) {
				return []string{"on"}
			}
			return nil
		},
		set: func(c *oauth.Client, f *form) { *field(c) = f.on(name) },
	}
}

// lifetimeSetting is empty for the profile's.
func lifetimeSetting() clientSetting {
	const name = "access_token_seconds"
	return clientSetting{
		name: name, label: "Lifetime of access tokens, in seconds", help: "Empty: the profile's.", kind: asNumber,
		get: func(c *oauth.Client) []string {
			if c.AccessTokenSeconds == 0 {
				return nil
			}
			return one(strconv.Itoa(c.AccessTokenSeconds))
		},
		set: func(c *oauth.Client, f *form) { c.AccessTokenSeconds = f.number(name) },
	}
}

// maxAgeSetting tells an empty field, any age, from 0.
func maxAgeSetting() clientSetting {
	const name = "default_max_age"
	return clientSetting{
		name: name, label: "Oldest sign-in, in seconds", help: "Where a request names none. Empty: any age. 0: users sign in each time.", kind: asNumber,
		get: func(c *oauth.Client) []string {
			if c.DefaultMaxAge == nil {
				return nil
			}
			return one(strconv.Itoa(*c.DefaultMaxAge))
		},
		set: func(c *oauth.Client, f *form) {
			c.DefaultMaxAge = nil
			if f.text(name) != "" {
				n := f.number(name)
				c.DefaultMaxAge = &n
			}
		},
	}
}

func jsonSetting(name, label, help string, field func(*oauth.Client) *json.RawMessage) clientSetting {
	return clientSetting{
		name: name, label: label, help: help, kind: asJSON,
		get: func(c *oauth.Client) []string { return one(indented(*field(c))) },
		set: func(c *oauth.Client, f *form) {
			*field(c) = nil
			text := f.text(name)
			if text == "" {
				return
			}
			var compact bytes.Buffer
			if json.Compact(&compact, []byte(text)) != nil {
				f.fault(name, "this is not JSON: look for a missing quote, comma or bracket")
				return
			}
			*field(c) = compact.Bytes()
		},
	}
}

// readSettings says what is wrong with a form by itself, and returns what gives a client its settings. That may be done
// more than once.
func readSettings(sections []clientSection, f *form) func(*oauth.Client) {
	into := func(c *oauth.Client, f *form) {
		for _, section := range sections {
			for _, s := range section.settings {
				s.set(c, f)
			}
		}
	}
	into(new(oauth.Client), f)
	return func(c *oauth.Client) { into(c, &form{Values: f.Values}) }
}

// valuesOf is what a form shows of a client as it is.
func valuesOf(sections []clientSection, c *oauth.Client) url.Values {
	values := url.Values{}
	for _, section := range sections {
		for _, s := range section.settings {
			if v := s.get(c); len(v) > 0 {
				values[s.name] = v
			}
		}
	}
	return values
}

// drawnSetting is a setting for a template: Kind names the template that draws Field.
type drawnSetting struct {
	Kind  string
	Field field
}

// drawnSection is a section for a template.
type drawnSection struct {
	ID, Title, Lead string
	// Folded sections open where something in them is wrong.
	Seldom, Open bool
	Settings     []drawnSetting
}

func draw(sections []clientSection, f *form) []drawnSection {
	var list []drawnSection
	for _, section := range sections {
		d := drawnSection{ID: section.id, Title: section.title, Lead: section.lead, Seldom: section.seldom}
		for _, s := range section.settings {
			one := drawSetting(s, f)
			d.Open = d.Open || len(one.Field.Problems) > 0
			d.Settings = append(d.Settings, one)
		}
		list = append(list, d)
	}
	return list
}

func drawSetting(s clientSetting, f *form) drawnSetting {
	options := []string{"label=" + s.label}
	if s.required {
		options = append(options, "required")
	}
	if s.kind == asList || s.kind == asJSON || s.kind == asText && s.name != "name" {
		options = append(options, "mono")
	}
	d := drawnSetting{s.kind, f.Choice(s.name, s.help, s.options, options...)}
	d.Field.Rows = min(max(3, strings.Count(d.Field.Value, "\n")+2), 16)
	return d
}

func one(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

// indented is JSON as people read it; as it is where it is none.
func indented(text []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return string(text)
	}
	return b.String()
}
