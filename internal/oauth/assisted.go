package oauth

import (
	"math"
	"net/url"
	"strconv"
	"strings"
)

// maxParameter bounds a parameter's length, and that of those together which are sealed into the flow and come
// back in a form.
const maxParameter = 2048

// Prompt is what a request says about showing something to the user.
type Prompt struct {
	None, Login, Consent bool
}

// AssistedRequest is a request to the assisted token endpoint, parsed.
type AssistedRequest struct {
	Prompt    Prompt   `json:"p"`
	Scope     []string `json:"s,omitempty"` // as asked; see GrantedScope
	Nonce     string   `json:"n,omitempty"`
	MaxAge    int      `json:"m"` // seconds; NoMaxAge where the request has none
	LoginHint string   `json:"h,omitempty"`
}

// NoMaxAge says that a request does not limit the age of the authentication.
const NoMaxAge = -1

// AssistedTarget reads the two parameters that decide to whom an answer, errors included, may go. An
// error here has no such place: it is for our own plain page.
func AssistedTarget(q url.Values) (clientID, forOrigin string, err *Error) {
	if clientID, err = single(q, "client_id"); err != nil {
		return "", "", err
	}
	if forOrigin, err = single(q, "for_origin"); err != nil {
		return "", "", err
	}
	if clientID == "" {
		return "", "", Errorf(InvalidRequest, "The request lacks client_id.")
	}
	return clientID, forOrigin, nil
}

// AnswerOrigin decides which origin the answer goes to: the one asked for where the client allows it,
// or the client's only one where the request names none.
func AnswerOrigin(c *Client, forOrigin string) (ValidOrigin, *Error) {
	if forOrigin == "" {
		if o, ok := c.OnlyOrigin(); ok {
			return o, nil
		}
		return ValidOrigin{}, Errorf(InvalidRequest,
			"The request lacks for_origin, which a client with several allowed origins or none has to send.")
	}
	o, ok := c.MatchOrigin(forOrigin)
	if !ok {
		return ValidOrigin{}, Errorf(InvalidRequest,
			"The origin %s is not among the allowed origins of the client %s.", brief(forOrigin), c.ID)
	}
	return o, nil
}

// ParseAssisted reads what is asked (draft-ideskog-assisted-token-05 §4, with the parameters of OpenID Connect Core
// §3.1.2.1 that make sense without a redirect). Unknown parameters are ignored, an empty value counts as absent, a
// repeated one is an error (RFC 6749 §3.1).
func ParseAssisted(q url.Values) (AssistedRequest, *Error) {
	r := AssistedRequest{}
	var scope, prompt, forceAuth, maxAge, ignored string
	for _, p := range [...]struct {
		name  string
		value *string
	}{
		{"scope", &scope}, {"prompt", &prompt}, {"force_auth", &forceAuth}, {"nonce", &r.Nonce}, {"max_age", &maxAge},
		{"login_hint", &r.LoginHint}, {"acr_values", &ignored}, {"ui_locales", &ignored}, // both voluntary (§3.1.2.1)
	} {
		value, err := single(q, p.name)
		if err != nil {
			return AssistedRequest{}, err
		}
		*p.value = value
	}
	var err *Error
	if len(scope)+len(r.Nonce)+len(r.LoginHint) > maxParameter {
		return AssistedRequest{}, Errorf(InvalidRequest, "scope, nonce and login_hint together are too long.")
	}
	if r.Scope, err = ParseScope(scope); err != nil {
		return AssistedRequest{}, err
	}
	if r.MaxAge, err = parseMaxAge(maxAge); err != nil {
		return AssistedRequest{}, err
	}
	if r.Prompt, err = parsePrompt(prompt); err != nil {
		return AssistedRequest{}, err
	}
	if forceAuth == "true" {
		if r.Prompt.None {
			return AssistedRequest{}, Errorf(InvalidRequest, "force_auth and prompt=none contradict each other.")
		}
		r.Prompt.Login = true
	}
	return r, nil
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
		}
	}
	if p.None && (p.Login || p.Consent) {
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
