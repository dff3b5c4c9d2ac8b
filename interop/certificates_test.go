package interop_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// clientHost is the name in the certificate of the client that authenticates by one.
const clientHost = "certified.example"

// pair is a certificate that vouches for itself, and its key, as PEM.
type pair struct {
	Cert string `json:"cert"`
	Key  string `json:"key"`
}

func (p pair) tls(t *testing.T) tls.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair([]byte(p.Cert), []byte(p.Key))
	must(t, err)
	return c
}

func newPair(t *testing.T, usage x509.ExtKeyUsage, host string) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{usage}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return pair{
		Cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Key:  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})),
	}
}

// makeCertificates makes those of the server and of the client that has one.
func (w *world) makeCertificates(t *testing.T) {
	t.Helper()
	server := newPair(t, x509.ExtKeyUsageServerAuth, "localhost")
	w.certificate = newPair(t, x509.ExtKeyUsageClientAuth, clientHost)
	w.trust = x509.NewCertPool()
	w.trust.AppendCertsFromPEM([]byte(server.Cert))
	for name, text := range map[string]string{"tls.crt": server.Cert, "tls.key": server.Key, "clients.crt": w.certificate.Cert} {
		must(t, os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600))
	}
}
