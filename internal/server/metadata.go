package server

import (
	"maps"
	"slices"

	"github.com/usher-id/usher/internal/oauth"
)

// metadata is the discovery document (OpenID Connect Discovery §3, RFC 8414 §2, and the specifications that add to it). It
// tells only what is there: what the profile has switched off is not in it.
type metadata struct {
	Issuer                string `json:"issuer"`
	JWKSURI               string `json:"jwks_uri"`
	AuthorizationEndpoint string `json:"authorization_endpoint"`
	TokenEndpoint         string `json:"token_endpoint"`
	AssistedTokenEndpoint string `json:"assisted_token_endpoint"`
	PushedRequestEndpoint string `json:"pushed_authorization_request_endpoint"`
	DeviceEndpoint        string `json:"device_authorization_endpoint,omitempty"`
	IntrospectionEndpoint string `json:"introspection_endpoint"`
	RevocationEndpoint    string `json:"revocation_endpoint"`
	UserinfoEndpoint      string `json:"userinfo_endpoint"`
	EndSessionEndpoint    string `json:"end_session_endpoint"`
	CheckSessionIframe    string `json:"check_session_iframe"`
	RegistrationEndpoint  string `json:"registration_endpoint,omitempty"`

	Scopes        []string             `json:"scopes_supported"`
	Claims        []string             `json:"claims_supported"`
	ACRValues     []string             `json:"acr_values_supported"`
	SubjectTypes  []oauth.SubjectType  `json:"subject_types_supported"`
	GrantTypes    []oauth.GrantType    `json:"grant_types_supported"`
	ResponseTypes []string             `json:"response_types_supported"`
	ResponseModes []oauth.ResponseMode `json:"response_modes_supported"`
	Prompts       []string             `json:"prompt_values_supported"`
	Displays      []string             `json:"display_values_supported"`
	UILocales     []string             `json:"ui_locales_supported"`
	ClaimTypes    []string             `json:"claim_types_supported"`

	AuthMethods              []oauth.AuthMethod `json:"token_endpoint_auth_methods_supported"`
	AuthAlgs                 []oauth.Alg        `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAuthMethods []oauth.AuthMethod `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAuthAlgs    []oauth.Alg        `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	RevocationAuthMethods    []oauth.AuthMethod `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAuthAlgs       []oauth.Alg        `json:"revocation_endpoint_auth_signing_alg_values_supported"`

	IDTokenAlgs       []oauth.Alg `json:"id_token_signing_alg_values_supported"`
	UserinfoAlgs      []oauth.Alg `json:"userinfo_signing_alg_values_supported"`
	IntrospectionAlgs []oauth.Alg `json:"introspection_signing_alg_values_supported"`
	RequestObjectAlgs []oauth.Alg `json:"request_object_signing_alg_values_supported"`
	DPoPAlgs          []oauth.Alg `json:"dpop_signing_alg_values_supported"`
	PKCEMethods       []string    `json:"code_challenge_methods_supported"`

	ClaimsParameter      bool `json:"claims_parameter_supported"`
	RequestParameter     bool `json:"request_parameter_supported"`
	RequestURIParameter  bool `json:"request_uri_parameter_supported"`
	RequestURIRegistered bool `json:"require_request_uri_registration"`
	IssParameter         bool `json:"authorization_response_iss_parameter_supported"`

	FrontChannelLogout        bool `json:"frontchannel_logout_supported"`
	FrontChannelLogoutSession bool `json:"frontchannel_logout_session_supported"`
	BackChannelLogout         bool `json:"backchannel_logout_supported"`
	BackChannelLogoutSession  bool `json:"backchannel_logout_session_supported"`

	TLSBoundTokens bool              `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	MTLSAliases    map[string]string `json:"mtls_endpoint_aliases,omitempty"`
}

func (s *Server) metadata(snap *snapshot) metadata {
	p := &snap.profile
	algs := snap.ring.Algs()
	m := metadata{
		Issuer:                s.issuer,
		JWKSURI:               s.issuer + "/jwks",
		AuthorizationEndpoint: s.BaseURL + authorizePath,
		TokenEndpoint:         s.BaseURL + tokenPath,
		AssistedTokenEndpoint: s.BaseURL + assistedPath,
		PushedRequestEndpoint: s.BaseURL + parPath,
		IntrospectionEndpoint: s.BaseURL + introspectPath,
		RevocationEndpoint:    s.BaseURL + revokePath,
		UserinfoEndpoint:      s.BaseURL + userinfoPath,
		EndSessionEndpoint:    s.BaseURL + logoutPath,
		CheckSessionIframe:    s.BaseURL + checkSessionPath,

		Claims:        supportedClaims(p),
		ACRValues:     oauth.ACRValues,
		SubjectTypes:  []oauth.SubjectType{oauth.SubjectPublic, oauth.SubjectPairwise},
		GrantTypes:    supportedGrants(p),
		ResponseTypes: []string{},
		ResponseModes: oauth.ResponseModes,
		Prompts:       []string{"none", "login", "consent", "select_account"},
		Displays:      []string{"page"},
		UILocales:     []string{"en"},
		ClaimTypes:    []string{"normal"},

		AuthMethods:              s.authMethods(),
		AuthAlgs:                 assertionAlgs,
		IntrospectionAuthMethods: slices.DeleteFunc(s.authMethods(), func(m oauth.AuthMethod) bool { return m == oauth.AuthNone }),
		IntrospectionAuthAlgs:    assertionAlgs,
		RevocationAuthMethods:    s.authMethods(),
		RevocationAuthAlgs:       assertionAlgs,

		IDTokenAlgs: algs, UserinfoAlgs: algs, IntrospectionAlgs: algs,
		RequestObjectAlgs: append(slices.Clone(oauth.ClientAlgs), oauth.AlgNone),
		DPoPAlgs:          oauth.DPoPAlgs,
		PKCEMethods:       []string{"S256"},

		ClaimsParameter: true, RequestParameter: true, RequestURIParameter: true, RequestURIRegistered: true, IssParameter: true,
		FrontChannelLogout: true, FrontChannelLogoutSession: true, BackChannelLogout: true, BackChannelLogoutSession: true,
		TLSBoundTokens: s.MTLSBaseURL != "", MTLSAliases: s.mtlsAliases(p),
	}
	if p.Registration != oauth.RegistrationOff {
		m.RegistrationEndpoint = s.BaseURL + "/oauth/v2/oauth-register"
	}
	if p.Can(oauth.CapDevice) {
		m.DeviceEndpoint = s.BaseURL + deviceAuthorizationPath
	}
	for _, sc := range p.Scopes {
		m.Scopes = append(m.Scopes, sc.Name)
	}
	for _, k := range oauth.Capabilities {
		if p.Can(k) {
			m.ResponseTypes = append(m.ResponseTypes, oauth.ResponseTypes[k]...)
		}
	}
	return m
}

// assertionAlgs are the algorithms of client assertions.
var assertionAlgs = append(slices.Clone(oauth.ClientAlgs), oauth.HS256)

// authMethods are the ways to authenticate that work here: those by certificate need the listener that asks for one.
func (s *Server) authMethods() []oauth.AuthMethod {
	return slices.DeleteFunc(slices.Clone(oauth.AuthMethods), func(m oauth.AuthMethod) bool {
		return (m == oauth.AuthTLS || m == oauth.AuthSelfSignedTLS) && s.MTLSBaseURL == "" || m == oauth.AuthTLS && s.ClientCAs == nil
	})
}

func supportedGrants(p *oauth.Profile) []oauth.GrantType {
	grants := []oauth.GrantType{}
	for grant, capability := range oauth.GrantCapability {
		if p.Can(capability) {
			grants = append(grants, grant)
		}
	}
	if p.Can(oauth.CapImplicit) || p.Can(oauth.CapHybrid) {
		grants = append(grants, oauth.GrantImplicit)
	}
	if p.Can(oauth.CapAssistedToken) {
		grants = append(grants, oauth.GrantAssistedToken)
	}
	slices.Sort(grants)
	return grants
}

func supportedClaims(p *oauth.Profile) []string {
	claims := map[string]bool{}
	for _, sc := range p.Scopes {
		for _, name := range sc.Claims {
			claims[name] = true
		}
	}
	return append([]string{"sub", "auth_time", "acr", "amr", "sid"}, slices.Sorted(maps.Keys(claims))...)
}
