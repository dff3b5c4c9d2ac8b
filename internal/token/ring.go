package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// The errors of opening and verifying.
var (
	// ErrInvalid: it is not what it claims to be, whatever the reason.
	ErrInvalid = errors.New("invalid token")
	// ErrUnknownKey: it is well formed, but made with a key that this ring does not hold. Another node
	// may have made that key a moment ago, so the caller may renew its snapshot and try once more.
	ErrUnknownKey = errors.New("made with an unknown key")
	// ErrNoKey: the ring has no key for what was asked.
	ErrNoKey = errors.New("there is no key for this: \"usher keys list\" shows what there is")
)

// Ring is an unwrapped set of keys, ready for use: ciphers and signers are built once. It never
// changes, so any number of goroutines share it.
type Ring struct {
	sealing []*sealingKey // in the order of succession
	sealBy  map[[sealIDSize]byte]*sealingKey
	signing map[oauth.Alg][]*signingKey // in the order of succession
	signBy  map[string]*signingKey
}

// NewRing unwraps the keys. Sealed values are bound to the issuer. The error is ErrMaster where the
// master key is not the one that the keys were wrapped under.
func NewRing(keys []WrappedKey, m Master, issuer string) (*Ring, error) {
	r := &Ring{
		sealBy:  map[[sealIDSize]byte]*sealingKey{},
		signing: map[oauth.Alg][]*signingKey{},
		signBy:  map[string]*signingKey{},
	}
	for _, role := range roles {
		for _, k := range succession(keys, role.Use, role.Alg) {
			secret, err := unwrap(k, m)
			if err != nil {
				return nil, err
			}
			if err := r.add(k, secret, issuer); err != nil {
				return nil, fmt.Errorf("key %s: %w", k.ID, err)
			}
		}
	}
	return r, nil
}

func (r *Ring) add(k WrappedKey, secret []byte, issuer string) error {
	if k.Use == UseSign {
		return r.addSigning(k, secret)
	}
	var id [sealIDSize]byte
	if n, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(k.ID)); err != nil || n != sealIDSize || len(k.ID) != 8 {
		return errors.New("a sealing key has 8 characters of base64url as its id")
	}
	if r.sealBy[id] != nil {
		return errors.New("two keys have this id")
	}
	sk, err := newSealingKey(id, k.place(), secret, issuer)
	if err != nil {
		return err
	}
	r.sealing = append(r.sealing, sk)
	r.sealBy[id] = sk
	return nil
}

// currentSealing returns the key to seal with, nil where there is none.
func (r *Ring) currentSealing(now time.Time) *sealingKey {
	i := currentIndex(r.sealing, func(k *sealingKey) place { return k.place }, now)
	if i < 0 {
		return nil
	}
	return r.sealing[i]
}
