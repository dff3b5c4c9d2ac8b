package oauth

import "net/url"

// AssistedTarget reads the two parameters that decide to whom an answer, errors included, may go. An
// error here has no such place: it is for our own plain page.
func AssistedTarget(q url.Values) (clientID, forOrigin string, err *Error) {
	if clientID, err = RequestedClient(q); err != nil {
		return "", "", err
	}
	if forOrigin, err = single(q, "for_origin"); err != nil {
		return "", "", err
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
func ParseAssisted(q url.Values) (AuthenticationRequest, *Error) {
	r, err := parseAuthentication(q)
	if err != nil {
		return AuthenticationRequest{}, err
	}
	forceAuth, err := single(q, "force_auth")
	if err != nil {
		return AuthenticationRequest{}, err
	}
	if forceAuth == "true" {
		if r.Prompt.None {
			return AuthenticationRequest{}, Errorf(InvalidRequest, "force_auth and prompt=none contradict each other.")
		}
		r.Prompt.Login = true
	}
	r.Prompt.SelectAccount = false // not one of this flow's: an unknown value is ignored
	return r, nil
}
