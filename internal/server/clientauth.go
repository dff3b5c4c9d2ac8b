package server

import (
	"crypto/subtle"
	"net/http"
	"net/url"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

// errClient does not tell an unknown client from a wrong secret.
var errClient = oauth.Errorf(oauth.InvalidClient, "Client authentication failed.")

// authenticateClient reads and checks the credentials of a form request (RFC 6749 §2.3.1): HTTP Basic or the
// form, never both. A public client is identified by client_id alone. Generated secrets have 256 bits, so one
// SHA-256 and a constant-time comparison are enough.
func authenticateClient(r *http.Request, snap *snapshot) (*oauth.Client, *oauth.Error) {
	id, secret, inHeader, err := clientCredentials(r)
	if err != nil {
		return nil, err
	}
	c, known := snap.client(id)
	if !known {
		return nil, errClient
	}
	if c.IsPublic() {
		if inHeader || secret != "" {
			return nil, errClient
		}
		return c, nil
	}
	if subtle.ConstantTimeCompare(web.HashSecret(secret), c.SecretHash) != 1 {
		return nil, errClient
	}
	return c, nil
}

func clientCredentials(r *http.Request) (id, secret string, inHeader bool, err *oauth.Error) {
	for _, name := range []string{"client_id", "client_secret"} {
		if len(r.PostForm[name]) > 1 {
			return "", "", false, oauth.Errorf(oauth.InvalidRequest, "The parameter %s is repeated.", name)
		}
	}
	id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	user, password, inHeader := r.BasicAuth()
	if !inHeader {
		return id, secret, false, nil
	}
	// Both halves are form-encoded (RFC 6749 §2.3.1).
	headerID, err1 := url.QueryUnescape(user)
	headerSecret, err2 := url.QueryUnescape(password)
	if err1 != nil || err2 != nil {
		return "", "", true, errClient
	}
	if secret != "" || id != "" && id != headerID {
		return "", "", true, oauth.Errorf(oauth.InvalidRequest, "The request authenticates the client in two ways.")
	}
	return headerID, headerSecret, true, nil
}
