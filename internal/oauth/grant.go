package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
	"slices"
	"time"
)

// GrantType is what a token request trades in (RFC 6749 §4, RFC 8628 §3.4, RFC 8693 §2.1).
type GrantType string

// The grant types.
const (
	GrantCode              GrantType = "authorization_code"
	GrantRefresh           GrantType = "refresh_token"
	GrantClientCredentials GrantType = "client_credentials"
	GrantDevice            GrantType = "urn:ietf:params:oauth:grant-type:device_code"
	GrantTokenExchange     GrantType = "urn:ietf:params:oauth:grant-type:token-exchange"
	// GrantImplicit stands in metadata for answers with tokens from the authorization endpoint (RFC 7591 §2).
	GrantImplicit GrantType = "implicit"
	// GrantAssistedToken is the name of the assisted token flow in metadata; it has an endpoint of its own.
	GrantAssistedToken GrantType = "urn:ietf:params:oauth:grant-type:assisted_token"
)

// GrantCapability lists the grant types of the token endpoint, with the capability that each needs.
var GrantCapability = map[GrantType]Capability{
	GrantCode: CapCode, GrantRefresh: CapRefresh, GrantClientCredentials: CapClientCredentials,
	GrantDevice: CapDevice, GrantTokenExchange: CapTokenExchange,
}

// ParseGrantType reads the grant type of a token request, none of whose parameters may be repeated (RFC 6749 §3.2), save
// those that say otherwise (RFC 8707 §2, RFC 8693 §2.1).
func ParseGrantType(q url.Values) (GrantType, *Error) {
	for name, values := range q {
		if len(values) > 1 && name != "resource" && name != "audience" {
			return "", Errorf(InvalidRequest, "The parameter %s is repeated.", brief(name))
		}
	}
	grantType := q.Get("grant_type")
	if grantType == "" {
		return "", Errorf(InvalidRequest, "The request lacks grant_type.")
	}
	return GrantType(grantType), nil
}

// CodeLifetime bounds an authorization code (RFC 6749 §4.1.2; FAPI 2.0 Security Profile §5.3.2.1: at most 60 seconds).
const CodeLifetime = 60 * time.Second

// RefreshGrace is how long the refresh token before the current one still works: two tabs of an app may race.
const RefreshGrace = 10 * time.Second

// AuthorizationCode is the content of a sealed authorization code: to whom it was given, for what, and what the
// token request has to prove. Who the user is, is read from the session when the code is redeemed.
type AuthorizationCode struct {
	// ID becomes that of the family.
	ID        ID     `json:"i"`
	ClientID  string `json:"c"`
	SessionID ID     `json:"s"`
	// RedirectURI is what the token request has to repeat; empty where the authorization request named none.
	RedirectURI string        `json:"u,omitempty"`
	Scope       []string      `json:"o,omitempty"`
	Nonce       string        `json:"n,omitempty"`
	Claims      ClaimsRequest `json:"m,omitzero"`
	Challenge   string        `json:"h,omitempty"`
	Resource    []string      `json:"r,omitempty"`
	JKT         string        `json:"k,omitempty"`
	Issued      time.Time     `json:"t"`
}

// Expires is when the code is worth nothing any more.
func (a *AuthorizationCode) Expires() time.Time { return a.Issued.Add(CodeLifetime) }

// CodeRequest is a token request with an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.5).
type CodeRequest struct{ Code, RedirectURI, Verifier string }

// ParseCodeRequest reads the parameters.
func ParseCodeRequest(q url.Values) (CodeRequest, *Error) {
	var r CodeRequest
	err := fields(q, field{"redirect_uri", &r.RedirectURI}, field{"code_verifier", &r.Verifier})
	if err == nil {
		r.Code, err = singleLong(q, "code")
	}
	if err == nil && r.Code == "" {
		err = Errorf(InvalidRequest, "The request lacks the code.")
	}
	return r, err
}

