package token

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
)

// CertificateThumbprint is the x5t#S256 of a certificate (RFC 8705 §3.1).
func CertificateThumbprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// CertificateIs says why a certificate is not the one that a client registered by its subject or by a DNS name (RFC 8705
// §2.1.2). Where both are given both have to fit; where none is, none does.
func CertificateIs(c *x509.Certificate, subjectDN, sanDNS string) error {
	if subjectDN == "" && sanDNS == "" {
		return errors.New("the client registered no name of its certificate")
	}
	if subjectDN != "" {
		var subject pkix.RDNSequence
		if _, err := asn1.Unmarshal(c.RawSubject, &subject); err != nil || !oauth.SameDN(subjectDN, subject.String()) {
			return errors.New("the certificate has another subject")
		}
	}
	isName := func(name string) bool { return strings.EqualFold(name, sanDNS) }
	if sanDNS != "" && !slices.ContainsFunc(c.DNSNames, isName) {
		return errors.New("the certificate is not for the DNS name")
	}
	return nil
}
