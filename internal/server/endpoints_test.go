package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

func TestDiscovery(t *testing.T) {
	w := newWorld(t)
	var first map[string]any
	for _, path := range []string{issuerPath + "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server" + issuerPath} {
		p := w.call("GET", path, nil, "Origin", evilOrigin)
		if p.status != 200 || p.header.Get("Access-Control-Allow-Origin") != "*" || p.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %v", path, p.status, p.header)
		}
		w.must(json.Unmarshal([]byte(p.body), &first))
	}
	if first["issuer"] != w.url+issuerPath || first["assisted_token_endpoint"] != w.url+assistedPath {
		t.Errorf("got %v", first)
	}
	if grants := first["grant_types_supported"].([]any); !slices.Contains(grants, any("urn:ietf:params:oauth:grant-type:assisted_token")) {
		t.Errorf("grant types %v", grants)
	}
	for name, value := range first { // whatever is told is there
		address, ok := value.(string)
		if !ok || name == "issuer" {
			continue
		}
		if p := w.call("GET", strings.TrimPrefix(address, w.url), nil); p.status == http.StatusNotFound {
			t.Errorf("%s: %s does not exist", name, address)
		}
	}
}

// What the profile has switched off is not told.
func TestDiscoveryTellsOnlyWhatIsThere(t *testing.T) {
	w := newWorld(t)
	lists := func() (grants, responseTypes []any, registration any) {
		var m map[string]any
		w.must(json.Unmarshal([]byte(w.call("GET", issuerPath+"/.well-known/openid-configuration", nil).body), &m))
		return m["grant_types_supported"].([]any), m["response_types_supported"].([]any), m["registration_endpoint"]
	}
	grants, types, registration := lists()
	if slices.Contains(grants, any("implicit")) || len(types) != 1 || types[0] != "code" || registration == nil {
		t.Errorf("by default: %v, %v, %v", grants, types, registration)
	}
	w.allowAll()
	if grants, types, _ = lists(); !slices.Contains(grants, any("implicit")) || len(types) != 6 {
		t.Errorf("with everything: %v, %v", grants, types)
	}
	p := w.server.current.Load().profile
	p.Capabilities, p.Registration = []oauth.Capability{oauth.CapClientCredentials}, oauth.RegistrationOff
	w.changed(w.store.PutProfile(context.Background(), p, p.Version, noAudit))
	if grants, types, registration = lists(); len(grants) != 1 || grants[0] != "client_credentials" || len(types) != 0 || registration != nil {
		t.Errorf("with one: %v, %v, %v", grants, types, registration)
	}
}

func TestJWKS(t *testing.T) {
	w := newWorld(t)
	p := w.call("GET", issuerPath+"/jwks", nil, "Origin", evilOrigin)
	var set struct{ Keys []map[string]any }
	w.must(json.Unmarshal([]byte(p.body), &set))
	algs := map[any]bool{}
	for _, k := range set.Keys {
		algs[k["alg"]] = true
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if _, there := k[private]; there {
				t.Errorf("the key %v shows its private part %s", k["kid"], private)
			}
		}
	}
	if !algs["ES256"] || !algs["RS256"] || p.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("algorithms %v, headers %v", algs, p.header)
	}
}

func TestDocumentsCostNoQuery(t *testing.T) {
	w := newWorld(t)
	before := w.stats()
	w.call("GET", issuerPath+"/.well-known/openid-configuration", nil)
	w.call("GET", issuerPath+"/jwks", nil)
	w.call("GET", assistedPath+"/resources/js/assisted-token.min.js", nil)
	if after := w.stats(); after != before {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestScripts(t *testing.T) {
	w := newWorld(t)
	for path := range scripts {
		p := w.call("GET", path, nil)
		if p.status != 200 || !strings.HasPrefix(p.header.Get("Content-Type"), "text/javascript") || p.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, p.status, p.header)
		}
		if p := w.call("GET", path, nil, "If-None-Match", p.header.Get("ETag")); p.status != http.StatusNotModified {
			t.Errorf("%s: asked again: %d", path, p.status)
		}
	}
	if p := w.call("GET", assistedPath+"/resources/js/other.js", nil); p.status != http.StatusNotFound {
		t.Errorf("status %d", p.status)
	}
}

