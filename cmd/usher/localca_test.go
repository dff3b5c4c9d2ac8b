package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/manage"
)

func hashOf(secret []byte) []byte { return manage.HashSecret(strings.TrimSpace(string(secret))) }

func newCA(t *testing.T, dir string) *localCA {
	t.Helper()
	ca, isNew, err := openLocalCA(dir)
	if err != nil || !isNew {
		t.Fatalf("new %v, %v", isNew, err)
	}
	return ca
}

func TestLocalCAIsConstrainedToThisMachine(t *testing.T) {
	ca := newCA(t, t.TempDir())
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		host string
		good bool
	}{
		{"localhost", true}, {"127.0.0.1", true}, {"::1", true},
		{"example.com", false}, {"localhost.example.com", false}, {"127.0.0.2", false}, {"192.0.2.1", false}, {"::2", false},
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		if ip := net.ParseIP(tc.host); ip != nil {
			template.IPAddresses = []net.IP{ip}
		} else {
			template.DNSNames = []string{tc.host}
		}
		der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, &key.PublicKey, ca.key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		_, err = cert.Verify(x509.VerifyOptions{DNSName: tc.host, Roots: ca.pool()})
		if (err == nil) != tc.good {
			t.Errorf("%s: %v", tc.host, err)
		}
	}
	if !ca.cert.PermittedDNSDomainsCritical || ca.cert.MaxPathLen != 0 || !ca.cert.MaxPathLenZero {
		t.Error("the constraints are not critical, or the CA may make other CAs")
	}
}

func TestLocalCAStaysAndItsKeyIsPrivate(t *testing.T) {
	dir := t.TempDir()
	ca := newCA(t, dir)
	info, err := os.Stat(filepath.Join(dir, caKeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, isNew, err := openLocalCA(dir)
	if err != nil || isNew || !again.cert.Equal(ca.cert) {
		t.Errorf("another CA: new %v, %v", isNew, err)
	}
}

func leafOf(t *testing.T, dir string) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, leafCertFile), filepath.Join(dir, leafKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func TestLeafIsRenewedWhenItsTimeIsNear(t *testing.T) {
	dir := t.TempDir()
	ca := newCA(t, dir)
	if err := ca.ensureLeaf(dir); err != nil {
		t.Fatal(err)
	}
	first := leafOf(t, dir)
	if _, err := first.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: ca.pool()}); err != nil {
		t.Error(err)
	}
	if err := ca.ensureLeaf(dir); err != nil || !leafOf(t, dir).Equal(first) {
		t.Errorf("renewed too early: %v", err)
	}
	// A CA that ends soon issues a certificate that ends soon, which is renewed at once.
	ending := *ca
	cert := *ca.cert
	cert.NotAfter = time.Now().Add(renewBefore / 2)
	ending.cert = &cert
	if err := ending.issue(dir); err != nil {
		t.Fatal(err)
	}
	if err := ca.ensureLeaf(dir); err != nil || time.Until(leafOf(t, dir).NotAfter) < renewBefore {
		t.Errorf("not renewed: %v", err)
	}
	// One of another CA is replaced.
	other := newCA(t, t.TempDir())
	if err := other.ensureLeaf(dir); err != nil || leafOf(t, dir).CheckSignatureFrom(other.cert) != nil {
		t.Errorf("not replaced: %v", err)
	}
}

func TestWriteFileIsWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	if err := writeFile(filepath.Join(dir, "none", "x"), []byte("x"), 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	blocked := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(blocked, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(blocked, []byte("x"), 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
