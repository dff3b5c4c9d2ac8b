package token_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-id/usher/internal/token"
)

// selfSigned makes a certificate for a client.
func selfSigned(t testing.TB) *x509.Certificate {
	t.Helper()
	key := foreignKeys().p256
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"client.example"},
		Subject: pkix.Name{CommonName: "client", Organization: []string{"Example, Inc."}, Country: []string{"DE"}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestCertificateIs(t *testing.T) {
	c := selfSigned(t)
	for _, test := range []struct {
		dn, dns string
		want    bool
	}{
		{`CN=client,O=Example\, Inc.,C=DE`, "", true},
		{"", "client.example", true},
		{"", "CLIENT.example", true},
		{`CN=client,O=Example\, Inc.,C=DE`, "client.example", true},
		{`CN=client,O=Example\, Inc.,C=DE`, "other.example", false},
		{`CN=other,O=Example\, Inc.,C=DE`, "client.example", false},
		{`CN=client`, "", false},
		{"", "other.example", false},
		{"", "", false},
	} {
		if err := token.CertificateIs(c, test.dn, test.dns); (err == nil) != test.want {
			t.Errorf("%q, %q: %v", test.dn, test.dns, err)
		}
	}
}

func TestKeySetVouchesForACertificate(t *testing.T) {
	c, k := selfSigned(t), foreignKeys()
	again := selfSigned(t)
	for _, test := range []struct {
		name string
		key  jose.JSONWebKey
		want bool
	}{
		{"by its key", jose.JSONWebKey{Key: &k.p256.PublicKey}, true},
		{"by itself", jose.JSONWebKey{Key: &k.p256.PublicKey, Certificates: []*x509.Certificate{c}}, true},
		{"by another certificate of the key", jose.JSONWebKey{Key: &k.p256.PublicKey, Certificates: []*x509.Certificate{again}}, false},
		{"by another key", jose.JSONWebKey{Key: &k.other.PublicKey}, false},
	} {
		if got := keySet(t, test.key).HasCertificate(c); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
