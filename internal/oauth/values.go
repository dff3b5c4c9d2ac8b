package oauth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
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

// Account is a user.
type Account struct {
	ID       ID     `json:"id"`
	Username string `json:"username"`
	Name     string `json:"name,omitempty"`
	Email    string `json:"email,omitempty"`
	// Attributes is a JSON object of further claims about the user by their names (OpenID Connect Core §5.1);
	// empty for none.
	Attributes json.RawMessage `json:"attributes,omitempty"`
	Locked     bool            `json:"locked"`
	// Role is what the user may do as an operator; empty for nothing. What reads an account for a token leaves it out.
	Role Role `json:"role,omitempty"`
	// ExternalID is the account's name in the directory that provisions it (RFC 7643 §3.1).
	ExternalID string `json:"external_id,omitempty"`
	// PasswordHash is in the PHC string format; empty where the account has no password.
	PasswordHash string    `json:"-"`
	Created      time.Time `json:"created"`
	Version      int64     `json:"version"`
}

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
	// UserAgent and Address are where the last sign-in came from, as a browser of that address said.
	// Lists of sessions read them, nothing else.
	UserAgent, Address string
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

// Standing is what the store knows of one session and one client, read in one query.
type Standing struct {
	Session    Session
	Account    Account     // without its password hash
	Delegation *Delegation // nil where the client was given nothing yet
	Consent    *Consent    // nil where the user never agreed
	Family     *Family     // only where a refresh token or a token of its family is judged
}

// Family is what all tokens that follow from one authorization code (or device code) hang off, its refresh tokens
// included. It hangs off the delegation, or, where the user granted offline access, off the consent, and
// then outlives the session.
type Family struct {
	// ID is that of the code that began it.
	ID           ID
	DelegationID ID // the one that the code was issued under; an offline family may outlive it
	SessionID    ID
	AccountID    ID
	ClientID     string
	Offline      bool
	// Generation counts the rotations of the refresh token; Rotated is when the last one was.
	Generation int
	Rotated    time.Time
	// AuthTime, AMR and ACR are the session's when the family began: an offline family has them after it ended.
	AuthTime time.Time
	AMR      []string
	ACR      string
	Created  time.Time
	Expires  time.Time
}

// Confirmation is the key that a token is bound to (RFC 7800): at most one of its fields is set.
type Confirmation struct {
	// JKT is the SHA-256 thumbprint of a DPoP key (RFC 9449 §6.1).
	JKT string `json:"jkt,omitempty"`
	// X5T is the SHA-256 thumbprint of a client certificate (RFC 8705 §3.1).
	X5T string `json:"x5t#S256,omitempty"`
}

// IsZero tells whether the token is bound to no key: whoever bears it may use it.
func (c Confirmation) IsZero() bool { return c == Confirmation{} }

// AccessToken is the content of a sealed access token, and the claims of a JWT one. What it hangs off is the family
// where there is one, else the delegation, else (no user) the client.
type AccessToken struct {
	ID           ID
	DelegationID ID
	FamilyID     ID
	ClientID     string
	Subject      string
	Scope        []string
	Issued       time.Time
	Expires      time.Time
	// Audience is what the request named as resource (RFC 8707); empty for the client's own audience.
	Audience []string
	// Confirmation is the key that the token is bound to.
	Confirmation Confirmation
	// Actor is the client that acts for the subject after a token exchange (RFC 8693 §4.1).
	Actor string
	// Claims are those that the request wants from the userinfo endpoint beside what the scope gives
	// (OpenID Connect Core §5.5).
	Claims []string
}
