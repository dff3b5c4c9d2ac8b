package oauth_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// webClient may do all that a client can do at the authorization endpoint.
func webClient() *oauth.Client {
	c := &oauth.Client{
		ID: "web", Capabilities: []oauth.Capability{oauth.CapCode, oauth.CapImplicit, oauth.CapHybrid, oauth.CapRefresh},
		RedirectURIs: []string{"https://web.example/cb"}, Scope: []string{"openid", "read", "offline_access"},
	}
	c.SecretHash = []byte("a secret")
	return c
}

// authorize reads a request as the authorization endpoint does; params are name, value, ... over those of a good one.
func authorize(c *oauth.Client, p *oauth.Profile, params ...string) (*oauth.Redirection, *oauth.Error) {
	q := url.Values{
		"redirect_uri": {"https://web.example/cb"}, "response_type": {"code"}, "scope": {"openid read"}, "state": {"s"}, "nonce": {"n"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(params); i += 2 {
		if q.Set(params[i], params[i+1]); params[i+1] == "" {
			q.Del(params[i])
		}
	}
	r, _, err := oauth.AuthorizationTarget(q, c)
	if err == nil {
		err = r.ParseAnswer(q)
	}
	if err == nil {
		_, err = oauth.ParseAuthorization(q, &r, c, p)
	}
	return &r, err
}

// RFC 9700 §4.1.3: redirect URIs are compared as texts (RFC 3986 §6.2.1).
func TestRedirectIsExact(t *testing.T) {
	c := &oauth.Client{RedirectURIs: []string{"https://web.example/cb", "com.example.app:/cb"}}
	for _, uri := range c.RedirectURIs {
		if to, ok := c.Redirect(uri); !ok || to.String() != uri {
			t.Errorf("%q is registered: %q, %t", uri, to, ok)
		}
	}
	for _, uri := range []string{
		"", "https://web.example/cb/", "https://web.example/cb?x=y", "https://web.example/cb#x", "https://web.example/cbx", "https://web.example/c",
		"https://web.example", "https://WEB.example/cb", "HTTPS://web.example/cb", "https://web.example/CB", "https://web.example:443/cb",
		"https://web.example/%63b", "https://web.example/x/../cb", "https://web.example//cb", "https://web.example/cb/..", "https://web.example/cb%00",
		"https://web.example@evil.example/cb", "https://web.example\\@evil.example/cb", "https://web.example.evil.example/cb", " https://web.example/cb",
		"http://web.example/cb", "//web.example/cb", "https://evil.example/https://web.example/cb", "com.example.app:/cb/x", "com.example.app://cb",
	} {
		if to, ok := c.Redirect(uri); ok || !to.IsZero() {
			t.Errorf("%q is not registered: %q", uri, to)
		}
	}
}

func TestAuthorizationRequestsThatAreRefused(t *testing.T) {
	p := oauth.DefaultProfile()
	p.Capabilities = oauth.Capabilities
	none := []string{"code_challenge", "", "code_challenge_method", ""}
	for _, tt := range []struct {
		name   string
		change func(*oauth.Client)
		params []string
		want   oauth.Code
	}{
		{"as it should be", nil, nil, ""},
		{"no challenge, of a client that authenticates", nil, none, ""},
		{"no challenge, of a public client", func(c *oauth.Client) { c.SecretHash = nil }, none, oauth.InvalidRequest},
		{"no challenge, of a client that has to push", func(c *oauth.Client) { c.RequirePushed = true }, none, oauth.InvalidRequest},
		{"no code, so no challenge", func(c *oauth.Client) { c.SecretHash = nil }, append(none, "response_type", "id_token"), ""},
		{"the method plain", nil, []string{"code_challenge_method", "plain"}, oauth.InvalidRequest},
		{"no method, which means plain", nil, []string{"code_challenge_method", ""}, oauth.InvalidRequest},
		{"a method without a challenge", nil, []string{"code_challenge", ""}, oauth.InvalidRequest},
		{"a challenge that is no hash", nil, []string{"code_challenge", strings.Repeat("a", 42)}, oauth.InvalidRequest},
		{"a challenge of other characters", nil, []string{"code_challenge", strings.Repeat("~", 43)}, oauth.InvalidRequest},
		{"a key's thumbprint that is none", nil, []string{"dpop_jkt", "x"}, oauth.InvalidRequest},
		{"implicit, which the client has not", func(c *oauth.Client) { c.Capabilities = []oauth.Capability{oauth.CapCode} }, []string{"response_type", "id_token"}, oauth.UnauthorizedClient},
		{"hybrid, which the client has not", func(c *oauth.Client) { c.Capabilities = []oauth.Capability{oauth.CapCode} }, []string{"response_type", "code token"}, oauth.UnauthorizedClient},
		{"code, which the client has not", func(c *oauth.Client) { c.Capabilities = []oauth.Capability{oauth.CapHybrid} }, nil, oauth.UnauthorizedClient},
		{"a token alone", nil, []string{"response_type", "token"}, oauth.UnsupportedResponseType},
		{"tokens in the query", nil, []string{"response_type", "code id_token", "response_mode", "query"}, oauth.InvalidRequest},
		{"an unknown mode", nil, []string{"response_mode", "jwt"}, oauth.InvalidRequest},
		{"an ID token without a nonce", nil, []string{"response_type", "code id_token", "nonce", ""}, oauth.InvalidRequest},
		{"an ID token without openid", nil, []string{"response_type", "code id_token", "scope", "read"}, oauth.InvalidRequest},
		{"another redirect URI", nil, []string{"redirect_uri", "https://evil.example/"}, oauth.InvalidRequest},
		{"no redirect URI, by OpenID Connect", nil, []string{"redirect_uri", ""}, oauth.InvalidRequest},
		{"no redirect URI, by OAuth", nil, []string{"redirect_uri", "", "scope", "read"}, ""},
		{"no redirect URI where there are two", func(c *oauth.Client) { c.RedirectURIs = append(c.RedirectURIs, "https://web.example/2") },
			[]string{"redirect_uri", "", "scope", "read"}, oauth.InvalidRequest},
	} {
		c := webClient()
		if tt.change != nil {
			tt.change(c)
		}
		_, err := authorize(c, &p, tt.params...)
		refuses(t, tt.name, err, tt.want)
	}
	p.Capabilities = []oauth.Capability{oauth.CapCode}
	_, err := authorize(webClient(), &p, "response_type", "id_token")
	refuses(t, "implicit, which the profile has not", err, oauth.UnauthorizedClient)
}

// What the redirection remembers is what the code is then bound to.
func TestRedirectionRemembers(t *testing.T) {
	p := oauth.DefaultProfile()
	p.Capabilities = oauth.Capabilities
	key := strings.Repeat("k", 43)
	r, err := authorize(webClient(), &p, "dpop_jkt", key, "response_mode", "form_post")
	if err != nil || !r.Named || r.Challenge == "" || r.JKT != key || r.State != "s" || r.Mode != oauth.ModeFormPost {
		t.Errorf("%+v, %v", r, err)
	}
}

// Offline access needs a code, and a client that may refresh (OpenID Connect Core §11); of the rest, what the client has.
func TestOfferedScope(t *testing.T) {
	p := oauth.DefaultProfile()
	p.Capabilities = oauth.Capabilities
	asked := []string{"openid", "read", "offline_access", "email", "unknown"}
	withCode, without := oauth.ResponseType{Code: true}, oauth.ResponseType{IDToken: true}
	never := webClient()
	never.Capabilities = []oauth.Capability{oauth.CapCode}
	for _, tt := range []struct {
		name   string
		t      oauth.ResponseType
		client *oauth.Client
		want   []string
	}{
		{"a code", withCode, webClient(), []string{"openid", "read", "offline_access"}},
		{"no code", without, webClient(), []string{"openid", "read"}},
		{"a client that may not refresh", withCode, never, []string{"openid", "read"}},
	} {
		got, err := oauth.OfferedScope(asked, tt.t, tt.client, &p)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v %v", tt.name, got, err)
		}
	}
	if _, err := oauth.OfferedScope([]string{"email"}, withCode, webClient(), &p); err == nil || err.Code != oauth.InvalidScope {
		t.Errorf("nothing that the client has: %v", err)
	}
}

// id_token_hint and the claims parameter name the only user whom the answer may be about (OpenID Connect Core §3.1.2.1).
func TestAnswerIsAboutTheUserWhoWasNamed(t *testing.T) {
	p, c := oauth.DefaultProfile(), webClient()
	st := standing(0)
	f := &oauth.Flow{Started: noon.Add(-time.Second), Request: oauth.AuthenticationRequest{MaxAge: oauth.NoMaxAge}}
	for subject, want := range map[string]oauth.Step{"": oauth.StepDone, st.Account.ID.String(): oauth.StepDone, "somebody else": oauth.StepAuthenticate} {
		f.Request.Subject = subject
		if got := oauth.NextStep(f, st, []string{"openid"}, c, &p, noon); got != want {
			t.Errorf("about %q: step %d", subject, got)
		}
	}
}

// grant_type and its parameters stand once (RFC 6749 §3.2), save those that may be several (RFC 8707 §2, RFC 8693 §2.1).
func TestParseGrantType(t *testing.T) {
	for _, tt := range []struct {
		name string
		q    url.Values
		want oauth.Code
	}{
		{"one", url.Values{"grant_type": {"x"}, "resource": {"a", "b"}, "audience": {"a", "b"}}, ""},
		{"none", url.Values{}, oauth.InvalidRequest},
		{"two", url.Values{"grant_type": {"x", "x"}}, oauth.InvalidRequest},
		{"a parameter twice", url.Values{"grant_type": {"x"}, "code": {"a", "b"}}, oauth.InvalidRequest},
	} {
		_, err := oauth.ParseGrantType(tt.q)
		refuses(t, tt.name, err, tt.want)
	}
	if _, known := oauth.GrantCapability["password"]; known {
		t.Error("the password grant is there (RFC 9700 §2.4)")
	}
}

// No attribute of a user passes for a token's own claim, whatever a scope lists or a request asks for.
func TestUserClaims(t *testing.T) {
	a := &oauth.Account{Attributes: json.RawMessage(`{"locale":"en","sub":"root","iss":"mine","nonce":"x","scope":"all","cnf":{}}`)}
	got := oauth.UserClaims(a, []string{"locale", "sub", "iss", "nonce", "scope", "cnf"})
	if len(got) != 1 || got["locale"] == nil {
		t.Errorf("%v", got)
	}
}

// The claims parameter yields what the client's scope could have yielded, and no more.
func TestClaimsBeyondTheClientsScope(t *testing.T) {
	p, c := oauth.DefaultProfile(), &oauth.Client{Scope: []string{"openid", "email"}}
	asked := oauth.ClaimsRequest{UserInfo: []string{"email", "name"}, IDToken: []string{"name", "email"}}
	got := asked.Permitted(c, &p)
	if !slices.Equal(got.UserInfo, []string{"email"}) || !slices.Equal(got.IDToken, []string{"email"}) || len(asked.UserInfo) != 2 {
		t.Errorf("%+v", got)
	}
}

// A request object that says no end is still worth nothing once it is older than an hour.
func TestOldRequestObjectWithoutAnEnd(t *testing.T) {
	c := &oauth.Client{ID: "app"}
	for age, good := range map[time.Duration]bool{59 * time.Minute: true, 62 * time.Minute: false} {
		if err := new(requestObject(t, "", "nbf", seconds(-age))).Check(c, thisServer, noon); (err == nil) != good {
			t.Errorf("%s old: %v", age, err)
		}
	}
}