func TestIntrospectionCallers(t *testing.T) {
	w := newWorld(t)
	access := w.browser().signIn("client_id", "app", "scope", "openid profile").token()
	answer := w.introspect(access)
	for name, want := range map[string]any{"active": true, "scope": "openid profile", "client_id": "app", "username": "alice",
		"token_type": "Bearer", "sub": w.alice.ID.String(), "iss": w.url + issuerPath, "acr": oauth.ACRPassword} {
		if answer[name] != want {
			t.Errorf("%s is %v, want %v", name, answer[name], want)
		}
	}
	p := w.call("POST", introspectPath, form("token", access, "client_id", "api", "client_secret", w.secret))
	if p.status != 200 || !strings.Contains(p.body, `"active":true`) || p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("client_secret_post: %d %s", p.status, p.body)
	}
	basic := func(id, secret string) []string {
		return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}
	}
	for name, c := range map[string]struct {
		headers []string
		form    url.Values
		status  int
	}{
		"nobody":                 {nil, form("token", access), 401},
		"wrong secret":           {basic("api", "wrong"), form("token", access), 401},
		"unknown client":         {basic("nobody", w.secret), form("token", access), 401},
		"public client":          {nil, form("token", access, "client_id", "app"), 401},
		"public client by Basic": {basic("app", ""), form("token", access), 401},
		"two ways":               {basic("api", w.secret), form("token", access, "client_secret", w.secret), 400},
		"no token":               {basic("api", w.secret), form(), 400},
		"two tokens":             {basic("api", w.secret), form("token", access, "token", access), 400},
		"huge":                   {basic("api", w.secret), form("token", strings.Repeat("x", 100_000)), 400},
	} {
		p := w.call("POST", introspectPath, c.form, c.headers...)
		if p.status != c.status || strings.Contains(p.body, `"active":true`) {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
		if (p.header.Get("WWW-Authenticate") != "") != (c.status == 401) {
			t.Errorf("%s: WWW-Authenticate %q", name, p.header.Get("WWW-Authenticate"))
		}
	}
	for name, token := range map[string]string{"garbage": "x", "empty": "", "cut": access[:len(access)-3], "changed": access[:len(access)-3] + "AAA", "a JWT of others": "eyJhbGciOiJub25lIn0.e30."} {
		if p := w.call("POST", introspectPath, form("token", token), basic("api", w.secret)...); p.status != 200 || p.body != `{"active":false}` {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
}

func TestRevocation(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	access, other := b.signIn("client_id", "app").token(), b.frame(assisted("client_id", "app", "prompt", "none")).token()
	p := w.call("POST", revokePath, form("token", access, "client_id", "jwt"))
	if p.status != 400 || !strings.Contains(p.body, "invalid_grant") {
		t.Errorf("another client's token: %d %s", p.status, p.body)
	}
	w.wantActive(access, true)
	for range 2 { // doing it twice is no error
		p := w.call("POST", revokePath, form("token", access, "client_id", "app", "token_type_hint", "refresh_token"), "Origin", appOrigin)
		if p.status != 200 || p.header.Get("Access-Control-Allow-Origin") != appOrigin || p.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%d %v", p.status, p.header)
		}
		w.wantActive(access, false)
	}
	w.wantActive(other, true)
	for name, c := range map[string]struct {
		form   url.Values
		status int
	}{
		"garbage":                                {form("token", "x", "client_id", "app"), 200},
		"no client":                              {form("token", other), 401},
		"unknown client":                         {form("token", other, "client_id", "nobody"), 401},
		"no token":                               {form("client_id", "app"), 400},
		"confidential client without its secret": {form("token", other, "client_id", "api"), 401},
	} {
		if p := w.call("POST", revokePath, c.form); p.status != c.status {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
	w.wantActive(other, true)
	if p := w.call("GET", revokePath+"?token="+other+"&client_id=app", nil); p.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", p.status)
	}
	if p := w.call("POST", revokePath+"?token="+other+"&client_id=app", form()); p.status == 200 {
		t.Error("a token in the query string was taken")
	}
}

func TestCORS(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{revokePath, userinfoPath, assistedPath} {
		for origin, want := range map[string]string{
			appOrigin: appOrigin, "https://one.apps.example": "https://one.apps.example", evilOrigin: "", "null": "", "": "", "https://a.b.apps.example": "",
		} {
			p := w.call("OPTIONS", path, nil, "Origin", origin, "Access-Control-Request-Method", "POST")
			if got := p.header.Get("Access-Control-Allow-Origin"); got != want || p.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s from %q: %q", path, origin, got)
			}
		}
	}
	access := w.browser().signIn("client_id", "app").token()
	// The answer is for this client's origins only.
	p := w.call("POST", revokePath, form("token", access, "client_id", "app"), "Origin", otherOrigin)
	if p.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("another client's origin may read the answer")
	}
}

func TestUserinfo(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	access := b.signIn("client_id", "app", "scope", "openid profile").token()
	p := w.call("GET", userinfoPath, nil, "Authorization", "Bearer "+access, "Origin", appOrigin)
	var info map[string]any
	w.must(json.Unmarshal([]byte(p.body), &info))
	if info["sub"] != w.alice.ID.String() || info["name"] != "Alice" || info["email"] != nil || p.header.Get("Access-Control-Allow-Origin") != appOrigin {
		t.Errorf("%v %v", info, p.header)
	}
	if p := w.call("POST", userinfoPath, form("access_token", access)); p.status != 200 {
		t.Errorf("in the body: %d", p.status)
	}
	plain := b.frame(assisted("client_id", "app", "prompt", "none", "scope", "profile")).token()
	for name, c := range map[string]struct {
		header string
		status int
		want   string
	}{
		"nothing sent": {"", 401, `Bearer realm="usher"`},
		"garbage":      {"Bearer x", 401, `error="invalid_token"`},
		"no openid":    {"Bearer " + plain, 403, `error="insufficient_scope"`},
	} {
		p := w.call("GET", userinfoPath, nil, "Authorization", c.header)
		if got := p.header.Get("WWW-Authenticate"); p.status != c.status || !strings.Contains(got, c.want) || (c.header == "" && strings.Contains(got, "error")) {
			t.Errorf("%s: %d %q", name, p.status, got)
		}
	}
	if p := w.call("POST", userinfoPath, form("access_token", access), "Authorization", "Bearer "+access); p.status != 400 {
		t.Errorf("two ways at once: %d", p.status)
	}
}

