package scim

import (
	"maps"
	"slices"
	"strings"
)

const schemaPatch = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

// maxOperations bounds a PATCH: each operation looks at every value of what it changes.
const maxOperations = 100

// operation is one operation of a PATCH (RFC 7644 §3.5.2). Op may be in any case, as some directories write it.
type operation struct {
	Op, Path string
	Value    any
}

// patching is a User that operations are applied to, one after the other.
type patching struct {
	user object
	// named tells whether displayName was set; see settle.
	named bool
}

// apply applies one operation.
func (p *patching) apply(o operation) error {
	op := strings.ToLower(o.Op)
	if !slices.Contains([]string{"add", "replace", "remove"}, op) {
		return bad(invalidSyntax, "%.40q is no operation: add, replace, remove.", o.Op)
	}
	if o.Path != "" {
		at, err := parsePath(o.Path)
		if err != nil {
			return err
		}
		return p.at(op, at, o.Value, true)
	}
	if op == "remove" {
		return bad(noTarget, "What is to be removed? There is no path.") // RFC 7644 §3.5.2.2
	}
	values, is := o.Value.(map[string]any)
	if !is {
		return bad(invalidValue, "Without a path the value is an object of attributes.")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		at, err := parsePath(name) // some directories send name.givenName here
		if err != nil {
			return err
		}
		if err := p.at(op, at, values[name], false); err != nil {
			return err
		}
	}
	return nil
}

// at applies an operation at a path. What was named by a path of its own has to be there to be set; among the attributes
// of an object, what is not for clients to set is left aside, as in a PUT.
func (p *patching) at(op string, at path, value any, strict bool) error {
	if at.schema != "" || slices.Contains(leftAside, at.name) {
		return nil
	}
	d := find(allAttributes, at.name)
	var sub *definition
	if d != nil && at.sub != "" {
		sub = find(d.Sub, at.sub)
	}
	switch {
	case d != nil && d.Mutability == "readOnly" && strict:
		return bad(mutability, "%s cannot be set.", d.Name)
	case !strict && (d == nil || d.Mutability == "readOnly"):
		return nil
	case d == nil, at.sub != "" && sub == nil && d.Type != "complex", at.where != nil && !d.MultiValued:
		return bad(invalidPath, "There is no %s.", at.attribute)
	case at.sub != "" && sub == nil:
		return nil // a part of a name that an account has no place for
	}
	if d.Name == "displayName" {
		p.named = true
	}
	if d.MultiValued {
		return p.several(op, at, d, sub, value)
	}
	if sub != nil {
		whole, _ := p.user[d.Name].(object)
		whole = maps.Clone(whole)
		if whole == nil {
			whole = object{}
		}
		if err := set(whole, op, sub, value); err != nil {
			return err
		}
		p.user[d.Name] = whole
		return nil
	}
	return set(p.user, op, d, value)
}

// set sets one attribute of an object, or takes it away. Of a complex one the parts that are sent are set.
func set(o object, op string, d *definition, value any) error {
	if op == "remove" {
		delete(o, d.Name)
		return nil
	}
	v, err := cleanValue(d, value)
	if err != nil {
		return err
	}
	parts, hasParts := v.(object)
	have, _ := o[d.Name].(object)
	switch {
	case hasParts && have != nil:
		have = maps.Clone(have)
		maps.Copy(have, parts)
		o[d.Name] = have
	case v == nil: // no value (RFC 7643 §2.5)
		delete(o, d.Name)
	default:
		o[d.Name] = v
	}
	return nil
}

// several applies an operation to an attribute that has several values.
func (p *patching) several(op string, at path, d, sub *definition, value any) error {
	have, _ := p.user[d.Name].([]object)
	have = slices.Clone(have)
	for i := range have {
		have[i] = maps.Clone(have[i])
	}
	var err error
	switch {
	case at.where == nil && sub == nil:
		have, err = whole(op, d, have, value)
	default:
		have, err = some(op, at, d, sub, have, value)
	}
	if err != nil {
		return err
	}
	have = slices.DeleteFunc(have, func(o object) bool { // what has nothing but a label is no value any more
		for name := range o {
			if name != "type" && name != "primary" {
				return false
			}
		}
		return true
	})
	if len(have) == 0 {
		delete(p.user, d.Name)
		return nil
	}
	p.user[d.Name] = have
	return nil
}

// whole adds values, replaces all, or removes all.
func whole(op string, d *definition, have []object, value any) ([]object, error) {
	if op == "remove" {
		return nil, nil
	}
	v, err := cleanValue(d, value)
	if err != nil {
		return nil, err
	}
	more, _ := v.([]object)
	if op == "replace" {
		return more, nil
	}
	if slices.ContainsFunc(more, func(o object) bool { return o["primary"] == true }) {
		for _, o := range have {
			delete(o, "primary") // one is primary: the new one (RFC 7644 §3.5.2)
		}
	}
	return append(have, more...), nil
}

// some applies an operation to the values that a filter picks (all without one), or to a part of each.
func some(op string, at path, d, sub *definition, have []object, value any) ([]object, error) {
	if at.where != nil {
		if err := at.where.check(d.Sub); err != nil {
			return nil, err
		}
	}
	picked := func(o object) bool { return at.where == nil || at.where.matches(o, d.Sub) }
	if !slices.ContainsFunc(have, picked) {
		fresh, could := object{}, at.where == nil || describes(at.where, d, nil)
		if at.where != nil && could {
			describes(at.where, d, fresh)
		}
		if !could || op == "remove" || op == "replace" && at.where != nil {
			return nil, bad(noTarget, "No value of %s is meant by the path.", d.Name) // RFC 7644 §3.5.2.3
		}
		have = append(have, fresh)
	}
	if sub == nil && op == "remove" {
		return slices.DeleteFunc(have, picked), nil
	}
	for i := range have {
		if !picked(have[i]) {
			continue
		}
		if sub != nil {
			if err := set(have[i], op, sub, value); err != nil {
				return nil, err
			}
			continue
		}
		v, err := cleanValue(d, value)
		if err != nil {
			return nil, err
		}
		if list, _ := v.([]object); len(list) == 1 {
			label := object{"type": have[i]["type"], "primary": have[i]["primary"]}
			maps.DeleteFunc(label, func(_ string, v any) bool { return v == nil })
			if op == "add" {
				label = have[i]
			}
			maps.Copy(label, list[0])
			have[i] = label
		}
	}
	return have, nil
}

// describes tells whether a filter says by eq alone what a value is, and says so in the value: add makes such a value, as
// directories expect of emails[type eq "work"].value where there is none.
func describes(f *filter, d *definition, in object) bool {
	switch f.op {
	case "and":
		return describes(f.operands[0], d, in) && describes(f.operands[1], d, in)
	case "eq":
		part := definitionOf(d.Sub, f.attr)
		if part == nil || part.Type == "complex" {
			return false
		}
		v, err := cleanValue(part, f.value)
		if err == nil && v != nil && in != nil {
			in[part.Name] = v
		}
		return err == nil && v != nil
	}
	return false
}

// settle lets the two names of an account's one name follow each other: the one that was set, or taken away, wins.
func (p *patching) settle(before object) {
	was, _ := before["name"].(object)
	is, _ := p.user["name"].(object)
	switch {
	case !p.named && textOf(was, "formatted") != textOf(is, "formatted"):
		delete(p.user, "displayName")
	case p.named && p.user["displayName"] == nil:
		is = maps.Clone(is)
		delete(is, "formatted")
		p.user["name"] = is
	}
}
