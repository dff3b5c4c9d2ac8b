package oauth

import (
	"net/url"
	"strings"
)

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
	err := fields(q, field{"client_id", &r.ClientID}, field{"for_origin", &r.ForOrigin},
		field{"post_logout_redirect_uri", &r.PostLogoutRedirectURI}, field{"state", &r.State})
	if err == nil {
		r.IDTokenHint, err = singleLong(q, "id_token_hint")
	}
	if err != nil {
		return LogoutRequest{}, err
	}
	return r, nil
}

// maxSealed bounds a parameter that holds a whole token: more than any of ours has, in bytes.
const maxSealed = 24 << 10

// singleLong is single for parameters that hold a whole token.
func singleLong(q url.Values, name string) (string, *Error) {
	if values := q[name]; len(values) == 1 && len(values[0]) <= maxSealed {
		return values[0], nil
	}
	return single(q, name)
}

// HintNames tells whether an ID token that we issued (its signature is checked, its expiry is not: RP-
// Initiated Logout §2) names the session at hand, so that no question is needed.
func (t *IDToken) HintNames(s *Session) bool { return t.SID != "" && t.SID == s.ID.String() }

// LogoutFrame is a page of a client that ends the client's own session, for a frame in the page that signs the
// user out (OpenID Connect Front-Channel Logout §2).
type LogoutFrame struct {
	Address string
	// Origin is all that the frame may show.
	Origin string
}

// LogoutFrame says which page of the client, if any, is to hear that the session ended. Issuer and sid are always
// there: clients that registered frontchannel_logout_session_required get them, the others may use them (§3).
func (c *Client) LogoutFrame(issuer, sid string) (LogoutFrame, bool) {
	origin, ok := webOrigin(c.FrontChannelLogoutURI)
	if !ok {
		return LogoutFrame{}, false
	}
	return LogoutFrame{withQuery(c.FrontChannelLogoutURI, "iss", issuer, "sid", sid), origin}, true
}

// InitiateLogin is where a sign-in at the client begins from outside of it (OpenID Connect Core §4). The client
// keeps its own target. loginHint may be empty.
func (c *Client) InitiateLogin(issuer, loginHint string) (ValidRedirect, bool) {
	if _, ok := webOrigin(c.InitiateLoginURI); !ok {
		return ValidRedirect{}, false
	}
	return ValidRedirect{withQuery(c.InitiateLoginURI, "iss", issuer, "login_hint", loginHint)}, true
}

// withQuery adds parameters (name, value, name, value) to an address without a fragment; empty values are left
// out, and the query that is there stays as it is.
func withQuery(address string, pairs ...string) string {
	separator := "?"
	if strings.HasSuffix(address, "?") {
		separator = ""
	} else if strings.Contains(address, "?") {
		separator = "&"
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			address += separator + pairs[i] + "=" + url.QueryEscape(pairs[i+1])
			separator = "&"
		}
	}
	return address
}

// webOrigin is the serialised origin of an absolute http or https address without a fragment. It refuses what
// browsers and net/url might read differently, as originOf does, but not what is merely written otherwise.
func webOrigin(address string) (string, bool) {
	for i := range len(address) {
		if b := address[i]; b <= 0x20 || b >= 0x7f || b == '\\' || b == '#' {
			return "", false
		}
	}
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Opaque != "" || u.Host == "" {
		return "", false
	}
	origin, err := canonicalOrigin(u.Scheme + "://" + u.Host)
	return origin, err == nil
}
