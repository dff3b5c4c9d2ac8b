package pages

import (
	"encoding/json"

	"github.com/usher-id/usher/internal/oauth"
)

// capabilityOptions explain the flows, in the order in which most clients want them.
var capabilityOptions = []option{
	{Value: string(oauth.CapAssistedToken), Label: "Assisted token", Help: "A single page app gets its token by a frame of this server. Needs allowed origins."},
	{Value: string(oauth.CapCode), Label: "Authorization code", Help: "The whole page goes to the server and comes back with a code. Needs redirect URIs; public clients have to use PKCE."},
	{Value: string(oauth.CapRefresh), Label: "Refresh tokens", Help: "With a code or on a device: the client gets new access tokens without asking the user again."},
	{Value: string(oauth.CapClientCredentials), Label: "Client credentials", Help: "A service gets tokens for itself, without any user. Needs a secret or a key."},
	{Value: string(oauth.CapDevice), Label: "Device", Help: "A device without a browser shows a short code, and the user types it on a phone or computer."},
	{Value: string(oauth.CapTokenExchange), Label: "Token exchange", Help: "An API turns a token that it received into one for the next API. Needs a secret or a key."},
	{Value: string(oauth.CapIntrospection), Label: "Introspection", Help: "An API asks whether a token is good and whose it is. Needs a secret or a key."},
	{Value: string(oauth.CapImplicit), Label: "Implicit", Help: "The whole page goes to the server and comes back with a token in the address. Some apps ask so, at page load, whether somebody is signed in.", Risk: "histories and referrers may keep addresses."},
	{Value: string(oauth.CapHybrid), Label: "Hybrid", Help: "Code and token at once, in the address.", Risk: "histories and referrers may keep addresses."},
}

var signingOptions = []option{
	{Value: string(oauth.ES256), Label: "ES256"}, {Value: string(oauth.RS256), Label: "RS256 (for clients that know no other)"},
}

var methodOptions = []option{
	{Value: "", Label: "By its secret where it has one, by header or form; else it is public"},
	{Value: string(oauth.AuthNone), Label: "none: a public client, which cannot keep a secret"},
	{Value: string(oauth.AuthSecretBasic), Label: "client_secret_basic: the secret, in a header"},
	{Value: string(oauth.AuthSecretPost), Label: "client_secret_post: the secret, in the request's body"},
	{Value: string(oauth.AuthSecretJWT), Label: "client_secret_jwt: a JWT signed with the secret"},
	{Value: string(oauth.AuthPrivateKeyJWT), Label: "private_key_jwt: a JWT signed with a key of its own"},
	{Value: string(oauth.AuthTLS), Label: "tls_client_auth: a certificate that a CA of yours issued"},
	{Value: string(oauth.AuthSelfSignedTLS), Label: "self_signed_tls_client_auth: a certificate among its keys"},
}

func assertionOptions() []option {
	list := []option{{Value: "", Label: "Any that usher knows"}}
	for _, alg := range append(append([]oauth.Alg{}, oauth.ClientAlgs...), oauth.HS256) {
		list = append(list, option{Value: string(alg), Label: string(alg)})
	}
	return list
}

func responseTypeOptions() (list []option) {
	for _, k := range oauth.Capabilities {
		for _, t := range oauth.ResponseTypes[k] {
			list = append(list, option{Value: t, Label: t})
		}
	}
	return list
}

func requestObjectOptions() []option {
	list := []option{{Value: "", Label: "Any that usher knows, signed"}}
	for _, alg := range oauth.ClientAlgs {
		list = append(list, option{Value: string(alg), Label: string(alg)})
	}
	return append(list, option{Value: string(oauth.AlgNone), Label: "none: believed without a signature (unsafe)"})
}

func withPlain(label string) []option {
	return append([]option{{Value: "", Label: label}}, signingOptions...)
}

