package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/store/storetest"
)

// users is how many workers a trial has.
const users = 8

// lab is what all trials share.
type lab struct {
	dir     string // of this run; removed at its end
	source  string // the folder that the binary is built from
	long    bool
	trust   *tls.Config
	binary  string
	shifted string // the binary whose clock can be shifted; empty until a row needs it
	// sqlite is a prepared database file; postgres a running server with a prepared database.
	sqlite   *prepared
	postgres *prepared
	server   *server
}

// prepared is a database with clients and users, of which each trial gets a copy.
type prepared struct {
	name    string
	secrets map[string]string
}

func newLab(source string, long bool) (*lab, error) {
	dir, err := os.MkdirTemp("", "usher-faults-")
	if err != nil {
		return nil, err
	}
	// PostgreSQL, which runs as another user, has its folders below.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	l := &lab{dir: dir, source: source, long: long}
	if err := l.makeCertificate(); err != nil {
		return l, err
	}
	if l.binary, err = l.build("usher"); err != nil {
		return l, err
	}
	_, err = l.usher("", "", "keys", "new-master", filepath.Join(dir, "master.key"))
	return l, err
}

func (l *lab) close() {
	if l.server != nil {
		l.server.kill()
	}
	os.RemoveAll(l.dir)
}

// build makes the binary of the source.
func (l *lab) build(name string, further ...string) (string, error) {
	binary := filepath.Join(l.dir, name)
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-o", binary}, further...)
	cmd := exec.Command("go", append(args, "./cmd/usher")...)
	cmd.Dir, cmd.Env = l.source, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// shiftedBinary reads the clock through testdata/read.go in place of the product's own file.
func (l *lab) shiftedBinary() (string, error) {
	if l.shifted != "" {
		return l.shifted, nil
	}
	read := filepath.Join(l.source, "internal", "clock", "read.go")
	if _, err := os.Stat(read); err != nil {
		return "", fmt.Errorf("the file that reads the clock has another name: %w", err)
	}
	// Beside this program's own source, wherever the binary's source is.
	list, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/usher-id/usher/faults").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	ours := filepath.Join(strings.TrimSpace(string(list)), "testdata", "read.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{read: ours}})
	if err != nil {
		return "", err
	}
	file := filepath.Join(l.dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return "", err
	}
	l.shifted, err = l.build("usher-shifted", "-overlay", file)
	return l.shifted, err
}

func (l *lab) makeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	l.trust = &tls.Config{ServerName: "localhost", RootCAs: x509.NewCertPool()}
	l.trust.RootCAs.AppendCertsFromPEM(cert)
	return errors.Join(
		os.WriteFile(filepath.Join(l.dir, "tls.crt"), cert, 0o600),
		os.WriteFile(filepath.Join(l.dir, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

// writeConfig writes what the nodes of a database share, and returns the file's name.
func (l *lab) writeConfig(dir, database, further string) (string, error) {
	file := filepath.Join(dir, "usher.yaml")
	text := fmt.Sprintf("base_url: %s\ndatabase: %q\nmaster_key_file: %s\ntls_cert_file: %s\ntls_key_file: %s\n%s",
		baseURL, database, filepath.Join(l.dir, "master.key"), filepath.Join(l.dir, "tls.crt"), filepath.Join(l.dir, "tls.key"), further)
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// usher runs a command and returns what it printed.
func (l *lab) usher(config, stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if config != "" {
		args = append(args, "--config", config)
	}
	cmd := exec.CommandContext(ctx, l.binary, args...)
	cmd.Env = withoutUsher(os.Environ())
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("usher %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.String(), nil
}

func userName(i int) string { return fmt.Sprintf("user-%d", i) }

// prepare makes clients and users in an empty database.
func (l *lab) prepare(name, database string) (*prepared, error) {
	dir := filepath.Join(l.dir, "prepare-"+name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	config, err := l.writeConfig(dir, database, "")
	if err != nil {
		return nil, err
	}
	p := &prepared{name: name, secrets: map[string]string{}}
	for _, args := range [][]string{
		{app, "--capability", "assisted_token", "--capability", "code", "--capability", "refresh", "--redirect-uri", callback,
			"--origin", origin, "--scope", scope, "--lifetime", "3600"},
		{api, "--capability", "introspection", "--secret"},
		{tuned, "--capability", "client_credentials", "--scope", "read", "--secret", "--lifetime", "1000"},
	} {
		out, err := l.usher(config, "", append([]string{"client", "add", "--json"}, args...)...)
		if err != nil {
			return nil, err
		}
		var made struct{ Secret string }
		if err := json.Unmarshal([]byte(out), &made); err != nil {
			return nil, err
		}
		p.secrets[args[0]] = made.Secret
	}
	for i := range users {
		if _, err := l.usher(config, password+"\n", "user", "add", userName(i)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// database gives a trial its copy: the address that the nodes get, and the clients' secrets.
func (l *lab) database(t *trial) (address string, secrets map[string]string, err error) {
	if t.row.database == "sqlite" {
		return l.sqliteCopy(filepath.Join(t.dir, "data"))
	}
	if l.server == nil {
		if err := l.startPostgres(); err != nil {
			return "", nil, err
		}
	}
	return l.server.address(t.name), l.postgres.secrets, l.server.copyDatabase(l.postgres.name, t.name)
}

func (l *lab) startPostgres() (err error) {
	if l.server, err = newServer(filepath.Join(l.dir, "postgres-"+fmt.Sprint(time.Now().UnixNano()))); err != nil {
		return err
	}
	database, err := storetest.CreateDatabase(context.Background(), l.server.address("postgres"), "prepared")
	if err != nil {
		return err
	}
	l.postgres, err = l.prepare("prepared", database)
	return err
}

// sqliteCopy puts a copy of the prepared database into a folder.
func (l *lab) sqliteCopy(folder string) (string, map[string]string, error) {
	file := filepath.Join(l.dir, "prepared.db")
	if l.sqlite == nil {
		var err error
		if l.sqlite, err = l.prepare("sqlite", "sqlite:"+file); err != nil {
			return "", nil, err
		}
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", nil, err
	}
	for _, ending := range []string{"", "-wal"} {
		text, err := os.ReadFile(file + ending)
		if errors.Is(err, os.ErrNotExist) && ending != "" {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, "usher.db"+ending), text, 0o600)
		}
		if err != nil {
			return "", nil, err
		}
	}
	return "sqlite:" + filepath.Join(folder, "usher.db"), l.sqlite.secrets, nil
}
