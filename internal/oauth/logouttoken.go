package oauth

import "time"

// LogoutTokenLifetime is how long a client may take a logout token for good: no more than two minutes, as
// OpenID Connect Back-Channel Logout §4 recommends.
const LogoutTokenLifetime = 2 * time.Minute

// backChannelLogout is the event that makes a JWT a logout token (OpenID Connect Back-Channel Logout §2.4).
const backChannelLogout = "http://schemas.openid.net/event/backchannel-logout"

// LogoutToken is the claims set that tells a client that a session ended (OpenID Connect Back-Channel Logout
// §2.4). It never has a nonce, so that it cannot pass for an ID token.
type LogoutToken struct {
	Issuer   string              `json:"iss"`
	Subject  string              `json:"sub"`
	Audience string              `json:"aud"`
	Issued   int64               `json:"iat"`
	Expires  int64               `json:"exp"`
	ID       ID                  `json:"jti"`
	Events   map[string]struct{} `json:"events"`
	SID      string              `json:"sid"`
}

// NewLogoutToken says what the client is told of the session: subject and sid are those of its ID tokens.
func NewLogoutToken(issuer string, c *Client, p *Profile, s *Session, id ID, now time.Time) LogoutToken {
	return LogoutToken{
		Issuer: issuer, Subject: p.Subject(c, s.AccountID), Audience: c.ID,
		Issued: now.Unix(), Expires: now.Add(LogoutTokenLifetime).Unix(), ID: id,
		Events: map[string]struct{}{backChannelLogout: {}}, SID: p.SessionID(c, s.ID).String(),
	}
}
