package oauth

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ValidRedirect is an address that a browser may be sent to. Only the validators here make one, so
// that the server cannot become an open redirector (RFC 9700 §4.11.2).
type ValidRedirect struct{ uri string }

// String returns the address.
func (r ValidRedirect) String() string { return r.uri }

// IsZero tells whether there is no such address.
func (r ValidRedirect) IsZero() bool { return r.uri == "" }

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

// Redirect validates redirect_uri by exact comparison of strings with what the client registered (RFC 9700 §2.1).
// Only the port of a loopback address may differ: a native app gets it when it starts (RFC 8252 §7.3).
func (c *Client) Redirect(uri string) (ValidRedirect, bool) {
	if uri == "" || len(uri) > maxRedirectURI {
		return ValidRedirect{}, false
	}
	if slices.Contains(c.RedirectURIs, uri) {
		return ValidRedirect{uri}, true
	}
	if port, rest, ok := loopbackPort(uri); ok && port != "" {
		for _, registered := range c.RedirectURIs {
			if _, same, ok := loopbackPort(registered); ok && same == rest {
				return ValidRedirect{uri}, true
			}
		}
	}
	return ValidRedirect{}, false
}

// loopbackPort cuts the port out of an http address of a loopback IP literal; the name localhost is none, since it may be
// resolved to anything (RFC 8252 §8.3).
func loopbackPort(uri string) (port, rest string, ok bool) {
	for _, host := range []string{"http://127.0.0.1", "http://[::1]"} {
		after, found := strings.CutPrefix(uri, host)
		if !found {
			continue
		}
		if digits, hasPort := strings.CutPrefix(after, ":"); hasPort {
			n := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
			if n < 0 {
				n = len(digits)
			}
			port, after = digits[:n], digits[n:]
			if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
				return "", "", false
			}
		}
		return port, host + after, after == "" || after[0] == '/' || after[0] == '?'
	}
	return "", "", false
}

// Answer is the address with the answer's parameters, in the query or in the fragment. What was registered is kept as it
// is, its query too (RFC 6749 §3.1.2); it never has a fragment.
func (r ValidRedirect) Answer(mode ResponseMode, parameters url.Values) ValidRedirect {
	if mode == ModeFragment {
		return ValidRedirect{r.uri + "#" + parameters.Encode()}
	}
	return r.withQuery(parameters)
}

func (r ValidRedirect) withQuery(parameters url.Values) ValidRedirect {
	separator := "?"
	if strings.HasSuffix(r.uri, "?") {
		separator = ""
	} else if strings.Contains(r.uri, "?") {
		separator = "&"
	}
	return ValidRedirect{r.uri + separator + parameters.Encode()}
}

// PostLogoutRedirect validates post_logout_redirect_uri by exact comparison with what the client
// registered (OpenID Connect RP-Initiated Logout §3), and adds the state.
func (c *Client) PostLogoutRedirect(uri, state string) (ValidRedirect, bool) {
	if uri == "" || !slices.Contains(c.PostLogoutRedirectURIs, uri) {
		return ValidRedirect{}, false
	}
	if state == "" {
		return ValidRedirect{uri}, true
	}
	return ValidRedirect{uri}.withQuery(url.Values{"state": {state}}), true
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
