package admin

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

// Every refused request at the admin listener has one line in the log, too, without the token that
// it brought.
func TestEachRefusalHasOneLine(t *testing.T) {
	w := newWorld(t)
	const hidden = "HIDDEN-c2VjcmV0"
	viewer := "Bearer " + w.accessToken("vera", nil, oauth.ScopeRead)
	const api, scim = "/admin/api/v1", "/admin/scim/v2"
	for _, tt := range []struct {
		name, method, path, cause string
		headers                   []string
	}{
		{"API: no token", "GET", api + "/clients", "Send an access token", nil},
		{"API: bad token", "GET", api + "/clients", "invalid_token", []string{"Authorization",
			"Bearer " + hidden}},
		{"API: role", "POST", api + "/keys/rotate", "insufficient_scope", []string{"Authorization",
			viewer}},
		{"API: nothing there", "GET", api + "/clients/none", "not-found", []string{"Authorization",
			viewer}},
		{"API: parameter", "GET", api + "/clients?limit=x", "parameter", []string{"Authorization",
			viewer}},
		{"API: no route", "GET", api + "/nothing", "not-found", nil},
		{"API: method", "PUT", api + "/clients", "method_not_allowed", nil},
		{"SCIM: bad token", "GET", scim + "/Users", "invalid_token", []string{"Authorization",
			"Bearer " + hidden}},
		{"SCIM: filter", "GET", scim + "/Users?filter=x", "invalidFilter", []string{"Authorization",
			viewer}},
		{"page: no route", "GET", "/admin/nothing", "does not exist", nil},
		{"page: form of another origin", "POST", "/admin/keys/rotate", "cross_origin_form",
			[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}},
		{"page: image", "GET", "/admin", "only as a page", []string{"Sec-Fetch-Dest", "image"}},
		{"page: signed out", "POST", "/admin/keys/rotate", "status=401", []string{"Sec-Fetch-Site",
			"same-origin"}},
		{"sign-in: no flow", "GET", "/admin/callback?code=" + hidden + "&state=" + hidden, "not begun in this browser",
			nil},
		{"link", "GET", "/admin/link?code=" + hidden, "error=", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(w.log.String())
			var form url.Values
			if tt.method == "POST" || tt.method == "PUT" {
				form = url.Values{}
			}
			r := w.answer(w.request(tt.method, tt.path, form, tt.headers...))
			if r.StatusCode < http.StatusBadRequest {
				t.Fatalf("status %d", r.StatusCode)
			}
			lines := strings.Split(strings.TrimSpace(w.log.String()[before:]), "\n")
			if len(lines) != 1 {
				t.Fatalf("%d lines: %q", len(lines), lines)
			}
			for _, want := range []string{`msg="request refused"`, "address=192.0.2.1", "route=", "error=", "cause=", tt.cause} {
				if !strings.Contains(lines[0], want) {
					t.Errorf("%s is not in %s", want, lines[0])
				}
			}
			for _, secret := range []string{hidden, strings.TrimPrefix(viewer, "Bearer ")} {
				if strings.Contains(lines[0], secret) {
					t.Errorf("a secret is in %s", lines[0])
				}
			}
		})
	}
}
