package resource

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// proofWindow is how old a proof may be, and how far in the future: browsers' clocks differ (RFC 9449 §11.1).
	proofWindow = time.Minute
	// maxProof bounds a proof; an RSA key and its signature take about 2,000 bytes.
	maxProof = 8 << 10
	// maxProofRSA bounds an RSA key in bits: whoever verifies with a huge one pays for it.
	maxProofRSA = 8192
)

// dpop checks proofs of possession for one API (RFC 9449).
type dpop struct {
	base string // scheme, host and path prefix of the API, normalised
	seen *window
}

func newDPoP(baseURL string) (*dpop, error) {
	base, err := normalURI(baseURL)
	if err != nil || !confidential(baseURL) {
		return nil, errors.New("AcceptDPoP needs the https address under which clients reach the API (http only on this machine)")
	}
	return &dpop{base: strings.TrimRight(base, "/"), seen: newWindow(maxSeen)}, nil
}

// proof is a DPoP proof whose signature is good.
type proof struct {
	thumbprint string // of its key (RFC 7638)
	jti, htm   string
	uri        string // htu, normalised
	ath        string
	issued     time.Time
}

// read returns the proof of a request with this access token, with all checked that needs no answer of the server
// (RFC 9449 §4.3).
func (d *dpop) read(r *http.Request, accessToken string, now time.Time) (*proof, error) {
	headers := r.Header.Values("DPoP")
	if len(headers) != 1 {
		return nil, errors.New("not exactly one DPoP header")
	}
	p, err := parseProof(headers[0])
	if err != nil {
		return nil, err
	}
	want, err := d.uri(r)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(accessToken))
	ath := base64.RawURLEncoding.EncodeToString(sum[:])
	switch {
	case p.htm != r.Method:
		return nil, errors.New("htm is another method")
	case p.uri != want:
		return nil, fmt.Errorf("htu is another address than %s", want)
	case subtle.ConstantTimeCompare([]byte(p.ath), []byte(ath)) != 1:
		return nil, errors.New("ath is another token's")
	case p.issued.Before(now.Add(-proofWindow)) || p.issued.After(now.Add(proofWindow)):
		return nil, errors.New("iat is too far from now")
	}
	return p, nil
}

// uri is the address of a request as its client sees it. The request line has the path that no router has shortened.
func (d *dpop) uri(r *http.Request) (string, error) {
	u, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return "", err
	}
	return normalURI(d.base + "/" + strings.TrimPrefix(u.EscapedPath(), "/"))
}

// parseProof reads a proof and verifies it with the key that it brings along.
func parseProof(text string) (*proof, error) {
	if len(text) > maxProof {
		return nil, errors.New("the proof is too long")
	}
	jws, err := jose.ParseSignedCompact(text, proofAlgs)
	if err != nil {
		return nil, err
	}
	header := jws.Signatures[0].Header
	key := header.JSONWebKey // go-jose refuses a private one
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); !strings.EqualFold(typ, "dpop+jwt") {
		return nil, errors.New("typ is not dpop+jwt")
	}
	if key == nil || !key.Valid() || !key.IsPublic() {
		return nil, errors.New("the proof has no public key")
	}
	if k, ok := key.Key.(*rsa.PublicKey); ok && (k.N.BitLen() < 2048 || k.N.BitLen() > maxProofRSA) {
		return nil, errors.New("the proof's key is too small, or too large")
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, err
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return readProof(payload, sum)
}

// readProof reads the claims of a proof (RFC 9449 §4.2).
func readProof(payload, thumbprint []byte) (*proof, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, err
	}
	p := &proof{
		thumbprint: base64.RawURLEncoding.EncodeToString(thumbprint),
		jti:        c.text("jti"), htm: c.text("htm"), ath: c.text("ath"),
	}
	var errs [2]error
	p.issued, errs[0] = c.time("iat")
	p.uri, errs[1] = normalURI(c.text("htu"))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if p.jti == "" || p.htm == "" || p.ath == "" || p.issued.IsZero() {
		return nil, errors.New("the proof lacks a claim")
	}
	return p, nil
}

// normalURI writes an address without query and fragment in the one form that is compared (RFC 9449 §4.3, RFC 3986 §6.2.2,
// §6.2.3).
func normalURI(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if host == "" || u.User != nil || scheme != "https" && scheme != "http" {
		return "", errors.New("not an http address")
	}
	if port := map[string]string{"https": ":443", "http": ":80"}[scheme]; u.Port() == "" || port == ":"+u.Port() {
		host = strings.TrimSuffix(strings.TrimSuffix(host, port), ":")
	}
	path := normalPath(u.EscapedPath())
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path, nil
}

// normalPath writes percent-encodings in one way: none for what needs none, upper case for the rest.
func normalPath(path string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' && i+2 < len(path) {
			if decoded, err := url.PathUnescape(path[i : i+3]); err == nil {
				c, i = decoded[0], i+2
				if !unreserved(c) {
					b.Write([]byte{'%', hex[c>>4], hex[c&15]})
					continue
				}
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

func unreserved(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
