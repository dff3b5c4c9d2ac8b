package manage

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func filesDoc(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/files.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheExampleOfTheDocumentApplies(t *testing.T) {
	_, rest, _ := strings.Cut(filesDoc(t), "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("there is no example")
	}
	m, _ := newManager(t)
	p := applyFile(t, m, example, withSecret(fileSecret))
	if len(p.Changes) != 4 || len(p.Warnings) > 0 || len(p.Notes) > 0 {
		t.Errorf("planned %v, %v, %v", brief(p), p.Warnings, p.Notes)
	}
	wantPlan(t, applyFile(t, m, example, withSecret(fileSecret)))
}

func TestTheDocumentNamesEverySetting(t *testing.T) {
	doc := filesDoc(t)
	for _, name := range slices.Concat(clientKeys.names(), profileKeys.names(), scopeKeys.names()) {
		if !strings.Contains(doc, "`"+name+"`") {
			t.Errorf("docs/files.md does not name %s", name)
		}
	}
}
