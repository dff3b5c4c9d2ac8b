package oauth

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// ClientMetadata is what a client tells of itself when it registers, and what it is answered (RFC 7591 §2, OpenID
// Connect Registration §2, and the specifications that each name belongs to). What is not here is ignored, as RFC 7591
// §2 demands, names in other languages (client_name#de) included.
type ClientMetadata struct {
	RedirectURIs    []string    `json:"redirect_uris,omitempty"`
	ResponseTypes   []string    `json:"response_types"`
	GrantTypes      []GrantType `json:"grant_types"`
	ApplicationType string      `json:"application_type,omitempty"`
	Name            string      `json:"client_name,omitempty"`
	ClientURI       string      `json:"client_uri,omitempty"`
	LogoURI         string      `json:"logo_uri,omitempty"`
	PolicyURI       string      `json:"policy_uri,omitempty"`
	TOSURI          string      `json:"tos_uri,omitempty"`
	Contacts        []string    `json:"contacts,omitempty"`
	Scope           string      `json:"scope,omitempty"`

	AuthMethod   AuthMethod      `json:"token_endpoint_auth_method"`
	AssertionAlg Alg             `json:"token_endpoint_auth_signing_alg,omitempty"`
	JWKS         json.RawMessage `json:"jwks,omitempty"`
	JWKSURI      string          `json:"jwks_uri,omitempty"`
	TLSSubjectDN string          `json:"tls_client_auth_subject_dn,omitempty"`
	TLSSANDNS    string          `json:"tls_client_auth_san_dns,omitempty"`

	SubjectType         SubjectType `json:"subject_type"`
	SectorIdentifierURI string      `json:"sector_identifier_uri,omitempty"`
	IDTokenAlg          Alg         `json:"id_token_signed_response_alg"`
	UserInfoAlg         Alg         `json:"userinfo_signed_response_alg,omitempty"`
	IntrospectionAlg    Alg         `json:"introspection_signed_response_alg,omitempty"`
	DPoPBound           bool        `json:"dpop_bound_access_tokens,omitempty"`
	TLSBound            bool        `json:"tls_client_certificate_bound_access_tokens,omitempty"`

	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"`
	ClientRequests
	ClientLogout

	// AllowedOrigins goes with the assisted token flow alone.
	AllowedOrigins []OriginPattern `json:"allowed_origins,omitempty"`
}

