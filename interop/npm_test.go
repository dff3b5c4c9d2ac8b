package interop_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/evanw/esbuild/pkg/api"
)

// outcome is what harness/reporter.ts writes of one test, a line each.
type outcome struct {
	Name    string
	Millis  float64
	Failure string
}

// bundled are the tests whose library Node cannot load as it is: it was written for bundlers.
var bundled = []string{"appauth"}

// script is the test of a library.
func script(t *testing.T, name string) string {
	t.Helper()
	path := "clients/" + name + ".test.ts"
	if !slices.Contains(bundled, name) {
		return path
	}
	built, err := build(path, api.BuildOptions{Format: api.FormatCommonJS, Platform: api.PlatformNode})
	must(t, err)
	path = filepath.Join(t.TempDir(), name+".test.cjs")
	must(t, os.WriteFile(path, built[0].Contents, 0o600))
	return path
}

// npm runs clients/NAME.test.ts in Node, and reports each of its tests under its own name.
func (w *world) npm(t *testing.T, name string) {
	t.Helper()
	told := filepath.Join(t.TempDir(), "world.json")
	text, err := json.Marshal(map[string]any{
		"control": w.control(t).URL, "issuer": w.issuer, "app": w.app, "username": username, "password": password,
		"callback": callback, "goodbye": goodbye, "secrets": w.secrets, "key": w.key,
		"registration": w.registration, "certificate": w.certificate,
	})
	must(t, err)
	must(t, os.WriteFile(told, text, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	node, err := filepath.Abs("node_modules/.bin/node")
	must(t, err)
	cmd := exec.CommandContext(ctx, node, "--test", "--test-isolation=none", "--test-timeout=60000",
		"--test-reporter=./harness/reporter.ts", script(t, name))
	cmd.Env = append(os.Environ(), "USHER_WORLD="+told, "NODE_EXTRA_CA_CERTS="+filepath.Join(w.dir, "tls.crt"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = 5 * time.Second
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	ran, lines := 0, bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var o outcome
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			t.Errorf("node printed %s", lines.Bytes())
			continue
		}
		ran++
		t.Run(o.Name, func(t *testing.T) {
			t.Logf("%.0f ms", o.Millis)
			if o.Failure != "" {
				t.Error(o.Failure)
			}
		})
	}
	if err := cmd.Wait(); err != nil && !t.Failed() || ran == 0 {
		t.Errorf("node ended after %d tests: %v\n%s", ran, err, stderr.Bytes())
	}
}
