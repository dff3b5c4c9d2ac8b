package oauth

import (
	"encoding/base64"
	"errors"
	"slices"
	"time"
)

// ID is a random 128-bit identifier. Its text form is unpadded base64url (22 characters).
type ID [16]byte

// String returns the text form.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// IsZero tells whether id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText and UnmarshalText make an ID usable in JSON as its text form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is the reverse of MarshalText.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}

// ParseID reads the text form of an ID.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 22 {
		return ID{}, errors.New("an identifier has 22 characters")
	}
	// Decode skips line ends, so the length of what came out has to be right too: one text form per ID.
	if n, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(s)); err != nil || n != len(id) {
		return ID{}, errors.New("an identifier is base64url text")
	}
	return id, nil
}

// Capability is a flow that a client may use; it has to be enabled on the profile as well.
type Capability string

// The capabilities that this server knows.
const (
	CapAssistedToken Capability = "assisted_token"
	CapIntrospection Capability = "introspection"
)

// Capabilities lists every known capability, for validation and help texts.
var Capabilities = []Capability{CapAssistedToken, CapIntrospection}

// TokenFormat is the kind of access token that a client gets.
type TokenFormat string

// FormatHandle is an opaque sealed handle, the default; FormatJWT is RFC 9068.
const (
	FormatHandle TokenFormat = "handle"
	FormatJWT    TokenFormat = "jwt"
)

// Alg is a JWS algorithm (RFC 7518 §3.1).
type Alg string

// The algorithms that usher signs with.
const (
	ES256 Alg = "ES256"
	RS256 Alg = "RS256"
)

