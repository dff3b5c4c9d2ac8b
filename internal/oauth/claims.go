package oauth

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"
)

// ACRPassword and AMRPassword say how a user proved who they are (OpenID Connect Core §2, RFC 8176 §2).
const (
	ACRPassword = "urn:usher:acr:password"
	AMRPassword = "pwd"
)

// ACRValues lists the authentication contexts that this server can reach.
var ACRValues = []string{ACRPassword}

// Issue is what the tokens of one answer have in common: for whom, for what, and on what they rest.
type Issue struct {
	Issuer  string
	Client  *Client
	Profile *Profile
	// Standing is who the user is, by session or by family.
	Standing *Standing
	Scope    []string
	Nonce    string
	Claims   ClaimsRequest
	// Audience is what the request named as resource (RFC 8707).
	Audience     []string
	Confirmation Confirmation
	Now          time.Time
}

// Subject is the user's sub claim for this client.
func (i *Issue) Subject() string { return i.Profile.Subject(i.Client, i.Standing.Account.ID) }

// AccessToken is the content of an access token: of the family where the standing has one, else of the delegation.
func (i *Issue) AccessToken(id ID) AccessToken {
	issued := i.Now.Truncate(time.Second)
	t := AccessToken{
		ID: id, ClientID: i.Client.ID, Subject: i.Subject(), Scope: i.Scope, Audience: i.Audience, Confirmation: i.Confirmation,
		Claims: i.Claims.UserInfo, Issued: issued, Expires: issued.Add(AccessTokenLifetime(i.Client, i.Profile)),
	}
	if i.Standing.Delegation != nil {
		t.DelegationID = i.Standing.Delegation.ID
	}
	if i.Standing.Family != nil {
		t.FamilyID = i.Standing.Family.ID
	}
	return t
}

// IDToken is the claims set of an ID token (OpenID Connect Core §2). Times are seconds since 1970.
type IDToken struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience string   `json:"aud"`
	Expires  int64    `json:"exp"`
	Issued   int64    `json:"iat"`
	AuthTime int64    `json:"auth_time"`
	Nonce    string   `json:"nonce,omitempty"`
	ATHash   string   `json:"at_hash,omitempty"`
	CHash    string   `json:"c_hash,omitempty"`
	SHash    string   `json:"s_hash,omitempty"`
	SID      string   `json:"sid"`
	AMR      []string `json:"amr"`
	ACR      string   `json:"acr"`
	// User holds the claims about the user that belong here.
	User map[string]any `json:"-"`
}

// IssuedWith is what an ID token vouches for beside the user: the values that came in the same answer.
type IssuedWith struct {
	AccessToken, Code, State string
}

// IDToken says what an ID token contains. Without an access token the user's claims have nowhere else to be
// (OpenID Connect Core §5.4).
func (i *Issue) IDToken(with IssuedWith) IDToken {
	names := i.Claims.IDToken
	if with.AccessToken == "" && with.Code == "" {
		names = Union(names, ClaimsOf(i.Scope, i.Profile))
	}
	session := &i.Standing.Session
	return IDToken{
		Issuer:   i.Issuer,
		Subject:  i.Subject(),
		Audience: i.Client.ID,
		Expires:  i.Now.Unix() + int64(i.Profile.IDTokenSeconds),
		Issued:   i.Now.Unix(),
		AuthTime: session.AuthTime.Unix(),
		Nonce:    i.Nonce,
		ATHash:   halfHash(with.AccessToken),
		CHash:    halfHash(with.Code),
		SHash:    halfHash(with.State),
		SID:      i.Profile.SessionID(i.Client, session.ID).String(),
		AMR:      session.AMR,
		ACR:      session.ACR,
		User:     UserClaims(&i.Standing.Account, names),
	}
}

// MarshalJSON writes the claims of the user beside the token's own, which no other can replace.
func (t IDToken) MarshalJSON() ([]byte, error) {
	type own IDToken // without this method
	claims, err := json.Marshal(own(t))
	if err != nil || len(t.User) == 0 {
		return claims, err
	}
	user, err := json.Marshal(t.User)
	if err != nil {
		return nil, err
	}
	return slices.Concat(bytes.TrimSuffix(claims, []byte("}")), []byte(","), bytes.TrimPrefix(user, []byte("{"))), nil
}

