package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// commandsBelow is the first block of commands below a heading, or below other text, of docs/operating.md.
func commandsBelow(t *testing.T, below string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), below)
	_, after, begins := strings.Cut(after, "```sh\n")
	block, _, ends := strings.Cut(after, "```")
	if !found || !begins || !ends {
		t.Fatalf("docs/operating.md has no commands below %q", below)
	}
	return block
}

// TestDocumentedCommands runs what docs/operating.md says of stops, certificates, upgrades and lists, against a node.
func TestDocumentedCommands(t *testing.T) {
	f := newFleet(t)
	n := f.nodes[0].Load()
	metrics := openTestDoor(t, "metrics_listen", n.operations())
	metrics.serve(quiet, make(chan error, 4))
	bin := filepath.Join(t.TempDir(), "usher")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	file := filepath.Join(f.dir, "usher.yaml")
	settings := "database: " + n.Database + "\nmaster_key_file: " + n.MasterKeyFile +
		"\ntls_cert_file: " + n.TLSCertFile + "\ntls_key_file: " + n.TLSKeyFile + "\n"
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	for below, want := range map[string]string{
		"## Stopping":                "ready",
		"## Certificates":            "The configuration is good.",
		"Lists print the first 100":  "",
		"`usher version` says which": "",
	} {
		commands := "usher version\n"
		if !strings.HasPrefix(below, "`") {
			commands = commandsBelow(t, below)
		}
		commands = strings.NewReplacer("localhost:8444", local(metrics.port()), "/etc/usher/usher.yaml", file).Replace(commands)
		cmd := exec.CommandContext(t.Context(), "sh", "-ec", commands)
		cmd.Dir = f.dir
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(bin)+":"+os.Getenv("PATH"), "USHER_CONFIG="+file)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s\n%s%v\n%s", below, commands, err, out)
		}
	}
	_ = metrics.stop(context.Background())
	if text, err := os.ReadFile(filepath.Join(f.dir, "users.json")); err != nil || strings.TrimSpace(string(text)) != "[]" {
		t.Errorf("users.json: %s, %v", text, err)
	}
}
