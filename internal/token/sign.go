package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/usher-id/usher/internal/oauth"
)

// The types of JWTs that usher signs (the typ header, RFC 7515 §4.1.9).
const (
	TypeJWT    = "JWT"        // id_token
	TypeAccess = "at+jwt"     // JWT access token, RFC 9068 §2.1
	TypeLogout = "logout+jwt" // OpenID Connect Back-Channel Logout §2.4

	TypeIntrospection = "token-introspection+jwt" // RFC 9701 §5
)

const maxJWS = 16 << 10

type signingKey struct {
	id      string
	alg     oauth.Alg
	place   place
	signers map[string]jose.Signer // by typ
	public  crypto.PublicKey
	jwk     json.RawMessage
}

func (r *Ring) addSigning(k WrappedKey, pkcs8 []byte) error {
	private, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return errors.New("its content is not a private key")
	}
	sk := &signingKey{id: k.ID, alg: k.Alg, place: k.place(), signers: map[string]jose.Signer{}}
	switch p := private.(type) {
	case *ecdsa.PrivateKey:
		if k.Alg != oauth.ES256 || p.Curve != elliptic.P256() {
			return errors.New("its content does not fit its algorithm")
		}
		sk.public = &p.PublicKey
	case *rsa.PrivateKey:
		if k.Alg != oauth.RS256 || p.N.BitLen() < rsaBits {
			return errors.New("its content does not fit its algorithm")
		}
		sk.public = &p.PublicKey
	default:
		return errors.New("its content does not fit its algorithm")
	}
	signWith := jose.SigningKey{
		Algorithm: jose.SignatureAlgorithm(k.Alg),
		Key:       jose.JSONWebKey{Key: private, KeyID: k.ID},
	}
	for _, typ := range []string{TypeJWT, TypeAccess, TypeLogout, TypeIntrospection} {
		opts := new(jose.SignerOptions).WithType(jose.ContentType(typ))
		if sk.signers[typ], err = jose.NewSigner(signWith, opts); err != nil {
			return err
		}
	}
	// The JWK is made from the public key alone, so that there is no private part to forget.
	sk.jwk, err = json.Marshal(jose.JSONWebKey{Key: sk.public, KeyID: k.ID, Algorithm: string(k.Alg), Use: "sig"})
	if err != nil {
		return err
	}
	r.signing[k.Alg] = append(r.signing[k.Alg], sk)
	r.signBy[k.ID] = sk
	return nil
}

// Sign makes a compact JWS (RFC 7515 §7.1) over the claims, which are JSON, with the current key of
// the algorithm. The type is one of the above.
func (r *Ring) Sign(alg oauth.Alg, typ string, now time.Time, claims []byte) (string, error) {
	line := r.signing[alg]
	i := currentIndex(line, (*signingKey).line, now)
	if i < 0 {
		return "", ErrNoKey
	}
	signer := line[i].signers[typ]
	if signer == nil {
		return "", errors.New("unknown type of JWT")
	}
	jws, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

func (k *signingKey) line() place { return k.place }

// Verify checks a JWS that this server signed (an id_token_hint, a JWT access token) and returns its
// claims. The algorithm is that of the key which kid names; nothing else in the header chooses a key.
// An empty typ accepts an absent one and TypeJWT. It does not judge the claims, expiry included.
func (r *Ring) Verify(jws string, typ string) (claims []byte, alg oauth.Alg, err error) {
	claims, key, err := r.verify(jws, typ)
	if err != nil {
		return nil, "", err
	}
	return claims, key.alg, nil
}

func (r *Ring) verify(jws string, typ string) (claims []byte, key *signingKey, err error) {
	if len(jws) > maxJWS || strings.ContainsAny(jws, " \t\r\n") {
		return nil, nil, ErrInvalid
	}
	parsed, err := jose.ParseSignedCompact(jws, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, nil, ErrInvalid
	}
	header := parsed.Signatures[0].Protected
	if !typeFits(header.ExtraHeaders[jose.HeaderType], typ) || header.KeyID == "" {
		return nil, nil, ErrInvalid
	}
	key = r.signBy[header.KeyID]
	if key == nil {
		return nil, nil, ErrUnknownKey
	}
	if header.Algorithm != string(key.alg) {
		return nil, nil, ErrInvalid
	}
	if claims, err = parsed.Verify(key.public); err != nil {
		return nil, nil, ErrInvalid
	}
	return claims, key, nil
}

// typeFits compares a typ header: without regard to case, and with "application/" in front or not
// (RFC 7515 §4.1.9, RFC 9068 §4).
func typeFits(header any, want string) bool {
	if header == nil {
		return want == ""
	}
	got, isText := header.(string)
	if len(got) > len("application/") && strings.EqualFold(got[:len("application/")], "application/") {
		got = got[len("application/"):]
	}
	if want == "" {
		want = TypeJWT
	}
	return isText && strings.EqualFold(got, want)
}

// JWKS returns the JSON Web Key Set (RFC 7517 §5): all next, current and retired public keys. The
// current ones come first, for clients that take the first key that fits.
func (r *Ring) JWKS(now time.Time) []byte {
	var current, others []json.RawMessage
	for _, alg := range r.Algs() {
		line := r.signing[alg]
		at := currentIndex(line, (*signingKey).line, now)
		for i, k := range line {
			if i == at {
				current = append(current, k.jwk)
			} else {
				others = append(others, k.jwk)
			}
		}
	}
	set := struct {
		Keys []json.RawMessage `json:"keys"`
	}{append(slices.Grow([]json.RawMessage{}, len(current)+len(others)), append(current, others...)...)}
	b, err := json.Marshal(set)
	if err != nil {
		return []byte(`{"keys":[]}`) // the parts were marshalled before: this cannot be
	}
	return b
}

// Algs lists the algorithms that the ring can sign with, ES256 first.
func (r *Ring) Algs() []oauth.Alg {
	var algs []oauth.Alg
	for _, alg := range []oauth.Alg{oauth.ES256, oauth.RS256} {
		if len(r.signing[alg]) > 0 {
			algs = append(algs, alg)
		}
	}
	return algs
}
