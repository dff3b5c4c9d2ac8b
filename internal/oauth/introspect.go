package oauth

import "time"

// Introspection is an answer of the introspection endpoint (RFC 7662 §2.2).
type Introspection struct {
	Active    bool     `json:"active"`
	Scope     string   `json:"scope,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	Username  string   `json:"username,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
	Expires   int64    `json:"exp,omitempty"`
	Issued    int64    `json:"iat,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Audience  []string `json:"aud,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	ID        string   `json:"jti,omitempty"`
	AuthTime  int64    `json:"auth_time,omitempty"` // RFC 9470 §6.2
	ACR       string   `json:"acr,omitempty"`
}

// Active tells whether an access token is worth anything now: it is neither expired nor revoked, and
// the session, account and client that it hangs off are all there still. c is nil where the client
// was removed.
func Active(t *AccessToken, st *Standing, revoked bool, c *Client, now time.Time) bool {
	return c != nil && !c.Disabled && now.Before(t.Expires) && !revoked && !st.Account.Locked &&
		st.Session.Live(now) && st.Delegation != nil && st.Delegation.ClientID == t.ClientID
}

// Introspect says what may be told of an active token.
func Introspect(t *AccessToken, st *Standing, issuer string, c *Client) Introspection {
	aud := c.Audience
	if len(aud) == 0 {
		aud = []string{issuer}
	}
	return Introspection{
		Active: true, Scope: JoinScope(t.Scope), ClientID: t.ClientID, Username: st.Account.Username,
		TokenType: "Bearer", Expires: t.Expires.Unix(), Issued: t.Issued.Unix(), Subject: t.Subject,
		Audience: aud, Issuer: issuer, ID: t.ID.String(), AuthTime: st.Session.AuthTime.Unix(), ACR: st.Session.ACR,
	}
}
