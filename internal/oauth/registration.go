package oauth

import (
	"fmt"
	"net/url"
	"strings"
)

const maxRedirectURI = 2000

// CheckRedirectURI says what is wrong with a redirect URI that an operator configures. It has to be
// absolute and without a fragment (RFC 6749 §3.1.2), and https, save for loopback (RFC 8252 §7.3) and
// private-use schemes (§7.1).
func CheckRedirectURI(uri string) error {
	if problem := redirectProblem(uri); problem != "" {
		return fmt.Errorf("%.200q %s", uri, problem)
	}
	return nil
}

func redirectProblem(uri string) string {
	if len(uri) > maxRedirectURI {
		return fmt.Sprintf("has more than %d characters", maxRedirectURI)
	}
	for i := range len(uri) {
		if uri[i] <= 0x20 || uri[i] >= 0x7f || strings.IndexByte("\\\"<>^`{|}", uri[i]) >= 0 {
			return fmt.Sprintf("holds %q, which has to be percent-encoded", uri[i])
		}
	}
	if strings.Contains(uri, "*") {
		return "holds a *: redirect URIs match exactly, so list each one"
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme == "":
		return "is not an absolute address, as in https://app.example.com/callback"
	case strings.Contains(uri, "#"):
		return "has a fragment (#), which RFC 6749 section 3.1.2 forbids"
	case u.Scheme == "https" || u.Scheme == "http":
		return webRedirectProblem(u)
	case !strings.Contains(u.Scheme, "."):
		return "has a scheme that others may use too; a private-use scheme is a reversed domain name, as in com.example.app:/callback"
	}
	return ""
}

func webRedirectProblem(u *url.URL) string {
	switch {
	case u.Hostname() == "":
		return "has no host"
	case u.User != nil:
		return "has a user name in it"
	case u.Scheme == "http" && !IsLoopback(u.Hostname()):
		return "is http: use https (http is for localhost and loopback addresses only)"
	}
	return ""
}
