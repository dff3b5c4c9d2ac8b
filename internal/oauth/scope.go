package oauth

import (
	"slices"
	"strings"
)

// ParseScope splits a scope string (RFC 6749 §3.3) into its values, without repetitions and in the
// order given. A value with a character outside %x21 / %x23-5B / %x5D-7E is an error.
func ParseScope(s string) ([]string, *Error) {
	var scope []string
	for _, v := range strings.Split(s, " ") {
		if v == "" {
			continue
		}
		if !validScopeValue(v) {
			return nil, Errorf(InvalidScope, "The scope holds a character that is not allowed there.")
		}
		if !slices.Contains(scope, v) {
			scope = append(scope, v)
		}
	}
	return scope, nil
}

func validScopeValue(v string) bool {
	for i := range len(v) {
		if c := v[i]; c <= 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return v != ""
}

// JoinScope is the reverse of ParseScope.
func JoinScope(scope []string) string { return strings.Join(scope, " ") }

// Subset tells whether all of part is in whole.
func Subset(part, whole []string) bool {
	for _, v := range part {
		if !slices.Contains(whole, v) {
			return false
		}
	}
	return true
}

// Union returns a followed by what only b has.
func Union(a, b []string) []string {
	u := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(u, v) {
			u = append(u, v)
		}
	}
	return u
}

// GrantedScope answers which scope a request gets. What the client has is its configured scope, else the
// profile's default: a request gets what it names of that, and where it names nothing, all of it save what
// demands a fresh sign-in or opens the admin API.
func GrantedScope(asked []string, c *Client, p *Profile) ([]string, *Error) {
	has := c.HasScope(p)
	for _, v := range asked {
		if _, known := p.ScopeNamed(v); !known || !slices.Contains(has, v) {
			return nil, Errorf(InvalidScope, "The client %s does not have the scope %s.", c.ID, brief(v))
		}
	}
	if len(asked) > 0 {
		return asked, nil
	}
	var granted []string
	for _, v := range has {
		if s, known := p.ScopeNamed(v); known && s.MaxAuthAge == 0 && !IsOperatorScope(v) {
			granted = append(granted, v)
		}
	}
	return granted, nil
}

// HasScope is all that the client may ask for: its configured scope, else the profile's default.
func (c *Client) HasScope(p *Profile) []string {
	if len(c.Scope) > 0 {
		return c.Scope
	}
	return p.DefaultScope
}

// MaxAuthAge returns the strictest freshness, in seconds, that a scope in the list demands; 0 for none.
func MaxAuthAge(scope []string, p *Profile) int {
	strictest := 0
	for _, v := range scope {
		if s, ok := p.ScopeNamed(v); ok && s.MaxAuthAge > 0 && (strictest == 0 || s.MaxAuthAge < strictest) {
			strictest = s.MaxAuthAge
		}
	}
	return strictest
}