func TestPlaintextIsRefused(t *testing.T) {
	w := newWorld(t)
	ask := func(remote string, headers ...string) int {
		r := httptest.NewRequest("GET", issuerPath+"/jwks", nil)
		r.RemoteAddr = remote
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		rec := httptest.NewRecorder()
		w.server.Handler().ServeHTTP(rec, r)
		return rec.Code
	}
	if got := ask("192.0.2.1:1000", "X-Forwarded-Proto", "https"); got != http.StatusForbidden {
		t.Errorf("a stranger who says https: %d", got)
	}
	w.server.proxies = web.Proxies{netip.MustParsePrefix("192.0.2.0/24")}
	if got := ask("192.0.2.1:1000", "X-Forwarded-Proto", "https"); got != 200 {
		t.Errorf("a trusted proxy that says https: %d", got)
	}
	if got := ask("192.0.2.1:1000"); got != http.StatusForbidden {
		t.Errorf("a trusted proxy that says nothing: %d", got)
	}
}

func TestEveryPageIsHardened(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, address := range []string{"/", "/no/such/page", assisted("client_id", "app"), assistedPath, logoutPath, preflightPath, windowPath} {
		p := b.open(address)
		csp := p.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'nonce-", "base-uri 'none'", "form-action 'self'", "frame-ancestors "} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: %q is not in the CSP %q", address, want, csp)
			}
		}
		if p.header.Get("Cache-Control") != "no-store" || p.header.Get("X-Content-Type-Options") != "nosniff" || p.header.Get("X-Frame-Options") == "" ||
			p.header.Get("Referrer-Policy") == "" || p.header.Get("Cross-Origin-Opener-Policy") != "" {
			t.Errorf("%s: %v", address, p.header)
		}
		for _, tag := range strings.Split(p.body, "<script")[1:] {
			if !strings.HasPrefix(tag, ` nonce="`) {
				t.Errorf("%s: a script without nonce", address)
			}
		}
		if strings.Contains(p.body, "onclick") || strings.Contains(p.body, " style=") {
			t.Errorf("%s: inline handler or style", address)
		}
	}
}

func TestHSTSSaveOnLocalhost(t *testing.T) {
	for host, want := range map[string]bool{"login.example.com": true, "localhost": false, "192.0.2.7": false, "::1": false} {
		rec := httptest.NewRecorder()
		web.Harden(http.NotFoundHandler(), host).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
		if got := rec.Header().Get("Strict-Transport-Security") != ""; got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}

func TestConfigurationIsInForceWithinTwoSeconds(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	go w.server.Run(ctx)
	w.must(w.manager.RemoveClient(ctx, "app"))
	deadline := time.Now().Add(2 * time.Second)
	for w.call("GET", assisted("client_id", "app", "prompt", "none"), nil).status == 200 {
		if time.Now().After(deadline) {
			t.Fatal("a removed client is still served after 2 s")
		}
	}
}

func TestResetKeysEndsTokensAlone(t *testing.T) {
	w := newWorld(t)
	access := w.browser().signIn("client_id", "app").token()
	w.changed(w.manager.ResetKeys(t.Context()))
	w.wantActive(access, false)
	w.wantActive(w.browser().signIn("client_id", "app").token(), true) // accounts and clients survive
}

// A node that has not seen a new key yet looks for it as soon as a token names it, at most once a second.
func TestUnknownKeyIsLookedFor(t *testing.T) {
	w := oneNode(t)
	now := w.clock.Now()
	key, err := token.NewKey(rand.Reader, token.UseSeal, "", now, now, w.manager.Master)
	w.must(err)
	_, err = w.store.AddKey(t.Context(), key, now, noAudit)
	w.must(err)
	behind := w.server.current.Load()
	w.must(w.server.refresh(t.Context()))
	access := w.browser().signIn("client_id", "app").token()
	w.server.current.Store(behind)
	w.wantActive(access, true)

	w.server.current.Store(behind)
	before := w.stats().Reads
	for range 20 {
		w.wantActive(access, false)
	}
	if reads := w.stats().Reads - before; reads > 2 {
		t.Errorf("unknown keys caused %d reads within a second", reads)
	}
}

func TestRotationKeepsOldTokensGood(t *testing.T) {
	w := newWorld(t)
	for _, client := range []string{"app", "jwt"} {
		access := w.browser().signIn("client_id", client).token()
		_, err := w.manager.RotateKeys(t.Context())
		w.changed(err)
		w.wantActive(access, true)
		w.wantActive(w.browser().signIn("client_id", client).token(), true)
	}
}
