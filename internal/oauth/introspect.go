package oauth

import (
	"slices"
	"time"
)

// Introspection is an answer of the introspection endpoint (RFC 7662 §2.2).
type Introspection struct {
	Active       bool         `json:"active"`
	Scope        string       `json:"scope,omitempty"`
	ClientID     string       `json:"client_id,omitempty"`
	Username     string       `json:"username,omitempty"`
	TokenType    string       `json:"token_type,omitempty"`
	Expires      int64        `json:"exp,omitempty"`
	Issued       int64        `json:"iat,omitempty"`
	Subject      string       `json:"sub,omitempty"`
	Audience     []string     `json:"aud,omitempty"`
	Issuer       string       `json:"iss,omitempty"`
	ID           string       `json:"jti,omitempty"`
	AuthTime     int64        `json:"auth_time,omitempty"` // RFC 9470 §6.2
	ACR          string       `json:"acr,omitempty"`
	Confirmation Confirmation `json:"cnf,omitzero"` // RFC 7800, RFC 9449 §6.2, RFC 8705 §3.2
	Actor        *Actor       `json:"act,omitempty"`
}

// maxAhead is how far apart the clocks of two nodes may be. A token of a later time was made by a clock that was
// ahead: what ended since would not end it.
const maxAhead = time.Minute

// Active tells whether an access token is worth anything now: it is neither expired nor revoked, and what it hangs off
// is all there still: family, delegation or client, and their session and account. c is nil where the client was removed.
func Active(t *AccessToken, st *Standing, revoked bool, c *Client, now time.Time) bool {
	if c == nil || c.Disabled || revoked || !now.Before(t.Expires) || t.Issued.After(now.Add(maxAhead)) {
		return false
	}
	if t.IsClients() {
		return !t.Issued.Before(c.RevokedBefore)
	}
	if st.Account.Locked || !st.Session.Live(now) {
		return false
	}
	owner := ""
	switch {
	case st.Family != nil && st.Family.ID == t.FamilyID && now.Before(st.Family.Expires):
		owner = st.Family.ClientID
	case t.FamilyID.IsZero() && st.Delegation != nil:
		owner = st.Delegation.ClientID
	}
	return owner != "" && (owner == t.ClientID || t.Actor == t.ClientID)
}

// IsClients tells whether the token has no user: it hangs off the client alone.
func (t *AccessToken) IsClients() bool { return t.DelegationID.IsZero() && t.FamilyID.IsZero() }

// Introspect says what may be told of an active token.
func Introspect(t *AccessToken, st *Standing, issuer string, c *Client) Introspection {
	aud := t.Audience
	if len(aud) == 0 {
		aud = c.Audiences(issuer)
	}
	i := Introspection{
		Active: true, Scope: JoinScope(t.Scope), ClientID: t.ClientID, TokenType: t.Type(),
		Expires: t.Expires.Unix(), Issued: t.Issued.Unix(), Subject: t.Subject,
		Audience: aud, Issuer: issuer, ID: t.ID.String(), Confirmation: t.Confirmation,
	}
	if t.Actor != "" {
		i.Actor = &Actor{t.Actor}
	}
	if !t.IsClients() {
		i.Username, i.AuthTime, i.ACR = usernameFor(c, &st.Account), st.Session.AuthTime.Unix(), st.Session.ACR
	}
	return i
}

// usernameFor leaves the user name out for a pairwise client: it is the same everywhere, and would undo what a subject of
// its own is for (OpenID Connect Core §8.1).
func usernameFor(c *Client, a *Account) string {
	if c.SubjectType == SubjectPairwise {
		return ""
	}
	return a.Username
}

// IntrospectRefresh says what may be told of a good refresh token. It has no token_type (RFC 7662 §2.2): no API takes it.
func IntrospectRefresh(t *RefreshToken, st *Standing, issuer string, c *Client, p *Profile) Introspection {
	return Introspection{
		Active: true, Scope: JoinScope(t.Scope), ClientID: t.ClientID, Username: usernameFor(c, &st.Account),
		Expires: t.Expires.Unix(), Issued: st.Family.Created.Unix(), Subject: p.Subject(c, st.Account.ID), Issuer: issuer,
		AuthTime: st.Session.AuthTime.Unix(), ACR: st.Session.ACR, Confirmation: t.Confirmation,
	}
}

// JWTIntrospection is the claims set of an introspection answer as a JWT (RFC 9701 §5). Of the token's claims none
// stands at its top, so that it cannot pass for the token.
type JWTIntrospection struct {
	Issuer   string        `json:"iss"`
	Audience string        `json:"aud"`
	Issued   int64         `json:"iat"`
	Token    Introspection `json:"token_introspection"`
}

// NewJWTIntrospection says to the caller what a token is worth, in a form that can be shown to others. A token that is
// meant for other APIs is worth nothing to this one (RFC 9701 §5).
func NewJWTIntrospection(i Introspection, issuer string, caller *Client, now time.Time) JWTIntrospection {
	if i.Active && !meantFor(i, issuer, caller) {
		i = Introspection{}
	}
	return JWTIntrospection{Issuer: issuer, Audience: caller.ID, Issued: now.Unix(), Token: i}
}

// meantFor tells whether the caller is in the token's audience: by its id, or by one of the names that it is
// registered with. A token for the issuer is for every API here, and its own client may always look at it.
func meantFor(i Introspection, issuer string, caller *Client) bool {
	names := slices.Concat([]string{issuer, caller.ID}, caller.Audience, caller.Resources)
	return i.ClientID == caller.ID || slices.ContainsFunc(i.Audience, func(v string) bool { return slices.Contains(names, v) })
}

// Type is the token_type of the answer that brings the token (RFC 6749 §7.1, RFC 9449 §5).
func (t *AccessToken) Type() string {
	if t.Confirmation.JKT != "" {
		return "DPoP"
	}
	return "Bearer"
}
