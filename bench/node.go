package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// certificate is what usher and the floors serve with.
type certificate struct {
	cert, key []byte // PEM
	roots     *x509.CertPool
}

func newCertificate() (certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return certificate{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return certificate{}, err
	}
	c := certificate{
		cert:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		roots: x509.NewCertPool(),
	}
	if !c.roots.AppendCertsFromPEM(c.cert) {
		return certificate{}, errors.New("the certificate cannot be read again")
	}
	return c, nil
}

// build makes the binary the way it is released.
func build(ctx context.Context, folder string, extra ...string) (string, error) {
	binary := filepath.Join(folder, "usher")
	args := append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", binary}, extra...)
	cmd := exec.CommandContext(ctx, "go", append(args, "github.com/usher-id/usher/cmd/usher")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return binary, cmd.Run()
}

// node is a running `usher serve`.
type node struct {
	cmd     *exec.Cmd
	log     string
	profile string // where the next processor profile goes; empty where the binary makes none
	target
}

// freeAddress finds a port that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func baseURL(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return "https://localhost:" + port
}

// adminAt is the configuration of an admin listener at an address of its own.
func adminAt(address string) string {
	return fmt.Sprintf("admin_listen: %s\nadmin_base_url: %s\n", address, baseURL(address))
}

// startNode starts the binary on a database and waits until it answers.
func startNode(binary, folder, address string, w *world, c certificate, further string) (*node, error) {
	files := map[string]string{
		"tls.crt": string(c.cert), "tls.key": string(c.key), "master.key": w.master.Encode(),
		"usher.yaml": fmt.Sprintf("base_url: %s\nlisten: %s\nmetrics_listen: off\nshutdown_delay: 0s\ntls_cert_file: %s\ntls_key_file: %s\nmaster_key_file: %s\ndatabase: %q\n%s",
			baseURL(address), address, filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key"), filepath.Join(folder, "master.key"), w.database, further),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	n := &node{log: filepath.Join(folder, "usher.log"), profile: filepath.Join(folder, "usher.pprof")}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	n.cmd = exec.Command(binary, "serve", "--config", filepath.Join(folder, "usher.yaml"))
	n.cmd.Stdout, n.cmd.Stderr = log, log
	n.cmd.Env = append(withoutUsher(os.Environ()), profileVariable+"="+n.profile)
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	n.target = target{address: address, host: "localhost:" + port, roots: c.roots, pid: n.cmd.Process.Pid}
	if err := waitFor(n.target, time.Now().Add(30*time.Second)); err != nil {
		return nil, fmt.Errorf("%w\n%s", errors.Join(err, stop(n.cmd)), n.lastWords())
	}
	return n, nil
}

// withoutUsher keeps settings of the caller's environment out of what is measured.
func withoutUsher(environ []string) []string {
	var kept []string
	for _, e := range environ {
		if !strings.HasPrefix(e, "USHER_") {
			kept = append(kept, e)
		}
	}
	return kept
}

// waitFor asks for the discovery document until it comes.
func waitFor(t target, until time.Time) error {
	request := []byte("GET /oauth/v2/oauth-anonymous/.well-known/openid-configuration HTTP/1.1\r\nHost: " + t.host + "\r\n\r\n")
	for {
		a, err := ask(t, request)
		if err == nil && a.status == 200 {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("the server does not answer (status %d): %w", a.status, err)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// ask sends one request over a connection of its own.
func ask(t target, request []byte) (answer, error) {
	c, err := connect(t, 0)
	if err != nil {
		return answer{}, err
	}
	defer c.close()
	return c.roundTrip(request)
}

// lastWords is the end of the log, for an error message.
func (n *node) lastWords() string {
	text, _ := os.ReadFile(n.log)
	return string(text[max(0, len(text)-2000):])
}

// profiling starts and ends a processor profile in a binary that can make one.
func (n *node) profiling(on bool) {
	if on {
		n.cmd.Process.Signal(syscall.SIGUSR1)
	} else {
		n.cmd.Process.Signal(syscall.SIGUSR2)
	}
}

func (n *node) close() error { return stop(n.cmd) }