// scopeOptions are the profile's scopes, and those of the admin API where the form may offer them.
func scopeOptions(p *oauth.Profile, operators bool) []option {
	var list []option
	for _, s := range p.Scopes {
		o := option{Value: s.Name, Label: s.Name, Help: s.Description}
		if s.MaxAuthAge > 0 {
			o.Help += " (only right after a sign-in, and only where a request names it)"
		}
		list = append(list, o)
	}
	if !operators {
		return list
	}
	return append(list, operatorScopeOptions...)
}

// operatorScopeOptions open the admin API.
var operatorScopeOptions = []option{
	{Value: oauth.ScopeRead, Label: oauth.ScopeRead, Help: "Read the admin API.", Risk: "this client may look at everything, of every account."},
	{Value: oauth.ScopeAdmin, Label: oauth.ScopeAdmin, Help: "Use the whole admin API.", Risk: "this client may change everything that its user (or, without a user, an admin) may."},
}

// clientSections are all settings of a client, in the order in which people look for them.
func clientSections(p *oauth.Profile) []clientSection {
	return []clientSection{
		basicSection(), addressSection(), scopeSection(p), authenticationSection(), tokenSection(), requestSection(), logoutSection(), aboutSection(),
	}
}

func basicSection() clientSection {
	return clientSection{id: "basics", title: "Basics", lead: "What the client is called, and which flows it may use.", settings: []clientSetting{
		needed(textSetting("name", "Name", "Users read it when they sign in.", func(c *oauth.Client) *string { return &c.Name })),
		choicesSetting("capabilities", "Capabilities", "The flows that the client may use. Each has to be on in the profile as well.", func(c *oauth.Client) *[]oauth.Capability { return &c.Capabilities }, capabilityOptions...),
	}}
}

func addressSection() clientSection {
	return clientSection{id: "addresses", title: "Origins and redirects", lead: "Where answers may go. Everything is compared exactly.", settings: []clientSetting{
		linesSetting("allowed_origins", "Allowed origins", "One a line, scheme, host and port only, as in https://app.example.com. Pages there may frame this server and receive tokens. https://*.example.com stands for one label.", func(c *oauth.Client) *[]oauth.OriginPattern { return &c.AllowedOrigins }),
		linesSetting("redirect_uris", "Redirect URIs", "One a line, exactly as the app sends it: a slash at the end makes another address.", func(c *oauth.Client) *[]string { return &c.RedirectURIs }),
		linesSetting("post_logout_redirect_uris", "Redirect URIs after sign-out", "One a line. Where a sign-out may send the browser.", func(c *oauth.Client) *[]string { return &c.PostLogoutRedirectURIs }),
	}}
}

func scopeSection(p *oauth.Profile) clientSection {
	return clientSection{id: "scope", title: "Scope and consent", lead: "What the client may ask for, and whether users are asked.", settings: []clientSetting{
		choicesSetting("scope", "Scope", "All that the client may ask for. With none it gets the profile's default.", func(c *oauth.Client) *[]string { return &c.Scope }, scopeOptions(p, true)...),
		boxSetting("consent_required", "Ask users to agree", "On for clients of somebody else: users see what the client wants and say yes or no. Off for your own.", func(c *oauth.Client) *bool { return &c.ConsentRequired }),
		boxSetting("verified", "Verified",
			"For clients that registered by themselves: you know whose client it is. "+
				"The consent page marks the others.",
			func(c *oauth.Client) *bool { return &c.Verified }),
		boxSetting("framed_interaction", "Let the consent page be framed (unsafe)", "A page at an allowed origin could then steal the click that agrees. Without it, consent opens in a window.", func(c *oauth.Client) *bool { return &c.FramedInteraction }),
	}}
}

