package token

import (
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// Use is what a key is for.
type Use string

// Sealing keys are root secrets from which each kind of sealed value derives its own; signing keys
// are published in the JWKS.
const (
	UseSeal Use = "seal"
	UseSign Use = "sign"
)

// WrappedKey is a key as the store keeps it: its secret encrypted under the master key.
type WrappedKey struct {
	ID      string
	Use     Use
	Alg     oauth.Alg // of a signing key
	Created time.Time
	// Activates is when the key becomes the current one of its use and algorithm; before, it is
	// "next", after its successor activates it is "retired".
	Activates time.Time
	Wrapped   []byte
}
