package token

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// Kind is what a sealed value is; each kind has a key of its own.
type Kind string

// The kinds of sealed values.
const (
	KindAccess Kind = "access" // handle access tokens
	KindFlow   Kind = "flow"   // sign-in flows under way
	KindDevice Kind = "device" // device cookies (package authn)

	KindCode         Kind = "code"         // authorization codes
	KindRefresh      Kind = "refresh"      // refresh tokens
	KindRequest      Kind = "request"      // pushed authorization requests
	KindDeviceCode   Kind = "device_code"  // device codes (RFC 8628)
	KindNonce        Kind = "nonce"        // DPoP nonces
	KindRenewal      Kind = "renewal"      // renewal handles of the browser library
	KindTicket       Kind = "ticket"       // sessions on their way into a frame
	KindRegistration Kind = "registration" // initial access tokens for client registration

	KindAdminSession Kind = "admin_session" // cookies of signed-in operators
	KindAdminFlow    Kind = "admin_flow"    // cookies of operators who are signing in

	KindOperatorLink Kind = "operator_link" // one-time links with which somebody becomes an operator
	KindPasswordLink Kind = "password_link" // one-time links with which a user sets a password
)

// kinds lists every kind with the prefix of its text. What applications hold has one that secret
// scanners can find; all its characters belong to b64token (RFC 6750 §2.1).
var kinds = map[Kind]string{
	KindAccess: AccessPrefix, KindFlow: "", KindDevice: "", KindCode: CodePrefix, KindRefresh: RefreshPrefix, KindRequest: "",
	KindDeviceCode: "usher_dc_", KindNonce: "", KindRenewal: "", KindTicket: "", KindRegistration: "usher_it_",
	KindAdminSession: "", KindAdminFlow: "", KindOperatorLink: "usher_ol_", KindPasswordLink: "usher_pl_",
}

// The prefixes that begin what applications hold: access tokens (handles), refresh tokens, authorization codes.
const (
	AccessPrefix  = "usher_at_"
	RefreshPrefix = "usher_rt_"
	CodePrefix    = "usher_ac_"
)

const (
	sealVersion = 1
	// A sealed value is: version, key id, nonce, ciphertext with tag.
	nonceAt    = 1 + sealIDSize
	cipherAt   = nonceAt + chacha20poly1305.NonceSizeX
	maxPlain   = 16 << 10
	maxSealed  = cipherAt + maxPlain + chacha20poly1305.Overhead
	minSealed  = cipherAt + chacha20poly1305.Overhead
	scratchCap = 1 << 10
)

type sealingKey struct {
	id    [sealIDSize]byte
	place place
	kinds map[Kind]sealer
}

// sealer is the cipher of one kind under one key, and what it authenticates beside the plain text.
type sealer struct {
	cipher.AEAD
	data []byte
}

func newSealingKey(id [sealIDSize]byte, place place, secret []byte, issuer string) (*sealingKey, error) {
	if len(secret) != sealSecretSize {
		return nil, errors.New("a sealing key has 32 bytes")
	}
	k := &sealingKey{id: id, place: place, kinds: make(map[Kind]sealer, len(kinds))}
	for kind := range kinds {
		key, err := derive(secret, "usher sealed v1 "+string(kind))
		if err != nil {
			return nil, err
		}
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return nil, err
		}
		data := append([]byte{sealVersion}, lengthPrefixed(string(kind), issuer)...)
		k.kinds[kind] = sealer{aead, data}
	}
	return k, nil
}

// scratch holds buffers for binary forms and texts on their way; each is copied before it goes back.
var scratch = sync.Pool{New: func() any { b := make([]byte, 0, scratchCap); return &b }}

// Seal encrypts plain as a value of the kind, under the key that is current. The text is URL-safe.
func (r *Ring) Seal(kind Kind, now time.Time, plain []byte) (string, error) {
	key := r.currentSealing(now)
	if key == nil {
		return "", ErrNoKey
	}
	s, known := key.kinds[kind]
	if !known || len(plain) > maxPlain {
		return "", errors.New("this cannot be sealed: an unknown kind, or too long")
	}
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	b := append((*buf)[:0], sealVersion)
	b = append(b, key.id[:]...)
	b = b[:cipherAt] // within scratchCap
	_, _ = rand.Read(b[nonceAt:cipherAt])
	b = s.Seal(b, b[nonceAt:cipherAt], plain, s.data)
	sealed := len(b)
	b = append(b, kinds[kind]...)
	b = base64.RawURLEncoding.AppendEncode(b, b[:sealed])
	*buf = b[:0]
	return string(b[sealed:]), nil
}

// Open decrypts a value of the kind. The error is ErrUnknownKey where the value may be good but the
// ring does not hold its key, ErrInvalid for anything else.
func (r *Ring) Open(kind Kind, text string) ([]byte, error) {
	plain, _, err := r.open(kind, text, nil)
	return plain, err
}

// OpenMade is Open that also tells the epoch in which the value was made.
func (r *Ring) OpenMade(kind Kind, text string) (plain []byte, epoch int64, err error) {
	return r.open(kind, text, nil)
}

// open appends what is inside to dst.
func (r *Ring) open(kind Kind, text string, dst []byte) (plain []byte, epoch int64, err error) {
	text, found := strings.CutPrefix(text, kinds[kind])
	// The decoder skips line ends, so a text with one would be a second name of the same value.
	if !found || len(text) > base64.RawURLEncoding.EncodedLen(maxSealed) || hasLineEnd(text) {
		return nil, 0, ErrInvalid
	}
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	b := append((*buf)[:0], text...)
	b, err = strictBase64.AppendDecode(b, b)
	*buf = b[:0]
	b = b[len(text):]
	if err != nil || len(b) < minSealed || b[0] != sealVersion {
		return nil, 0, ErrInvalid
	}
	key := r.sealBy[[sealIDSize]byte(b[1:nonceAt])]
	if key == nil {
		return nil, 0, ErrUnknownKey
	}
	s, known := key.kinds[kind]
	if !known {
		return nil, 0, ErrInvalid
	}
	plain, err = s.Open(dst, b[nonceAt:cipherAt], b[cipherAt:], s.data)
	if err != nil {
		return nil, 0, ErrInvalid
	}
	return plain, key.place.epoch, nil
}

func hasLineEnd(text string) bool {
	return strings.IndexByte(text, '\n') >= 0 || strings.IndexByte(text, '\r') >= 0
}

var strictBase64 = base64.RawURLEncoding.Strict()