func authenticationSection() clientSection {
	return clientSection{id: "authentication", title: "Authentication", lead: "How the client proves who it is at the token endpoint.", seldom: true, settings: []clientSetting{
		selectSetting("token_endpoint_auth_method", "Method", "Methods with a secret need one: tick “new secret” below where the client has none.", func(c *oauth.Client) *oauth.AuthMethod { return &c.AuthMethod }, methodOptions...),
		jsonSetting("jwks", "Public keys", "A JWK set (RFC 7517). Public parts only.", func(c *oauth.Client) *json.RawMessage { return &c.JWKS }),
		textSetting("jwks_uri", "Address of the public keys", "An https address where they are fetched instead.", func(c *oauth.Client) *string { return &c.JWKSURI }),
		selectSetting("token_endpoint_auth_signing_alg", "Algorithm of its assertions", "For methods with a JWT.", func(c *oauth.Client) *oauth.Alg { return &c.AssertionAlg }, assertionOptions()...),
		textSetting("tls_client_auth_subject_dn", "Certificate: subject", "For tls_client_auth: the distinguished name, as in CN=client,O=Example.", func(c *oauth.Client) *string { return &c.TLSSubjectDN }),
		textSetting("tls_client_auth_san_dns", "Certificate: host name", "For tls_client_auth, instead of the subject.", func(c *oauth.Client) *string { return &c.TLSSANDNS }),
	}}
}

func tokenSection() clientSection {
	return clientSection{id: "tokens", title: "Tokens", lead: "What the client's tokens are like.", seldom: true, settings: []clientSetting{
		selectSetting("access_token_format", "Access tokens", "Handles say nothing to who holds them, and end at once. JWTs can be read by APIs without asking.", func(c *oauth.Client) *oauth.TokenFormat { return &c.AccessTokenFormat },
			option{Value: "", Label: "Handle (the default)"}, option{Value: string(oauth.FormatHandle), Label: "Handle"}, option{Value: string(oauth.FormatJWT), Label: "JWT"}),
		lifetimeSetting(),
		selectSetting("id_token_alg", "ID tokens are signed with", "", func(c *oauth.Client) *oauth.Alg { return &c.IDTokenAlg }, withPlain("ES256 (the default)")...),
		selectSetting("userinfo_signed_response_alg", "Userinfo answers", "", func(c *oauth.Client) *oauth.Alg { return &c.UserInfoAlg }, withPlain("Plain JSON")...),
		selectSetting("introspection_signed_response_alg", "Introspection answers", "", func(c *oauth.Client) *oauth.Alg { return &c.IntrospectionAlg }, withPlain("Plain JSON")...),
		linesSetting("audience", "Audience", "One a line: who the access tokens are for where a request names no resource. Empty: the issuer.", func(c *oauth.Client) *[]string { return &c.Audience }),
		linesSetting("resources", "Resources", "One a line: URIs of APIs that a request may name (RFC 8707).", func(c *oauth.Client) *[]string { return &c.Resources }),
		boxSetting("dpop_bound_access_tokens", "Bind every token to a key by DPoP", "A copied token is then worth nothing (RFC 9449).", func(c *oauth.Client) *bool { return &c.DPoPBound }),
		boxSetting("tls_client_certificate_bound_access_tokens", "Bind every token to the TLS certificate", "Likewise, by mutual TLS (RFC 8705).", func(c *oauth.Client) *bool { return &c.TLSBound }),
		selectSetting("subject_type", "Subjects", "Pairwise: each sector knows a user by another name, so that apps cannot compare.", func(c *oauth.Client) *oauth.SubjectType { return &c.SubjectType },
			option{Value: "", Label: "Public (the default)"}, option{Value: string(oauth.SubjectPublic), Label: "Public"}, option{Value: string(oauth.SubjectPairwise), Label: "Pairwise"}),
		textSetting("sector_identifier", "Sector", "The host that pairwise clients share subjects by. Empty: that of the redirect URIs.", func(c *oauth.Client) *string { return &c.SectorIdentifier }),
		textSetting("sector_identifier_uri", "Address of the sector's list", "Where a client that registered lists the sector's redirect URIs.", func(c *oauth.Client) *string { return &c.SectorIdentifierURI }),
	}}
}

