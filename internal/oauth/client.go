package oauth

import (
	"encoding/json"
	"slices"
	"time"
)

// Capability is a flow that a client may use; it has to be enabled on the profile as well.
type Capability string

// The capabilities that this server knows.
const (
	CapAssistedToken     Capability = "assisted_token"
	CapCode              Capability = "code"
	CapImplicit          Capability = "implicit"
	CapHybrid            Capability = "hybrid"
	CapRefresh           Capability = "refresh"
	CapClientCredentials Capability = "client_credentials"
	CapDevice            Capability = "device"
	CapTokenExchange     Capability = "token_exchange"
	CapIntrospection     Capability = "introspection"
)

// Capabilities lists every known capability, for validation and help texts.
var Capabilities = []Capability{
	CapAssistedToken, CapCode, CapImplicit, CapHybrid, CapRefresh, CapClientCredentials, CapDevice, CapTokenExchange, CapIntrospection,
}

// TokenFormat is the kind of access token that a client gets.
type TokenFormat string

// FormatHandle is an opaque sealed handle, the default; FormatJWT is RFC 9068.
const (
	FormatHandle TokenFormat = "handle"
	FormatJWT    TokenFormat = "jwt"
)

// Alg is a JWS algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
type Alg string

// The algorithms: usher signs with the first two, and accepts the others from clients too.
const (
	ES256 Alg = "ES256"
	RS256 Alg = "RS256"
	PS256 Alg = "PS256"
	EdDSA Alg = "EdDSA"
	HS256 Alg = "HS256" // client_secret_jwt alone
	// AlgNone is an unsigned request object (RFC 9101 §10.1).
	AlgNone Alg = "none"
)

// SigningAlgs are those that usher signs with.
var SigningAlgs = []Alg{ES256, RS256}

// ClientAlgs are those that clients may sign with, by keys of their own.
var ClientAlgs = []Alg{ES256, PS256, RS256, EdDSA}

// StrongAlgs are those of them that FAPI 2.0 allows (Security Profile §5.4.1).
var StrongAlgs = []Alg{ES256, PS256, EdDSA}

// DPoPAlgs are the algorithms of DPoP proofs: whose keys are made for the purpose, and need none but the strong ones.
var DPoPAlgs = StrongAlgs

// AuthMethod is how a client authenticates (RFC 7591 §2, RFC 8705 §2).
type AuthMethod string

// The ways to authenticate a client.
const (
	AuthNone          AuthMethod = "none"
	AuthSecretBasic   AuthMethod = "client_secret_basic"
	AuthSecretPost    AuthMethod = "client_secret_post"
	AuthSecretJWT     AuthMethod = "client_secret_jwt"
	AuthPrivateKeyJWT AuthMethod = "private_key_jwt"
	AuthTLS           AuthMethod = "tls_client_auth"
	AuthSelfSignedTLS AuthMethod = "self_signed_tls_client_auth"
)

// AuthMethods lists them all.
var AuthMethods = []AuthMethod{
	AuthNone, AuthSecretBasic, AuthSecretPost, AuthSecretJWT, AuthPrivateKeyJWT, AuthTLS, AuthSelfSignedTLS,
}

// SubjectType says whether clients see the same sub for a user (OpenID Connect Core §8).
type SubjectType string

// The subject types; public where empty.
const (
	SubjectPublic   SubjectType = "public"
	SubjectPairwise SubjectType = "pairwise"
)

