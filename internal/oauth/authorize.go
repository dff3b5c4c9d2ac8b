package oauth

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ResponseType is what the authorization endpoint is to answer with (OAuth 2.0 Multiple Response Types §3, §5).
type ResponseType struct {
	Code    bool `json:"c,omitempty"`
	IDToken bool `json:"i,omitempty"`
	Token   bool `json:"t,omitempty"`
}

// ResponseTypes lists those that are supported, in their usual spelling, by the capability that each needs. A token alone
// is not among them: it would be bound to nothing (RFC 9700 §2.1.2).
var ResponseTypes = map[Capability][]string{
	CapCode:     {"code"},
	CapImplicit: {"id_token", "id_token token"},
	CapHybrid:   {"code id_token", "code token", "code id_token token"},
}

// ParseResponseType reads response_type, whose values may stand in any order.
func ParseResponseType(s string) (ResponseType, *Error) {
	var t ResponseType
	if s == "" {
		return t, Errorf(InvalidRequest, "The request lacks response_type.")
	}
	for v := range strings.SplitSeq(s, " ") {
		switch {
		case v == "code" && !t.Code:
			t.Code = true
		case v == "id_token" && !t.IDToken:
			t.IDToken = true
		case v == "token" && !t.Token:
			t.Token = true
		default:
			return ResponseType{}, Errorf(UnsupportedResponseType, "The response_type %s is not supported.", brief(s))
		}
	}
	if t == (ResponseType{Token: true}) {
		return ResponseType{}, Errorf(UnsupportedResponseType, "The response_type token is not supported: ask for a code.")
	}
	return t, nil
}

// Capability is what client and profile need for the type.
func (t ResponseType) Capability() Capability {
	switch {
	case !t.Code:
		return CapImplicit
	case t.IDToken || t.Token:
		return CapHybrid
	}
	return CapCode
}

// String is the type in its usual spelling.
func (t ResponseType) String() string {
	var values []string
	for _, v := range []struct {
		has  bool
		name string
	}{{t.Code, "code"}, {t.IDToken, "id_token"}, {t.Token, "token"}} {
		if v.has {
			values = append(values, v.name)
		}
	}
	return strings.Join(values, " ")
}

// AllowsResponse tells whether the client may use the response type: it and the profile have the
// capability, and the client is not limited to other types (RFC 7591 §2).
func (p *Profile) AllowsResponse(c *Client, t ResponseType) bool {
	limited := len(c.ResponseTypes) > 0
	return p.Allows(c, t.Capability()) && (!limited || slices.Contains(c.ResponseTypes, t.String()))
}

// ResponseMode is how the answer reaches the client (Multiple Response Types §2.1, Form Post Response Mode).
type ResponseMode string

// The response modes.
const (
	ModeQuery    ResponseMode = "query"
	ModeFragment ResponseMode = "fragment"
	ModeFormPost ResponseMode = "form_post"
)

// ResponseModes lists them all.
var ResponseModes = []ResponseMode{ModeQuery, ModeFragment, ModeFormPost}

// DefaultMode is how answers of the type are sent where the request does not say.
func (t ResponseType) DefaultMode() ResponseMode {
	if t.IDToken || t.Token {
		return ModeFragment
	}
	return ModeQuery
}

// parseMode reads response_mode. Tokens in a query string would end up in logs (Multiple Response Types §3).
func parseMode(s string, t ResponseType) (ResponseMode, *Error) {
	mode := ResponseMode(s)
	switch {
	case s == "":
		return t.DefaultMode(), nil
	case !slices.Contains(ResponseModes, mode):
		return "", Errorf(InvalidRequest, "The response_mode %s is not supported.", brief(s))
	case mode == ModeQuery && t.DefaultMode() != ModeQuery:
		return "", Errorf(InvalidRequest, "response_mode=query does not go with tokens in the answer.")
	}
	return mode, nil
}

// Redirection is where and how an authorization request is answered, and what its code is bound to.
type Redirection struct {
	URI   string       `json:"u"` // checked again at every step
	Type  ResponseType `json:"t"`
	Mode  ResponseMode `json:"m"`
	State string       `json:"s,omitempty"`
	// Named tells that the request had a redirect_uri, which the token request then has to repeat.
	Named bool `json:"n,omitempty"`
	// Challenge is the PKCE code challenge, S256 (RFC 7636 §4.2).
	Challenge string `json:"c,omitempty"`
	// Resource is what the tokens are to be for (RFC 8707 §2).
	Resource []string `json:"r,omitempty"`
	// JKT binds the code to a DPoP key (RFC 9449 §10).
	JKT string `json:"k,omitempty"`
	// Pushed is the pushed request that this is (RFC 9126): used up once it is answered.
	Pushed ID `json:"p,omitzero"`
}

