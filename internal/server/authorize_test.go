package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

const (
	callback = "https://web.example/callback"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // of RFC 7636 appendix B
	webKey   = "the secret of the client web"
)

// codeChallenge is the S256 code challenge of verifier.
var codeChallenge = base64.RawURLEncoding.EncodeToString(func() []byte { s := sha256.Sum256([]byte(verifier)); return s[:] }())

// newOAuthWorld is a world with all flows switched on, a confidential client "web" and a public client "spa".
func newOAuthWorld(t testing.TB) *world {
	t.Helper()
	return newWorld(t).withOAuth()
}

// withOAuth adds the clients of the other flows.
func (w *world) withOAuth() *world {
	w.t.Helper()
	w.allowAll()
	all := []oauth.Capability{oauth.CapCode, oauth.CapImplicit, oauth.CapHybrid, oauth.CapRefresh}
	scope := []string{"openid", "profile", "email", "read", "payment", "offline_access"}
	web := oauth.Client{ID: "web", Name: "Web", Capabilities: append(all, oauth.CapClientCredentials), Scope: scope, RedirectURIs: []string{callback, callback + "?a=b"}}
	web.SecretHash = manage.HashSecret(webKey)
	spa := oauth.Client{ID: "spa", Name: "SPA", Capabilities: all, Scope: scope, RedirectURIs: []string{callback}, AllowedOrigins: []oauth.OriginPattern{appOrigin}}
	w.put(web)
	w.put(spa)
	return w
}

// allowAll switches every capability of the profile on.
func (w *world) allowAll() {
	w.t.Helper()
	snap, err := w.store.Load(context.Background())
	w.must(err)
	p := snap.Profile
	p.Capabilities = oauth.Capabilities
	w.changed(w.store.PutProfile(context.Background(), p, p.Version, noAudit))
}

// put stores a new client as it is.
func (w *world) put(c oauth.Client) {
	w.t.Helper()
	w.changed(w.store.PutClient(context.Background(), c, 0, noAudit))
}

