package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// block returns the first block of a language in a document.
func block(t *testing.T, document, language string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```"+language+"\n")
	if !found {
		t.Fatalf("%s has no %s block", document, language)
	}
	content, _, _ := strings.Cut(rest, "```")
	return content
}

// run runs a program and returns what it printed.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestConfigurationExample holds the commented file of docs/operating.md against the program: it is accepted, has
// every setting, and shows the true default of those that are commented out.
func TestConfigurationExample(t *testing.T) {
	example := block(t, "docs/operating.md", "yaml")
	dir := t.TempDir()
	usher := filepath.Join(dir, "usher")
	run(t, "go", "build", "-o", usher, root+"/cmd/usher")
	writeCertificate(t, dir, "login.example.com")
	run(t, usher, "keys", "new-master", filepath.Join(dir, "master.key"))
	file := filepath.Join(dir, "usher.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(example, "/etc/usher", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, usher, "check-config", "--config", file)

	setting := regexp.MustCompile(`(?m)^(#?)([a-z_]+): *(.*)$`)
	shown := map[string]string{}
	for _, m := range setting.FindAllStringSubmatch(example, -1) {
		shown[m[2]] = m[1] + m[3]
	}
	for _, m := range setting.FindAllStringSubmatch(run(t, usher, "check-config", "--example"), -1) {
		value, there := shown[m[2]]
		if !there {
			t.Errorf("%s is missing", m[2])
		}
		if strings.HasPrefix(value, "#") && m[3] != "" && value != "#"+m[3] {
			t.Errorf("%s shows %q, its default is %q", m[2], value[1:], m[3])
		}
		delete(shown, m[2])
	}
	for key := range shown {
		t.Errorf("there is no setting %s", key)
	}
}

func writeCertificate(t *testing.T, dir, host string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: cert},
		"tls.key": {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinks follows every link between the documents, to the heading where one is named.
func TestLinks(t *testing.T) {
	documents, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range append(documents, root+"/README.md", root+"/CONTRIBUTING.md", root+"/SECURITY.md") {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			path, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			target := document
			if path != "" {
				target = filepath.Join(filepath.Dir(document), path)
			}
			content, err := os.ReadFile(target)
			if err != nil {
				t.Errorf("%s: %s leads nowhere", document, m[1])
			} else if anchor != "" && !hasHeading(string(content), anchor) {
				t.Errorf("%s: %s names no heading", document, m[1])
			}
		}
	}
}

var notInAnchors = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// hasHeading tells whether a heading gives the anchor, as code hosts make them: lower case, hyphens for
// spaces, nothing else.
func hasHeading(text, anchor string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if title, found := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); found && strings.HasPrefix(line, "#") {
			if strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(title), ""), " ", "-") == anchor {
				return true
			}
		}
	}
	return false
}
