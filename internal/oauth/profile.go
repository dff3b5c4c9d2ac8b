package oauth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"
)

// Scope is one scope value and what it means.
type Scope struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	// Claims are what the scope lets a client know of the user (OpenID Connect Core §5.4).
	Claims []string `json:"claims,omitempty"`
	// MaxAuthAge demands an authentication at most so many seconds old; 0 demands nothing. Such a
	// scope is given only when a request names it.
	MaxAuthAge int `json:"max_auth_age,omitempty"`
}

// Registration says who may register clients by themselves (RFC 7591).
type Registration string

// The registration policies; RegistrationToken where empty.
const (
	RegistrationToken        Registration = "initial_access_token"
	RegistrationOff          Registration = "off"
	RegistrationInsecureOpen Registration = "insecure_open"
)

// Profile is the token service profile: the server's OAuth settings. Durations are in seconds.
type Profile struct {
	Capabilities       []Capability `json:"capabilities"`
	Scopes             []Scope      `json:"scopes"`
	DefaultScope       []string     `json:"default_scope,omitempty"`
	AccessTokenSeconds int          `json:"access_token_seconds"`
	IDTokenSeconds     int          `json:"id_token_seconds"`
	// RefreshSeconds bounds a refresh family; 30 days where 0.
	RefreshSeconds     int `json:"refresh_seconds,omitempty"`
	SessionIdleSeconds int `json:"session_idle_seconds"`
	SessionMaxSeconds  int `json:"session_max_seconds"`
	// Registration is RegistrationToken where empty.
	Registration Registration `json:"registration,omitempty"`
	// RegistrationCapabilities are what clients that register by themselves may have; see Registrable.
	RegistrationCapabilities []Capability `json:"registration_capabilities,omitempty"`
	// PairwiseSalt keeps pairwise subjects from being computed elsewhere (OpenID Connect Core §8.1). It never changes.
	PairwiseSalt []byte `json:"pairwise_salt,omitempty"`
	// ManagedBy names the file that the profile comes from; empty where operators edit it.
	ManagedBy string `json:"managed_by,omitempty"`
	Version   int64  `json:"version"`
}

// ScopeOfflineAccess asks for refresh tokens that outlive the session (OpenID Connect Core §11).
const ScopeOfflineAccess = "offline_access"

// DefaultProfile is what a new server starts with. Tokens in URLs (implicit, hybrid) are for those who switch them on
// by name (RFC 9700 §2.1.2).
func DefaultProfile() Profile {
	return Profile{
		Capabilities: []Capability{
			CapAssistedToken, CapCode, CapRefresh, CapClientCredentials, CapDevice, CapTokenExchange, CapIntrospection,
		},
		Scopes: []Scope{
			{Name: "openid", Description: "Know who you are"},
			{Name: "profile", Description: "See your name", Claims: []string{
				"name", "preferred_username", "given_name", "family_name", "middle_name", "nickname", "profile", "picture",
				"website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
			}},
			{Name: "email", Description: "See your e-mail address", Claims: []string{"email", "email_verified"}},
			{Name: "address", Description: "See your postal address", Claims: []string{"address"}},
			{Name: "phone", Description: "See your phone number", Claims: []string{"phone_number", "phone_number_verified"}},
			{Name: ScopeOfflineAccess, Description: "Go on while you are away"},
			{Name: "read", Description: "Read your data"},
			{Name: "payment", Description: "Make payments in your name", MaxAuthAge: 60},
		},
		AccessTokenSeconds: 300,
		IDTokenSeconds:     300,
		RefreshSeconds:     30 * 24 * 60 * 60,
		SessionIdleSeconds: 8 * 60 * 60,
		SessionMaxSeconds:  7 * 24 * 60 * 60,
	}
}

// Can tells whether the profile has the capability switched on.
func (p *Profile) Can(k Capability) bool { return slices.Contains(p.Capabilities, k) }

// registrationDefault is what clients that register may have where the profile does not say: flows in which a user agrees
// first. Not among them are tokens without a user, those of other clients, and the flow whose pages an app may frame.
var registrationDefault = []Capability{CapCode, CapImplicit, CapHybrid, CapRefresh, CapDevice}

// Registrable lists what clients that register by themselves may have (RFC 7591 §5).
func (p *Profile) Registrable() []Capability {
	if len(p.RegistrationCapabilities) > 0 {
		return p.RegistrationCapabilities
	}
	return registrationDefault
}

// Allows tells whether the client may use a flow: it and the profile both have the capability.
func (p *Profile) Allows(c *Client, k Capability) bool {
	return c.Can(k) && (p.Can(k) || c.ID == AdminClientID && k == CapCode)
}

// ScopeNamed finds a scope by its name.
func (p *Profile) ScopeNamed(name string) (Scope, bool) {
	for _, list := range [][]Scope{p.Scopes, operatorScopes} {
		if i := slices.IndexFunc(list, func(s Scope) bool { return s.Name == name }); i >= 0 {
			return list[i], true
		}
	}
	return Scope{}, false
}

// RefreshLifetime is how long a refresh family may live.
func (p *Profile) RefreshLifetime() time.Duration {
	if p.RefreshSeconds == 0 {
		return 30 * 24 * time.Hour
	}
	return time.Duration(p.RefreshSeconds) * time.Second
}

// Subject is the account's sub claim for a client: never reassigned (OpenID Connect Core §2), and for a pairwise
// client another one in each sector (§8.1).
func (p *Profile) Subject(c *Client, account ID) string {
	if c.SubjectType != SubjectPairwise {
		return account.String()
	}
	mac := hmac.New(sha256.New, p.PairwiseSalt)
	mac.Write([]byte(c.SectorIdentifier))
	mac.Write(account[:]) // of fixed length, so the two cannot run into each other
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// SessionID is the sid by which a client knows a session (OpenID Connect Front-Channel Logout §3). A pairwise client has
// its own: by one that all share, clients could find out that their subjects are one user.
func (p *Profile) SessionID(c *Client, session ID) ID {
	if c.SubjectType != SubjectPairwise {
		return session
	}
	mac := hmac.New(sha256.New, p.PairwiseSalt)
	mac.Write([]byte("sid " + c.SectorIdentifier)) // no sector begins like this: there is no space in a host
	mac.Write(session[:])
	return ID(mac.Sum(nil)[:len(ID{})])
}
