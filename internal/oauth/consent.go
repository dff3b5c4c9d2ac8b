package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Consent is the user's agreement that a client may have certain scopes; it outlives sessions.
type Consent struct {
	AccountID ID
	ClientID  string
	Scope     []string
	Updated   time.Time
	// Shown is Client.Shown of what the user saw: empty where version 0.1.0 wrote the consent, which
	// did not store it; NotShown where the user was not asked.
	Shown string
}

// NotShown marks the row that an offline refresh token family of a client without required consent
// belongs to. The user saw no page, so the row agrees to nothing.
const NotShown = "-"

// Covers tells whether every scope in want was agreed to; a nil consent covers nothing.
func (c *Consent) Covers(want []string) bool {
	return c != nil && Subset(want, c.Scope)
}

// Agrees tells whether the user agreed to the scope for the client as the consent page shows it now
// (RFC 6749 §10.2: the user has to know whom they authorize).
func (c *Consent) Agrees(client *Client, scope []string) bool {
	return c.Covers(scope) && c.saw(client.Shown(), client.ShownSince)
}

// saw tells whether the user saw a client that looks like shown, which it does since then. A
// consent that does not say what was shown counts until the client changes.
func (c *Consent) saw(shown string, since time.Time) bool {
	if c.Shown == "" {
		return !c.Updated.Before(since)
	}
	return c.Shown == shown
}

// With is what the user has agreed to once they agree to given: to both where they saw the same
// client, else to given alone. since is Client.ShownSince.
func (c Consent) With(given Consent, since time.Time) Consent {
	switch {
	case given.Shown == NotShown:
		return c
	case c.saw(given.Shown, since):
		given.Scope = Union(c.Scope, given.Scope)
	}
	return given
}

// Shown is the fingerprint of what the consent page shows: the client's name, the hosts that it can
// receive answers at, and the scope. Stored consents list their scope and leave it out here.
func (c *Client) Shown(scope ...string) string {
	text, err := json.Marshal([]any{c.DisplayName(), c.AnswerHosts(), scope})
	if err != nil {
		panic(err) // strings marshal
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// AnswerHosts lists where answers to the client may go: the hosts of its redirect URIs and allowed
// origins, sorted. The admin pages' own origin, while an operator tries the client, is left out.
func (c *Client) AnswerHosts() []string {
	hosts := []string{}
	for _, uri := range c.RedirectURIs {
		hosts = append(hosts, AnswerHost(uri))
	}
	for _, origin := range c.AllowedOrigins {
		if c.TrialOrigin == "" || string(origin) != c.TrialOrigin {
			hosts = append(hosts, AnswerHost(string(origin)))
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// AnswerHost is what people judge an address by: its host, with the port unless it is the scheme's
// own, or the private-use scheme of a native app.
func AnswerHost(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme == "":
		return address // "*", an insecure origin pattern
	case u.Scheme == "https":
		return strings.TrimSuffix(strings.ToLower(u.Host), ":443")
	case u.Scheme == "http":
		return strings.TrimSuffix(strings.ToLower(u.Host), ":80")
	}
	return u.Scheme + ":"
}
