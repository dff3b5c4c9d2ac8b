package oauth

import (
	"crypto/sha256"
	"encoding/hex"
)

// BrowserState is what the check_session_iframe's script may know of the SSO cookie's secret (OpenID Connect
// Session Management §3.2): it changes with every sign-in and tells nothing of the secret. It is not the hash that
// the secret is stored under either, or the script's page would hold what finds a session.
func BrowserState(secret string) string {
	sum := sha256.Sum256([]byte("usher browser state " + secret))
	return hex.EncodeToString(sum[:])
}

// SessionState is the session_state of an authorization response: what the client's own frame hands to the
// check_session_iframe, which computes it again (OpenID Connect Session Management §3.2; internal/web/static/
// checksession.js). The browser state is empty where nobody is signed in.
func SessionState(clientID, origin, browserState, salt string) string {
	sum := sha256.Sum256([]byte(clientID + " " + origin + " " + browserState + " " + salt))
	return hex.EncodeToString(sum[:]) + "." + salt
}

// Origin is the serialised origin of the address; empty where it has none, as with private-use schemes.
func (r ValidRedirect) Origin() string {
	origin, _ := webOrigin(r.uri)
	return origin
}
