package manage

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
)

func TestEveryFaultOfAClientIsReportedAtOnce(t *testing.T) {
	m, _ := newManager(t)
	err := m.CreatePublicClient(t.Context(), oauth.Client{
		ID: "a b", Name: " ",
		Capabilities:           []oauth.Capability{"magic", oauth.CapIntrospection},
		AllowedOrigins:         []oauth.OriginPattern{"https://app.example.com/", "*"},
		RedirectURIs:           []string{"/callback", "https://a.example/cb#x"},
		PostLogoutRedirectURIs: []string{"http://a.example/"},
		Scope:                  []string{"everything"},
		ClientAuthentication: oauth.ClientAuthentication{
			AuthMethod: "password", AssertionAlg: "HS1", JWKS: json.RawMessage(`{}`), JWKSURI: "http://a.example/jwks", TLSSANDNS: "A.example",
		},
		ClientTokens: oauth.ClientTokens{
			AccessTokenFormat: "saml", IDTokenAlg: "none", AccessTokenSeconds: 5, Audience: []string{""},
			UserInfoAlg: "HS256", IntrospectionAlg: "none", Resources: []string{"api"}, DPoPBound: true, TLSBound: true,
			SubjectType: "private",
		},
		ClientRequests: oauth.ClientRequests{
			RequestObjectAlg: "HS256", RequestURIs: []string{"http://a.example/r"}, DefaultMaxAge: new(-1), DefaultACR: []string{""},
			InitiateLoginURI: "http://localhost/login",
		},
		ClientLogout:       oauth.ClientLogout{FrontChannelLogoutURI: "ftp://a.example", BackChannelLogoutURI: "http://a.example"},
		ClientRegistration: oauth.ClientRegistration{LogoURI: "data:,x", Contacts: []string{"a\x00"}, ApplicationType: "tv"},
	})
	var invalid Invalid
	if !errors.As(err, &invalid) {
		t.Fatalf("got %v", err)
	}
	var fields []string
	for _, f := range invalid {
		fields = append(fields, f.Field)
	}
	want := []string{"id", "name", "capabilities", "allowed_origins", "allowed_origins",
		"redirect_uris", "redirect_uris", "post_logout_redirect_uris", "scope",
		"token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "jwks_uri", "jwks", "jwks_uri",
		"tls_client_auth_subject_dn", "tls_client_auth_san_dns", "access_token_format", "id_token_alg",
		"userinfo_signed_response_alg", "introspection_signed_response_alg", "access_token_seconds", "audience", "resources",
		"dpop_bound_access_tokens", "subject_type", "request_object_signing_alg", "request_uris", "default_max_age",
		"default_acr_values", "initiate_login_uri", "frontchannel_logout_uri", "backchannel_logout_uri", "logo_uri", "contacts",
		"application_type"}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestOneFaultOfAClient(t *testing.T) {
	many := make([]oauth.OriginPattern, 101)
	for i := range many {
		many[i] = oauth.OriginPattern("https://a" + strings.Repeat("b", i%60) + strings.Repeat("c", i/60) + ".example")
	}
	for _, tc := range []struct {
		name, want string
		break_     func(*oauth.Client)
	}{
		{"no id", "1 to 128", func(c *oauth.Client) { c.ID = "" }},
		{"long id", "1 to 128", func(c *oauth.Client) { c.ID = strings.Repeat("x", 129) }},
		{"id that is a step in a path", "means something else", func(c *oauth.Client) { c.ID = ".." }},
		{"id that is a page", "means something else", func(c *oauth.Client) { c.ID = "new" }},
		{"quote in id", "may not be in an id", func(c *oauth.Client) { c.ID = `a"b` }},
		{"id beyond ASCII", "may not be in an id", func(c *oauth.Client) { c.ID = "caf\u00e9" }},
		{"direction mark in name", "not printable", func(c *oauth.Client) { c.Name = "a\u202eb" }},
		{"long name", "more than 200", func(c *oauth.Client) { c.Name = strings.Repeat("x", 201) }},
		{"no capability", "at least one of", func(c *oauth.Client) { c.Capabilities = nil; c.AllowedOrigins = nil }},
		{"capability twice", "there twice", func(c *oauth.Client) { c.Capabilities = append(c.Capabilities, oauth.CapAssistedToken) }},
		{"no origin", "give at least one", func(c *oauth.Client) { c.AllowedOrigins = nil }},
		{"origin twice", "there twice", func(c *oauth.Client) { c.AllowedOrigins = append(c.AllowedOrigins, c.AllowedOrigins[0]) }},
		{"http origin", "localhost", func(c *oauth.Client) { c.AllowedOrigins = []oauth.OriginPattern{"http://shop.example.com"} }},
		{"null origin", "not an origin", func(c *oauth.Client) { c.AllowedOrigins = []oauth.OriginPattern{"null"} }},
		{"too many origins", "more than 100", func(c *oauth.Client) { c.AllowedOrigins = many }},
		{"public introspection", "authenticates", func(c *oauth.Client) { c.Capabilities = append(c.Capabilities, oauth.CapIntrospection) }},
		{"lifetime", "out of range", func(c *oauth.Client) { c.AccessTokenSeconds = 86401 }},
		{"audience", "not an audience", func(c *oauth.Client) { c.Audience = []string{"a\nb"} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, profile := &Manager{}, oauth.DefaultProfile()
			c := spa()
			tc.break_(&c)
			err := m.validateClient(&c, &profile)
			var invalid Invalid
			if !errors.As(err, &invalid) || len(invalid) != 1 || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want one fault with %q, got %v", tc.want, err)
			}
		})
	}
	c, profile := spa(), oauth.DefaultProfile()
	if err := (&Manager{}).validateClient(&c, &profile); err != nil {
		t.Errorf("a good client: %v", err)
	}
}

func TestEveryOriginOnlyUnderTheInsecureSwitch(t *testing.T) {
	c, profile := spa(), oauth.DefaultProfile()
	c.AllowedOrigins = []oauth.OriginPattern{"*"}
	if err := (&Manager{}).validateClient(&c, &profile); err == nil {
		t.Error("accepted without the switch")
	}
	if err := (&Manager{InsecureAnyOrigin: true}).validateClient(&c, &profile); err != nil {
		t.Errorf("refused with the switch: %v", err)
	}
}

func TestUnsafeClientsAreWarnedAbout(t *testing.T) {
	c := spa()
	if w := Warnings(&c); len(w) != 0 {
		t.Errorf("a safe client: %v", w)
	}
	c.FramedInteraction = true
	c.AllowedOrigins = []oauth.OriginPattern{"*", "https://*.example.com"}
	if w := Warnings(&c); len(w) != 3 {
		t.Errorf("got %v", w)
	}
}

func TestNobodyReadsFaultsWithoutEnd(t *testing.T) {
	m, _ := newManager(t)
	c := spa()
	for i := range 3 * maxFaults {
		c.AllowedOrigins = append(c.AllowedOrigins, oauth.OriginPattern(fmt.Sprint("no origin ", i)))
	}
	var invalid Invalid
	if err := m.CreatePublicClient(t.Context(), c); !errors.As(err, &invalid) || len(invalid) > maxFaults {
		t.Errorf("%d faults", len(invalid))
	}
}
