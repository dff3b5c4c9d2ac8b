package interop_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	username = "ann"
	password = "correct horse battery"
	// callback is where most clients are sent back to: the user's browser is ours, so nobody has to be there.
	callback = "https://client.example/cb"
	goodbye  = "https://client.example/bye"
)

// world is a server, as many nodes as it takes, with its clients and its user.
type world struct {
	dir    string
	binary string
	// base is the server's address, issuer its name, app the origin of the pages that run in Chromium.
	base, issuer, app string
	nodes             []*node
	trust             *x509.CertPool
	// http asks the server, each time over a connection of its own, and so the other node.
	http *http.Client
	// mtls is the address where the server asks for a certificate; certificate is the client's that has one.
	mtls        string
	certificate pair
	// secrets are those of the clients that have one; key is that of the others.
	secrets map[string]string
	key     jose.JSONWebKey
	// registration is an initial access token.
	registration string

	mu       sync.Mutex
	kills    int
	visitors map[string]*visitor
}

// binary builds the server, once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs("../build/interop/usher")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", path, "./cmd/usher")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// newWorld starts so many nodes on a database, which is empty.
func newWorld(t *testing.T, database string, nodes int) *world {
	t.Helper()
	path, err := binary()
	must(t, err)
	w := &world{dir: t.TempDir(), binary: path, secrets: map[string]string{}, visitors: map[string]*visitor{}}
	w.makeCertificates(t)
	w.http = w.newHTTP()
	w.base = "https://localhost:" + w.balance(t, func(n *node) string { return n.address })
	w.mtls = "https://localhost:" + w.balance(t, func(n *node) string { return n.mtls })
	w.issuer = w.base + "/oauth/v2/oauth-anonymous"
	w.serveApp(t)
	w.configure(t, database)
	w.register(t)
	for range nodes {
		w.nodes = append(w.nodes, w.newNode(t))
	}
	must(t, w.allNodes())
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newHTTP trusts the server and keeps no connection.
func (w *world) newHTTP() *http.Client {
	return &http.Client{
		Timeout:   20 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: w.trust}},
	}
}

// configure writes what all nodes and the command line share.
func (w *world) configure(t *testing.T, database string) {
	t.Helper()
	_, err := w.usher("", "keys", "new-master", filepath.Join(w.dir, "master.key"))
	must(t, err)
	settings := map[string]string{
		"base_url": w.base, "database": database, "master_key_file": filepath.Join(w.dir, "master.key"),
		"mtls_base_url": w.mtls, "mtls_ca_file": filepath.Join(w.dir, "clients.crt"),
		"tls_cert_file": filepath.Join(w.dir, "tls.crt"), "tls_key_file": filepath.Join(w.dir, "tls.key"),
	}
	var file strings.Builder
	for key, value := range settings {
		fmt.Fprintf(&file, "%s: %q\n", key, value)
	}
	must(t, os.WriteFile(filepath.Join(w.dir, "usher.yaml"), []byte(file.String()), 0o600))
}

// capabilities are all that there are: those that a new server has switched off are in the tests, too.
var capabilities = []string{
	"assisted_token", "code", "implicit", "hybrid", "refresh", "client_credentials", "device", "token_exchange", "introspection",
}

// register makes the clients and the user.
func (w *world) register(t *testing.T) {
	t.Helper()
	w.key = newKey(t)
	profile := []string{"profile", "change"}
	for _, name := range capabilities {
		profile = append(profile, "--capability", name)
	}
	w.manage(t, "", profile...)
	w.registration = strings.TrimSpace(w.manage(t, "", "registration-token"))
	for _, c := range w.clients() {
		text, err := json.Marshal(c.settings)
		must(t, err)
		args := []string{"client", "add", c.id, "--from", "-", "--json"}
		if c.secret {
			args = append(args, "--secret")
		}
		var made struct{ Secret string }
		must(t, json.Unmarshal([]byte(w.manage(t, string(text), args...)), &made))
		w.secrets[c.id] = made.Secret
	}
	w.manage(t, password+"\n", "user", "add", username, "--name", "Ann Archer", "--email", "ann@example.com", "--claim", "email_verified=true")
}

// manage runs a command on the server's database and returns what it printed.
func (w *world) manage(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := w.usher(stdin, append(args, "--config", filepath.Join(w.dir, "usher.yaml"))...)
	must(t, err)
	return out
}

// usher runs the command line and returns what it printed.
func (w *world) usher(stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.binary, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("usher %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.String(), nil
}

// between is what tests call between two steps: where there are two nodes it kills one, which comes back by itself. Until
// it is back the other one carries all, and it is that one's turn the next time.
func (w *world) between() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.nodes) < 2 {
		return nil
	}
	if err := w.allNodes(); err != nil {
		return err
	}
	n := w.nodes[w.kills%len(w.nodes)]
	w.kills++
	n.kill()
	return n.start()
}

// allNodes waits until every node serves.
func (w *world) allNodes() error {
	for _, n := range w.nodes {
		if err := n.ready(); err != nil {
			return err
		}
	}
	return nil
}

// visitor is the user of this name, who is new where the name is.
func (w *world) visitor(name string) *visitor {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.visitors[name]
	if v == nil {
		v = w.newVisitor()
		w.visitors[name] = v
	}
	return v
}
