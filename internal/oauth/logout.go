package oauth

import "net/url"

// LogoutRequest is a request to the logout endpoint: RP-initiated (OpenID Connect RP-Initiated Logout
// §2), or from the frame of an assisted token client (ForOrigin set).
type LogoutRequest struct {
	IDTokenHint           string
	ClientID              string
	PostLogoutRedirectURI string
	State                 string
	ForOrigin             string
}

// ParseLogout reads the parameters; unknown ones are ignored.
func ParseLogout(q url.Values) (LogoutRequest, *Error) {
	var r LogoutRequest
	for name, field := range map[string]*string{
		"id_token_hint": &r.IDTokenHint, "client_id": &r.ClientID, "for_origin": &r.ForOrigin,
		"post_logout_redirect_uri": &r.PostLogoutRedirectURI, "state": &r.State,
	} {
		value, err := singleLong(q, name)
		if err != nil {
			return LogoutRequest{}, err
		}
		*field = value
	}
	return r, nil
}

// singleLong is single for parameters that hold a whole token.
func singleLong(q url.Values, name string) (string, *Error) {
	if values := q[name]; len(values) == 1 && len(values[0]) <= 4*maxParameter {
		return values[0], nil
	}
	return single(q, name)
}

// HintNames tells whether an ID token that we issued (its signature is checked, its expiry is not: RP-
// Initiated Logout §2) names the session at hand, so that no question is needed.
func (t *IDToken) HintNames(s *Session) bool { return t.SID != "" && t.SID == s.ID.String() }
