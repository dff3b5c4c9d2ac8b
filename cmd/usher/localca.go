package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/usher-id/usher/internal/clock"
)

// The files of the local CA and of the certificate that it issues. The CA can vouch for this machine's
// own names only (RFC 5280 §4.2.1.10, critical), so a stolen key of it cannot impersonate any site.
const (
	caCertFile   = "ca.crt"
	caKeyFile    = "ca.key"
	leafCertFile = "tls.crt"
	leafKeyFile  = "tls.key"

	caLifetime   = 5 * 365 * 24 * time.Hour
	leafLifetime = 90 * 24 * time.Hour // public CAs are on the way there, and some browsers demand short ones
	renewBefore  = 30 * 24 * time.Hour
)

// localCA is the certificate authority of one demo folder.
type localCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// openLocalCA reads the CA of a folder, or makes one where there is none or it is about to expire.
func openLocalCA(dir string) (ca *localCA, isNew bool, err error) {
	ca, err = readLocalCA(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, false, err
	case ca.cert.NotAfter.Sub(clock.Wall()) > renewBefore:
		return ca, false, nil
	}
	ca, err = makeLocalCA(dir)
	return ca, true, err
}

// readLocalCA reads the CA of a folder; the error is a fs.ErrNotExist where a file of it is missing.
func readLocalCA(dir string) (*localCA, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, caCertFile), filepath.Join(dir, caKeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if err != nil || !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%s and %s in %s are damaged: remove both, start again, and run 'usher trust' once more", caCertFile, caKeyFile, dir)
	}
	if pair.Leaf.NotBefore.After(clock.Wall()) {
		return nil, fmt.Errorf("%s is from the future: set this machine's clock, or remove %s and %s in %s, start again, and run 'usher trust' once more",
			caCertFile, caCertFile, caKeyFile, dir)
	}
	return &localCA{pair.Leaf, key}, nil
}

func makeLocalCA(dir string) (*localCA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	now := clock.Wall()
	_, v4, _ := net.ParseCIDR("127.0.0.1/32")
	_, v6, _ := net.ParseCIDR("::1/128")
	template := &x509.Certificate{
		SerialNumber:                serial,
		Subject:                     pkix.Name{CommonName: "usher local development CA " + hex.EncodeToString(serial.Bytes()[:4])},
		NotBefore:                   now,
		NotAfter:                    now.Add(caLifetime),
		KeyUsage:                    x509.KeyUsageCertSign,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{"localhost"},
		PermittedIPRanges:           []*net.IPNet{v4, v6},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &localCA{cert, key}, writePair(dir, caCertFile, caKeyFile, der, key)
}

// ensureLeaf makes sure that the folder has a certificate for this machine, issued by the CA and good
// for a while.
func (ca *localCA) ensureLeaf(dir string) error {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, leafCertFile), filepath.Join(dir, leafKeyFile))
	if err == nil && pair.Leaf.CheckSignatureFrom(ca.cert) == nil {
		// One from the future, which no browser takes, is made again.
		now := clock.Wall()
		if !pair.Leaf.NotBefore.After(now) && pair.Leaf.NotAfter.Sub(now) > renewBefore {
			return nil
		}
	}
	return ca.issue(dir)
}

func (ca *localCA) issue(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := newSerial()
	if err != nil {
		return err
	}
	now := clock.Wall()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    now,
		NotAfter:     now.Add(leafLifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if ca.cert.NotAfter.Before(template.NotAfter) {
		template.NotAfter = ca.cert.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		return err
	}
	return writePair(dir, leafCertFile, leafKeyFile, der, key)
}

// pool trusts the CA and nothing else.
func (ca *localCA) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

func newSerial() (*big.Int, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, err
	}
	b[0] = b[0]&0x7f | 0x40 // positive, and always 16 bytes (RFC 5280 §4.1.2.2)
	return new(big.Int).SetBytes(b[:]), nil
}

// writePair writes the key first: a certificate without its key would look whole.
func writePair(dir, certFile, keyFile string, cert []byte, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, keyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, certFile), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o644)
}

// writeFile replaces a file whole or not at all.
func writeFile(path string, content []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
