package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

func TestOperatorScopesAreNotPublished(t *testing.T) {
	w := newWorld(t)
	if doc := w.call("GET", issuerPath+"/.well-known/openid-configuration", nil); strings.Contains(doc.body, "usher.") {
		t.Error(doc.body)
	}
}

func TestNobodyRegistersForOperatorScopes(t *testing.T) {
	w := newWorld(t)
	p := w.send("POST", registerPath, w.initialToken(), `{"redirect_uris":["https://rp.example/cb"],"scope":"usher.admin"}`)
	p.wantStatus(http.StatusBadRequest)
	made := w.registers(`{"redirect_uris":["https://rp.example/cb"],"scope":"openid usher.admin usher.read"}`)
	if made["scope"] != "openid" {
		t.Errorf("has %v", made["scope"])
	}
}

func TestTheAdminClientSignsInWhateverTheProfileHasOn(t *testing.T) {
	w := newOAuthWorld(t)
	w.manager.AdminURL, w.manager.BaseURL, w.manager.Issuer = "https://localhost:6749", w.url, w.server.issuer
	w.changed(w.manager.EnsureAdminClient(t.Context()))
	snap, err := w.store.Load(t.Context())
	w.must(err)
	p := snap.Profile
	p.Capabilities = []oauth.Capability{oauth.CapAssistedToken}
	w.changed(w.store.PutProfile(t.Context(), p, p.Version, noAudit))
	const redirect = "https://localhost:6749/admin/callback"
	ask := func(client, redirect string) page {
		return w.browser().open(authorization(client, "redirect_uri", redirect, "scope", "openid usher.admin usher.read"))
	}
	ask(oauth.AdminClientID, redirect).wantText("name=\"password\"")
	if p := ask("web", callback); !strings.Contains(p.header.Get("Location"), "error=unauthorized_client") {
		t.Errorf("another client: %d %s", p.status, p.header.Get("Location"))
	}
	ask(oauth.AdminClientID, "https://evil.example/admin/callback").wantPlain(http.StatusBadRequest)
}