// RequestedClient reads who asks; an error is for our own plain page.
func RequestedClient(q url.Values) (string, *Error) {
	clientID, err := single(q, "client_id")
	if err == nil && clientID == "" {
		err = Errorf(InvalidRequest, "The request lacks client_id.")
	}
	return clientID, err
}

// AuthorizationTarget reads where the answer is to go. An error here has no such place: it is for our own plain page
// (RFC 6749 §4.1.2.1). The redirect URI may be missing where the client has just one (§3.1.2.3), but not in an OpenID
// Connect request (Core §3.1.2.1), nor in one by FAPI 2.0 (Security Profile §5.3.2.2).
func AuthorizationTarget(q url.Values, c *Client) (r Redirection, to ValidRedirect, err *Error) {
	if r.URI, err = single(q, "redirect_uri"); err != nil {
		return r, to, err
	}
	if r.Named = r.URI != ""; !r.Named {
		scope, err := single(q, "scope")
		if err != nil {
			return r, to, err
		}
		if len(c.RedirectURIs) != 1 || HasOpenID(strings.Fields(scope)) || c.IsFAPI() {
			return r, to, Errorf(InvalidRequest, "The request lacks redirect_uri.")
		}
		r.URI = c.RedirectURIs[0]
	}
	to, ok := c.Redirect(r.URI)
	if !ok {
		return r, to, Errorf(InvalidRequest, "The redirect_uri %s is not registered for the client %s.", brief(r.URI), c.ID)
	}
	return r, to, nil
}

// ParseAnswer reads how the answer is to be sent. It fills mode and state as far as they can be known even where it
// fails, so that the error reaches the client in the way it asked for.
func (r *Redirection) ParseAnswer(q url.Values) *Error {
	r.Mode = ModeQuery
	var responseType, mode string
	if err := fields(q, field{"state", &r.State}, field{"response_type", &responseType}, field{"response_mode", &mode}); err != nil {
		return err
	}
	t, err := ParseResponseType(responseType)
	if err != nil {
		if slices.Contains(ResponseModes, ResponseMode(mode)) { // an error tells nothing that a mode could give away
			r.Mode = ResponseMode(mode)
		}
		return err
	}
	r.Type, r.Mode = t, t.DefaultMode()
	m, err := parseMode(mode, t)
	if err != nil {
		return err
	}
	r.Mode = m
	return nil
}

// ParseAuthorization reads what an authorization request asks for, and holds it against what the client may do. The
// redirection has its answer's part (ParseAnswer) already and gets the rest.
func ParseAuthorization(q url.Values, r *Redirection, c *Client, p *Profile) (AuthenticationRequest, *Error) {
	if !p.AllowsResponse(c, r.Type) {
		return AuthenticationRequest{}, Errorf(UnauthorizedClient,
			"This response_type needs the capability %s, of the client %s and of the token service profile"+
				", and to be among the client's response types.", r.Type.Capability(), c.ID)
	}
	request, err := parseAuthentication(q)
	if err != nil {
		return request, err
	}
	if registration, err := single(q, "registration"); err != nil || registration != "" {
		return request, Errorf(RegistrationNotSupported, "The parameter registration is not supported: clients are registered beforehand.")
	}
	if err := request.parseClaims(q, c, p); err != nil {
		return request, err
	}
	if err := r.parseBinding(q, c); err != nil {
		return request, err
	}
	if r.Resource, err = ParseResources(q, c); err != nil {
		return request, err
	}
	if request.MaxAge == NoMaxAge && c.DefaultMaxAge != nil {
		request.MaxAge = *c.DefaultMaxAge
	}
	return request, checkOpenID(&request, r.Type)
}

func (r *AuthenticationRequest) parseClaims(q url.Values, c *Client, p *Profile) *Error {
	text, err := single(q, "claims")
	if err != nil {
		return err
	}
	asked, err := ParseClaims(text)
	r.Claims, r.Subject = asked.Permitted(c, p), asked.Subject
	return err
}

// parseBinding reads what the code is bound to: PKCE (RFC 7636 §4.3) and dpop_jkt (RFC 9449 §10).
func (r *Redirection) parseBinding(q url.Values, c *Client) *Error {
	var method string
	err := fields(q, field{"code_challenge", &r.Challenge}, field{"code_challenge_method", &method}, field{"dpop_jkt", &r.JKT})
	switch {
	case err != nil:
		return err
	case r.Challenge == "" && method != "":
		return Errorf(InvalidRequest, "code_challenge_method comes without a code_challenge.")
	case r.Challenge == "" && r.Type.Code && c.RequiresPKCE(): // RFC 9700 §2.1.1
		return Errorf(InvalidRequest, "The client has to use PKCE: send code_challenge and code_challenge_method=S256.")
	case r.Challenge != "" && method != "S256": // plain protects nothing from who reads the request
		return Errorf(InvalidRequest, "code_challenge_method has to be S256.")
	case r.Challenge != "" && !isSHA256(r.Challenge):
		return Errorf(InvalidRequest, "The code_challenge is not the base64url form of a SHA-256.")
	case r.JKT != "" && !isSHA256(r.JKT):
		return errThumbprint
	}
	return nil
}