// halfHash is the left half of the value's SHA-256 (OpenID Connect Core §3.1.3.6, §3.3.2.11; ES256 and RS256 both use
// SHA-256); empty for no value.
func halfHash(value string) string {
	if value == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// JWTAccessToken is the claims set of a JWT access token (RFC 9068 §2.2).
type JWTAccessToken struct {
	Issuer       string       `json:"iss"`
	Subject      string       `json:"sub"`
	Audience     []string     `json:"aud"`
	ClientID     string       `json:"client_id"`
	Expires      int64        `json:"exp"`
	Issued       int64        `json:"iat"`
	ID           ID           `json:"jti"`
	Scope        string       `json:"scope,omitempty"`
	AuthTime     int64        `json:"auth_time,omitempty"`
	ACR          string       `json:"acr,omitempty"`
	AMR          []string     `json:"amr,omitempty"`
	Confirmation Confirmation `json:"cnf,omitzero"`
	Actor        *Actor       `json:"act,omitempty"`
	// Delegation and Family are what the token hangs off, so that introspection can tell whether it still lives;
	// Claims is for the userinfo endpoint.
	Delegation ID       `json:"delegation,omitzero"`
	Family     ID       `json:"family,omitzero"`
	Claims     []string `json:"userinfo_claims,omitempty"`
}

// Actor is who acts for the subject (RFC 8693 §4.1).
type Actor struct {
	Subject string `json:"sub"`
}

// JWT gives the claims for a token in the JWT format; s is nil where there is no user.
func (t *AccessToken) JWT(issuer string, c *Client, s *Session) JWTAccessToken {
	j := JWTAccessToken{
		Issuer: issuer, Subject: t.Subject, Audience: t.Audience, ClientID: t.ClientID,
		Expires: t.Expires.Unix(), Issued: t.Issued.Unix(), ID: t.ID, Scope: JoinScope(t.Scope),
		Confirmation: t.Confirmation, Delegation: t.DelegationID, Family: t.FamilyID, Claims: t.Claims,
	}
	if len(j.Audience) == 0 {
		j.Audience = c.Audiences(issuer)
	}
	if t.Actor != "" {
		j.Actor = &Actor{t.Actor}
	}
	if s != nil {
		j.AuthTime, j.ACR, j.AMR = s.AuthTime.Unix(), s.ACR, s.AMR
	}
	return j
}

// AccessToken is the reverse of JWT.
func (j *JWTAccessToken) AccessToken() AccessToken {
	scope, _ := ParseScope(j.Scope)
	t := AccessToken{
		ID: j.ID, DelegationID: j.Delegation, FamilyID: j.Family, ClientID: j.ClientID, Subject: j.Subject, Scope: scope,
		Audience: j.Audience, Confirmation: j.Confirmation, Claims: j.Claims,
		Issued: time.Unix(j.Issued, 0), Expires: time.Unix(j.Expires, 0),
	}
	if j.Actor != nil {
		t.Actor = j.Actor.Subject
	}
	return t
}

// AccessTokenLifetime is the client's own, else the profile's.
func AccessTokenLifetime(c *Client, p *Profile) time.Duration {
	seconds := p.AccessTokenSeconds
	if c.AccessTokenSeconds > 0 {
		seconds = c.AccessTokenSeconds
	}
	return time.Duration(seconds) * time.Second
}

// LongestLifetime is how long anything sealed or signed under this configuration may stay in use; a
// retired key is kept for at least so long.
func LongestLifetime(p *Profile, clients []Client) time.Duration {
	longest := max(time.Duration(p.IDTokenSeconds)*time.Second, time.Duration(p.SessionMaxSeconds)*time.Second,
		p.RefreshLifetime(), FlowLifetime)
	for i := range clients {
		longest = max(longest, AccessTokenLifetime(&clients[i], p))
	}
	return longest
}

// HasOpenID tells whether an ID token is due (OpenID Connect Core §3.1.2.1).
func HasOpenID(scope []string) bool { return slices.Contains(scope, "openid") }

// AssistedSuccess is the message that brings tokens to the app. Older apps read subject, the same
// value as sub.
type AssistedSuccess struct {
	Status      string `json:"status"`
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"`
	Scope       string `json:"scope"`
	Sub         string `json:"sub"`
	Subject     string `json:"subject"`
	IDToken     string `json:"id_token,omitempty"`
	// RenewalHandle is for the library alone, where it named a key (see Renewal). A message only says that there is one: every
	// script of the app's page can hear that.
	RenewalHandle  string `json:"renewal_handle,omitempty"`
	RenewalOffered bool   `json:"renewal_offered,omitempty"`
	// Kept tells it where the session is to be found when the page is loaded again; empty where that is not known.
	Kept Kept `json:"session_kept,omitempty"`
}

// Kept is where a session outlives the page.
type Kept string

// The places. In the frame a hidden request finds it; at the server, a visit of the whole page; what only the tab has is gone.
const (
	KeptInFrame  Kept = "frame"
	KeptAtServer Kept = "server"
	KeptInTab    Kept = "tab"
)

// NewAssistedSuccess puts the message together.
func NewAssistedSuccess(t *AccessToken, accessToken, idToken string) AssistedSuccess {
	return AssistedSuccess{
		Status: "success", AccessToken: accessToken, TokenType: "bearer",
		ExpiresIn: t.ExpiresIn(), Scope: JoinScope(t.Scope),
		Sub: t.Subject, Subject: t.Subject, IDToken: idToken,
	}
}

// ExpiresIn is the token's lifetime in seconds (RFC 6749 §5.1).
func (t *AccessToken) ExpiresIn() int64 { return int64(t.Expires.Sub(t.Issued) / time.Second) }

// AssistedError is the message that tells the app why there is no token.
type AssistedError struct {
	Status      string `json:"status"`
	Code        Code   `json:"error"`
	Description string `json:"error_description"`
	// Reason is for the library alone, where the user has to act.
	Reason Reason `json:"reason,omitempty"`
}

// Reason says what a silent request lacked, as far as the server can tell.
type Reason string

// The reasons. That a frame keeps no cookie at all only the frame's own script finds out.
const (
	ReasonNotSignedIn Reason = "not_signed_in"
	ReasonNeedsClick  Reason = "needs_click"
	ReasonUnknown     Reason = "unknown"
)

// SilentReason reads Sec-Fetch-Storage-Access: whether the first-party cookies were there to be seen.
func SilentReason(storageAccess string) Reason {
	switch storageAccess {
	case "active":
		return ReasonNotSignedIn
	case "":
		return ReasonUnknown
	}
	return ReasonNeedsClick
}

// NewAssistedError puts the message together.
func NewAssistedError(e *Error) AssistedError {
	return AssistedError{Status: "error", Code: e.Code, Description: Printable(e.Description)}
}
