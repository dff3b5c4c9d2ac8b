package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/usher-id/usher/internal/config"
)

const oneDay = 24 * time.Hour

func certificateConfig(dir string) *config.Config {
	return &config.Config{
		BaseURL: "https://localhost:8443", Listen: "localhost:8443", AdminListen: config.Off, MTLSListen: config.Off,
		TLSCertFile: filepath.Join(dir, leafCertFile), TLSKeyFile: filepath.Join(dir, leafKeyFile),
	}
}

func TestCertificateIsReadAgainWhenItChanges(t *testing.T) {
	dir := t.TempDir()
	ca := newCA(t, dir)
	if err := ca.issue(dir); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c, err := newCertificate(certificateConfig(dir), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	served := func() *x509.Certificate {
		pair, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf
	}
	first := served()
	c.check()
	if !served().Equal(first) {
		t.Error("changed without a change")
	}
	if err := os.WriteFile(c.config.TLSCertFile, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.check()
	if !served().Equal(first) || !strings.Contains(log.String(), "going on with the old one") {
		t.Errorf("a broken file: %s", log.String())
	}
	if err := ca.issue(dir); err != nil {
		t.Fatal(err)
	}
	c.check()
	if served().Equal(first) {
		t.Error("the new certificate is not served")
	}
}

// issuer makes certificates with whatever is wrong with them.
type issuer struct {
	*testing.T
	dir  string
	root *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{T: t, dir: t.TempDir()}
	i.key = i.newKey()
	i.root = i.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(1000 * oneDay),
	}, nil, i.key)
	return i
}

func (i *issuer) newKey() *ecdsa.PrivateKey {
	i.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.Fatal(err)
	}
	return key
}

// sign makes a certificate for the key; by itself where there is no issuer.
func (i *issuer) sign(template, by *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	i.Helper()
	var err error
	if template.SerialNumber, err = newSerial(); err != nil {
		i.Fatal(err)
	}
	if by == nil {
		by = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, i.key)
	if err != nil {
		i.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		i.Fatal(err)
	}
	return cert
}

// leaf is a certificate for a host from one time to another, in days from now.
func (i *issuer) leaf(host string, from, until float64, key *ecdsa.PrivateKey) *x509.Certificate {
	i.Helper()
	day := func(n float64) time.Time { return time.Now().Add(time.Duration(n * float64(oneDay))) }
	return i.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotBefore: day(from), NotAfter: day(until),
	}, i.root, key)
}

func (i *issuer) write(key *ecdsa.PrivateKey, chain ...*x509.Certificate) {
	i.Helper()
	var text []byte
	for _, c := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		i.Fatal(err)
	}
	for name, text := range map[string][]byte{
		leafCertFile: text, leafKeyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	} {
		if err := os.WriteFile(filepath.Join(i.dir, name), text, 0o600); err != nil {
			i.Fatal(err)
		}
	}
}

// TestABadCertificateIsRefusedAtTheStartAndOnReload: start, reload and check-config judge by one function. What is refused
// on reload leaves the one before served, and is logged once and said by a metric until it is replaced.
func TestABadCertificateIsRefusedAtTheStartAndOnReload(t *testing.T) {
	i := newIssuer(t)
	key, other := i.newKey(), i.newKey()
	good := i.leaf("localhost", -1, 90, key)
	stranger := i.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "stranger"}, NotAfter: time.Now().Add(oneDay)}, nil, i.key)
	for _, bad := range []struct {
		name, want string
		key        *ecdsa.PrivateKey
		chain      []*x509.Certificate
	}{
		{"expired", "expired on", key, []*x509.Certificate{i.leaf("localhost", -90, -1, key)}},
		{"expired a minute ago", "expired on", key, []*x509.Certificate{i.leaf("localhost", -90, -0.001, key)}},
		{"not yet valid", "is valid from", key, []*x509.Certificate{i.leaf("localhost", 1, 90, key)}},
		{"another host", "not for the host of base_url (localhost)", key, []*x509.Certificate{i.leaf("login.example.com", -1, 90, key)}},
		{"another key", "cannot be used", other, []*x509.Certificate{good}},
		{"the chain begins with the root", "cannot be used", key, []*x509.Certificate{i.root, good}},
		{"another issuer follows", "is not that of the issuer of certificate 1", key, []*x509.Certificate{good, stranger}},
		{"a stranger between", "is not that of the issuer", key, []*x509.Certificate{good, stranger, i.root}},
		{"nothing", "cannot be used", key, nil},
	} {
		t.Run(bad.name, func(t *testing.T) {
			var log bytes.Buffer
			c := certificateConfig(i.dir)
			i.write(key, good, i.root)
			cert, err := newCertificate(c, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			i.write(bad.key, bad.chain...)
			for range 3 {
				cert.check()
			}
			if !cert.current.Load().Leaf.Equal(good) || strings.Count(log.String(), "going on with the old one") != 1 {
				t.Errorf("served after %s, log: %s", cert.current.Load().Leaf.Subject, log.String())
			}
			if !strings.Contains(metricsOf(cert), "\nusher_certificate_refused 1\n") || len(cert.warnings()) != 1 {
				t.Errorf("metrics: %s", metricsOf(cert))
			}
			if _, err := newCertificate(c, quiet); err == nil || !strings.Contains(err.Error(), bad.want) {
				t.Errorf("the start says %v", err)
			}
			i.write(key, good, i.root)
			cert.check()
			if strings.Contains(metricsOf(cert), "\nusher_certificate_refused 1\n") {
				t.Error("it is replaced, and the metric says that it is not")
			}
		})
	}
}

