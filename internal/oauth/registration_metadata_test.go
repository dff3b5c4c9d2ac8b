package oauth

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// registered reads the metadata and makes the client, under a profile with everything on.
func registered(text string, change ...func(*Profile)) (Client, *Error) {
	p := DefaultProfile()
	p.Capabilities = Capabilities
	for _, c := range change {
		c(&p)
	}
	r, err := ParseRegistration([]byte(text))
	if err != nil {
		return Client{}, err
	}
	return r.Client(&p)
}

func TestRegistrationDefaults(t *testing.T) {
	c, err := registered(`{"redirect_uris":["https://a.example/cb"],"client_name#de":"Anders","unknown":{"x":[1]}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := Client{
		Capabilities: []Capability{CapCode}, RedirectURIs: []string{"https://a.example/cb"}, ConsentRequired: true,
		Scope:                []string{"openid", "profile", "email", "address", "phone", "offline_access", "read"},
		ClientAuthentication: ClientAuthentication{AuthMethod: AuthSecretBasic},
		ClientTokens:         ClientTokens{IDTokenAlg: RS256, SubjectType: SubjectPublic},
		ClientRegistration:   ClientRegistration{ApplicationType: "web"},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

func TestRegisteredCapabilities(t *testing.T) {
	for text, want := range map[string][]Capability{
		`"response_types":["code"]`: {CapCode},
		`"grant_types":["authorization_code","refresh_token"],"response_types":["code"]`:                    {CapCode, CapRefresh},
		`"grant_types":["implicit"],"response_types":["id_token token"]`:                                    {CapImplicit},
		`"response_types":["id_token"]`:                                                                     {CapImplicit},
		`"grant_types":["authorization_code","implicit"],"response_types":["code id_token"]`:                {CapHybrid},
		`"grant_types":["authorization_code","implicit"],"response_types":["code","id_token","token code"]`: {CapCode, CapImplicit, CapHybrid},
	} {
		c, err := registered(`{"redirect_uris":["https://a.example/cb"],` + text + `}`)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if diff := cmp.Diff(want, c.Capabilities); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestRegistrationsThatAreRefused(t *testing.T) {
	only := func(k ...Capability) func(*Profile) { return func(p *Profile) { p.Capabilities = k } }
	same := func(*Profile) {}
	const uri = `"redirect_uris":["https://a.example/cb"],`
	for _, tc := range []struct {
		text   string
		code   Code
		want   string
		change func(*Profile)
	}{
		{`[]`, InvalidClientMetadata, "not a JSON object", same},
		{`{"redirect_uris":"https://a.example/cb"}`, InvalidClientMetadata, "wrong type", same},
		{`{}`, InvalidRedirectURI, "at least one", same},
		{`{"redirect_uris":["https://a.example/cb#x"]}`, InvalidRedirectURI, "fragment", same},
		{`{"redirect_uris":["http://a.example/cb"]}`, InvalidRedirectURI, "http", same},
		{`{"redirect_uris":["com.example.app:/cb"]}`, InvalidRedirectURI, "native", same},
		{`{` + uri + `"software_statement":"x"}`, UnapprovedSoftwareStatement, "without one", same},
		{`{` + uri + `"id_token_encrypted_response_alg":"RSA-OAEP"}`, InvalidClientMetadata, "encrypt", same},
		{`{` + uri + `"jwks":{"keys":[]},"jwks_uri":"https://a.example/j"}`, InvalidClientMetadata, "not both", same},
		{`{` + uri + `"response_types":["token"]}`, InvalidClientMetadata, "token is not supported", same},
		{`{` + uri + `"grant_types":["password"]}`, InvalidClientMetadata, "password is not supported", same},
		{`{` + uri + `"grant_types":["authorization_code"],"response_types":["id_token"]}`, InvalidClientMetadata, "lacks", same},
		{`{` + uri + `"response_types":["code id_token"]}`, InvalidClientMetadata, "hybrid switched off", only(CapCode)},
		{`{` + uri + `"response_types":["id_token"]}`, InvalidClientMetadata, "implicit switched off", only(CapCode)},
		{`{` + uri + `"grant_types":["authorization_code","refresh_token"]}`, InvalidClientMetadata, "refresh switched off", only(CapCode)},
		{`{"grant_types":["urn:ietf:params:oauth:grant-type:assisted_token"]}`, InvalidClientMetadata, "no client that registers", same},
		{`{` + uri + `"allowed_origins":["https://a.example"]}`, InvalidClientMetadata, "assisted token grant type alone", same},
		{`{` + uri + `"scope":"usher.admin nothing"}`, InvalidClientMetadata, "No value of the scope", same},
		{`{` + uri + `"scope":"a\"b"}`, InvalidClientMetadata, "not allowed there", same},
	} {
		if _, err := registered(tc.text, tc.change); err == nil || err.Code != tc.code || !strings.Contains(err.Description, tc.want) {
			t.Errorf("%s: want %s with %q, got %v", tc.text, tc.code, tc.want, err)
		}
	}
}

func TestRegisteredScope(t *testing.T) {
	admin := func(p *Profile) { p.Scopes = append(p.Scopes, Scope{Name: "usher.admin", Description: "x"}) }
	const uri = `"redirect_uris":["https://a.example/cb"]`
	if c, err := registered(`{`+uri+`}`, admin); err != nil || slices.Contains(c.Scope, "usher.admin") || slices.Contains(c.Scope, "payment") {
		t.Errorf("without a wish: %v, %v", c.Scope, err)
	}
	if c, err := registered(`{`+uri+`,"scope":"payment usher.admin openid nothing"}`, admin); err != nil || !slices.Equal(c.Scope, []string{"openid", "payment"}) {
		t.Errorf("as wished: %v, %v", c.Scope, err)
	}
}

func TestRegisteredAssistedTokenByNameOnly(t *testing.T) {
	c, err := registered(`{"grant_types":["urn:ietf:params:oauth:grant-type:assisted_token"],"allowed_origins":["https://a.example"]}`,
		func(p *Profile) { p.RegistrationCapabilities = []Capability{CapAssistedToken} })
	if err != nil || !slices.Equal(c.Capabilities, []Capability{CapAssistedToken}) || len(c.AllowedOrigins) != 1 || !c.ConsentRequired {
		t.Errorf("got %+v, %v", c, err)
	}
}

// Tokens without a user's consent, and other clients' tokens, are for those whom the operator names.
func TestRegisteredCapabilitiesNeedTheOperator(t *testing.T) {
	for grant, k := range map[GrantType]Capability{
		GrantClientCredentials: CapClientCredentials, GrantTokenExchange: CapTokenExchange, GrantAssistedToken: CapAssistedToken,
	} {
		text := `{"grant_types":["` + string(grant) + `"]}`
		if k == CapAssistedToken {
			text = `{"allowed_origins":["https://a.example"],"grant_types":["` + string(grant) + `"]}`
		}
		if c, err := registered(text); err == nil || err.Code != InvalidClientMetadata {
			t.Errorf("%s: got %v, %v", grant, c.Capabilities, err)
		}
		c, err := registered(text, func(p *Profile) { p.RegistrationCapabilities = []Capability{k} })
		if err != nil || !slices.Equal(c.Capabilities, []Capability{k}) {
			t.Errorf("%s, by name: got %v, %v", grant, c.Capabilities, err)
		}
	}
}

func TestNativeAppsMayHaveTheirOwnScheme(t *testing.T) {
	c, err := registered(`{"application_type":"native","redirect_uris":["com.example.app:/cb","http://127.0.0.1/cb"],"token_endpoint_auth_method":"none"}`)
	if err != nil || c.AuthMethod != AuthNone || c.ApplicationType != "native" {
		t.Errorf("got %+v, %v", c, err)
	}
}

// What the operator's form of a client says has no way in.
func TestRegistrationSetsNothingButMetadata(t *testing.T) {
	c, err := registered(`{"redirect_uris":["https://a.example/cb"],"secret_hash":"AAAA","wrapped_secret":"AAAA","id":"x","capabilities":["introspection"],
		"consent_required":false,"framed_interaction":true,"access_token_seconds":86400,"registration_token_hash":"AAAA","audience":["x"]}`)
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := registered(`{"redirect_uris":["https://a.example/cb"]}`)
	if diff := cmp.Diff(plain, c); diff != "" {
		t.Error(diff)
	}
}

func TestSectorDocument(t *testing.T) {
	m := ClientMetadata{RedirectURIs: []string{"https://a.example/cb", "https://b.example/cb"}}
	for document, good := range map[string]bool{
		`["https://b.example/cb","https://a.example/cb","https://c.example/cb"]`: true,
		`["https://a.example/cb"]`: false,
		`{}`:                       false,
		``:                         false,
	} {
		if err := m.CheckSector([]byte(document)); (err == nil) != good {
			t.Errorf("%s: %v", document, err)
		}
	}
	c, err := registered(`{"redirect_uris":["https://a.example/cb"],"subject_type":"pairwise","sector_identifier_uri":"https://Sector.example:8443/x"}`)
	if err != nil || c.SectorIdentifier != "sector.example" {
		t.Errorf("sector %q, %v", c.SectorIdentifier, err)
	}
}

func TestMetadataComesBackAsItWasRegistered(t *testing.T) {
	text := `{"redirect_uris":["https://a.example/cb"],"response_types":["code"],"grant_types":["authorization_code","refresh_token"],
		"application_type":"web","client_name":"A","client_uri":"https://a.example/","logo_uri":"https://a.example/l","policy_uri":"https://a.example/p",
		"tos_uri":"https://a.example/t","contacts":["ann@example.com"],"scope":"openid email","token_endpoint_auth_method":"private_key_jwt",
		"token_endpoint_auth_signing_alg":"ES256","jwks_uri":"https://a.example/j","subject_type":"pairwise","sector_identifier_uri":"https://a.example/s",
		"id_token_signed_response_alg":"ES256","userinfo_signed_response_alg":"RS256","introspection_signed_response_alg":"ES256",
		"dpop_bound_access_tokens":true,"require_pushed_authorization_requests":true,"require_signed_request_object":true,
		"request_object_signing_alg":"PS256","request_uris":["https://a.example/r"],"default_max_age":60,"require_auth_time":true,
		"default_acr_values":["x"],"initiate_login_uri":"https://a.example/i","post_logout_redirect_uris":["https://a.example/bye"],
		"frontchannel_logout_uri":"https://a.example/f","frontchannel_logout_session_required":true,
		"backchannel_logout_uri":"https://a.example/b","backchannel_logout_session_required":true}`
	c, refused := registered(text)
	if refused != nil {
		t.Fatal(refused)
	}
	answer, err := json.Marshal(MetadataOf(&c))
	if err != nil {
		t.Fatal(err)
	}
	var want, got map[string]any
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzRegistration(f *testing.F) {
	f.Add(`{"redirect_uris":["https://a.example/cb"],"response_types":["code id_token"]}`)
	f.Add(`{"grant_types":["client_credentials"],"jwks":null,"scope":"openid"}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := registered(text)
		if err != nil {
			if err.Description != Printable(err.Description) {
				t.Errorf("description %q", err.Description)
			}
			return
		}
		if !c.ConsentRequired || c.Can(CapAssistedToken) || c.Can(CapIntrospection) || len(c.SecretHash) > 0 || c.ID != "" {
			t.Errorf("registered %+v", c)
		}
		again := MetadataOf(&c)
		p := DefaultProfile()
		p.Capabilities = Capabilities
		if _, err := again.Client(&p); err != nil && len(c.Capabilities) > 0 {
			t.Errorf("what was answered cannot be registered: %v", err)
		}
	})
}

func TestPairwiseNeedsRedirectURIs(t *testing.T) {
	text := `"grant_types":["urn:ietf:params:oauth:grant-type:device_code"],"subject_type":"pairwise"`
	if _, err := registered(`{` + text + `}`); err == nil || err.Code != InvalidClientMetadata {
		t.Errorf("without: %v", err)
	}
	if _, err := registered(`{` + text + `,"redirect_uris":["https://a.example/cb"],"response_types":[]}`); err == nil || err.Code != InvalidClientMetadata {
		t.Errorf("by a grant that passes no address: %v", err)
	}
	if _, err := registered(`{"subject_type":"pairwise","redirect_uris":["https://a.example/cb"]}`); err != nil {
		t.Errorf("with: %v", err)
	}
}
