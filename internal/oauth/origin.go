package oauth

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// OriginPattern is an allowed origin as configured: a serialised origin (RFC 6454 §6.2), or one whose
// host begins with "*." which stands for exactly one label, or "*" under an insecure setting.
type OriginPattern string

// ValidOrigin is an origin that was held against a client's allowed origins. Only the validators
// here can make one, so that nothing is ever posted or framed anywhere else.
type ValidOrigin struct{ origin string }

// String returns the serialised origin; empty for the zero value.
func (o ValidOrigin) String() string { return o.origin }

// IsZero tells whether o names no origin.
func (o ValidOrigin) IsZero() bool { return o.origin == "" }

// Sent tells by the Referer (RFC 9110 §10.1.3) whether a page at the origin sent the browser here. No page can name another's
// origin there, and none where there is no Referer is believed.
func (o ValidOrigin) Sent(referer string) bool {
	origin, ok := originOf(referer)
	return ok && origin == o.origin
}

// Sent is ValidOrigin.Sent for the origin of the address.
func (r ValidRedirect) Sent(referer string) bool { return ValidOrigin{r.Origin()}.Sent(referer) }

// ParseOriginPattern checks an allowed origin that an operator configures. http is accepted for
// loopback hosts only, unless insecure is set, which also allows a bare "*".
func ParseOriginPattern(s string, insecure bool) (OriginPattern, error) {
	if s == "*" {
		if insecure {
			return "*", nil
		}
		return "", errors.New("a bare * would let every site receive tokens; list the origins, or use https://*.example.com for one label")
	}
	host := s
	if scheme, rest, ok := strings.Cut(s, "://*."); ok {
		if strings.Count(hostOf(rest), ".") == 0 {
			return "", fmt.Errorf("%q is too wide: a pattern needs at least two labels after the star", s)
		}
		host = scheme + "://x." + rest
	}
	canonical, err := canonicalOrigin(host)
	if err != nil {
		return "", fmt.Errorf("%q %w", s, err)
	}
	if canonical != host {
		if host != s { // the hint must never be wider than what was written
			canonical = strings.Replace(canonical, "://x.", "://*.", 1)
		}
		return "", fmt.Errorf("write %q in its serialised form: %s", s, canonical)
	}
	u, _ := url.Parse(host)
	if u.Scheme == "http" && !insecure && !IsLoopback(u.Hostname()) {
		return "", fmt.Errorf("%q: http is allowed for localhost and loopback addresses only", s)
	}
	if host != s && (u.Scheme != "https" && !insecure || net.ParseIP(strings.TrimPrefix(u.Hostname(), "x.")) != nil) {
		return "", fmt.Errorf("%q: a pattern needs https and a host name", s)
	}
	return OriginPattern(s), nil
}

func hostOf(hostport string) string {
	host, _, _ := strings.Cut(hostport, ":")
	return host
}

// canonicalOrigin returns the serialised form (RFC 6454 §6.2) of an http or https origin: lower case
// and without the default port. The error says what is wrong with s, without naming it.
func canonicalOrigin(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", errors.New("is not an origin: it looks like https://app.example.com or http://localhost:8080")
	}
	if u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" || strings.ContainsAny(s, "?#") {
		return "", errors.New("is not an origin: scheme, host and port only, without a path or a slash at the end")
	}
	host := strings.ToLower(u.Hostname())
	if !validHost(host) {
		return "", errors.New("has a host that is not valid (write international names in their xn-- form)")
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	port := u.Port()
	if port == "" && strings.HasSuffix(u.Host, ":") {
		return "", errors.New("lacks the port after the colon")
	}
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port) {
		return "", errors.New("has a port that is not a number from 1 to 65535")
	}
	if port == "" || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		return u.Scheme + "://" + host, nil
	}
	return u.Scheme + "://" + host + ":" + port, nil
}

// validHost accepts host names and addresses as a browser writes them in an origin.
func validHost(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.String() == host
	}
	if endsInNumber(host) {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			if c := label[i]; c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return false
			}
		}
	}
	return len(host) <= 253
}

// endsInNumber tells whether browsers take a host for an IPv4 address (WHATWG URL, "ends in a number"):
// they rewrite 127.1 or 0x7f.0.0.1 to four plain numbers, so no origin ever has such a name.
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, found := strings.CutPrefix(last, "0x"); found {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// IsLoopback tells whether a host name or address is this machine itself (RFC 6761 §6.3 for the name).
func IsLoopback(host string) bool {
	if ip := net.ParseIP(strings.Trim(host, "[]")); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// IsLiteral tells whether the pattern names one origin.
func (p OriginPattern) IsLiteral() bool { return !strings.Contains(string(p), "*") }

// matches tells whether an origin in serialised form is covered by the pattern.
func (p OriginPattern) matches(origin string) bool {
	if p.IsLiteral() {
		return string(p) == origin
	}
	if p == "*" {
		return true
	}
	scheme, rest, _ := strings.Cut(string(p), "*")
	label, found := strings.CutPrefix(origin, scheme)
	if !found {
		return false
	}
	label, found = strings.CutSuffix(label, rest)
	return found && label != "" && !strings.ContainsAny(label, ".:/@")
}

// MatchOrigin validates an origin, as a browser serialises it, against what the client allows. It
// compares whole strings: there is no decoding that a later user of the string could undo.
func (c *Client) MatchOrigin(origin string) (ValidOrigin, bool) {
	wide := false
	for _, p := range c.AllowedOrigins {
		if string(p) == origin && p.IsLiteral() {
			return ValidOrigin{origin}, true
		}
		wide = wide || !p.IsLiteral()
	}
	if !wide {
		return ValidOrigin{}, false
	}
	if canonical, err := canonicalOrigin(origin); err != nil || canonical != origin {
		return ValidOrigin{}, false
	}
	for _, p := range c.AllowedOrigins {
		if p.matches(origin) {
			return ValidOrigin{origin}, true
		}
	}
	return ValidOrigin{}, false
}

// OnlyOrigin returns the client's origin where it has exactly one and that is no pattern.
func (c *Client) OnlyOrigin() (ValidOrigin, bool) {
	own := c.AllowedOrigins
	if len(own) == 2 && string(own[1]) == c.TrialOrigin {
		own = own[:1] // what names no origin means the app's, also while an operator tries the client
	}
	if len(own) != 1 || !own[0].IsLiteral() {
		return ValidOrigin{}, false
	}
	return c.MatchOrigin(string(own[0]))
}
