package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/crypto/chacha20poly1305"

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
	// Epoch is the horizon's when the key was made.
	Epoch int64
}

const (
	sealSecretSize = 32
	sealIDSize     = 6 // bytes; 8 characters of base64url
	rsaBits        = 2048
)

// Horizon is until when expired things may have been deleted, revocations and used one-time values among
// them. What expires before it stays expired, whatever the clock shows later. Usually that is long past;
// where a clock that was ahead deleted, it lies in the future, and a new epoch begins: new keys, to which
// only the purges since then apply.
type Horizon struct {
	Epoch int64
	// Upto applies to what keys of this epoch made, and Earlier too to what older keys made.
	Upto, Earlier time.Time
}

// Of is the horizon of what a key of the epoch made.
func (h Horizon) Of(epoch int64) time.Time {
	if epoch < h.Epoch {
		return latest(h.Upto, h.Earlier)
	}
	return h.Upto
}

// NewKey makes a key and wraps it: 256 random bits to seal with, a P-256 or 2048-bit RSA key to sign
// with. The ID of a sealing key is random, that of a signing key its thumbprint (RFC 7638).
func NewKey(rand io.Reader, use Use, alg oauth.Alg, created, activates time.Time, m Master) (WrappedKey, error) {
	k := WrappedKey{Use: use, Alg: alg, Created: created, Activates: activates}
	var secret []byte
	var err error
	switch {
	case use == UseSeal && alg == "":
		k.ID, secret, err = newSealKey(rand)
	case use == UseSign:
		k.ID, secret, err = newSignKey(rand, alg)
	default:
		err = fmt.Errorf("no keys are made for use %q and algorithm %q", use, alg)
	}
	if err != nil {
		return WrappedKey{}, err
	}
	return wrap(rand, k, secret, m)
}

func newSealKey(rand io.Reader) (id string, secret []byte, err error) {
	b := make([]byte, sealIDSize+sealSecretSize)
	if _, err := io.ReadFull(rand, b); err != nil {
		return "", nil, fmt.Errorf("make a sealing key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:sealIDSize]), b[sealIDSize:], nil
}

func newSignKey(rand io.Reader, alg oauth.Alg) (id string, pkcs8 []byte, err error) {
	var private crypto.Signer
	switch alg {
	case oauth.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand)
	case oauth.RS256:
		private, err = rsa.GenerateKey(rand, rsaBits)
	default:
		err = fmt.Errorf("unknown algorithm %q", alg)
	}
	if err != nil {
		return "", nil, fmt.Errorf("make a signing key: %w", err)
	}
	if id, err = thumbprint(private.Public()); err != nil {
		return "", nil, err
	}
	pkcs8, err = x509.MarshalPKCS8PrivateKey(private)
	return id, pkcs8, err
}

func thumbprint(public crypto.PublicKey) (string, error) {
	jwk := jose.JSONWebKey{Key: public}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum), err
}

// wrap encrypts the secret under a key derived from the master key. ID, use and algorithm are
// authenticated, so nobody who writes to the database can give a key another role.
func wrap(rand io.Reader, k WrappedKey, secret []byte, m Master) (WrappedKey, error) {
	kek, err := derive(m[:], "usher key wrapping v1")
	if err != nil {
		return WrappedKey{}, err
	}
	aead, err := chacha20poly1305.NewX(kek)
	if err != nil {
		return WrappedKey{}, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(secret)+aead.Overhead())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return WrappedKey{}, fmt.Errorf("wrap a key: %w", err)
	}
	k.Wrapped = aead.Seal(nonce, nonce, secret, wrapData(k))
	return k, nil
}

func unwrap(k WrappedKey, m Master) ([]byte, error) {
	kek, err := derive(m[:], "usher key wrapping v1")
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(kek)
	if err != nil {
		return nil, err
	}
	if len(k.Wrapped) <= aead.NonceSize()+aead.Overhead() {
		// No master key opens this, and none is to blame: the row was cut short or read wrongly.
		return nil, fmt.Errorf("key %q: its stored form is damaged: restore the database from a backup", k.ID)
	}
	secret, err := aead.Open(nil, k.Wrapped[:aead.NonceSize()], k.Wrapped[aead.NonceSize():], wrapData(k))
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", k.ID, ErrMaster)
	}
	return secret, nil
}

func wrapData(k WrappedKey) []byte {
	return lengthPrefixed("usher wrapped key v1", k.ID, string(k.Use), string(k.Alg))
}

// lengthPrefixed joins the parts so that no two lists give the same bytes.
func lengthPrefixed(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = append(binary.AppendUvarint(b, uint64(len(p))), p...)
	}
	return b
}

// Rewrap returns the same keys wrapped under another master key; all of them or an error.
func Rewrap(keys []WrappedKey, from, to Master) ([]WrappedKey, error) {
	rewrapped := make([]WrappedKey, len(keys))
	for i, k := range keys {
		secret, err := unwrap(k, from)
		if err != nil {
			return nil, err
		}
		if rewrapped[i], err = wrap(rand.Reader, k, secret, to); err != nil {
			return nil, err
		}
	}
	return rewrapped, nil
}
