package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
)

// TypeDPoP is the typ of a DPoP proof (RFC 9449 §4.2).
const TypeDPoP = "dpop+jwt"

// DPoPProof is what a DPoP proof claims (RFC 9449 §4.2).
type DPoPProof struct {
	ID, Method, Address string
	Issued              time.Time
	// TokenHash is ath; Nonce is ours, of an earlier answer.
	TokenHash, Nonce string
}

// ParseDPoP reads the claims of a proof.
func ParseDPoP(claims []byte) (DPoPProof, error) {
	c, err := parseClaims(claims)
	if err != nil {
		return DPoPProof{}, err
	}
	var p DPoPProof
	var errs [6]error
	p.ID, errs[0] = c.text("jti")
	p.Method, errs[1] = c.text("htm")
	p.Address, errs[2] = c.text("htu")
	p.Issued, errs[3] = c.date("iat")
	p.TokenHash, errs[4] = c.text("ath")
	p.Nonce, errs[5] = c.text("nonce")
	return p, errors.Join(errs[:]...)
}

// Check holds a proof against the request that it came with (RFC 9449 §4.3, save nonce and single use): its method, one
// of the addresses that the request may have been sent to, the time, and the access token where it came with one.
func (p *DPoPProof) Check(method string, addresses []string, accessToken string, now time.Time) error {
	switch {
	case p.ID == "":
		return errors.New("there is no jti")
	case p.Method != method:
		return errors.New("htm is not the method of the request")
	case !slices.ContainsFunc(addresses, func(a string) bool { return sameAddress(p.Address, a) }):
		return errors.New("htu is not the address of the request")
	case p.Issued.IsZero() || now.Sub(p.Issued).Abs() > ForeignSkew:
		return errors.New("iat is not now")
	case accessToken != "" && subtle.ConstantTimeCompare([]byte(p.TokenHash), []byte(DPoPTokenHash(accessToken))) != 1:
		return errors.New("ath is not the hash of the access token")
	}
	return nil
}

// Expires is until when the proof could pass Check once more, and so until when its id has to be remembered.
func (p *DPoPProof) Expires() time.Time { return p.Issued.Add(ForeignSkew + time.Second) }

// DPoPTokenHash is the ath of an access token (RFC 9449 §4.2).
func DPoPTokenHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// sameAddress compares htu with an address of ours: without query and fragment, after the normalisation of RFC 3986
// §6.2.2 and §6.2.3 (RFC 9449 §4.3).
func sameAddress(htu, ours string) bool {
	a, ok := normalAddress(htu)
	b, known := normalAddress(ours)
	return ok && known && a == b
}

func normalAddress(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return "", false
	}
	host := strings.ToLower(u.Host)
	switch u.Scheme { // which Parse made lower case
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	path := u.Path // decoded, so percent-encoded triplets compare as what they stand for
	if path == "" {
		path = "/"
	}
	return u.Scheme + "://" + strings.TrimSuffix(host, ":") + path, true
}