// authorization is the address of the authorization endpoint for a client, with parameters: name, value, ... that replace
// or add to those of a plain code request.
func authorization(client string, params ...string) string {
	q := url.Values{
		"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid read"}, "state": {"s-1"},
		"nonce": {"n-1"}, "code_challenge": {codeChallenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(params); i += 2 {
		if q.Set(params[i], params[i+1]); params[i+1] == "" {
			q.Del(params[i])
		}
	}
	return authorizePath + "?" + q.Encode()
}

// post submits a form of our own page, as the whole page.
func (b *browser) post(path string, form url.Values) page {
	b.t.Helper()
	return b.do(b.request("POST", path, form, "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "same-origin", "Origin", b.url))
}

// authorize goes to an authorization address, signs in where that is asked, and returns the page after it.
func (b *browser) authorize(address string) page {
	b.t.Helper()
	p := b.open(address)
	if strings.Contains(p.body, `data-page="signin"`) {
		p = b.post(signInPath, url.Values{"flow": {p.field("flow")}, "username": {"alice"}, "password": {password}})
	}
	return p
}

// answer is what the redirect brings the client.
func (p page) answer() url.Values {
	p.t.Helper()
	to, err := url.Parse(p.header.Get("Location"))
	if err != nil || p.status != http.StatusSeeOther {
		p.t.Fatalf("status %d, Location %q, %.2000s", p.status, p.header.Get("Location"), p.body)
	}
	text := to.RawQuery
	if to.Fragment != "" {
		text = to.EscapedFragment()
	}
	q, err := url.ParseQuery(text)
	if err != nil {
		p.t.Fatal(err)
	}
	return q
}

// wantRefused demands that the client is told this error, and its state.
func (p page) wantRefused(code oauth.Code) {
	p.t.Helper()
	if q := p.answer(); q.Get("error") != string(code) || q.Get("state") != "s-1" || q.Get("iss") == "" || q.Has("code") {
		p.t.Fatalf("got %v, want the error %s", q, code)
	}
}

// tokens are an answer of the token endpoint.
type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Scope   string `json:"scope"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Error   string `json:"error"`
	status  int
}

// trade asks the token endpoint as the client.
func (w *world) trade(client string, params ...string) tokens {
	w.t.Helper()
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Add(params[i], params[i+1])
	}
	r := w.blocked().request("POST", tokenPath, form)
	if client == "web" {
		r.SetBasicAuth(client, url.QueryEscape(webKey))
	} else {
		form.Set("client_id", client)
		r = w.blocked().request("POST", tokenPath, form)
	}
	p := w.blocked().do(r)
	t := tokens{status: p.status}
	w.must(json.Unmarshal([]byte(p.body), &t))
	if p.header.Get("Cache-Control") != "no-store" { // RFC 6749 §5.1
		w.t.Error("the answer of the token endpoint may be cached")
	}
	return t
}

func (w *world) redeem(client, code string, params ...string) tokens {
	w.t.Helper()
	return w.trade(client, append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier}, params...)...)
}

// granted demands tokens.
func (t tokens) granted(tb testing.TB) tokens {
	tb.Helper()
	if t.status != 200 || t.Access == "" {
		tb.Fatalf("no tokens: %+v", t)
	}
	return t
}

func (t tokens) wantError(tb testing.TB, code oauth.Code) {
	tb.Helper()
	if t.Error != string(code) || t.Access != "" {
		tb.Fatalf("got %+v, want the error %s", t, code)
	}
}

func TestCodeFlow(t *testing.T) {
	w := newOAuthWorld(t)
	for _, client := range []string{"web", "spa"} {
		q := w.browser().authorize(authorization(client)).answer()
		if q.Get("state") != "s-1" || q.Get("iss") != w.server.issuer || q.Get("session_state") == "" {
			t.Errorf("%s: the answer is %v", client, q)
		}
		got := w.redeem(client, q.Get("code")).granted(t)
		if got.Type != "Bearer" || got.Expires != 300 || got.Scope != "openid read" || got.Refresh == "" {
			t.Errorf("%s: %+v", client, got)
		}
		w.wantActive(got.Access, true)
		claims, _, err := w.server.current.Load().ring.Verify(got.ID, token.TypeJWT)
		w.must(err)
		for _, want := range []string{`"nonce":"n-1"`, `"aud":"` + client + `"`, `"sub":"` + w.alice.ID.String() + `"`, `"at_hash":"` + halfHash(got.Access) + `"`} {
			if !strings.Contains(string(claims), want) {
				t.Errorf("%s: %s is not in %s", client, want, claims)
			}
		}
	}
}

func TestResponseTypes(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	for responseType, want := range map[string]string{
		"code": "code", "id_token": "id_token", "id_token token": "access_token id_token", "token id_token": "access_token id_token",
		"code id_token": "code id_token", "code token": "access_token code", "code id_token token": "access_token code id_token",
	} {
		p := b.authorize(authorization("web", "response_type", responseType))
		q := p.answer()
		fragment := strings.Contains(p.header.Get("Location"), "#")
		if fragment != (responseType != "code") {
			t.Errorf("%s: %s", responseType, p.header.Get("Location"))
		}
		for _, name := range []string{"access_token", "code", "id_token"} {
			if q.Has(name) != strings.Contains(" "+want+" ", " "+name+" ") {
				t.Errorf("%s: %s in %v", responseType, name, q)
			}
		}
		if q.Has("id_token") {
			claims, _, err := w.server.current.Load().ring.Verify(q.Get("id_token"), token.TypeJWT)
			w.must(err)
			for name, value := range map[string]string{"at_hash": q.Get("access_token"), "c_hash": q.Get("code")} {
				if strings.Contains(string(claims), `"`+name+`":"`+halfHash(value)+`"`) != (value != "") {
					t.Errorf("%s: %s in %s", responseType, name, claims)
				}
			}
		}
		if q.Has("access_token") {
			w.wantActive(q.Get("access_token"), true)
		}
		if q.Has("code") {
			w.redeem("web", q.Get("code")).granted(t)
		}
	}
}

func TestResponseModes(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	if p := b.authorize(authorization("web", "response_mode", "fragment")); !strings.Contains(p.header.Get("Location"), callback+"#code=") {
		t.Errorf("fragment: %s", p.header.Get("Location"))
	}
	p := b.open(authorization("web", "response_mode", "form_post"))
	p.wantText(`action="` + callback + `"`)
	if p.header.Get("Referrer-Policy") != "no-referrer" || p.field("code") == "" || p.field("state") != "s-1" {
		t.Errorf("form post: %v", p.header)
	}
	w.redeem("web", p.field("code")).granted(t)
	b.open(authorization("web", "response_mode", "query", "response_type", "id_token")).wantRefused(oauth.InvalidRequest)
	b.open(authorization("web", "response_mode", "jwt")).wantRefused(oauth.InvalidRequest)
	if p := b.open(authorization("web", "redirect_uri", callback+"?a=b")); !strings.HasPrefix(p.header.Get("Location"), callback+"?a=b&") {
		t.Errorf("what was registered is not kept: %s", p.header.Get("Location"))
	}
}

func TestAuthorizationByPOST(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	b.authorize(authorization("web"))
	_, query, _ := strings.Cut(authorization("web"), "?")
	form, err := url.ParseQuery(query)
	w.must(err)
	p := b.do(b.request("POST", authorizePath, form, "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "cross-site", "Origin", "https://web.example"))
	if p.answer().Get("code") == "" {
		t.Error("no code by POST")
	}
}

func TestAuthorizationErrorsOnThePlainPage(t *testing.T) {
	w := newOAuthWorld(t)
	for name, address := range map[string]string{
		"no client":            authorization("web", "client_id", ""),
		"unknown client":       authorization("nobody"),
		"client twice":         authorization("web") + "&client_id=web",
		"no redirect":          authorization("web", "redirect_uri", ""),
		"unknown redirect":     authorization("web", "redirect_uri", "https://evil.example/"),
		"redirect twice":       authorization("web") + "&redirect_uri=https://evil.example/",
		"slash added":          authorization("web", "redirect_uri", callback+"/"),
		"query added":          authorization("web", "redirect_uri", callback+"?x=y"),
		"fragment added":       authorization("web", "redirect_uri", callback+"#x"),
		"user name in it":      authorization("web", "redirect_uri", "https://web.example@evil.example/callback"),
		"other case":           authorization("web", "redirect_uri", "https://WEB.example/callback"),
		"encoded":              authorization("web", "redirect_uri", "https://web.example/%63allback"),
		"dots":                 authorization("web", "redirect_uri", "https://web.example/x/../callback"),
		"backslash":            authorization("web", "redirect_uri", `https://web.example\@evil.example/callback`),
		"disabled grant type":  authorization("off"),
		"a malformed query":    authorization("web") + "&a=%zz",
		"endless redirect URI": authorization("web", "redirect_uri", callback+strings.Repeat("a", 5000)),
	} {
		t.Run(name, func(t *testing.T) {
			p := w.browser().open(address)
			p.t = t
			p.wantPlain(400)
		})
	}
}

func TestAuthorizationErrorsByRedirect(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	b.authorize(authorization("web"))
	for name, tt := range map[string]struct {
		address string
		code    oauth.Code
	}{
		"no response type":           {authorization("web", "response_type", ""), oauth.InvalidRequest},
		"unknown response type":      {authorization("web", "response_type", "code saml"), oauth.UnsupportedResponseType},
		"token alone":                {authorization("web", "response_type", "token"), oauth.UnsupportedResponseType},
		"scope twice":                {authorization("web") + "&scope=read", oauth.InvalidRequest},
		"no scope of its own":        {authorization("web", "scope", "admin root"), oauth.InvalidScope},
		"plain challenge":            {authorization("web", "code_challenge_method", "plain"), oauth.InvalidRequest},
		"challenge without method":   {authorization("web", "code_challenge_method", ""), oauth.InvalidRequest},
		"short challenge":            {authorization("web", "code_challenge", "short"), oauth.InvalidRequest},
		"public client without PKCE": {authorization("spa", "code_challenge", "", "code_challenge_method", ""), oauth.InvalidRequest},
		"none and login":             {authorization("web", "prompt", "none login"), oauth.InvalidRequest},
		"bad max_age":                {authorization("web", "max_age", "soon"), oauth.InvalidRequest},
		"bad claims":                 {authorization("web", "claims", "{"), oauth.InvalidRequest},
		"bad hint":                   {authorization("web", "id_token_hint", "x.y.z"), oauth.InvalidRequest},
		"registration":               {authorization("web", "registration", "{}"), oauth.RegistrationNotSupported},
		"unknown resource":           {authorization("web", "resource", "https://other.example"), oauth.InvalidTarget},
		"unknown request_uri":        {authorization("web", "request_uri", pushedPrefix+"nonsense"), oauth.InvalidRequestURI},
		"id_token without nonce":     {authorization("web", "response_type", "id_token", "nonce", ""), oauth.InvalidRequest},
		"id_token without openid":    {authorization("web", "response_type", "id_token", "scope", "read"), oauth.InvalidRequest},
		"an acr that nobody has":     {authorization("web", "claims", `{"id_token":{"acr":{"essential":true,"value":"gold"}}}`), oauth.UnmetAuthenticationNeeded},
	} {
		t.Run(name, func(t *testing.T) {
			p := b.open(tt.address)
			p.t = t
			p.wantRefused(tt.code)
		})
	}
}

func TestImplicitAndHybridAreOffUnlessNamed(t *testing.T) {
	w := newWorld(t)
	w.put(oauth.Client{ID: "web", Name: "Web", Capabilities: oauth.Capabilities, Scope: []string{"openid"}, RedirectURIs: []string{callback}})
	for _, responseType := range []string{"id_token", "code id_token"} {
		w.browser().open(authorization("web", "response_type", responseType)).wantRefused(oauth.UnauthorizedClient)
	}
	w.allowAll()
	w.put(oauth.Client{ID: "plain", Name: "Plain", Capabilities: []oauth.Capability{oauth.CapCode}, Scope: []string{"openid"}, RedirectURIs: []string{callback}})
	for _, responseType := range []string{"id_token", "code id_token"} {
		w.browser().open(authorization("plain", "response_type", responseType)).wantRefused(oauth.UnauthorizedClient)
	}
}

func TestAuthorizationPrompts(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	b.open(authorization("web", "prompt", "none")).wantRefused(oauth.LoginRequired)
	first := b.authorize(authorization("web")).answer()
	if b.open(authorization("web", "prompt", "none")).answer().Get("code") == "" {
		t.Error("none: no code for who is signed in")
	}
	b.open(authorization("web", "prompt", "login")).wantText(`data-page="signin"`)
	b.open(authorization("web", "max_age", "0")).wantText(`data-page="signin"`)
	b.open(authorization("web", "prompt", "consent")).wantText(`data-page="consent"`)
	b.open(authorization("web", "prompt", "select_account")).wantText("Continue as <bdi>alice</bdi>")
	p := b.authorize(authorization("web", "prompt", "login"))
	if p.answer().Get("code") == "" {
		t.Error("login: no code after signing in again")
	}
	hint := w.redeem("web", first.Get("code")).granted(t).ID
	if b.open(authorization("web", "prompt", "none", "id_token_hint", hint)).answer().Get("code") == "" {
		t.Error("the hint of who is signed in: no code")
	}
	b.open(authorization("web", "prompt", "none", "claims", `{"id_token":{"sub":{"value":"somebody else"}}}`)).wantRefused(oauth.LoginRequired)
	w.browser().open(authorization("web", "login_hint", "bob")).wantText(`value="bob"`)
}

func TestSelectAccount(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	b.authorize(authorization("web"))
	p := b.open(authorization("web", "prompt", "select_account"))
	if p := b.post(accountPath, url.Values{"flow": {p.field("flow")}, "user": {p.field("user")}, "decision": {"this"}}); p.answer().Get("code") == "" {
		t.Error("no code for the account that was chosen")
	}
	p = b.post(accountPath, url.Values{"flow": {p.field("flow")}, "user": {p.field("user")}, "decision": {"other"}})
	p.wantText(`data-page="signin"`)
	if p := b.post(signInPath, url.Values{"flow": {p.field("flow")}, "username": {"alice"}, "password": {password}}); p.answer().Get("code") == "" {
		t.Error("no code after another sign-in")
	}
}

func TestCancelledAuthorization(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	p := b.open(authorization("web"))
	b.post(cancelPath, url.Values{"flow": {p.field("flow")}}).wantRefused(oauth.AccessDenied)
}

// A redirect flow is bound to its browser: else an attacker could have a victim sign in for the attacker's request.
func TestAuthorizationFlowNeedsItsCookie(t *testing.T) {
	w := newOAuthWorld(t)
	p := w.browser().open(authorization("web"))
	w.browser().post(signInPath, url.Values{"flow": {p.field("flow")}, "username": {"alice"}, "password": {password}}).wantPlain(400)
	w.browser().open(windowPath + "?flow=" + url.QueryEscape(p.field("flow"))).wantPlain(400)
}

func TestAuthorizationPagesAreFramedByNobody(t *testing.T) {
	w := newOAuthWorld(t)
	w.browser().frame(authorization("web")).wantPlain(200)
}

func TestPushedRequest(t *testing.T) {
	w := newOAuthWorld(t)
	_, query, _ := strings.Cut(authorization("web"), "?")
	form, err := url.ParseQuery(query)
	w.must(err)
	push := func(form url.Values) page {
		r := w.blocked().request("POST", parPath, form)
		r.SetBasicAuth("web", url.QueryEscape(webKey))
		return w.blocked().do(r)
	}
	p := push(form)
	var pushed pushedAnswer
	w.must(json.Unmarshal([]byte(p.body), &pushed))
	if p.status != http.StatusCreated || !strings.HasPrefix(pushed.RequestURI, pushedPrefix) || pushed.ExpiresIn != 90 {
		t.Fatalf("status %d: %+v", p.status, pushed)
	}
	b, address := w.browser(), authorizePath+"?client_id=web&request_uri="+url.QueryEscape(pushed.RequestURI)
	b.open(address + "&request_uri=" + url.QueryEscape(pushed.RequestURI)).wantPlain(400) // RFC 6749 §3.1: a parameter comes once
	q := b.authorize(address).answer()
	w.redeem("web", q.Get("code")).granted(t)
	b.open(address).wantRefused(oauth.InvalidRequestURI)                                                     // RFC 9126 §4: once
	p = w.browser().open(authorizePath + "?client_id=spa&request_uri=" + url.QueryEscape(pushed.RequestURI)) // another client's
	if got := p.answer().Get("error"); got != string(oauth.InvalidRequestURI) {
		t.Errorf("another client's request: %s", got)
	}

	form.Set("response_type", "saml")
	if p := push(form); p.status != 400 || !strings.Contains(p.body, "unsupported_response_type") {
		t.Errorf("what is wrong is told at once: %d %s", p.status, p.body)
	}
	w.clock.pass(pushedLifetime + time.Second)
	w.browser().open(address).wantPlain(400)
}

// Anybody can push in the name of a public client, with a fresh key each time: what that writes has to have an end.
func TestStrangersPushedProofsAreBounded(t *testing.T) {
	w := oneNode(t)
	w.allowAll()
	w.put(oauth.Client{ID: "spa", Name: "SPA", Capabilities: []oauth.Capability{oauth.CapCode}, Scope: []string{"openid"}, RedirectURIs: []string{callback}})
	_, query, _ := strings.Cut(authorization("spa", "scope", "openid"), "?")
	q, err := url.ParseQuery(query)
	w.must(err)
	push := func() page {
		return w.call("POST", parPath, q, "DPoP", proof(t, "dpop", claimsWith(w.proofClaims(w.url+parPath), "nonce", w.nonce())))
	}
	push().wantStatus(http.StatusCreated)
	later := w.clock.Now().Add(time.Hour) // so that no attempt comes back while this test runs
	for range addressBurst {
		w.server.addresses.Allow(netip.MustParseAddr("127.0.0.1"), later)
	}
	p := push()
	p.wantCode(http.StatusServiceUnavailable, oauth.TemporarilyUnavailable)
	if p.header.Get("Retry-After") == "" {
		t.Error("it does not say when to come again")
	}
	w.call("POST", parPath, q).wantStatus(http.StatusCreated) // which writes nothing
}

func TestClientThatHasToPush(t *testing.T) {
	w := newOAuthWorld(t)
	c := oauth.Client{ID: "par", Name: "PAR", Capabilities: []oauth.Capability{oauth.CapCode}, Scope: []string{"openid"}, RedirectURIs: []string{callback}}
	c.RequirePushed = true
	w.put(c)
	w.browser().open(authorization("par")).wantRefused(oauth.InvalidRequest)
}

func TestOfflineAccessNeedsACodeAndARefreshingClient(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	q := b.authorize(authorization("web", "scope", "openid offline_access read")).answer()
	if got := w.redeem("web", q.Get("code")).granted(t); got.Scope != "openid offline_access read" {
		t.Errorf("scope %q", got.Scope)
	}
	q = b.open(authorization("web", "scope", "openid offline_access read", "response_type", "id_token token")).answer()
	if q.Get("scope") != "openid read" {
		t.Errorf("without a code: scope %q", q.Get("scope"))
	}
}
