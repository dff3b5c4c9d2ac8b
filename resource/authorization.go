package resource

import (
	"errors"
	"net/http"
	"strings"
)

// The authentication schemes (RFC 6750 §2.1, RFC 9449 §7.1).
const (
	schemeBearer = "Bearer"
	schemeDPoP   = "DPoP"
)

// maxToken bounds what is taken for a token.
const maxToken = 16 << 10

var (
	errNoToken   = errors.New("no access token")
	errMalformed = errors.New("malformed Authorization header")
)

// credentials are scheme and access token of a request.
type credentials struct{ scheme, token string }

// readAuthorization reads the Authorization header: errNoToken where it is missing or of a scheme that is none of
// these, errMalformed, with the scheme, where it is theirs and no token follows.
func readAuthorization(h http.Header, schemes []string) (credentials, error) {
	headers := h.Values("Authorization")
	switch len(headers) {
	case 0:
		return credentials{}, errNoToken
	case 1:
	default:
		return credentials{scheme: schemeBearer}, errMalformed
	}
	name, token, _ := strings.Cut(headers[0], " ")
	for _, scheme := range schemes {
		if strings.EqualFold(name, scheme) { // RFC 9110 §11.1: in any case
			if token = strings.Trim(token, " "); !isToken68(token) {
				return credentials{scheme: scheme}, errMalformed
			}
			return credentials{scheme, token}, nil
		}
	}
	return credentials{}, errNoToken
}

// isToken68 tells whether the text has the syntax of a token (RFC 9110 §11.2; b64token in RFC 6750 §2.1).
func isToken68(text string) bool {
	if len(text) > maxToken {
		return false
	}
	body := strings.TrimRight(text, "=")
	for i := range len(body) {
		if c := body[i]; !unreserved(c) && c != '+' && c != '/' {
			return false
		}
	}
	return body != ""
}
