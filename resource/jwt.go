package resource

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// algs are the signatures of tokens that are accepted: asymmetric ones only. proofAlgs are those of DPoP proofs, as the
// server has them: none of them is RS256, which FAPI 2.0 does not allow (Security Profile §5.4.1).
var (
	algs      = []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256, jose.EdDSA}
	proofAlgs = []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.EdDSA}
)

// jwtChecker checks access tokens that are JWTs (RFC 9068 §4).
type jwtChecker struct {
	*settings
	server *server
	keys   *remote[[]jose.JSONWebKey]
}

func newJWTChecker(s *settings, server *server) *jwtChecker {
	j := &jwtChecker{settings: s, server: server}
	j.keys = newRemote(j.fetchKeys, s.now)
	return j
}

// fetchKeys reads the server's JWK Set. A key of a kind that is not known here is none of ours, and hides no other.
func (j *jwtChecker) fetchKeys(ctx context.Context) ([]jose.JSONWebKey, error) {
	m, err := j.server.metadata.get(ctx)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := j.server.get(ctx, m.JWKSURI, &set); err != nil {
		return nil, err
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) == nil && k.Valid() && k.IsPublic() && (k.Use == "" || k.Use == "sig") {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

func (j *jwtChecker) check(ctx context.Context, text string) (Token, error) {
	jws, err := jose.ParseSignedCompact(text, algs)
	if err != nil {
		return Token{}, inactive.because(err)
	}
	header := jws.Signatures[0].Header
	if !isAccessToken(header) {
		return Token{}, invalid("The token is no access token.")
	}
	key, err := j.key(ctx, header)
	if err != nil {
		return Token{}, err
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return Token{}, inactive.because(err)
	}
	return j.judge(payload)
}

// isAccessToken looks at "typ" (RFC 9068 §4): an id_token has the same issuer and the same keys.
func isAccessToken(h jose.Header) bool {
	typ, _ := h.ExtraHeaders[jose.HeaderType].(string)
	typ = strings.ToLower(typ)
	return typ == "at+jwt" || typ == "application/at+jwt"
}

// key finds the key that the token names. One that is not known may be new, so the server is asked again, seldom.
func (j *jwtChecker) key(ctx context.Context, h jose.Header) (*jose.JSONWebKey, error) {
	keys, err := j.keys.get(ctx)
	if err != nil {
		return nil, err
	}
	if k := choose(keys, h); k != nil || h.KeyID == "" {
		return orInactive(k)
	}
	if keys, err = j.keys.renewed(ctx); err != nil {
		return nil, err
	}
	return orInactive(choose(keys, h))
}

func choose(keys []jose.JSONWebKey, h jose.Header) *jose.JSONWebKey {
	for i, k := range keys {
		if k.KeyID != "" && k.KeyID == h.KeyID && (k.Algorithm == "" || k.Algorithm == h.Algorithm) {
			return &keys[i]
		}
	}
	return nil
}

func orInactive(k *jose.JSONWebKey) (*jose.JSONWebKey, error) {
	if k == nil {
		return nil, inactive
	}
	return k, nil
}

// judge reads the claims of a token whose signature is good (RFC 9068 §2.2, §4).
func (j *jwtChecker) judge(payload []byte) (Token, error) {
	t, c, err := parseToken(payload)
	if err != nil {
		return Token{}, inactive.because(err)
	}
	now := j.now()
	issued, err := c.time("iat")
	notBefore, err2 := c.time("nbf")
	switch latest := now.Add(leeway); {
	case c.text("iss") != j.issuer:
		return Token{}, invalid("The token is from another issuer.")
	case !c.isFor(j.audience):
		return Token{}, invalid("The token is for another audience.")
	case err != nil || err2 != nil, t.Expires.IsZero(), issued.IsZero(), t.Subject == "", t.ClientID == "":
		return Token{}, invalid("The token lacks a claim that an access token has.")
	case issued.After(latest), notBefore.After(latest), !now.Before(t.Expires.Add(leeway)):
		return Token{}, inactive
	}
	return t, nil
}
