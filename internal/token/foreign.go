package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/usher-id/usher/internal/oauth"
)

// The bounds of the keys of others: RFC 7518 §3.3 and §3.5 demand 2048 bits of RSA, and a huge modulus costs whoever
// verifies with it.
const (
	minForeignRSA = 2048
	maxForeignRSA = 8192
	maxKeySet     = 64 // keys
)

// Foreign is a JWS that somebody else signed: an assertion, a DPoP proof, a request object.
type Foreign struct {
	Alg  oauth.Alg
	Type string // the typ header, without "application/" in front; empty where absent
	jws  *jose.JSONWebSignature
	// claims are the payload, which nobody vouched for yet.
	claims []byte
}

// ParseForeign reads a compact JWS (RFC 7515 §7.1) of one of the algorithms. Unsigned ones (RFC 7515 §A.5) are read only
// where oauth.AlgNone is among them. The error is always ErrInvalid.
func ParseForeign(text string, algs []oauth.Alg) (*Foreign, error) {
	if len(text) > maxJWS || strings.ContainsAny(text, " \t\r\n") {
		return nil, ErrInvalid
	}
	var signed []jose.SignatureAlgorithm
	for _, alg := range algs {
		if alg != oauth.AlgNone {
			signed = append(signed, jose.SignatureAlgorithm(alg))
		}
	}
	if len(signed) < len(algs) {
		if f, ok := parseUnsigned(text); ok {
			return f, nil
		}
	}
	if len(signed) == 0 {
		return nil, ErrInvalid
	}
	jws, err := jose.ParseSignedCompact(text, signed)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, ErrInvalid
	}
	header := jws.Signatures[0].Protected
	typ, ok := shortType(header.ExtraHeaders[jose.HeaderType])
	if !ok {
		return nil, ErrInvalid
	}
	return &Foreign{Alg: oauth.Alg(header.Algorithm), Type: typ, jws: jws, claims: jws.UnsafePayloadWithoutVerification()}, nil
}

// parseUnsigned reads a JWS with the algorithm none and nothing where a signature would be.
func parseUnsigned(text string) (*Foreign, bool) {
	encodedHeader, rest, _ := strings.Cut(text, ".")
	encodedClaims, signature, dots := strings.Cut(rest, ".")
	if !dots || signature != "" {
		return nil, false
	}
	rawHeader, err := strictBase64.DecodeString(encodedHeader)
	if err != nil {
		return nil, false
	}
	claims, err := strictBase64.DecodeString(encodedClaims)
	if err != nil {
		return nil, false
	}
	var header map[string]any
	if err := json.Unmarshal(rawHeader, &header); err != nil || header["alg"] != string(oauth.AlgNone) || header["crit"] != nil {
		return nil, false
	}
	typ, ok := shortType(header["typ"])
	return &Foreign{Alg: oauth.AlgNone, Type: typ, claims: claims}, ok
}

// shortType reads a typ header, which may leave "application/" out (RFC 7515 §4.1.9).
func shortType(header any) (string, bool) {
	if header == nil {
		return "", true
	}
	typ, isText := header.(string)
	const full = "application/"
	if len(typ) > len(full) && strings.EqualFold(typ[:len(full)], full) {
		typ = typ[len(full):]
	}
	return typ, isText
}

// Unverified is the payload. Nothing of it is to be believed: it is for finding out whose keys to verify with.
func (f *Foreign) Unverified() []byte { return f.claims }

// Verify checks the signature with one of the signer's keys and returns the payload. The error is ErrUnknownKey where
// none of the keys is the one that the header names, or, where it names none, none of them verifies: the signer may
// have others by now.
func (f *Foreign) Verify(keys *KeySet) ([]byte, error) {
	if f.jws == nil {
		return nil, ErrInvalid
	}
	kid := f.jws.Signatures[0].Protected.KeyID
	known := false
	for i := range keys.keys {
		k := &keys.keys[i]
		if kid != "" && k.KeyID != kid || !verifies(k, f.Alg) {
			continue
		}
		known = kid != ""
		if claims, err := f.jws.Verify(k.Key); err == nil {
			return claims, nil
		}
	}
	if known {
		return nil, ErrInvalid
	}
	return nil, ErrUnknownKey
}

// VerifyMAC checks an HS256 signature with a shared secret and returns the payload.
func (f *Foreign) VerifyMAC(secret []byte) ([]byte, error) {
	if f.jws == nil || f.Alg != oauth.HS256 || len(secret) == 0 {
		return nil, ErrInvalid
	}
	claims, err := f.jws.Verify(secret)
	if err != nil {
		return nil, ErrInvalid
	}
	return claims, nil
}

// VerifyEmbedded checks the signature with the public key in the header itself, as DPoP proofs have it (RFC 9449 §4.2),
// and returns the payload and the key's SHA-256 thumbprint (RFC 7638).
func (f *Foreign) VerifyEmbedded() (claims []byte, jkt string, err error) {
	if f.jws == nil {
		return nil, "", ErrInvalid
	}
	// Parsing refused a key with a private part.
	key := f.jws.Signatures[0].Protected.JSONWebKey
	if key == nil || !verifies(key, f.Alg) {
		return nil, "", ErrInvalid
	}
	if claims, err = f.jws.Verify(key.Key); err != nil {
		return nil, "", ErrInvalid
	}
	if jkt, err = thumbprint(key.Key); err != nil {
		return nil, "", ErrInvalid
	}
	return claims, jkt, nil
}

// verifies tells whether a key may verify signatures of the algorithm.
func verifies(k *jose.JSONWebKey, alg oauth.Alg) bool {
	if k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != string(alg) || !k.Valid() {
		return false
	}
	switch key := k.Key.(type) {
	case *ecdsa.PublicKey:
		return alg == oauth.ES256 && key.Curve == elliptic.P256()
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		return (alg == oauth.PS256 || alg == oauth.RS256) && bits >= minForeignRSA && bits <= maxForeignRSA
	case ed25519.PublicKey:
		return alg == oauth.EdDSA
	}
	return false
}

// KeySet is the public keys of somebody else (RFC 7517 §5).
type KeySet struct{ keys []jose.JSONWebKey }

// ParseKeySet reads a JWKS. Keys of kinds that usher does not know are left out (RFC 7517 §5).
func ParseKeySet(document []byte) (*KeySet, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil || set.Keys == nil {
		return nil, errors.New("this is no JSON Web Key Set: an object with the list \"keys\"")
	}
	if len(set.Keys) > maxKeySet {
		return nil, errors.New("the JSON Web Key Set has more than 64 keys")
	}
	keys := &KeySet{}
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if err := json.Unmarshal(raw, &k); err != nil {
			continue
		}
		if _, secret := k.Key.([]byte); secret || !k.IsPublic() {
			return nil, errors.New("the JSON Web Key Set holds a private or secret key: publish public ones only")
		}
		keys.keys = append(keys.keys, k)
	}
	return keys, nil
}

// Len counts the keys that usher understands.
func (s *KeySet) Len() int { return len(s.keys) }

// HasCertificate tells whether the set vouches for a self-signed certificate: it holds the certificate (x5c), or its
// key (RFC 8705 §2.2.2).
func (s *KeySet) HasCertificate(c *x509.Certificate) bool {
	public, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return slices.ContainsFunc(s.keys, func(k jose.JSONWebKey) bool {
		if len(k.Certificates) > 0 {
			return bytes.Equal(k.Certificates[0].Raw, c.Raw)
		}
		return ok && k.Use != "enc" && public.Equal(k.Key)
	})
}
