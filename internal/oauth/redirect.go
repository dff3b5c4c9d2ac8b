package oauth

import (
	"net/url"
	"slices"
	"strings"
)

// ValidRedirect is an address that a browser may be sent to. Only the validators here make one, so
// that the server cannot become an open redirector (RFC 9700 §4.11.2).
type ValidRedirect struct{ uri string }

// String returns the address.
func (r ValidRedirect) String() string { return r.uri }

// Source is the address as a source in a content security policy: its origin, or the scheme where it is a
// private-use one (RFC 8252 §7.1). It is empty where there is none, and never holds more than one.
func (r ValidRedirect) Source() string {
	u, err := url.Parse(r.uri)
	if err != nil || u.Scheme == "" {
		return ""
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return u.Scheme + ":"
	}
	origin, _ := canonicalOrigin(u.Scheme + "://" + u.Host)
	return origin
}

// PostLogoutRedirect validates post_logout_redirect_uri by exact comparison with what the client
// registered (OpenID Connect RP-Initiated Logout §3), and adds the state. What was registered is otherwise
// kept as it is, its query too (as RFC 6749 §3.1.2 demands of redirect URIs); it never has a fragment.
func (c *Client) PostLogoutRedirect(uri, state string) (ValidRedirect, bool) {
	if uri == "" || !slices.Contains(c.PostLogoutRedirectURIs, uri) {
		return ValidRedirect{}, false
	}
	if state == "" {
		return ValidRedirect{uri}, true
	}
	separator := "?"
	if strings.HasSuffix(uri, "?") {
		separator = ""
	} else if strings.Contains(uri, "?") {
		separator = "&"
	}
	return ValidRedirect{uri + separator + "state=" + url.QueryEscape(state)}, true
}

// ReturnAddress validates where the preflight may send the page back to: any address at an origin that
// an enabled client lists literally. A pattern does not count: who can make a host under it could
// bounce users off this server.
func ReturnAddress(address string, literal func(origin string) bool) (ValidRedirect, bool) {
	origin, ok := originOf(address)
	if !ok || !literal(origin) {
		return ValidRedirect{}, false
	}
	return ValidRedirect{address}, true
}

// originOf extracts the serialised origin of an absolute http(s) address. It refuses what browsers and
// net/url might read differently: user information, backslashes, control characters, white space.
func originOf(address string) (string, bool) {
	for i := range len(address) {
		if c := address[i]; c <= 0x20 || c >= 0x7f || c == '\\' {
			return "", false
		}
	}
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Opaque != "" || u.Host == "" {
		return "", false
	}
	origin := u.Scheme + "://" + u.Host
	canonical, err := canonicalOrigin(origin)
	return canonical, err == nil && canonical == origin
}
