package scim

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/text/cases"
)

// check refuses comparisons that mean nothing (RFC 7644 §3.4.2.2), before anything is read.
func (f *filter) check(known []definition) error {
	for _, inner := range f.operands {
		within := known
		if f.op == "[]" {
			within = nil
			if d := find(known, f.attr.name); d != nil {
				within = d.Sub
			}
		}
		if err := inner.check(within); err != nil {
			return err
		}
	}
	if !comparisons[f.op] || f.op == "eq" || f.op == "ne" {
		return nil
	}
	if _, isText := f.value.(string); !isText {
		return bad(invalidFilter, "%s %s compares with a text.", f.attr, f.op)
	}
	if d := definitionOf(known, f.attr); d != nil && d.Type == "boolean" {
		return bad(invalidFilter, "%s is true or false: ask with eq.", f.attr)
	}
	return nil
}

// definitionOf finds the attribute, or the part of one, that a comparison is about. That of several values is their value
// (RFC 7643 §2.4).
func definitionOf(known []definition, a attribute) *definition {
	if a.schema != "" {
		return nil
	}
	d := find(known, a.name)
	switch {
	case d == nil:
		return nil
	case a.sub != "":
		return find(d.Sub, a.sub)
	case d.MultiValued:
		return find(d.Sub, "value")
	}
	return d
}

// matches tells whether an object matches. An attribute that is not known has no value.
func (f *filter) matches(o object, known []definition) bool {
	switch f.op {
	case "and":
		return f.operands[0].matches(o, known) && f.operands[1].matches(o, known)
	case "or":
		return f.operands[0].matches(o, known) || f.operands[1].matches(o, known)
	case "not":
		return !f.operands[0].matches(o, known)
	case "[]":
		d := find(known, f.attr.name)
		if d == nil || f.attr.schema != "" {
			return false
		}
		for _, one := range objects(o[d.Name]) {
			if f.operands[0].matches(one, d.Sub) {
				return true
			}
		}
		return false
	}
	values := valuesOf(o, known, f.attr)
	d := definitionOf(known, f.attr)
	switch {
	case f.op == "pr":
		return len(values) > 0
	case f.value == nil:
		return (len(values) == 0) == (f.op == "eq")
	case f.op == "ne":
		return !slices.ContainsFunc(values, func(v any) bool { return compare(d, "eq", v, f) })
	}
	return slices.ContainsFunc(values, func(v any) bool { return compare(d, f.op, v, f) })
}

// objects are the values of a complex attribute.
func objects(value any) []object {
	switch v := value.(type) {
	case object:
		return []object{v}
	case []object:
		return v
	}
	return nil
}

func valuesOf(o object, known []definition, a attribute) []any {
	d := find(known, a.name)
	if d == nil || a.schema != "" || o[d.Name] == nil {
		return nil
	}
	sub := a.sub
	if sub == "" && d.MultiValued {
		sub = "value"
	}
	if sub == "" {
		return []any{o[d.Name]}
	}
	part := find(d.Sub, sub)
	if part == nil {
		if a.sub == "" && len(objects(o[d.Name])) > 0 { // addresses have no value, and are there nevertheless
			return []any{o[d.Name]}
		}
		return nil
	}
	var values []any
	for _, one := range objects(o[d.Name]) {
		if v := one[part.Name]; v != nil {
			values = append(values, v)
		}
	}
	return values
}

// compare compares a value that is there with that of a filter.
func compare(d *definition, op string, have any, f *filter) bool {
	want := f.value
	if b, is := have.(bool); is {
		if text, isText := want.(string); isText { // as some directories write it
			return strings.EqualFold(text, map[bool]string{true: "true", false: "false"}[b])
		}
		return b == want
	}
	h, ok := have.(string)
	w, ok2 := want.(string)
	if !ok || !ok2 {
		return false
	}
	if d != nil && d.Type == "dateTime" {
		if at, err := time.Parse(time.RFC3339, h); err == nil {
			if when, err := time.Parse(time.RFC3339, w); err == nil {
				return ordered(op, at.Compare(when))
			}
		}
	}
	if d == nil || !d.CaseExact {
		h, w = cases.Fold().String(h), f.folded
	}
	switch op {
	case "co":
		return strings.Contains(h, w)
	case "sw":
		return strings.HasPrefix(h, w)
	case "ew":
		return strings.HasSuffix(h, w)
	}
	return ordered(op, strings.Compare(h, w))
}

func ordered(op string, c int) bool {
	switch op {
	case "eq":
		return c == 0
	case "gt":
		return c > 0
	case "ge":
		return c >= 0
	case "lt":
		return c < 0
	case "le":
		return c <= 0
	}
	return false
}