// RequiresPKCE tells whether the client's codes have to be bound to a code challenge: those of public clients (RFC 9700
// §2.1.1), and those of clients held to pushed requests (FAPI 2.0 Security Profile §5.3.2.2).
func (c *Client) RequiresPKCE() bool { return c.IsPublic() || c.RequirePushed }

// isSHA256 tells whether the text is a SHA-256 in base64url.
func isSHA256(s string) bool {
	if len(s) != 43 {
		return false
	}
	for i := range len(s) {
		if !isUnreserved(s[i]) || s[i] == '.' || s[i] == '~' {
			return false
		}
	}
	return true
}

// isUnreserved is the unreserved set of RFC 3986 §2.3.
func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

const maxResources = 16

// ParseResources reads the resource parameters (RFC 8707 §2), which may be several. A client may name what it is
// registered for.
func ParseResources(q url.Values, c *Client) ([]string, *Error) {
	var list []string
	for _, v := range q["resource"] {
		switch {
		case v == "" || slices.Contains(list, v):
			continue
		case !slices.Contains(c.Resources, v) || len(list) == maxResources:
			return nil, Errorf(InvalidTarget, "The client %s may not ask for the resource %s.", c.ID, brief(v))
		}
		list = append(list, v)
	}
	return list, nil
}

// checkOpenID demands what OpenID Connect does of requests for an ID token.
func checkOpenID(r *AuthenticationRequest, t ResponseType) *Error {
	switch {
	case t.IDToken && !HasOpenID(r.Scope):
		return Errorf(InvalidRequest, "An id_token needs the scope openid.")
	case t.IDToken && r.Nonce == "": // Core §3.2.2.1, §3.3.2.11
		return Errorf(InvalidRequest, "An id_token from this endpoint needs a nonce.")
	case len(r.Claims.EssentialACR) > 0 && !slices.ContainsFunc(r.Claims.EssentialACR, func(v string) bool { return slices.Contains(ACRValues, v) }):
		return Errorf(UnmetAuthenticationNeeded, "No user can sign in here in the way that the claim acr demands.")
	}
	return nil
}

// OfferedScope answers which scope an authorization request gets. Unlike GrantedScope it leaves out what the client does
// not have (RFC 6749 §3.3, OpenID Connect Core §3.1.2.1: values that are not understood should be ignored); only a request of
// which nothing is left is refused. Offline access needs a code, and a client that may refresh (Core §11).
func OfferedScope(asked []string, t ResponseType, c *Client, p *Profile) ([]string, *Error) {
	has := c.HasScope(p)
	offline := t.Code && p.Allows(c, CapRefresh)
	offered := slices.DeleteFunc(slices.Clone(asked), func(v string) bool {
		_, known := p.ScopeNamed(v)
		return !known || !slices.Contains(has, v) || v == ScopeOfflineAccess && !offline
	})
	if len(asked) > 0 && len(offered) == 0 {
		return nil, Errorf(InvalidScope, "The client %s has no scope of those that it asks for.", c.ID)
	}
	if len(asked) > 0 {
		return offered, nil
	}
	granted, err := GrantedScope(nil, c, p)
	return slices.DeleteFunc(granted, func(v string) bool { return v == ScopeOfflineAccess }), err
}

// AuthorizationResponse is a successful answer of the authorization endpoint; what is empty is not sent.
type AuthorizationResponse struct {
	Code        string
	AccessToken string
	Token       *AccessToken // the content of AccessToken
	IDToken     string
	// SessionState is for polling the session (OpenID Connect Session Management §2).
	SessionState string
}

// Values are the answer's parameters. Every answer names its issuer, so that a client that talks to several servers
// cannot be made to mix them up (RFC 9207 §2).
func (a *AuthorizationResponse) Values(state, issuer string) url.Values {
	v := url.Values{"iss": {issuer}}
	if a.Token != nil {
		v.Set("token_type", a.Token.Type())
		v.Set("expires_in", strconv.FormatInt(a.Token.ExpiresIn(), 10))
		v.Set("scope", JoinScope(a.Token.Scope))
	}
	for name, value := range map[string]string{
		"state": state, "code": a.Code, "access_token": a.AccessToken, "id_token": a.IDToken, "session_state": a.SessionState,
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// AuthorizationError are the parameters of an answer that says no (RFC 6749 §4.1.2.1).
func AuthorizationError(e *Error, state, issuer string) url.Values {
	v := url.Values{"iss": {issuer}, "error": {string(e.Code)}, "error_description": {Printable(e.Description)}}
	if state != "" {
		v.Set("state", state)
	}
	return v
}
