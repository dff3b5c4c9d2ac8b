package manage

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
)

// curityXML puts clients into the place where that product's configuration has them.
func curityXML(clients string) []byte {
	return []byte(`<config xmlns="http://tail-f.com/ns/config/1.0"><profiles xmlns="https://curity.se/ns/conf/base"><profile>
<id>token-service</id><type xmlns:as="https://curity.se/ns/conf/profile/oauth">as:oauth-service</type>
<settings><authorization-server xmlns="https://curity.se/ns/conf/profile/oauth">
<client-store><config-backed>` + clients + `</config-backed></client-store>
</authorization-server></settings></profile></profiles></config>`)
}

// curityClientXML is one client of the id, with what else it says.
func curityClientXML(id, more string) []byte {
	return curityXML("<client><id>" + id + "</id>" + more + "</client>")
}

func importCurity(t *testing.T, m *Manager, text []byte) *Plan {
	t.Helper()
	p, err := m.PlanCurity(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Apply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p
}

func wantNote(t *testing.T, p *Plan, text string) {
	t.Helper()
	for _, note := range p.Notes {
		if strings.Contains(note, text) {
			return
		}
	}
	t.Errorf("no note says %q: %s", text, strings.Join(p.Notes, "\n"))
}

func TestCurityConfigurationIsTakenOver(t *testing.T) {
	m, _ := newManager(t)
	text, err := os.ReadFile("testdata/curity.xml")
	if err != nil {
		t.Fatal(err)
	}
	p := importCurity(t, m, text)
	wantPlan(t, p,
		"change profile : scopes",
		"create client spa: access_token_seconds allowed_origins audience capabilities id name post_logout_redirect_uris redirect_uris scope token_endpoint_auth_method",
		"create client orders-api: capabilities id name token_endpoint_auth_method secret",
	)
	want := []string{
		"client spa: description: not taken over: there is no field for it",
		"client spa: allowed-authenticators: not taken over: every authenticator of the server is open to every client",
		"client spa: validate-port-on-loopback-interfaces: not taken over: the port of http://127.0.0.1 may always differ (RFC 8252 section 7.3)",
		"client orders-api: secret: it cannot be taken over: give a new one with 'usher client reset-secret orders-api'",
		"client orders-api: capabilities/resource-owner-password-credentials: not taken over: no app should see passwords (RFC 9700 section 2.4): use the code or the assisted token flow",
		`scope orders: added to the profile as "See your orders", which users read when they agree; it gives no claims: see 'usher profile change --add-scope' and '--scope-claims'`,
	}
	if diff := cmp.Diff(want, p.Notes); diff != "" {
		t.Error(diff)
	}
	wantPlan(t, importCurity(t, m, text))
}

func TestCurityClientsOfEachKind(t *testing.T) {
	const code = "<capabilities><code></code></capabilities><redirect-uris>https://web.example.com/cb</redirect-uris>"
	age, zero := 300, 0
	for name, tc := range map[string]struct {
		xml  string
		want func(*oauth.Client)
	}{
		"public":      {code + "<no-authentication>true</no-authentication>", func(c *oauth.Client) { c.AuthMethod = oauth.AuthNone }},
		"unsaid":      {code, func(c *oauth.Client) {}},
		"named":       {code + "<client-name>Web</client-name>", func(c *oauth.Client) { c.Name = "Web" }},
		"off":         {code + "<enabled>false</enabled>", func(c *oauth.Client) { c.Disabled = true }},
		"no refresh":  {code + "<refresh-token-ttl>disabled</refresh-token-ttl>", func(c *oauth.Client) { c.Capabilities = c.Capabilities[:1] }},
		"lifetime":    {code + "<access-token-ttl>600</access-token-ttl>", func(c *oauth.Client) { c.AccessTokenSeconds = 600 }},
		"audience":    {code + "<audience>api</audience><audience>api2</audience>", func(c *oauth.Client) { c.Audience = []string{"api", "api2"} }},
		"consent":     {code + "<user-consent/>", func(c *oauth.Client) { c.ConsentRequired = true }},
		"freshness":   {code + "<user-authentication><freshness>300</freshness></user-authentication>", func(c *oauth.Client) { c.DefaultMaxAge = &age }},
		"force":       {code + "<user-authentication><force-authn>true</force-authn><freshness>300</freshness></user-authentication>", func(c *oauth.Client) { c.DefaultMaxAge = &zero }},
		"post-logout": {code + "<user-authentication><allowed-post-logout-redirect-uris>https://web.example.com/</allowed-post-logout-redirect-uris></user-authentication>", func(c *oauth.Client) { c.PostLogoutRedirectURIs = []string{"https://web.example.com/"} }},
		"logout": {code + "<user-authentication><frontchannel-logout-uri>https://web.example.com/f</frontchannel-logout-uri><backchannel-logout-uri>https://web.example.com/b</backchannel-logout-uri></user-authentication>", func(c *oauth.Client) {
			c.FrontChannelLogoutURI, c.BackChannelLogoutURI = "https://web.example.com/f", "https://web.example.com/b"
		}},
		"pairwise": {code + "<use-pairwise-subject-identifiers><sector-identifier>example.com</sector-identifier></use-pairwise-subject-identifiers>", func(c *oauth.Client) {
			c.SubjectType, c.SectorIdentifier = oauth.SubjectPairwise, "example.com"
		}},
		"keys": {code + "<jwks-uri><uri>https://web.example.com/jwks</uri></jwks-uri>", func(c *oauth.Client) {
			c.AuthMethod, c.JWKSURI = oauth.AuthPrivateKeyJWT, "https://web.example.com/jwks"
		}},
		"TLS": {code + "<mutual-tls><client-dn>CN=web</client-dn></mutual-tls>", func(c *oauth.Client) {
			c.AuthMethod, c.TLSSubjectDN = oauth.AuthTLS, "CN=web"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := newManager(t)
			importCurity(t, m, curityClientXML("web", tc.xml))
			want := oauth.Client{
				ID: "web", Name: "web", Capabilities: []oauth.Capability{oauth.CapCode, oauth.CapRefresh},
				RedirectURIs: []string{"https://web.example.com/cb"}, Version: 1,
			}
			tc.want(&want)
			if diff := cmp.Diff(want, clientIs(t, m, "web")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestACuritySecretIsNotTakenOverButItsClientIs(t *testing.T) {
	for _, proof := range []string{"<secret>$5$salt$hash</secret>", "<symmetric-key>x</symmetric-key>", "<asymmetric-key>key</asymmetric-key>", "<mutual-tls/>", ""} {
		m, _ := newManager(t)
		xml := curityClientXML("api", "<capabilities><introspection/></capabilities>"+proof)
		p := importCurity(t, m, xml)
		wantNote(t, p, "client api: ")
		c := clientIs(t, m, "api")
		if c.IsPublic() || c.AuthMethod != oauth.AuthSecretBasic || len(c.SecretHash) == 0 {
			t.Errorf("%s: got %+v", proof, c)
		}
		// Importing again changes nothing, also where the client got its secret in between.
		if _, err := m.ResetSecret(t.Context(), "api"); err != nil {
			t.Fatal(err)
		}
		if p := importCurity(t, m, xml); len(p.Changes) > 0 {
			t.Errorf("%s: the second time: %v", proof, brief(p))
		}
	}
}

func TestCurityOriginsOfEverybody(t *testing.T) {
	m, _ := newManager(t)
	p := importCurity(t, m, curityClientXML("spa", `<redirect-uris>http://localhost:4200</redirect-uris><allowed-origins>*</allowed-origins>
<capabilities><implicit/><assisted-token/></capabilities>`))
	wantNote(t, p, "client spa: allowed-origins: * is not taken over")
	wantNote(t, p, "implicit is off on the profile")
	if got := clientIs(t, m, "spa").AllowedOrigins; len(got) != 1 || got[0] != "http://localhost:4200" {
		t.Errorf("got %v", got)
	}
}

func TestWhatCannotBeTakenOverFromCurityIsNoted(t *testing.T) {
	const code = "<capabilities><code/></capabilities><redirect-uris>https://web.example.com/cb</redirect-uris>"
	for xml, note := range map[string]string{
		code + "<properties><property><key>a</key></property></properties>": "properties: not taken over",
		code + "<brand-new/>": "brand-new: not taken over: there is no such setting",
		code + "<user-authentication><allowed-authenticators>html1</allowed-authenticators></user-authentication>":                        "allowed-authenticators: not taken over",
		code + "<capabilities><resource-owner-password-credentials/></capabilities>":                                                      "no app should see passwords",
		code + "<capabilities><backchannel-authentication/></capabilities>":                                                               "there is no such flow",
		code + "<redirect-uris>http://web.example.com/cb</redirect-uris>":                                                                 "redirect-uris: not taken over",
		code + "<allowed-origins>ftp://x</allowed-origins>":                                                                               "allowed-origins: not taken over",
		"<capabilities><introspection/></capabilities><secret>x</secret><allowed-origins>*</allowed-origins>":                             "no redirect URIs with origins to take in its place",
		code + "<access-token-ttl>1</access-token-ttl>":                                                                                   "access-token-ttl",
		code + "<id-token-ttl>1</id-token-ttl>":                                                                                           "--id-token-seconds",
		code + "<refresh-token-ttl>1</refresh-token-ttl>":                                                                                 "--refresh-seconds",
		code + "<proof-key><require-proof-key>false</require-proof-key></proof-key>":                                                      "always need PKCE",
		code + "<scope>usher.admin</scope>":                                                                                               "no scope that a profile can have",
		code + "<user-authentication><frontchannel-logout-uri>https://elsewhere.example/</frontchannel-logout-uri></user-authentication>": "frontchannel_logout_uri: not taken over",
		"<capabilities><code/></capabilities>":                                                                                            "client web: not taken over: redirect_uris",
		code + "</client><client><id>web</id>" + code:                                                                                     "another client of this id",
		code + "</client><client><id>usher-admin</id>" + code:                                                                             "the server's own",
		code + "</client><client><id>a b</id>" + code:                                                                                     "may not be in an id",
	} {
		m, _ := newManager(t)
		p, err := m.PlanCurity(t.Context(), curityClientXML("web", xml))
		if err != nil {
			t.Fatal(err)
		}
		wantNote(t, p, note)
	}
}

func TestCurityScopesComeToTheProfile(t *testing.T) {
	m, _ := newManager(t)
	xml := curityClientXML("web", "<scope>openid</scope><scope>orders</scope><scope>sales</scope><capabilities><code/></capabilities><redirect-uris>https://web.example.com/cb</redirect-uris>")
	text := strings.Replace(string(xml), "<client-store>", "<scopes><scope><id>orders</id><description>See\n your orders</description></scope></scopes><client-store>", 1)
	p := importCurity(t, m, []byte(text))
	wantNote(t, p, `scope orders: added to the profile as "See your orders"`)
	profile, err := m.Profile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"orders": "See your orders", "sales": "Use sales"} {
		if s, known := profile.ScopeNamed(name); !known || s.Description != want {
			t.Errorf("%s: %+v", name, s)
		}
	}
	// A profile that a file manages gets none.
	m, _ = newManager(t)
	applyFile(t, m, "usher: 1\nname: ops\nprofile: {}\n", FileOptions{})
	p = importCurity(t, m, []byte(text))
	wantNote(t, p, "managed by ops")
	if got := clientIs(t, m, "web").Scope; len(got) != 1 {
		t.Errorf("scope %v", got)
	}
}

func TestAManagedClientIsNotImportedOver(t *testing.T) {
	m, _ := newManager(t)
	applyFile(t, m, namedShopFile, FileOptions{})
	p := importCurity(t, m, curityClientXML("shop", "<capabilities><code/></capabilities>"))
	wantPlan(t, p)
	wantNote(t, p, "it is managed by ops")
}

func TestAnImportKeepsWhatTheConfigurationDoesNotSay(t *testing.T) {
	m, _ := newManager(t)
	c := spa()
	c.LogoURI = "https://shop.example.com/logo.png"
	if err := m.CreatePublicClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	wantPlan(t, importCurity(t, m, curityClientXML("shop", "<access-token-ttl>60</access-token-ttl>")), "change client shop: access_token_seconds")
}

func TestFilesThatAreNoCurityConfiguration(t *testing.T) {
	m, _ := newManager(t)
	for name, tc := range map[string]struct{ text, problem string }{
		"empty":       {"", "no client store"},
		"other":       {"<html/>", "no client store"},
		"broken":      {"<config>\n<client-store>", "no XML"},
		"cut":         {"<client-store><client><id>x", "no XML"},
		"entity":      {`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><client-store><client><id>&e;</id></client></client-store>`, "no XML"},
		"deep":        {strings.Repeat("<a>", 10_000), "nested deeper"},
		"deep within": {"<client-store><client>" + strings.Repeat("<a>", 10_000), "deeper"},
		"long":        {strings.Repeat(" ", MaxFile+1), "more than 16 MiB"},
		"encoding":    {`<?xml version="1.0" encoding="EBCDIC"?><client-store/>`, "EBCDIC"},
	} {
		_, err := m.PlanCurity(t.Context(), []byte(tc.text))
		if f := faultsOf(t, err); len(f) != 1 || !strings.Contains(f[0].Problem, tc.problem) {
			t.Errorf("%s: %.200v", name, err)
		}
	}
}

func FuzzReadCurity(f *testing.F) {
	f.Add(curityClientXML("web", "<capabilities><code/></capabilities><scope>a</scope><secret>x</secret><user-authentication><freshness>1</freshness></user-authentication>"))
	f.Add([]byte("<client-store><client><id>x</id><mutual-tls><client-dn>CN=x</client-dn></mutual-tls></client></client-store>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := readCurity(text)
		if err != nil {
			return
		}
		p := oauth.DefaultProfile()
		for _, e := range file.clients {
			c := &curityClient{
				m: &Manager{}, element: e, client: &oauth.Client{ID: e.textOf("id")}, isNew: true, profile: &p,
				note: func(string, ...any) {}, seen: map[string]bool{},
			}
			c.read()
			_ = c.dispense(&p)
		}
	})
}

func TestAnImportBringsNoOperatorScopes(t *testing.T) {
	m, _ := newManager(t)
	xml := curityClientXML("web", "<scope>openid</scope><scope>usher.read</scope><scope>usher.x</scope><capabilities><code/></capabilities><redirect-uris>https://web.example.com/cb</redirect-uris>")
	wantNote(t, importCurity(t, m, xml), `"usher.read" is not taken over`)
	if got := clientIs(t, m, "web").Scope; len(got) != 1 || got[0] != "openid" {
		t.Errorf("scope %v", got)
	}
}
