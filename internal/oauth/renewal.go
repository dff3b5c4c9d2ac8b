package oauth

import (
	"crypto/subtle"
	"net/url"
)

// Renewal is the content of a sealed renewal handle: with it a page renews its tokens where no cookie reaches a frame.
// It stands for the session that it names, for one client at one origin, and is worth nothing without the key.
// So it need not rotate (RFC 9700 §4.14.2), and renewing writes nothing.
type Renewal struct {
	SessionID ID     `json:"s"`
	ClientID  string `json:"c"`
	Origin    string `json:"o"`
	JKT       string `json:"k"`
}

// ParseRenewalKey reads the thumbprint of the key that the page holds (dpop_jkt, RFC 9449 §10); empty for none.
func ParseRenewalKey(q url.Values) (string, *Error) {
	jkt, err := single(q, "dpop_jkt")
	if err == nil && jkt != "" && !isSHA256(jkt) {
		err = errThumbprint
	}
	return jkt, err
}

var errThumbprint = Errorf(InvalidRequest, "The dpop_jkt is not the base64url form of a SHA-256.")

// ParseRenewal reads the sealed handle of a request to renew.
func ParseRenewal(form url.Values) (handle string, err *Error) {
	if handle, err = single(form, "renewal_handle"); err == nil && handle == "" {
		err = Errorf(InvalidRequest, "The request lacks renewal_handle.")
	}
	return handle, err
}

// Check holds the handle against the client that asks, the origin of the page that does, and the key that it proved.
func (h *Renewal) Check(clientID string, origin ValidOrigin, jkt string) *Error {
	if h.ClientID != clientID || h.Origin != origin.String() || h.JKT == "" || subtle.ConstantTimeCompare([]byte(h.JKT), []byte(jkt)) != 1 {
		return Errorf(InvalidGrant, "The renewal handle is of another client, origin or key.")
	}
	return nil
}