// TestACertificateThatBecomesValidIsServedThen, without another change of the files.
func TestACertificateThatBecomesValidIsServedThen(t *testing.T) {
	i := newIssuer(t)
	key := i.newKey()
	good, next := i.leaf("localhost", -1, 90, key), i.leaf("localhost", 1, 90, key)
	i.write(key, good)
	cert, err := newCertificate(certificateConfig(i.dir), quiet)
	if err != nil {
		t.Fatal(err)
	}
	i.write(key, next)
	cert.check()
	if !cert.current.Load().Leaf.Equal(good) {
		t.Fatal("it is served before its time")
	}
	cert.now = func() time.Time { return time.Now().Add(2 * oneDay) }
	cert.check()
	if !cert.current.Load().Leaf.Equal(next) {
		t.Error("it is not served")
	}
}

func metricsOf(c *certificate) string {
	registry := prometheus.NewRegistry()
	c.register(registry)
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w.Body.String()
}

// TestTheEndOfACertificateIsAnnounced 30, 14 and 3 days ahead, then daily, and an expired one is served with errors logged.
func TestTheEndOfACertificateIsAnnounced(t *testing.T) {
	i := newIssuer(t)
	key := i.newKey()
	i.write(key, i.leaf("localhost", -1, 40, key))
	var log bytes.Buffer
	cert, err := newCertificate(certificateConfig(i.dir), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	var got []int // the days on which something is logged
	for hour := 0; hour < 43*24; hour += 2 {
		cert.now = func() time.Time { return start.Add(time.Duration(hour)*time.Hour + time.Minute) }
		before := log.Len()
		if cert.check(); log.Len() > before {
			got = append(got, hour/24)
		}
	}
	if want := []int{10, 26, 37, 38, 39, 40, 41, 42}; !slices.Equal(got, want) {
		t.Errorf("logged on the days %v, expected %v\n%s", got, want, log.String())
	}
	if text := log.String(); strings.Count(text, "level=ERROR") != 3 || strings.Count(text, "level=WARN") != 5 {
		t.Errorf("the log: %s", text)
	}
	if pair, err := cert.get(nil); err != nil || pair == nil {
		t.Error("an expired one is served no more")
	}
	if len(cert.warnings()) != 1 {
		t.Errorf("warnings: %v", cert.warnings())
	}
	// Its successor is announced by itself, and no more until then.
	i.write(key, i.leaf("localhost", 39, 39+90, key))
	before := cert.warnings()
	cert.check()
	if after := cert.warnings(); len(before) != 1 || len(after) != 0 {
		t.Errorf("after its renewal: %v", after)
	}
}

// TestCheckConfigWarnsOfCertificatesThatEnd and finds no fault in that; an intermediate counts as its leaf does.
func TestCheckConfigWarnsOfCertificatesThatEnd(t *testing.T) {
	i := newIssuer(t)
	key := i.newKey()
	if err := newMasterFile(filepath.Join(i.dir, "master.key")); err != nil {
		t.Fatal(err)
	}
	soon := func(name string, days float64) *x509.Certificate {
		return i.sign(&x509.Certificate{
			Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
			NotAfter: time.Now().Add(time.Duration(days * float64(oneDay))),
		}, i.root, i.key)
	}
	caFile := filepath.Join(i.dir, "ca.pem")
	for _, c := range []struct {
		name  string
		chain []*x509.Certificate
		ca    *x509.Certificate
		want  string
	}{
		{"far", []*x509.Certificate{i.leaf("localhost", -1, 90, key)}, i.root, ""},
		{"29 days", []*x509.Certificate{i.leaf("localhost", -1, 29.5, key)}, i.root, "tls_cert_file: a certificate expires on"},
		{"13 days", []*x509.Certificate{i.leaf("localhost", -1, 13.5, key)}, i.root, "in 13 days"},
		{"2 days", []*x509.Certificate{i.leaf("localhost", -1, 2, key)}, i.root, "renew it now"},
		{"its intermediate", []*x509.Certificate{i.leaf("localhost", -1, 90, key), soon("root", 5)}, i.root, "in 4 days"},
		{"a CA of clients", []*x509.Certificate{i.leaf("localhost", -1, 90, key)}, soon("clients", 20), "mtls_ca_file: a certificate expires"},
		{"an expired CA", []*x509.Certificate{i.leaf("localhost", -1, 90, key)}, soon("clients", -1), "mtls_ca_file: a certificate expired"},
	} {
		t.Run(c.name, func(t *testing.T) {
			i.write(key, c.chain...)
			text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.ca.Raw})
			if err := os.WriteFile(caFile, text, 0o600); err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			root := newRoot()
			root.SetArgs([]string{
				"check-config", "--json", "--tls-cert-file", filepath.Join(i.dir, leafCertFile), "--tls-key-file", filepath.Join(i.dir, leafKeyFile),
				"--master-key-file", filepath.Join(i.dir, "master.key"), "--mtls-ca-file", caFile,
			})
			root.SetOut(&out)
			root.SetErr(&errs)
			if err := root.ExecuteContext(context.Background()); err != nil {
				t.Fatal(err)
			}
			if c.want == "" && errs.Len() > 0 || !strings.Contains(errs.String(), c.want) {
				t.Errorf("says %q, expected %q", errs.String(), c.want)
			}
			if text, _ := io.ReadAll(&out); strings.TrimSpace(string(text)) != "[]" {
				t.Errorf("the faults: %s", text)
			}
		})
	}
}
