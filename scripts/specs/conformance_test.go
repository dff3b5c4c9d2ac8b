package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

const conformance = "docs/conformance.md"

// TestConformanceNamesTests holds the page against the sources: each test that it names exists, and each row names one or
// says that there is none.
func TestConformanceNamesTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, conformance))
	if err != nil {
		t.Fatal(err)
	}
	known, err := readSources(root, "scripts/mutants/table.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for i, line := range strings.Split(string(text), "\n") {
		cells := cellsOf(line)
		if !strings.HasPrefix(line, "| `") || len(cells) < 3 || strings.Contains(line, "https://") {
			continue
		}
		rows++
		last := cells[len(cells)-1]
		names := quoted(last)
		if strings.HasPrefix(last, "not covered") {
			continue
		}
		if len(names) == 0 {
			t.Errorf("line %d names no test", i+1)
		}
		for _, name := range names {
			for _, problem := range known.test(name) {
				t.Errorf("line %d: %s", i+1, problem)
			}
		}
	}
	if rows < 100 {
		t.Errorf("only %d rows", rows)
	}
}

// TestConformanceCommands runs the commands of the page, in order, on a new database.
func TestConformanceCommands(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, conformance))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run(t, "go", "build", "-o", filepath.Join(dir, "usher"), root+"/cmd/usher")
	run(t, filepath.Join(dir, "usher"), "keys", "new-master", filepath.Join(dir, "master.key"))
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("password.txt", []byte("correct horse battery\n"))
	for _, name := range []string{"fapi1", "fapi2"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: name, Algorithm: "ES256"}}})
		if err != nil {
			t.Fatal(err)
		}
		write(name+".jwks", set)
	}
	var script strings.Builder
	script.WriteString("set -e\n")
	for _, part := range strings.Split(string(text), "```sh\n")[1:] {
		commands, _, _ := strings.Cut(part, "```")
		script.WriteString(commands)
	}
	shell := exec.Command("sh", "-c", script.String())
	shell.Dir = dir
	shell.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "USHER_DATABASE=sqlite:"+filepath.Join(dir, "usher.db"),
		"USHER_MASTER_KEY_FILE="+filepath.Join(dir, "master.key"))
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "usher_it_") {
		t.Errorf("no registration token in\n%s", out)
	}
}
