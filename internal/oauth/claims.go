package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"
)

// ACRPassword and AMRPassword say how a user proved who they are (OpenID Connect Core §2, RFC 8176 §2).
const (
	ACRPassword = "urn:usher:acr:password"
	AMRPassword = "pwd"
)

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
	SID      string   `json:"sid"`
	AMR      []string `json:"amr"`
	ACR      string   `json:"acr"`
}

// NewIDToken says what an ID token for the session contains. accessToken is the one issued with it.
func NewIDToken(issuer string, c *Client, p *Profile, st *Standing, nonce, accessToken string, now time.Time) IDToken {
	return IDToken{
		Issuer:   issuer,
		Subject:  st.Account.Subject(),
		Audience: c.ID,
		Expires:  now.Unix() + int64(p.IDTokenSeconds),
		Issued:   now.Unix(),
		AuthTime: st.Session.AuthTime.Unix(),
		Nonce:    nonce,
		ATHash:   ATHash(accessToken),
		SID:      st.Session.ID.String(),
		AMR:      st.Session.AMR,
		ACR:      st.Session.ACR,
	}
}

// ATHash is the left half of the token's SHA-256 (OpenID Connect Core §3.1.3.6; both ES256 and RS256
// use SHA-256).
func ATHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// JWTAccessToken is the claims set of a JWT access token (RFC 9068 §2.2).
type JWTAccessToken struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience []string `json:"aud"`
	ClientID string   `json:"client_id"`
	Expires  int64    `json:"exp"`
	Issued   int64    `json:"iat"`
	ID       ID       `json:"jti"`
	Scope    string   `json:"scope,omitempty"`
	AuthTime int64    `json:"auth_time,omitempty"`
	ACR      string   `json:"acr,omitempty"`
	AMR      []string `json:"amr,omitempty"`
	// Delegation is what the token hangs off, so that introspection can tell whether it still lives.
	Delegation ID `json:"delegation"`
}

// JWT gives the claims for a token in the JWT format; aud falls back to the issuer (RFC 9068 §3).
func (t *AccessToken) JWT(issuer string, c *Client, s *Session) JWTAccessToken {
	aud := c.Audience
	if len(aud) == 0 {
		aud = []string{issuer}
	}
	return JWTAccessToken{
		Issuer: issuer, Subject: t.Subject, Audience: aud, ClientID: t.ClientID,
		Expires: t.Expires.Unix(), Issued: t.Issued.Unix(), ID: t.ID, Scope: JoinScope(t.Scope),
		AuthTime: s.AuthTime.Unix(), ACR: s.ACR, AMR: s.AMR, Delegation: t.DelegationID,
	}
}

// AccessToken is the reverse of JWT.
func (j *JWTAccessToken) AccessToken() AccessToken {
	scope, _ := ParseScope(j.Scope)
	return AccessToken{
		ID: j.ID, DelegationID: j.Delegation, ClientID: j.ClientID, Subject: j.Subject, Scope: scope,
		Issued: time.Unix(j.Issued, 0), Expires: time.Unix(j.Expires, 0),
	}
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
	longest := max(time.Duration(p.IDTokenSeconds)*time.Second, time.Duration(p.SessionMaxSeconds)*time.Second, FlowLifetime)
	for i := range clients {
		longest = max(longest, AccessTokenLifetime(&clients[i], p))
	}
	return longest
}

// NewAccessToken is the content of the token that a delegation yields.
func NewAccessToken(id ID, d *Delegation, st *Standing, scope []string, c *Client, p *Profile, now time.Time) AccessToken {
	issued := now.Truncate(time.Second)
	return AccessToken{
		ID: id, DelegationID: d.ID, ClientID: c.ID, Subject: st.Account.Subject(), Scope: scope,
		Issued: issued, Expires: issued.Add(AccessTokenLifetime(c, p)),
	}
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
}

// NewAssistedSuccess puts the message together.
func NewAssistedSuccess(t *AccessToken, accessToken, idToken string) AssistedSuccess {
	return AssistedSuccess{
		Status: "success", AccessToken: accessToken, TokenType: "bearer",
		ExpiresIn: int64(t.Expires.Sub(t.Issued) / time.Second), Scope: JoinScope(t.Scope),
		Sub: t.Subject, Subject: t.Subject, IDToken: idToken,
	}
}

// AssistedError is the message that tells the app why there is no token.
type AssistedError struct {
	Status      string `json:"status"`
	Code        Code   `json:"error"`
	Description string `json:"error_description"`
}

// NewAssistedError puts the message together.
func NewAssistedError(e *Error) AssistedError {
	return AssistedError{Status: "error", Code: e.Code, Description: Printable(e.Description)}
}
