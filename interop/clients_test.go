package interop_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// registration is a client as the command line is given it.
type registration struct {
	id     string
	secret bool
	// settings have the names that 'usher client show --json' prints.
	settings map[string]any
}

// clients are those of every test.
func (w *world) clients() []registration {
	keys := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{w.key.Public()}}
	const scope = "openid profile email offline_access read"
	return []registration{
		{id: "web", secret: true, settings: settings("code refresh introspection", scope, "redirect_uris", []string{callback},
			"post_logout_redirect_uris", []string{goodbye})},
		{id: "rs256", secret: true, settings: settings("code", scope, "redirect_uris", []string{callback}, "id_token_alg", "RS256",
			"userinfo_signed_response_alg", "RS256")},
		{id: "native", settings: settings("code refresh", scope, "redirect_uris", []string{"http://127.0.0.1/cb"})},
		{id: "batch", secret: true, settings: settings("client_credentials", "read", "access_token_format", "jwt")},
		{id: "mac", secret: true, settings: settings("client_credentials", "read", "token_endpoint_auth_method", "client_secret_jwt")},
		{id: "keys", settings: settings("code refresh client_credentials introspection", scope, "redirect_uris", []string{callback},
			"token_endpoint_auth_method", "private_key_jwt", "jwks", keys)},
		{id: "bound", settings: settings("code refresh", scope, "redirect_uris", []string{callback}, "dpop_bound_access_tokens", true)},
		{id: "fapi", settings: settings("code refresh", scope, "redirect_uris", []string{callback}, "dpop_bound_access_tokens", true,
			"require_pushed_authorization_requests", true, "token_endpoint_auth_method", "private_key_jwt", "jwks", keys)},
		{id: "tv", settings: settings("device refresh", scope)},
		{id: "api", secret: true, settings: settings("introspection", "", "introspection_signed_response_alg", "ES256")},
		{id: "gateway", secret: true, settings: settings("token_exchange", "read")},
		{id: "hybrid", secret: true, settings: settings("code hybrid implicit", scope, "redirect_uris", []string{callback})},
		{id: "certified", settings: settings("code client_credentials", scope, "redirect_uris", []string{callback},
			"token_endpoint_auth_method", "tls_client_auth", "tls_client_auth_san_dns", clientHost, "tls_client_certificate_bound_access_tokens", true)},
		w.browserApp("spa", "code"), w.browserApp("spa-refresh", "code refresh"),
	}
}

// browserApp is an app in the browser: it is back at a page of its own library, in the window or in a frame.
func (w *world) browserApp(id, capabilities string) registration {
	var pages, frames []string
	for _, library := range apps {
		page := w.app + "/" + library + "/" + id
		pages, frames = append(pages, page), append(frames, page+"/silent")
	}
	return registration{id: id, settings: settings(capabilities, "openid profile email offline_access", "allowed_origins", []string{w.app},
		"redirect_uris", append(frames, pages...), "post_logout_redirect_uris", pages)}
}

// settings are capabilities and scope, and what else a client has: name, value, name, value.
func settings(capabilities, scope string, more ...any) map[string]any {
	s := map[string]any{"capabilities": strings.Fields(capabilities), "scope": strings.Fields(scope)}
	for i := 0; i < len(more); i += 2 {
		s[more[i].(string)] = more[i+1]
	}
	return s
}

func newKey(t *testing.T) jose.JSONWebKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return jose.JSONWebKey{Key: key, KeyID: "interop", Algorithm: "ES256", Use: "sig"}
}
