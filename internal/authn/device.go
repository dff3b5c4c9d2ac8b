package authn

import (
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// Device is what the device cookie says: a browser in which this account signed in before. It proves
// nothing about who uses it now; it only chooses where wrong passwords are counted.
type Device struct {
	AccountID oauth.ID
	ID        oauth.ID // random, made at the sign-in
}

const deviceVersion = 1

// SealDevice makes the value of the device cookie.
func SealDevice(r *token.Ring, d Device, now time.Time) (string, error) {
	return r.Seal(token.KindDevice, now, EncodeDevice(d))
}

// OpenDevice reads a device cookie. Where its key is gone, or it is none of ours, there is an error, and
// the browser counts as one that nobody signed in with.
func OpenDevice(r *token.Ring, cookie string) (Device, error) {
	plain, err := r.Open(token.KindDevice, cookie)
	if err != nil {
		return Device{}, err
	}
	return DecodeDevice(plain)
}

// EncodeDevice writes a Device in the form that is sealed.
func EncodeDevice(d Device) []byte {
	b := append([]byte{deviceVersion}, d.AccountID[:]...)
	return append(b, d.ID[:]...)
}

// DecodeDevice reads what EncodeDevice wrote; token.ErrInvalid for anything else.
func DecodeDevice(b []byte) (Device, error) {
	var d Device
	if len(b) != 1+len(d.AccountID)+len(d.ID) || b[0] != deviceVersion {
		return Device{}, token.ErrInvalid
	}
	copy(d.AccountID[:], b[1:])
	copy(d.ID[:], b[1+len(d.AccountID):])
	return d, nil
}

// For returns the text of d.ID where d was made for this account, empty otherwise, the zero
// Device and the zero account included. Whether the browser is still known is Throttle's to say.
func (d Device) For(account oauth.ID) string {
	if account.IsZero() || d.ID.IsZero() || d.AccountID != account {
		return ""
	}
	return d.ID.String()
}
