package server

import (
	"html"
	"net/url"
	"regexp"
	"testing"

	"github.com/usher-id/usher/internal/store"
)

// noAudit is not written.
var noAudit store.Audit

// form makes a form: name, value, name, value.
func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

func unescape(s string) string { return html.UnescapeString(s) }

// attribute finds the first attribute of the name in a page.
func attribute(t testing.TB, body, name string) string {
	t.Helper()
	m := regexp.MustCompile(name + `="([^"]*)"`).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("no attribute %s in\n%s", name, body)
	}
	return m[1]
}
