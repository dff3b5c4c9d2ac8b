package manage

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

const (
	maxJWKS     = 16 << 10 // bytes
	maxJWKSKeys = 20
	minRSABits  = 2048
	maxRSABits  = 8192
	maxDNLength = 500
	maxACR      = 200
)

// settleAuthentication drops what the client's way to authenticate has no use for, so that no forgotten secret stays good.
func settleAuthentication(c *oauth.Client) {
	if !usesSecret(c.AuthMethod) {
		c.SecretHash = nil
	}
	if c.AuthMethod != oauth.AuthSecretJWT {
		c.WrappedSecret = nil
	}
}

// usesSecret tells whether the method is one with a secret; that which is not named is.
func usesSecret(method oauth.AuthMethod) bool {
	switch method {
	case "", oauth.AuthSecretBasic, oauth.AuthSecretPost, oauth.AuthSecretJWT:
		return true
	}
	return false
}

func (m *Manager) validateAuthentication(f *faults, c *oauth.Client) {
	oneOf(f, "token_endpoint_auth_method", c.AuthMethod, oauth.AuthMethods)
	oneOf(f, "token_endpoint_auth_signing_alg", c.AssertionAlg, append(slices.Clone(oauth.ClientAlgs), oauth.HS256))
	validateSecret(f, c)
	hasKeys := len(c.JWKS) > 0 || c.JWKSURI != ""
	switch {
	case len(c.JWKS) > 0 && c.JWKSURI != "":
		f.add("jwks_uri", "there is jwks as well: keep one of the two (RFC 7591 section 2)")
	case !hasKeys && (c.AuthMethod == oauth.AuthPrivateKeyJWT || c.AuthMethod == oauth.AuthSelfSignedTLS):
		f.add("jwks", "%s needs the client's public keys: give jwks or jwks_uri", c.AuthMethod)
	case !hasKeys && c.RequireSigned:
		f.add("require_signed_request_object", "signed requests need the client's public keys: give jwks or jwks_uri")
	}
	if len(c.JWKS) > 0 {
		if err := checkJWKS(c.JWKS); err != nil {
			f.add("jwks", "%v", err)
		}
	}
	webAddress(f, "jwks_uri", c.JWKSURI)
	validateCertificate(f, c)
}

// validateSecret finds a client without the secret that its method needs, and a method without its algorithm.
func validateSecret(f *faults, c *oauth.Client) {
	explicit := c.AuthMethod != "" && usesSecret(c.AuthMethod)
	switch {
	case explicit && len(c.SecretHash) != sha256.Size:
		f.add("token_endpoint_auth_method", "%s needs a secret: let one be generated (--secret)", c.AuthMethod)
	case c.AuthMethod == oauth.AuthSecretJWT && len(c.WrappedSecret) == 0:
		f.add("token_endpoint_auth_method", "client_secret_jwt needs a secret that is kept under the master key: let a new one be generated (--secret)")
	}
	switch {
	case c.AssertionAlg == "":
	case c.AuthMethod == oauth.AuthSecretJWT && c.AssertionAlg != oauth.HS256:
		f.add("token_endpoint_auth_signing_alg", "client_secret_jwt is signed with HS256")
	case c.AuthMethod != oauth.AuthSecretJWT && c.AssertionAlg == oauth.HS256:
		f.add("token_endpoint_auth_signing_alg", "HS256 goes with client_secret_jwt alone; there are: %s", join(oauth.ClientAlgs))
	}
}

// validateCertificate holds what the certificate has to say against RFC 8705 §2.1.2: exactly one of the names.
func validateCertificate(f *faults, c *oauth.Client) {
	given := c.TLSSubjectDN != "" || c.TLSSANDNS != ""
	switch {
	case c.AuthMethod != oauth.AuthTLS && given:
		f.add("tls_client_auth_subject_dn", "certificate names go with tls_client_auth alone: choose that method, or remove them")
	case c.AuthMethod == oauth.AuthTLS && (c.TLSSubjectDN == "") == (c.TLSSANDNS == ""):
		f.add("tls_client_auth_subject_dn", "tls_client_auth needs one name of the certificate: tls_client_auth_subject_dn, or tls_client_auth_san_dns")
	}
	if len(c.TLSSubjectDN) > maxDNLength || oauth.Printable(c.TLSSubjectDN) != c.TLSSubjectDN {
		f.add("tls_client_auth_subject_dn", "it is longer than %d characters, or not printable ASCII", maxDNLength)
	}
	if c.TLSSANDNS != "" && !isHost(c.TLSSANDNS) {
		f.add("tls_client_auth_san_dns", "%.100q is not a host name in lower case, as in client.example.com", c.TLSSANDNS)
	}
}

// checkJWKS accepts a set of public keys that usher can verify with (RFC 7517 §5, RFC 7518 §6, RFC 8037 §2).
func checkJWKS(text json.RawMessage) error {
	if len(text) > maxJWKS {
		return fmt.Errorf("it has more than %d bytes", maxJWKS)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) == 0 || len(set.Keys) > maxJWKSKeys {
		return fmt.Errorf(`it is not a key set: an object with 1 to %d "keys" (RFC 7517 section 5)`, maxJWKSKeys)
	}
	seen, signs := map[string]bool{}, false
	for i, raw := range set.Keys {
		k, err := checkJWK(raw)
		if err != nil {
			return fmt.Errorf("key %d: %w", i+1, err)
		}
		if k.KeyID != "" && seen[k.KeyID] {
			return fmt.Errorf("key %d: another has the same kid", i+1)
		}
		seen[k.KeyID] = true
		signs = signs || k.Use != "enc" && verifies(k.Key)
	}
	if !signs {
		return fmt.Errorf("no key is good for the signatures that usher verifies: %s", join(oauth.ClientAlgs))
	}
	return nil
}

// privateMembers are the JWK members that only whoever owns the key may know (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

func checkJWK(raw json.RawMessage) (jose.JSONWebKey, error) {
	var k jose.JSONWebKey
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return k, errors.New("it is not a JSON object")
	}
	for _, name := range privateMembers {
		if _, found := members[name]; found {
			return k, fmt.Errorf("it holds %q, a private part: give public keys only, and replace this key, since others have seen it", name)
		}
	}
	if err := json.Unmarshal(raw, &k); err != nil || !k.Valid() {
		return k, errors.New("usher cannot read it: use an RSA key, an EC key (P-256, P-384, P-521), or Ed25519")
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return k, fmt.Errorf("it is RSA with %d bits: use %d to %d", bits, minRSABits, maxRSABits)
		}
	case *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return k, errors.New("usher cannot use it: use an RSA key, an EC key (P-256, P-384, P-521), or Ed25519")
	}
	return k, nil
}

// verifies tells whether one of oauth.ClientAlgs works with the key.
func verifies(key any) bool {
	ec, isEC := key.(*ecdsa.PublicKey)
	return !isEC || ec.Curve == elliptic.P256()
}

// noMaster explains why a secret cannot be kept.
func noMaster(m token.Master) error {
	if m == (token.Master{}) {
		return Invalid{{"token_endpoint_auth_method", "client_secret_jwt keeps the secret under the master key: give it with --master-key-file or USHER_MASTER_KEY"}}
	}
	return nil
}