// Client is an OAuth client (RFC 6749 §2). The JSON form is what the store keeps and the command
// line shows; names are those of RFC 7591 and OpenID Connect Registration where they have one.
type Client struct {
	ID           string       `json:"id"`
	Name         string       `json:"name"`
	Disabled     bool         `json:"disabled,omitempty"`
	Capabilities []Capability `json:"capabilities"`
	// AllowedOrigins may frame the server's pages for this client and receive its messages.
	AllowedOrigins         []OriginPattern `json:"allowed_origins,omitempty"`
	RedirectURIs           []string        `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs []string        `json:"post_logout_redirect_uris,omitempty"`
	// ResponseTypes are those that the client may use; all of its capabilities where empty.
	ResponseTypes []string `json:"response_types,omitempty"`
	// Scope is all that the client may ask for.
	Scope []string `json:"scope,omitempty"`

	ClientAuthentication
	ClientTokens
	ClientRequests
	ClientLogout
	ClientRegistration

	ConsentRequired bool `json:"consent_required,omitempty"`
	// ShownSince is when what the consent page shows of the client last changed.
	ShownSince time.Time `json:"shown_since,omitzero"`
	// FramedInteraction lets pages of a client whose users must consent be framed: unsafe, by name.
	FramedInteraction bool `json:"framed_interaction,omitempty"`
	// TrialOrigin is one more allowed origin until TrialUntil: the admin pages', while an operator tries the client there.
	TrialOrigin string    `json:"trial_origin,omitempty"`
	TrialUntil  time.Time `json:"trial_until,omitzero"`
	// ManagedBy names the file that the client comes from; empty where operators edit it.
	ManagedBy string `json:"managed_by,omitempty"`
	// Version counts the changes, for optimistic locking; the store sets it.
	Version int64 `json:"version"`
}

// ClientAuthentication is how a client proves who it is.
type ClientAuthentication struct {
	// AuthMethod is the one way to authenticate. Empty: with the secret, by header or form; where there is none,
	// the client is public.
	AuthMethod AuthMethod `json:"token_endpoint_auth_method,omitempty"`
	// SecretHash is the SHA-256 of the generated secret; empty where there is none.
	SecretHash []byte `json:"secret_hash,omitempty"`
	// WrappedSecret is the secret under the master key, for client_secret_jwt alone: a hash cannot verify a MAC.
	WrappedSecret []byte `json:"wrapped_secret,omitempty"`
	// JWKS holds the client's public keys (RFC 7517); JWKSURI is where they are fetched instead.
	JWKS    json.RawMessage `json:"jwks,omitempty"`
	JWKSURI string          `json:"jwks_uri,omitempty"`
	// AssertionAlg is the only algorithm of its assertions; any that usher knows where empty.
	AssertionAlg Alg `json:"token_endpoint_auth_signing_alg,omitempty"`
	// TLSSubjectDN or TLSSANDNS is what the certificate has to say with tls_client_auth (RFC 8705 §2.1.2).
	TLSSubjectDN string `json:"tls_client_auth_subject_dn,omitempty"`
	TLSSANDNS    string `json:"tls_client_auth_san_dns,omitempty"`
	// RevokedBefore ends the tokens without a user that were issued before.
	RevokedBefore time.Time `json:"revoked_before,omitzero"`
}

// ClientTokens is what the client's tokens are like.
type ClientTokens struct {
	// AccessTokenFormat is FormatHandle where empty.
	AccessTokenFormat TokenFormat `json:"access_token_format,omitempty"`
	// AccessTokenSeconds is the lifetime; 0 means the profile's.
	AccessTokenSeconds int `json:"access_token_seconds,omitempty"`
	// IDTokenAlg signs what the client gets as a JWT; ES256 where empty.
	IDTokenAlg Alg `json:"id_token_alg,omitempty"`
	// UserInfoAlg and IntrospectionAlg make those answers JWTs; plain JSON where empty.
	UserInfoAlg      Alg `json:"userinfo_signed_response_alg,omitempty"`
	IntrospectionAlg Alg `json:"introspection_signed_response_alg,omitempty"`
	// Audience of access tokens (RFC 9068 §2.2) where the request names no resource; the issuer where empty.
	Audience []string `json:"audience,omitempty"`
	// Resources are what a request may name as resource (RFC 8707 §2).
	Resources []string `json:"resources,omitempty"`
	// DPoPBound and TLSBound refuse tokens that are bound to no key.
	DPoPBound bool `json:"dpop_bound_access_tokens,omitempty"`
	TLSBound  bool `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	// SubjectType is public where empty. SectorIdentifier is the host that clients share a pairwise subject by.
	SubjectType      SubjectType `json:"subject_type,omitempty"`
	SectorIdentifier string      `json:"sector_identifier,omitempty"`
}