// Client is an OAuth client (RFC 6749 §2). The JSON form is what the store keeps and the command
// line shows.
type Client struct {
	ID           string       `json:"id"`
	Name         string       `json:"name"`
	Disabled     bool         `json:"disabled,omitempty"`
	Capabilities []Capability `json:"capabilities"`
	// AllowedOrigins may frame the server's pages for this client and receive its messages.
	AllowedOrigins         []OriginPattern `json:"allowed_origins,omitempty"`
	RedirectURIs           []string        `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs []string        `json:"post_logout_redirect_uris,omitempty"`
	// Scope is all that the client may ask for.
	Scope []string `json:"scope,omitempty"`
	// SecretHash is the SHA-256 of the generated secret; empty for a public client.
	SecretHash []byte `json:"secret_hash,omitempty"`
	// AccessTokenFormat is FormatHandle where empty.
	AccessTokenFormat TokenFormat `json:"access_token_format,omitempty"`
	// AccessTokenSeconds is the lifetime; 0 means the profile's.
	AccessTokenSeconds int `json:"access_token_seconds,omitempty"`
	// IDTokenAlg signs what the client gets as a JWT; ES256 where empty.
	IDTokenAlg Alg `json:"id_token_alg,omitempty"`
	// Audience of JWT access tokens (RFC 9068 §2.2); the issuer where empty.
	Audience        []string `json:"audience,omitempty"`
	ConsentRequired bool     `json:"consent_required,omitempty"`
	// FramedInteraction lets pages of a client whose users must consent be framed: unsafe, by name.
	FramedInteraction bool `json:"framed_interaction,omitempty"`
	// Version counts the changes, for optimistic locking; the store sets it.
	Version int64 `json:"version"`
}

// Can tells whether the client has the capability.
func (c *Client) Can(k Capability) bool { return slices.Contains(c.Capabilities, k) }

// DisplayName is what users read.
func (c *Client) DisplayName() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// Alg is the algorithm of the JWTs that the client gets: the one that it knows.
func (c *Client) Alg() Alg {
	if c.IDTokenAlg == "" {
		return ES256
	}
	return c.IDTokenAlg
}

// IsPublic tells whether the client has no secret (RFC 6749 §2.1).
func (c *Client) IsPublic() bool { return len(c.SecretHash) == 0 }

// Scope is one scope value and what it means.
type Scope struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	// MaxAuthAge demands an authentication at most so many seconds old; 0 demands nothing. Such a
	// scope is given only when a request names it.
	MaxAuthAge int `json:"max_auth_age,omitempty"`
}

// Profile is the token service profile: the server's OAuth settings. Durations are in seconds.
type Profile struct {
	Capabilities       []Capability `json:"capabilities"`
	Scopes             []Scope      `json:"scopes"`
	DefaultScope       []string     `json:"default_scope,omitempty"`
	AccessTokenSeconds int          `json:"access_token_seconds"`
	IDTokenSeconds     int          `json:"id_token_seconds"`
	SessionIdleSeconds int          `json:"session_idle_seconds"`
	SessionMaxSeconds  int          `json:"session_max_seconds"`
	Version            int64        `json:"version"`
}

// DefaultProfile is what a new server starts with.
func DefaultProfile() Profile {
	return Profile{
		Capabilities: slices.Clone(Capabilities),
		Scopes: []Scope{
			{Name: "openid", Description: "Know who you are"},
			{Name: "profile", Description: "See your name"},
			{Name: "email", Description: "See your e-mail address"},
			{Name: "read", Description: "Read your data"},
			{Name: "payment", Description: "Make payments in your name", MaxAuthAge: 60},
		},
		AccessTokenSeconds: 300,
		IDTokenSeconds:     300,
		SessionIdleSeconds: 8 * 60 * 60,
		SessionMaxSeconds:  7 * 24 * 60 * 60,
	}
}

// Can tells whether the profile has the capability switched on.
func (p *Profile) Can(k Capability) bool { return slices.Contains(p.Capabilities, k) }

// ScopeNamed finds a scope by its name.
func (p *Profile) ScopeNamed(name string) (Scope, bool) {
	i := slices.IndexFunc(p.Scopes, func(s Scope) bool { return s.Name == name })
	if i < 0 {
		return Scope{}, false
	}
	return p.Scopes[i], true
}

// Account is a user.
type Account struct {
	ID       ID     `json:"id"`
	Username string `json:"username"`
	Name     string `json:"name,omitempty"`
	Email    string `json:"email,omitempty"`
	Locked   bool   `json:"locked"`
	// PasswordHash is in the PHC string format; empty where the account has no password.
	PasswordHash string    `json:"-"`
	Created      time.Time `json:"created"`
	Version      int64     `json:"version"`
}

// Subject is the account's sub claim: never reassigned (OpenID Connect Core §2).
func (a *Account) Subject() string { return a.ID.String() }

// Session is a user's authenticated browser session with the server (the SSO session).
type Session struct {
	// ID is the public identifier (the sid claim); the cookie holds another, secret value.
	ID ID
	// CookieHash is the SHA-256 of the cookie's value; nil for a parent that no cookie names.
	CookieHash []byte
	AccountID  ID
	AuthTime   time.Time
	AMR        []string
	ACR        string
	LastUsed   time.Time
	// IdleTimeout ends the session so long after its last use; Expires ends it in any case.
	IdleTimeout time.Duration
	Expires     time.Time
	Created     time.Time
}

// ChildSession serves one client at one origin in a frame; it lives and dies with its parent.
type ChildSession struct {
	ID         ID
	CookieHash []byte
	ClientID   string
	Origin     string
}

// Live tells whether the session can still be used at the given time.
func (s *Session) Live(now time.Time) bool {
	return now.Before(s.Expires) && now.Before(s.LastUsed.Add(s.IdleTimeout))
}

// TouchDue tells whether a use at the given time is worth a write: at most one per tenth of the
// idle timeout.
func (s *Session) TouchDue(now time.Time) bool { return now.Sub(s.LastUsed) > s.IdleTimeout/10 }

// Delegation is what a client was given within one session; a user's tokens hang off it.
type Delegation struct {
	ID        ID
	SessionID ID
	ClientID  string
	AccountID ID
	// Scope is all that was ever given within it, for people to look at. A request for more is recorded.
	Scope   []string
	Created time.Time
}

// Consent is the user's agreement that a client may have certain scopes; it outlives sessions.
type Consent struct {
	AccountID ID
	ClientID  string
	Scope     []string
	Updated   time.Time
}

// Covers tells whether every scope in want was agreed to; a nil consent covers nothing.
func (c *Consent) Covers(want []string) bool {
	return c != nil && Subset(want, c.Scope)
}

// Standing is what the store knows of one session and one client, read in one query.
type Standing struct {
	Session    Session
	Account    Account     // without its password hash
	Delegation *Delegation // nil where the client was given nothing yet
	Consent    *Consent    // nil where the user never agreed
}

// AccessToken is the content of a sealed access token, and the claims of a JWT one.
type AccessToken struct {
	ID           ID
	DelegationID ID
	ClientID     string
	Subject      string
	Scope        []string
	Issued       time.Time
	Expires      time.Time
}
