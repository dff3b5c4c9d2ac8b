package oauth

import "slices"

// UserInfo is an answer of the userinfo endpoint (OpenID Connect Core §5.3.2), by scope (§5.4).
type UserInfo struct {
	Subject           string `json:"sub"`
	Name              string `json:"name,omitempty"`
	PreferredUsername string `json:"preferred_username,omitempty"`
	Email             string `json:"email,omitempty"`
}

// NewUserInfo says what the scope lets the client know.
func NewUserInfo(a *Account, scope []string) UserInfo {
	u := UserInfo{Subject: a.Subject()}
	if slices.Contains(scope, "profile") {
		u.Name, u.PreferredUsername = a.Name, a.Username
	}
	if slices.Contains(scope, "email") {
		u.Email = a.Email
	}
	return u
}