// Check holds a token request against the code that it brings. Every refusal is invalid_grant (RFC 6749 §5.2), and a
// code is not used up by it: it stays good for who can prove what it is bound to.
func (a *AuthorizationCode) Check(r CodeRequest, c *Client, jkt string, now time.Time) *Error {
	switch {
	case a.ClientID != c.ID: // RFC 6749 §4.1.3
		return Errorf(InvalidGrant, "The code was issued to another client.")
	case !now.Before(a.Expires()):
		return Errorf(InvalidGrant, "The code has expired.")
	case a.RedirectURI != "" && a.RedirectURI != r.RedirectURI, a.RedirectURI == "" && r.RedirectURI != "" && !slices.Contains(c.RedirectURIs, r.RedirectURI):
		return Errorf(InvalidGrant, "redirect_uri is not the one of the authorization request.")
	case a.Challenge == "" && r.Verifier != "": // RFC 9700 §4.8.2: the challenge may have been taken out on the way
		return Errorf(InvalidGrant, "There is a code_verifier, but the authorization request had no code_challenge.")
	case a.Challenge != "" && !verifies(r.Verifier, a.Challenge):
		return Errorf(InvalidGrant, "code_verifier does not fit the code_challenge.")
	case a.JKT != "" && a.JKT != jkt: // RFC 9449 §10
		return Errorf(InvalidGrant, "The code is bound to another DPoP key.")
	}
	return nil
}

