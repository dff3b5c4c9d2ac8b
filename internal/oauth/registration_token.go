package oauth

import (
	"crypto/subtle"
	"time"
)

// RegistrationTokenLifetime is how long a registration access token is good unless it is used: each
// use brings a new one.
const RegistrationTokenLifetime = 90 * 24 * time.Hour

// ManagementToken is what the server keeps of a client's registration access token (RFC 7592 §3):
// the SHA-256 of the newest one, and of the one before, which is good until the newest is used,
// since an answer may be lost. Version 0.1.0 knows the newest alone, without expiry.
type ManagementToken struct {
	RegistrationTokenHash    []byte    `json:"registration_token_hash,omitempty"`
	RegistrationTokenExpires time.Time `json:"registration_token_expires,omitzero"`
	PreviousTokenHash        []byte    `json:"previous_registration_token_hash,omitempty"`
	PreviousTokenExpires     time.Time `json:"previous_registration_token_expires,omitzero"`
}

// expiry is when the token with the hash ends; the zero time where it is none of the client's.
// began is when the lifetime of a token without an expiry began.
func (t *ManagementToken) expiry(hash []byte, began time.Time) time.Time {
	same := func(own []byte) bool { return len(own) > 0 && subtle.ConstantTimeCompare(own, hash) == 1 }
	newest, previous := same(t.RegistrationTokenHash), same(t.PreviousTokenHash)
	switch {
	case newest && t.RegistrationTokenExpires.IsZero():
		return began.Add(RegistrationTokenLifetime)
	case newest:
		return t.RegistrationTokenExpires
	case previous:
		return t.PreviousTokenExpires
	}
	return time.Time{}
}

// Renewed is what is kept once the token with the hash was used and the answer brings the next one;
// ok is false where the used one is none of the client's, or expired. One that is used again and
// again keeps its own expiry.
func (t ManagementToken) Renewed(
	used, next []byte, began, now time.Time,
) (renewed ManagementToken, ok bool) {
	expires := t.expiry(used, began)
	if !now.Before(expires) {
		return t, false
	}
	return ManagementToken{
		RegistrationTokenHash: next, RegistrationTokenExpires: now.Add(RegistrationTokenLifetime),
		PreviousTokenHash: used, PreviousTokenExpires: expires,
	}, true
}

// Opens tells whether a token with the hash manages the client.
func (t *ManagementToken) Opens(hash []byte, began, now time.Time) bool {
	return now.Before(t.expiry(hash, began))
}
