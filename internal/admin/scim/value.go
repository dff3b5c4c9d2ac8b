package scim

import (
	"encoding/json"
	"strings"
)

// object holds attributes by their names as the schema writes them. Values are string, bool, object, or []object.
type object = map[string]any

// clean reads what a client sent as an object of known attributes. Names are found whatever their case; what is unknown or
// read-only is left aside (RFC 7644 §3.5.1), and null is no value (RFC 7643 §2.5).
func clean(sent map[string]any, known []definition) (object, error) {
	o := object{}
	for name, value := range sent {
		if prefix := schemaUser + ":"; len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			name = name[len(prefix):]
		}
		d := find(known, name)
		if d == nil || d.Mutability == "readOnly" {
			continue
		}
		v, err := cleanValue(d, value)
		if err != nil {
			return nil, err
		}
		if v != nil {
			o[d.Name] = v
		}
	}
	return o, nil
}

// cleanValue reads one attribute; nil where it has no value.
func cleanValue(d *definition, value any) (any, error) {
	if value == nil {
		return nil, nil
	}
	if d.MultiValued {
		return cleanList(d, value)
	}
	switch v := value.(type) {
	case string:
		if d.Type == "boolean" {
			return truthOf(d, v)
		}
		if d.Type != "complex" {
			return v, nil
		}
	case bool:
		if d.Type == "boolean" {
			return v, nil
		}
	case map[string]any:
		if d.Type == "complex" {
			o, err := clean(v, d.Sub)
			if len(o) == 0 {
				return nil, err
			}
			return o, err
		}
	}
	return nil, bad(invalidValue, "%s is a %s.", d.Name, d.Type)
}

// truthOf reads "True" and "False", which some directories send.
func truthOf(d *definition, v string) (any, error) {
	switch strings.ToLower(v) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return nil, bad(invalidValue, "%s is true or false.", d.Name)
}

// maxValues bounds what is sent of an attribute. An account keeps one.
const maxValues = 100

// cleanList reads the values of an attribute that may have several. Some directories send one without a list around it,
// or its value alone.
func cleanList(d *definition, value any) (any, error) {
	values, isList := value.([]any)
	if !isList {
		values = []any{value}
	}
	if len(values) > maxValues {
		return nil, bad(tooMany, "%s has at most %d values.", d.Name, maxValues)
	}
	var list []object
	for _, v := range values {
		if plain, is := v.(string); is {
			v = map[string]any{"value": plain}
		}
		sent, is := v.(map[string]any)
		if !is {
			return nil, bad(invalidValue, "The values of %s are objects.", d.Name)
		}
		o, err := clean(sent, d.Sub)
		if err != nil {
			return nil, err
		}
		if len(o) > 0 {
			list = append(list, o)
		}
	}
	if list == nil {
		return nil, nil
	}
	return list, nil
}

// preferred is the value that is kept of several.
func preferred(o object, name string) object {
	list, _ := o[name].([]object)
	for _, one := range list {
		if one["primary"] == true {
			return one
		}
	}
	if len(list) > 0 {
		return list[0]
	}
	return nil
}

// textOf reads a text; empty where there is none.
func textOf(o object, name string) string {
	s, _ := o[name].(string)
	return s
}

// claims are the further claims of an account.
type claims map[string]json.RawMessage

// set gives a claim a text, or takes it away where that is empty.
func (c claims) set(name, value string) {
	if value == "" {
		delete(c, name)
		return
	}
	c[name], _ = json.Marshal(value)
}

// text reads a claim that is a text.
func (c claims) text(name string) string {
	var s string
	_ = json.Unmarshal(c[name], &s) // what is no text is none
	return s
}
