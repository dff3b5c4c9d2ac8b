package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

func TestEveryReferenceExists(t *testing.T) {
	faults, rules := check(root, "docs/specs.md", "docs/architecture.md", "scripts/mutants/table.yaml")
	for _, f := range faults {
		t.Error(f)
	}
	if rules == 0 {
		t.Error("no rules were found")
	}
}

// TestBrokenReferencesAreFound has a row for each way in which a reference can be broken.
func TestBrokenReferencesAreFound(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"internal/oauth/a.go":      "package oauth\n\ntype T struct{}\n\nfunc (t *T) Rule() {}\n",
		"internal/oauth/a_test.go": "package oauth_test\n\nfunc TestRule(t *testing.T) { t.Run(\"case\", nil) }\n\nfunc help() {}\n",
		"js/src/a.ts":              "export const rule = 1;\n",
		"e2e/tests/a.test.ts":      "it(\"holds\", () => {});\n",
		"table.yaml":               "- {name: known}\n",
		"prose.md":                 "A text, `oauth.TestRule` and `oauth.TestRule/case`, also `no test`.\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const code, test = "`oauth/a.go:T.Rule`", "`oauth.TestRule`"
	for row, want := range map[string]string{
		code + " | " + test + " | `known`":                          "",
		code + ", `js/src/a.ts:rule` | " + test + " | ":             "",
		code + " | `oauth.TestRule/case`, `a.test.ts \"holds\"` | ": "",
		"`oauth/b.go` | " + test + " | ":                            "there is no file oauth/b.go",
		"`oauth/a.go:Missing` | " + test + " | ":                    "declares no Missing",
		"`js/src/a.ts:missing` | " + test + " | ":                   "has no missing",
		code + " | `oauth.TestMissing` | ":                          "there is no test oauth.TestMissing",
		code + " | `oauth.help` | ":                                 "there is no test oauth.help",
		code + " | `oauth.TestRule/missing` | ":                     "has no case",
		code + " | `a.test.ts \"missing\"` | ":                      "has no test",
		code + " | `b.test.ts \"holds\"` | ":                        "there is no file b.test.ts",
		code + " | " + test + " | `unknown`":                        "there is no mutant",
		code + " |  | ":                                             "names its code and a test",
		" | " + test + " | ":                                        "names its code and a test",
		code + " | " + test:                                         "3 cells",
	} {
		document := "| rule | code | test | mutant |\n| --- | --- | --- | --- |\n| §1 | " + row + " |\n"
		if err := os.WriteFile(filepath.Join(dir, "specs.md"), []byte(document), 0o644); err != nil {
			t.Fatal(err)
		}
		faults, _ := check(dir, "specs.md", "prose.md", "table.yaml")
		if got := strings.Join(faults, "\n"); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", row, got, want)
		}
	}
	lost := "Proved by `oauth.TestLost`.\n"
	if err := os.WriteFile(filepath.Join(dir, "prose.md"), []byte(lost), 0o644); err != nil {
		t.Fatal(err)
	}
	if faults, _ := check(dir, "specs.md", "prose.md", "table.yaml"); !strings.Contains(strings.Join(faults, "\n"), "prose.md: there is no test oauth.TestLost") {
		t.Errorf("a test that a text names and that does not exist: %q", faults)
	}
}
