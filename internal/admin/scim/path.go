package scim

import (
	"strings"
)

// The schemas of a User (RFC 7643 §4).
const (
	schemaUser       = "urn:ietf:params:scim:schemas:core:2.0:User"
	schemaEnterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// attribute is an attribute's name, or that of a part of one: lower case, since names have none (RFC 7643 §2.1).
type attribute struct {
	// schema is that of an extension; empty for the core's.
	schema, name, sub string
}

func (a attribute) String() string {
	text := a.name
	if a.schema != "" {
		text = a.schema + ":" + text
	}
	if a.sub != "" {
		text += "." + a.sub
	}
	return text
}

// parseAttribute reads an attribute's name (RFC 7644 §3.10).
func parseAttribute(text string) (a attribute, ok bool) {
	text = strings.ToLower(text)
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		a.schema, text = text[:i], text[i+1:]
		if !strings.HasPrefix(a.schema, "urn:") {
			return a, false
		}
		if strings.ToLower(schemaUser) == a.schema {
			a.schema = ""
		}
	}
	a.name, a.sub, _ = strings.Cut(text, ".")
	return a, isName(a.name) && (a.sub == "" && !strings.HasSuffix(text, ".") || isName(a.sub))
}

// isName is ATTRNAME of RFC 7643 §2.1, and $ref.
func isName(s string) bool {
	if s == "$ref" {
		return true
	}
	for i, r := range s {
		letter := r >= 'a' && r <= 'z'
		if !letter && (i == 0 || !(r >= '0' && r <= '9' || r == '-' || r == '_')) {
			return false
		}
	}
	return s != ""
}

// path is what an operation of a PATCH is about (RFC 7644 §3.5.2).
type path struct {
	attribute
	// where picks values of an attribute that has several; nil for all.
	where *filter
}

// parsePath reads an attribute's name, perhaps with a filter of its values and a part of them.
func parsePath(text string) (path, error) {
	if len(text) > maxFilter {
		return path{}, bad(invalidPath, "The path is too long.")
	}
	name, rest, filtered := strings.Cut(text, "[")
	a, ok := parseAttribute(strings.TrimSpace(name))
	if !ok || filtered && a.sub != "" {
		return path{}, bad(invalidPath, "%.100q is no path.", text)
	}
	if !filtered {
		return path{attribute: a}, nil
	}
	end := strings.LastIndexByte(rest, ']')
	if end < 0 {
		return path{}, bad(invalidPath, "%.100q has no closing bracket.", text)
	}
	where, err := parseFilter(rest[:end])
	if err != nil {
		return path{}, err
	}
	if after := rest[end+1:]; after != "" {
		sub, dotted := strings.CutPrefix(strings.ToLower(after), ".")
		if !dotted || !isName(sub) {
			return path{}, bad(invalidPath, "%.100q is no path.", text)
		}
		a.sub = sub
	}
	return path{a, where}, nil
}