// RegistrationRequest is the body of a registration (RFC 7591 §3.1) or of an update (RFC 7592 §2.2).
type RegistrationRequest struct {
	ClientMetadata
	// ClientID and ClientSecret are what an update repeats.
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`

	SoftwareStatement  string `json:"software_statement"`
	IDTokenEncryption  string `json:"id_token_encrypted_response_alg"`
	UserInfoEncryption string `json:"userinfo_encrypted_response_alg"`
}

// ParseRegistration reads the body, and refuses what usher does not do but the client would have to rely on.
func ParseRegistration(body []byte) (RegistrationRequest, *Error) {
	var r RegistrationRequest
	if err := json.Unmarshal(body, &r); err != nil {
		return r, Errorf(InvalidClientMetadata, "The body is not a JSON object of client metadata, or a member has the wrong type.").Because(err)
	}
	if string(r.JWKS) == "null" { // as good as left out (RFC 7592 §2.2)
		r.JWKS = nil
	}
	switch {
	case r.SoftwareStatement != "": // RFC 7591 §2.3: its claims would be stronger than the others
		return r, Errorf(UnapprovedSoftwareStatement, "This server accepts no software statements: register without one.")
	case r.IDTokenEncryption != "" || r.UserInfoEncryption != "":
		return r, Errorf(InvalidClientMetadata, "This server does not encrypt its answers: register without encrypted_response_alg.")
	case len(r.JWKS) > 0 && r.JWKSURI != "": // RFC 7591 §2
		return r, Errorf(InvalidClientMetadata, "Give jwks or jwks_uri, not both.")
	}
	return r, nil
}

// registrable finds the capability of a grant type that clients may register: those of the token endpoint, and those
// with an endpoint of their own.
func registrable(g GrantType) (k Capability, known bool) {
	switch g {
	case GrantImplicit:
		return CapImplicit, true
	case GrantAssistedToken:
		return CapAssistedToken, true
	}
	k, known = GrantCapability[g]
	return k, known
}

// Client makes the client of the metadata, with the defaults of RFC 7591 §2 and OpenID Connect Registration §2. A
// registered client is somebody else's: its users are asked to agree. What is left to check is what holds for every
// client (package manage) and what sector_identifier_uri says.
func (m *ClientMetadata) Client(p *Profile) (Client, *Error) {
	capabilities, err := m.capabilities(p)
	if err != nil {
		return Client{}, err
	}
	scope, err := m.scope(p)
	if err != nil {
		return Client{}, err
	}
	if len(m.AllowedOrigins) > 0 && !slices.Contains(capabilities, CapAssistedToken) {
		return Client{}, Errorf(InvalidClientMetadata, "allowed_origins goes with the assisted token grant type alone.")
	}
	if err := m.checkRedirects(capabilities); err != nil {
		return Client{}, err
	}
	c := Client{
		Name: m.Name, Capabilities: capabilities, AllowedOrigins: m.AllowedOrigins, RedirectURIs: m.RedirectURIs,
		PostLogoutRedirectURIs: m.PostLogoutRedirectURIs, Scope: scope, ConsentRequired: true,
		ResponseTypes: m.responseTypes(),
		ClientAuthentication: ClientAuthentication{
			AuthMethod: or(m.AuthMethod, AuthSecretBasic), JWKS: m.JWKS, JWKSURI: m.JWKSURI, AssertionAlg: m.AssertionAlg,
			TLSSubjectDN: m.TLSSubjectDN, TLSSANDNS: m.TLSSANDNS,
		},
		ClientTokens: ClientTokens{
			IDTokenAlg: or(m.IDTokenAlg, RS256), UserInfoAlg: m.UserInfoAlg, IntrospectionAlg: m.IntrospectionAlg,
			DPoPBound: m.DPoPBound, TLSBound: m.TLSBound, SubjectType: or(m.SubjectType, SubjectPublic),
			SectorIdentifier: hostname(m.SectorIdentifierURI),
		},
		ClientRequests: m.ClientRequests, ClientLogout: m.ClientLogout,
		ClientRegistration: ClientRegistration{
			LogoURI: m.LogoURI, ClientURI: m.ClientURI, PolicyURI: m.PolicyURI, TOSURI: m.TOSURI, Contacts: m.Contacts,
			ApplicationType: or(m.ApplicationType, "web"), SectorIdentifierURI: m.SectorIdentifierURI,
		},
	}
	if c.SubjectType == SubjectPairwise && (len(c.RedirectURIs) == 0 || c.Can(CapDevice) || c.Can(CapTokenExchange) || c.Can(CapAssistedToken)) {
		// Its sector would be whatever it says, for its tokens need not pass an address there.
		return Client{}, Errorf(InvalidClientMetadata, "Pairwise subjects need redirect_uris, which tell the sector, and only grants whose answers go there.")
	}
	return c, nil
}

func or[S ~string](value, otherwise S) S {
	if value == "" {
		return otherwise
	}
	return value
}

func hostname(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// capabilities maps grant and response types (RFC 7591 §2.1). Where only one of the two is given, the other follows.
func (m *ClientMetadata) capabilities(p *Profile) ([]Capability, *Error) {
	var has []Capability
	for _, t := range m.ResponseTypes {
		parsed, err := ParseResponseType(t)
		if err != nil {
			return nil, Errorf(InvalidClientMetadata, "The response type %s is not supported.", brief(t))
		}
		has = with(has, parsed.Capability())
		if err := m.grantsFor(parsed); err != nil {
			return nil, err
		}
	}
	grants := m.GrantTypes
	if len(grants) == 0 && len(has) == 0 {
		grants = []GrantType{GrantCode} // RFC 7591 §2
	}
	for _, g := range grants {
		k, known := registrable(g)
		switch {
		case !known:
			return nil, Errorf(InvalidClientMetadata, "The grant type %s is not supported.", brief(string(g)))
		case k == CapImplicit && slices.Contains(has, CapHybrid), k == CapCode && slices.Contains(has, CapHybrid) && !slices.Contains(m.ResponseTypes, "code"):
			continue // it is there for the hybrid types
		}
		has = with(has, k)
	}
	for _, k := range has {
		if !p.Can(k) {
			return nil, Errorf(InvalidClientMetadata, "This server has the capability %s switched off.", k)
		}
		if !slices.Contains(p.Registrable(), k) {
			return nil, Errorf(InvalidClientMetadata, "This server gives the capability %s to no client that registers by itself.", k)
		}
	}
	return has, nil
}

// responseTypes are those that the client limits itself to, in their usual spelling (RFC 7591 §2).
func (m *ClientMetadata) responseTypes() (list []string) {
	for _, text := range m.ResponseTypes {
		if t, err := ParseResponseType(text); err == nil { // capabilities refused the others
			list = with(list, t.String())
		}
	}
	return list
}

// with adds what is not there yet.
func with[T comparable](list []T, more ...T) []T {
	for _, v := range more {
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

// grantsFor holds RFC 7591 §2.1: a response type goes with its grant types, where those are named.
func (m *ClientMetadata) grantsFor(t ResponseType) *Error {
	for grant, needed := range map[GrantType]bool{GrantCode: t.Code, GrantImplicit: t.IDToken || t.Token} {
		if needed && len(m.GrantTypes) > 0 && !slices.Contains(m.GrantTypes, grant) {
			return Errorf(InvalidClientMetadata, "A response type needs the grant type %s, which grant_types lacks.", grant)
		}
	}
	return nil
}

// scope is what of the wish exists here; where there is no wish, all that demands no fresh sign-in and is not about
// this server itself.
func (m *ClientMetadata) scope(p *Profile) ([]string, *Error) {
	asked, err := ParseScope(m.Scope)
	if err != nil {
		return nil, Errorf(InvalidClientMetadata, "The scope holds a character that is not allowed there.")
	}
	var scope []string
	for _, s := range p.Scopes {
		wanted := slices.Contains(asked, s.Name) || len(asked) == 0 && s.MaxAuthAge == 0
		if wanted && !IsOperatorScope(s.Name) {
			scope = append(scope, s.Name)
		}
	}
	if len(asked) > 0 && len(scope) == 0 {
		return nil, Errorf(InvalidClientMetadata, "No value of the scope is one that clients can register for here.")
	}
	return scope, nil
}

// checkRedirects holds the redirect URIs against application_type (OpenID Connect Registration §2): schemes of their own
// are for native applications. http is for loopback in any case, where web applications are developed.
func (m *ClientMetadata) checkRedirects(capabilities []Capability) *Error {
	answers := slices.ContainsFunc(capabilities, func(k Capability) bool { return k == CapCode || k == CapImplicit || k == CapHybrid })
	if answers && len(m.RedirectURIs) == 0 {
		return Errorf(InvalidRedirectURI, "The client needs at least one redirect URI.")
	}
	for _, uri := range m.RedirectURIs {
		if err := CheckRedirectURI(uri); err != nil {
			return Errorf(InvalidRedirectURI, "The redirect URI %v.", err)
		}
		if u, _ := url.Parse(uri); u.Scheme != "https" && u.Scheme != "http" && m.ApplicationType != "native" {
			return Errorf(InvalidRedirectURI, "The redirect URI %s has a scheme of its own, which only native applications have.", brief(uri))
		}
	}
	return nil
}

// CheckSector holds the redirect URIs against what sector_identifier_uri answered: it lists them all (OpenID Connect
// Registration §5).
func (m *ClientMetadata) CheckSector(document []byte) *Error {
	var listed []string
	if err := json.Unmarshal(document, &listed); err != nil {
		return Errorf(InvalidClientMetadata, "The document at sector_identifier_uri is not a JSON array of redirect URIs.").Because(err)
	}
	if !Subset(m.RedirectURIs, listed) {
		return Errorf(InvalidClientMetadata, "The document at sector_identifier_uri does not list every redirect URI.")
	}
	return nil
}

// MetadataOf is the reverse of ClientMetadata.Client: all that is registered of a client, defaults included.
func MetadataOf(c *Client) ClientMetadata {
	m := ClientMetadata{
		RedirectURIs: c.RedirectURIs, ResponseTypes: []string{}, GrantTypes: []GrantType{}, ApplicationType: c.ApplicationType,
		Name: c.Name, ClientURI: c.ClientURI, LogoURI: c.LogoURI, PolicyURI: c.PolicyURI, TOSURI: c.TOSURI, Contacts: c.Contacts,
		Scope:      JoinScope(c.Scope),
		AuthMethod: c.AuthMethod, AssertionAlg: c.AssertionAlg, JWKS: c.JWKS, JWKSURI: c.JWKSURI,
		TLSSubjectDN: c.TLSSubjectDN, TLSSANDNS: c.TLSSANDNS,
		SubjectType: c.SubjectType, SectorIdentifierURI: c.SectorIdentifierURI, IDTokenAlg: c.Alg(),
		UserInfoAlg: c.UserInfoAlg, IntrospectionAlg: c.IntrospectionAlg, DPoPBound: c.DPoPBound, TLSBound: c.TLSBound,
		ClientRequests: c.ClientRequests, ClientLogout: c.ClientLogout, PostLogoutRedirectURIs: c.PostLogoutRedirectURIs,
		AllowedOrigins: c.AllowedOrigins,
	}
	for _, k := range Capabilities { // in one order, whatever the client's
		if c.Can(k) {
			m.ResponseTypes = append(m.ResponseTypes, ResponseTypes[k]...)
			m.GrantTypes = with(m.GrantTypes, grantsOf(k)...)
		}
	}
	if len(c.ResponseTypes) > 0 {
		m.ResponseTypes = c.ResponseTypes
	}
	return m
}

func grantsOf(k Capability) []GrantType {
	switch k {
	case CapImplicit:
		return []GrantType{GrantImplicit}
	case CapAssistedToken:
		return []GrantType{GrantAssistedToken}
	case CapHybrid:
		return []GrantType{GrantCode, GrantImplicit}
	}
	for g, capability := range GrantCapability {
		if capability == k {
			return []GrantType{g}
		}
	}
	return nil // introspection is no grant
}
