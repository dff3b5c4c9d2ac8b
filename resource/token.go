package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Token is what an accepted access token says.
type Token struct {
	// Subject is who the token stands for: a user, or the client itself where there is none.
	Subject string
	// ClientID is the client that got the token.
	ClientID string
	// Scope is what the token may be used for.
	Scope []string
	// Expires is when the token ends; zero where the server does not say.
	Expires time.Time
	// AuthTime is when the user last proved who they are; zero where the token does not say.
	AuthTime time.Time
	// ACR is how they did (OpenID Connect Core §2); empty where the token does not say.
	ACR string
	// Claims is the JSON object that all of this is from: the JWT's claims, or the server's answer. Requests with the same
	// token share it: it must not be changed.
	Claims json.RawMessage

	bound binding
}

// HasScope tells whether the token has the scope.
func (t Token) HasScope(scope string) bool { return slices.Contains(t.Scope, scope) }

type contextKey struct{}

// TokenFrom returns the token of a request that a Rule let through; ok is false for any other.
func TokenFrom(ctx context.Context) (t Token, ok bool) {
	t, ok = ctx.Value(contextKey{}).(Token)
	return t, ok
}

// binding is the key that a token is bound to (RFC 7800 "cnf"); both are empty for a bearer token.
type binding struct {
	jkt string // thumbprint of the DPoP key (RFC 9449 §6)
	x5t string // thumbprint of the client certificate (RFC 8705 §3)
}

// claims are the members of a JSON object, by their exact names.
type claims map[string]any

// parseToken reads the claims that both kinds of answer have.
func parseToken(raw []byte) (Token, claims, error) {
	var c claims
	if err := json.Unmarshal(raw, &c); err != nil || c == nil {
		return Token{}, nil, fmt.Errorf("no JSON object (%v)", err)
	}
	t := Token{
		Subject: c.text("sub"), ClientID: c.text("client_id"), ACR: c.text("acr"),
		Scope: strings.Fields(c.text("scope")), Claims: raw,
	}
	var errs [3]error
	t.Expires, errs[0] = c.time("exp")
	t.AuthTime, errs[1] = c.time("auth_time")
	t.bound, errs[2] = c.binding()
	return t, c, errors.Join(errs[:]...)
}

// text returns a member that is a string; empty for any other.
func (c claims) text(name string) string {
	s, _ := c[name].(string)
	return s
}

// time returns a NumericDate (RFC 7519 §2); zero where there is none.
func (c claims) time(name string) (time.Time, error) {
	v, ok := c[name]
	if !ok {
		return time.Time{}, nil
	}
	seconds, ok := v.(float64)
	if !ok || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, fmt.Errorf("%s is no time", name)
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), nil
}

// isFor tells whether the audience, one string or several (RFC 7519 §4.1.3), contains this one.
func (c claims) isFor(audience string) bool {
	if list, ok := c["aud"].([]any); ok {
		return slices.Contains(list, any(audience))
	}
	return c["aud"] == any(audience)
}

// binding reads "cnf". A way of binding that is not known here cannot be checked, so the token that has it is no token here.
func (c claims) binding() (binding, error) {
	v, ok := c["cnf"]
	if !ok {
		return binding{}, nil
	}
	members, _ := v.(map[string]any)
	var b binding
	for name, v := range members {
		s, _ := v.(string)
		switch {
		case name == "jkt" && s != "":
			b.jkt = s
		case name == "x5t#S256" && s != "":
			b.x5t = s
		default:
			return binding{}, errors.New("the token is bound in a way that is not known here")
		}
	}
	if b == (binding{}) {
		return binding{}, errors.New("cnf names no key")
	}
	return b, nil
}