func requestSection() clientSection {
	return clientSection{id: "requests", title: "Requests", lead: "What the client's authorization requests have to be like.", seldom: true, settings: []clientSetting{
		boxSetting("require_pushed_authorization_requests", "Take pushed requests only", "The client sends its request to the server first (RFC 9126).", func(c *oauth.Client) *bool { return &c.RequirePushed }),
		boxSetting("require_signed_request_object", "Take signed requests only", "The request is a JWT signed by the client's key (RFC 9101).", func(c *oauth.Client) *bool { return &c.RequireSigned }),
		selectSetting("request_object_signing_alg", "Algorithm of signed requests", "", func(c *oauth.Client) *oauth.Alg { return &c.RequestObjectAlg }, requestObjectOptions()...),
		choicesSetting("response_types", "Response types",
			"The only ones that the client may use. With none it may use all of its capabilities.",
			func(c *oauth.Client) *[]string { return &c.ResponseTypes }, responseTypeOptions()...),
		linesSetting("request_uris", "Addresses of request objects", "One https address a line, where the server may fetch them.", func(c *oauth.Client) *[]string { return &c.RequestURIs }),
		maxAgeSetting(),
		linesSetting("default_acr_values", "Wanted authentication classes", "One a line (acr), where a request names none.", func(c *oauth.Client) *[]string { return &c.DefaultACR }),
		boxSetting("require_auth_time", "Always tell when the user signed in", "ID tokens then always have auth_time.", func(c *oauth.Client) *bool { return &c.RequireAuthTime }),
		textSetting("initiate_login_uri", "Address that begins a sign-in", "An https address of the app, for sign-ins that begin elsewhere.", func(c *oauth.Client) *string { return &c.InitiateLoginURI }),
	}}
}

func logoutSection() clientSection {
	return clientSection{id: "logout", title: "Sign-out", lead: "How the client hears that a user signed out.", seldom: true, settings: []clientSetting{
		textSetting("frontchannel_logout_uri", "Front channel", "An address of the app that the sign-out page loads in a frame.", func(c *oauth.Client) *string { return &c.FrontChannelLogoutURI }),
		boxSetting("frontchannel_logout_session_required", "Tell it which session", "With iss and sid in the address.", func(c *oauth.Client) *bool { return &c.FrontChannelLogoutSessionRequired }),
		textSetting("backchannel_logout_uri", "Back channel", "An address that this server posts a logout token to.", func(c *oauth.Client) *string { return &c.BackChannelLogoutURI }),
		boxSetting("backchannel_logout_session_required", "Tell it which session there", "With sid in the logout token.", func(c *oauth.Client) *bool { return &c.BackChannelLogoutSessionRequired }),
	}}
}

func aboutSection() clientSection {
	return clientSection{id: "about", title: "About the client", lead: "What users and operators can read about it. All addresses are https.", seldom: true, settings: []clientSetting{
		textSetting("client_uri", "Home page", "", func(c *oauth.Client) *string { return &c.ClientURI }),
		textSetting("logo_uri", "Logo", "", func(c *oauth.Client) *string { return &c.LogoURI }),
		textSetting("policy_uri", "Privacy policy", "", func(c *oauth.Client) *string { return &c.PolicyURI }),
		textSetting("tos_uri", "Terms of service", "", func(c *oauth.Client) *string { return &c.TOSURI }),
		linesSetting("contacts", "Contacts", "One a line, as in ann@example.com.", func(c *oauth.Client) *[]string { return &c.Contacts }),
		selectSetting("application_type", "Kind of application", "", func(c *oauth.Client) *string { return &c.ApplicationType },
			option{Value: "", Label: "Web (the default)"}, option{Value: "web", Label: "Web"}, option{Value: "native", Label: "Native"}),
	}}
}