// ClientRequests is what the client's authorization requests are like.
type ClientRequests struct {
	// RequirePushed demands pushed requests (RFC 9126 §6); RequireSigned signed request objects (RFC 9101 §10.5).
	RequirePushed bool `json:"require_pushed_authorization_requests,omitempty"`
	RequireSigned bool `json:"require_signed_request_object,omitempty"`
	// RequestObjectAlg is the only algorithm of its request objects; any that usher knows, signed ones, where empty.
	RequestObjectAlg Alg `json:"request_object_signing_alg,omitempty"`
	// RequestURIs are where its request objects may be fetched; a fragment is not compared.
	RequestURIs []string `json:"request_uris,omitempty"`
	// DefaultMaxAge, in seconds, where a request names none; nil for no limit.
	DefaultMaxAge   *int     `json:"default_max_age,omitempty"`
	DefaultACR      []string `json:"default_acr_values,omitempty"`
	RequireAuthTime bool     `json:"require_auth_time,omitempty"`
	// InitiateLoginURI starts a sign-in from elsewhere (OpenID Connect Core §4).
	InitiateLoginURI string `json:"initiate_login_uri,omitempty"`
}

// ClientLogout is how the client hears that a session ended.
type ClientLogout struct {
	FrontChannelLogoutURI             string `json:"frontchannel_logout_uri,omitempty"`
	FrontChannelLogoutSessionRequired bool   `json:"frontchannel_logout_session_required,omitempty"`
	BackChannelLogoutURI              string `json:"backchannel_logout_uri,omitempty"`
	BackChannelLogoutSessionRequired  bool   `json:"backchannel_logout_session_required,omitempty"`
}

// ClientRegistration is what a client told of itself when it registered (RFC 7591 §2).
type ClientRegistration struct {
	LogoURI   string   `json:"logo_uri,omitempty"`
	ClientURI string   `json:"client_uri,omitempty"`
	PolicyURI string   `json:"policy_uri,omitempty"`
	TOSURI    string   `json:"tos_uri,omitempty"`
	Contacts  []string `json:"contacts,omitempty"`
	// ApplicationType is web or native (OpenID Connect Registration §2); web where empty.
	ApplicationType string `json:"application_type,omitempty"`
	// SectorIdentifierURI listed the redirect URIs when the client registered (OpenID Connect Registration §5).
	SectorIdentifierURI string `json:"sector_identifier_uri,omitempty"`
	// ManagementToken is empty where an operator made the client.
	ManagementToken
	Registered time.Time `json:"registered,omitzero"`
	// Verified tells that an operator knows whose client it is, though it registered by itself.
	Verified bool `json:"verified,omitempty"`
}

// Unverified tells whether the client registered by itself and no operator verified it.
func (c *Client) Unverified() bool { return !c.Registered.IsZero() && !c.Verified }

// Can tells whether the client has the capability.
func (c *Client) Can(k Capability) bool { return slices.Contains(c.Capabilities, k) }

// DisplayName is what users read.
func (c *Client) DisplayName() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// Alg is the algorithm of the JWTs that the client gets: the one that it knows.
func (c *Client) Alg() Alg {
	if c.IDTokenAlg == "" {
		return ES256
	}
	return c.IDTokenAlg
}

// IsPublic tells whether the client cannot prove who it is (RFC 6749 §2.1).
func (c *Client) IsPublic() bool {
	return c.AuthMethod == AuthNone || c.AuthMethod == "" && len(c.SecretHash) == 0
}

// IsFAPI tells whether the client is held to the FAPI 2.0 Security Profile: it pushes its requests (§5.3.2.2) and binds
// its tokens to a key (§5.3.2.1).
func (c *Client) IsFAPI() bool { return c.RequirePushed && (c.DPoPBound || c.TLSBound) }

// Audiences is who the client's access tokens are for, where the request names no resource.
func (c *Client) Audiences(issuer string) []string {
	if len(c.Audience) == 0 {
		return []string{issuer} // RFC 9068 §3
	}
	return c.Audience
}
