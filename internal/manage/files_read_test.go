package manage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryFaultHasItsLine(t *testing.T) {
	m, _ := newManager(t)
	_, err := m.PlanFile(t.Context(), []byte(`usher: 1
name: ""
profile:
  acces_token_seconds: 60
  id_token_seconds: 1
  scopes:
    - {name: openid, description: Who you are}
    - name: "a b"
      description: x
    - {name: read, description: y, max_age: 1}
clients:
  - id: shop
    name: Shop
    name: Again
    capabilities: [assisted_token, magic]
    allowed_origins:
      - https://shop.example.com
      - ftp://x
    scope: [openid, nothing]
    access_token_seconds: "60"
    consent_required: yes
    secret_hash: AAAA
  - id: shop
  - name: nobody
    capabilities: assisted_token
  - just text
extra: true
`), FileOptions{})
	var got []string
	for _, f := range faultsOf(t, err) {
		got = append(got, fmt.Sprintf("%d %s", f.Line, f.Field))
	}
	want := []string{
		"2 name", "4 profile.acces_token_seconds", "5 profile.id_token_seconds", "8 profile.scopes", "10 profile.scopes.max_age",
		"14 clients.shop.name", "15 clients.shop.capabilities", "18 clients.shop.allowed_origins", "19 clients.shop.scope",
		"20 clients.shop.access_token_seconds", "21 clients.shop.consent_required", "22 clients.shop.secret_hash",
		"23 clients.shop.id", "24 clients[3].id", "25 clients[3].capabilities", "26 clients[4]", "27 extra",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%v", diff, err)
	}
	if !strings.Contains(err.Error(), "acces_token_seconds: unknown: did you mean access_token_seconds?") {
		t.Errorf("no hint in: %v", err)
	}
	if page, err := m.Clients(t.Context()); err != nil || len(page) != 0 {
		t.Errorf("a bad file left %v, %v", page, err)
	}
}

func TestFilesThatAreNoFiles(t *testing.T) {
	m, _ := newManager(t)
	for name, tc := range map[string]struct {
		text, problem string
		line          int
	}{
		"empty":              {"", "empty", 1},
		"only a comment":     {"# hello\n", "empty", 1},
		"no mapping":         {"- usher", "settings", 1},
		"no version":         {"clients: []\n", "version of the format is missing", 1},
		"another version":    {"\nusher: 2\n", "version 2 is unknown", 2},
		"bad YAML":           {"usher: 1\nclients: [\n", "no YAML", 3},
		"no such anchor":     {"usher: 1\nname: *x\n", "unknown anchor", 2},
		"indentation":        {"usher: 1\nclients:\n  - id: a\n   name: b\n", "indentation", 3},
		"colon":              {"usher: 1\nname: b: c\n", "no YAML", 2},
		"two documents":      {"usher: 1\n---\nusher: 1\n", "second document", 2},
		"bad second":         {"usher: 1\n---\n]\n", "no YAML", 3},
		"null":               {"usher: 1\nclients:\n", "no value", 2},
		"no UTF-8":           {"usher: 1\nname: \xff\n", "no text in UTF-8", 2},
		"NUL":                {"usher: 1\nname: a\x00\n", "no text in UTF-8", 2},
		"alias":              {"usher: 1\nname: &a x\nclients: *a\n", "anchors and aliases", 2},
		"merge":              {"usher: 1\n<<: {name: x}\n", "unknown", 2},
		"number as text":     {"usher: 1\nname: 12\n", "in quotes", 2},
		"key that is a list": {"usher: 1\n? [a]\n: 1\n", "plain text", 2},
		"too long":           {"usher: 1\n#" + strings.Repeat("x", MaxFile), "more than 16 MiB", 1},
		"too many parts":     {"usher: 1\nclients: [" + strings.Repeat("1,", maxFileParts) + "]", "too many entries", 1},
		"too deep":           {"usher: 1\nclients: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nested deeper", 2},
		"far too deep":       {"usher: 1\nclients: " + strings.Repeat("[", 50000), "no YAML", 2},
		"bomb":               {"usher: 1\na: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n", "anchors and aliases", 2},
	} {
		_, err := m.PlanFile(t.Context(), []byte(tc.text), FileOptions{})
		if f := faultsOf(t, err); !strings.Contains(f[0].Problem, tc.problem) || f[0].Line != tc.line {
			t.Errorf("%s: want %q on line %d, got line %d: %.200s", name, tc.problem, tc.line, f[0].Line, f[0].Problem)
		}
	}
}

func TestTheAnswerToAFileOfFaultsIsBounded(t *testing.T) {
	m, _ := newManager(t)
	_, err := m.PlanFile(t.Context(), []byte("usher: 1\nclients: ["+strings.Repeat("1,", 3*maxFaults)+"]"), FileOptions{})
	if f := faultsOf(t, err); len(f) != maxFaults+1 || !strings.Contains(f[maxFaults].Problem, "more faults") {
		t.Errorf("%d faults", len(f))
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add([]byte(shopFile))
	f.Add([]byte("usher: 1\nname: x\nprofile: {scopes: [{name: openid, description: x}]}\nclients: [{id: a, secret: {env: X}, jwks: {keys: [{a: 1}]}}]\n"))
	f.Add([]byte("usher: 1\n---\na: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, faults := readFile(text)
		lines := 1 + strings.Count(string(text), "\n") + strings.Count(string(text), "\r") +
			strings.Count(string(text), "\u2028") + strings.Count(string(text), "\u2029") + strings.Count(string(text), "\u0085")
		for _, one := range faults.list {
			if one.Line < 1 || one.Line > lines+1 {
				t.Errorf("line %d of %d: %s", one.Line, lines, one.Problem)
			}
		}
		if len(faults.list) > 0 {
			return
		}
		// What was read without a fault is written and read again as the same.
		for _, c := range doc.clients {
			n, err := yamlOf(documentOf(clientInFile(&c.value)))
			if err != nil {
				t.Fatal(err)
			}
			file, err := encodeFile(n)
			if err != nil {
				t.Fatal(err)
			}
			again, faults := readFile([]byte("usher: 1\nclients:\n- " + strings.ReplaceAll(string(file), "\n", "\n  ")))
			if len(faults.list) > 0 || len(again.clients) != 1 {
				t.Fatalf("%v\n%s", faults.err(), file)
			}
			was, is := documentOf(clientInFile(&c.value)), documentOf(clientInFile(&again.clients[0].value))
			if !sameJSON(was, is) {
				t.Errorf("%s became %s", was, is)
			}
		}
	})
}
