package oauth

import (
	"math"
	"net/url"
	"strconv"
	"strings"
)

// maxParameter bounds a parameter's length in bytes, and that of those together which are sealed into the flow and come
// back in a form.
const maxParameter = 2048

// Prompt is what a request says about showing something to the user.
type Prompt struct {
	None, Login, Consent, SelectAccount bool
}

// AuthenticationRequest is what the requests for a user's tokens have in common (OpenID Connect Core §3.1.2.1),
// whichever flow they begin.
type AuthenticationRequest struct {
	Prompt    Prompt        `json:"p"`
	Scope     []string      `json:"s,omitempty"` // as asked; see GrantedScope, OfferedScope
	Nonce     string        `json:"n,omitempty"`
	MaxAge    int           `json:"m"` // seconds; NoMaxAge where the request has none
	LoginHint string        `json:"h,omitempty"`
	Claims    ClaimsRequest `json:"c,omitzero"`
	// Subject is who the answer has to be about, by id_token_hint or claims; empty for anybody.
	Subject string `json:"u,omitempty"`
}

// NoMaxAge says that a request does not limit the age of the authentication.
const NoMaxAge = -1

// parseAuthentication reads the parameters. Unknown ones are ignored, an empty value counts as absent, a repeated one is
// an error (RFC 6749 §3.1).
func parseAuthentication(q url.Values) (AuthenticationRequest, *Error) {
	r := AuthenticationRequest{}
	var scope, prompt, maxAge, ignored string
	err := fields(q, field{"scope", &scope}, field{"prompt", &prompt}, field{"nonce", &r.Nonce}, field{"max_age", &maxAge},
		field{"login_hint", &r.LoginHint},
		field{"acr_values", &ignored}, field{"ui_locales", &ignored}, field{"display", &ignored}) // all voluntary (§3.1.2.1)
	if err != nil {
		return AuthenticationRequest{}, err
	}
	if len(scope)+len(r.Nonce)+len(r.LoginHint) > maxParameter {
		return AuthenticationRequest{}, Errorf(InvalidRequest, "scope, nonce and login_hint together are too long.")
	}
	if r.Scope, err = ParseScope(scope); err != nil {
		return AuthenticationRequest{}, err
	}
	if r.MaxAge, err = parseMaxAge(maxAge); err != nil {
		return AuthenticationRequest{}, err
	}
	if r.Prompt, err = parsePrompt(prompt); err != nil {
		return AuthenticationRequest{}, err
	}
	return r, nil
}

// field is a parameter, and where its one value goes.
type field struct {
	name  string
	value *string
}

func fields(q url.Values, list ...field) *Error {
	for _, f := range list {
		value, err := single(q, f.name)
		if err != nil {
			return err
		}
		*f.value = value
	}
	return nil
}

// single returns the one value of a parameter, or nothing.
func single(q url.Values, name string) (string, *Error) {
	values := q[name]
	if len(values) > 1 {
		return "", Errorf(InvalidRequest, "The parameter %s is repeated.", name)
	}
	if len(values) == 0 {
		return "", nil
	}
	if len(values[0]) > maxParameter {
		return "", Errorf(InvalidRequest, "The parameter %s is too long.", name)
	}
	return values[0], nil
}

// parsePrompt reads prompt (OpenID Connect Core §3.1.2.1): values separated by spaces. Unknown ones are
// ignored, also beside none, which goes with no other that we know.
func parsePrompt(s string) (Prompt, *Error) {
	var p Prompt
	for v := range strings.SplitSeq(s, " ") {
		switch v {
		case "none":
			p.None = true
		case "login":
			p.Login = true
		case "consent":
			p.Consent = true
		case "select_account":
			p.SelectAccount = true
		}
	}
	if p.None && (p.Login || p.Consent || p.SelectAccount) {
		return Prompt{}, Errorf(InvalidRequest, "prompt=none does not go with another value.")
	}
	return p, nil
}

func parseMaxAge(s string) (int, *Error) {
	if s == "" {
		return NoMaxAge, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, Errorf(InvalidRequest, "max_age is not a number of seconds.")
	}
	return int(min(n, math.MaxInt32)), nil
}