// verifies checks a code verifier by the method S256 (RFC 7636 §4.6), and that it is one (§4.1).
func verifies(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	for i := range len(verifier) {
		if !isUnreserved(verifier[i]) {
			return false
		}
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// RefreshToken is the content of a sealed refresh token: which family, which generation of it, and for what.
type RefreshToken struct {
	FamilyID     ID            `json:"f"`
	Generation   int           `json:"g"`
	ClientID     string        `json:"c"`
	Scope        []string      `json:"o,omitempty"`
	Claims       ClaimsRequest `json:"m,omitzero"`
	Resource     []string      `json:"r,omitempty"`
	Confirmation Confirmation  `json:"k,omitzero"`
	Expires      time.Time     `json:"e"`
}

// RefreshRequest is a token request with a refresh token (RFC 6749 §6).
type RefreshRequest struct {
	Token string
	Scope []string
}

// ParseRefreshRequest reads the parameters.
func ParseRefreshRequest(q url.Values) (RefreshRequest, *Error) {
	var r RefreshRequest
	text, err := singleLong(q, "refresh_token")
	if err != nil {
		return r, err
	}
	if r.Token = text; text == "" {
		return r, Errorf(InvalidRequest, "The request lacks the refresh_token.")
	}
	scope, err := single(q, "scope")
	if err != nil {
		return r, err
	}
	r.Scope, err = ParseScope(scope)
	return r, err
}

// Rotates tells whether each use of the client's refresh tokens yields a new one: where neither the client nor a key
// proves who uses it (RFC 9700 §2.2.2, §4.14.2; FAPI 2.0 Security Profile §5.3.2.1 forbids it elsewhere).
func (t *RefreshToken) Rotates(c *Client) bool { return c.IsPublic() && t.Confirmation.IsZero() }

// RefreshVerdict is what a refresh token is worth.
type RefreshVerdict int

// The verdicts.
const (
	// RefreshGood is the current one. Where it rotates, the family advances.
	RefreshGood RefreshVerdict = iota
	// RefreshRaced is the one before, within the grace: it is answered with the current one, and nothing advances.
	RefreshRaced
	// RefreshReused is an older one: somebody else has it too, so the family ends (RFC 9700 §4.14.2).
	RefreshReused
)

// Judge says what the token is worth, given its family.
func (t *RefreshToken) Judge(f *Family, c *Client, now time.Time) RefreshVerdict {
	switch {
	case t.Generation == f.Generation:
		return RefreshGood
	case t.Generation == f.Generation-1 && t.Rotates(c) && now.Before(f.Rotated.Add(RefreshGrace)):
		return RefreshRaced
	}
	return RefreshReused
}

// Check holds a request against the refresh token that it brings.
func (t *RefreshToken) Check(c *Client, proof Confirmation, now time.Time) *Error {
	switch {
	case t.ClientID != c.ID: // RFC 6749 §6
		return Errorf(InvalidGrant, "The refresh token was issued to another client.")
	case !now.Before(t.Expires):
		return Errorf(InvalidGrant, "The refresh token has expired.")
	case t.Confirmation.JKT != "" && t.Confirmation.JKT != proof.JKT: // RFC 9449 §5
		return Errorf(InvalidGrant, "The refresh token is bound to another DPoP key.")
	case t.Confirmation.X5T != "" && t.Confirmation.X5T != proof.X5T: // RFC 8705 §4
		return Errorf(InvalidGrant, "The refresh token is bound to another certificate.")
	}
	return nil
}

// RefreshedScope answers which scope a refresh yields: what the request names of the token's, else all of it (RFC 6749
// §6), save what the client lost since, and what demands a fresher sign-in than there was.
func (t *RefreshToken) RefreshedScope(asked []string, authTime time.Time, c *Client, p *Profile, now time.Time) ([]string, *Error) {
	if !Subset(asked, t.Scope) {
		return nil, Errorf(InvalidScope, "The request names scope that the refresh token does not have.")
	}
	if len(asked) == 0 {
		asked = t.Scope
	}
	has := c.HasScope(p)
	left := slices.DeleteFunc(slices.Clone(asked), func(v string) bool {
		s, known := p.ScopeNamed(v)
		stale := s.MaxAuthAge > 0 && now.Sub(authTime) > time.Duration(s.MaxAuthAge)*time.Second
		return !known || stale || !slices.Contains(has, v)
	})
	if len(left) == 0 && len(asked) > 0 {
		return nil, Errorf(InvalidScope, "The client has none of this scope any more.")
	}
	return left, nil
}

// NewFamily is what the tokens of a code hang off. It lives as long as a refresh token may, or, without one, as long as
// the access token.
func NewFamily(id ID, st *Standing, scope []string, c *Client, p *Profile, now time.Time) Family {
	f := Family{
		ID: id, DelegationID: st.Delegation.ID, SessionID: st.Session.ID, AccountID: st.Account.ID, ClientID: c.ID,
		Offline: slices.Contains(scope, ScopeOfflineAccess), Rotated: now, Created: now,
		AuthTime: st.Session.AuthTime, AMR: st.Session.AMR, ACR: st.Session.ACR,
		Expires: now.Add(AccessTokenLifetime(c, p)),
	}
	if p.Allows(c, CapRefresh) {
		f.Expires = now.Add(p.RefreshLifetime())
	}
	return f
}

// CheckBinding demands that tokens which the client wants bound are bound (RFC 9449 §5.2, RFC 8705 §3.4).
func (c *Client) CheckBinding(proof Confirmation) *Error {
	switch {
	case c.DPoPBound && proof.JKT == "":
		return Errorf(InvalidRequest, "The client's tokens are bound to a key: send a DPoP proof.")
	case c.TLSBound && proof.X5T == "":
		return Errorf(InvalidRequest, "The client's tokens are bound to its certificate: use the mutual TLS endpoint.")
	}
	return nil
}

// TokenResponse is a successful answer of the token endpoint (RFC 6749 §5.1).
type TokenResponse struct {
	AccessToken     string `json:"access_token"`
	TokenType       string `json:"token_type"`
	ExpiresIn       int64  `json:"expires_in"`
	Scope           string `json:"scope,omitempty"`
	RefreshToken    string `json:"refresh_token,omitempty"`
	IDToken         string `json:"id_token,omitempty"`
	IssuedTokenType string `json:"issued_token_type,omitempty"` // RFC 8693 §2.2.1
}

// NewTokenResponse puts the answer together.
func NewTokenResponse(t *AccessToken, accessToken string) TokenResponse {
	return TokenResponse{AccessToken: accessToken, TokenType: t.Type(), ExpiresIn: t.ExpiresIn(), Scope: JoinScope(t.Scope)}
}

// ParseClientScope answers which scope a token without a user gets. There is nobody in it to know or to have signed in,
// so openid, offline access and what demands a fresh sign-in make no sense there.
func ParseClientScope(q url.Values, c *Client, p *Profile) ([]string, *Error) {
	text, err := single(q, "scope")
	if err != nil {
		return nil, err
	}
	asked, err := ParseScope(text)
	if err != nil {
		return nil, err
	}
	scope, err := GrantedScope(asked, c, p)
	return slices.DeleteFunc(slices.Clone(scope), func(v string) bool {
		s, _ := p.ScopeNamed(v)
		return v == "openid" || v == ScopeOfflineAccess || s.MaxAuthAge > 0
	}), err
}

// NewClientToken is the content of a token that a client has for itself (RFC 6749 §4.4); its subject is the client (RFC
// 9068 §2.2).
func NewClientToken(id ID, c *Client, p *Profile, scope, audience []string, proof Confirmation, now time.Time) AccessToken {
	issued := now.Truncate(time.Second)
	return AccessToken{
		ID: id, ClientID: c.ID, Subject: c.ID, Scope: scope, Audience: audience, Confirmation: proof,
		Issued: issued, Expires: issued.Add(AccessTokenLifetime(c, p)),
	}
}
