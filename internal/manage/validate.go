package manage

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/usher-id/usher/internal/oauth"
)

const (
	maxEntries         = 100 // of a list
	minTokenSeconds    = 10
	maxTokenSeconds    = 24 * 60 * 60
	maxNameLength      = 200
	maxClientIDLength  = 128
	maxAudienceLength  = 500
	maxEmailAddrLength = 254 // RFC 5321 §4.5.3.1.3
	maxAuthAge         = 365 * 24 * 60 * 60
)

// validateClient reports everything that is wrong with a client. had are the stored origins.
func (m *Manager) validateClient(
	c *oauth.Client, p *oauth.Profile, had ...oauth.OriginPattern,
) error {
	var f faults
	validateClientID(&f, c.ID)
	validateName(&f, "name", c.Name)
	if strings.TrimSpace(c.Name) == "" {
		f.add("name", "give the client a name: users read it when they sign in")
	}
	validateCapabilities(&f, c)
	m.validateOrigins(&f, c, had)
	validateRedirects(&f, c)
	validateResponseTypes(&f, c)
	validateURIs(&f, "post_logout_redirect_uris", c.PostLogoutRedirectURIs)
	m.validateScope(&f, c, p)
	m.validateAuthentication(&f, c)
	validateTokens(&f, c)
	validateSubject(&f, c)
	validateRequests(&f, c)
	validateLogout(&f, c)
	validateDescription(&f, c)
	return f.err()
}

// validateClientID accepts what RFC 6749 Appendix A.1 does, without the space and without what has to
// be escaped in HTML, JSON or a shell.
func validateClientID(f *faults, id string) {
	if id == "" || len(id) > maxClientIDLength {
		f.add("id", "an id has 1 to %d characters", maxClientIDLength)
	}
	for _, r := range id {
		if r <= 0x20 || r >= 0x7f || strings.ContainsRune("\"'`\\<>&$*?", r) {
			f.add("id", "%q may not be in an id: use letters, digits and - . _ ~ : / @", r)
			return
		}
	}
	switch id {
	case ".", "..", "new": // steps in a path (RFC 3986 section 3.3), and the page that makes a client
		f.add("id", "%s means something else in the addresses of the admin pages: choose another id", id)
	}
}

// validateName accepts printable text; direction marks and the like could make one name look like another.
func validateName(f *faults, field, name string) {
	if utf8.RuneCountInString(name) > maxNameLength || !utf8.ValidString(name) {
		f.add(field, "it has more than %d characters, or is not UTF-8", maxNameLength)
		return
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			f.add(field, "%q is not printable", r)
			return
		}
	}
}

func validateCapabilities(f *faults, c *oauth.Client) {
	if len(c.Capabilities) == 0 {
		f.add("capabilities", "give the client at least one of: %s", join(oauth.Capabilities))
	}
	for _, k := range c.Capabilities {
		if !slices.Contains(oauth.Capabilities, k) {
			f.add("capabilities", "%q is unknown; there are: %s", k, join(oauth.Capabilities))
		}
	}
	unique(f, "capabilities", c.Capabilities)
	if c.Can(oauth.CapAssistedToken) && len(c.AllowedOrigins) == 0 {
		f.add("allowed_origins", "the assisted token flow answers to allowed origins only: give at least one, as in https://app.example.com")
	}
	for _, k := range c.Capabilities {
		if problem, needs := authenticated[k]; needs && c.IsPublic() {
			f.add("capabilities", "%s needs a client that authenticates: give it a secret or a key (%s)", k, problem)
		}
	}
}

// authenticated are the capabilities that are worth nothing unless the client proves who it is, and where that is said.
var authenticated = map[oauth.Capability]string{
	oauth.CapIntrospection:     "RFC 7662 section 2.1",
	oauth.CapClientCredentials: "RFC 6749 section 4.4",
	oauth.CapTokenExchange:     "RFC 8693 section 5",
}

func validateURIs(f *faults, field string, uris []string) {
	limit(f, field, len(uris))
	for _, uri := range uris {
		if err := oauth.CheckRedirectURI(uri); err != nil {
			f.add(field, "%v", err)
		}
	}
	unique(f, field, uris)
}

// validateScope lets a client have this server's scopes, and those of the admin API only where an admin says so.
func (m *Manager) validateScope(f *faults, c *oauth.Client, p *oauth.Profile) {
	limit(f, "scope", len(c.Scope))
	for _, v := range c.Scope {
		if _, known := p.ScopeNamed(v); !known {
			f.add("scope", "%q is not a scope of this server; there are: %s", v, scopeNames(p))
		} else if oauth.IsOperatorScope(v) && !m.Role.AtLeast(oauth.RoleAdmin) {
			f.add("scope", "%s opens the admin API: only an admin may give it to a client", v)
		}
	}
	unique(f, "scope", c.Scope)
}

func scopeNames(p *oauth.Profile) string {
	names := make([]string, len(p.Scopes))
	for i, s := range p.Scopes {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}

func validateTokens(f *faults, c *oauth.Client) {
	oneOf(f, "access_token_format", c.AccessTokenFormat, []oauth.TokenFormat{oauth.FormatHandle, oauth.FormatJWT})
	oneOf(f, "id_token_alg", c.IDTokenAlg, oauth.SigningAlgs)
	oneOf(f, "userinfo_signed_response_alg", c.UserInfoAlg, oauth.SigningAlgs)
	oneOf(f, "introspection_signed_response_alg", c.IntrospectionAlg, oauth.SigningAlgs)
	if s := c.AccessTokenSeconds; s != 0 && (s < minTokenSeconds || s > maxTokenSeconds) {
		f.add("access_token_seconds", "%d is out of range: 0 for the profile's lifetime, or %d to %d", s, minTokenSeconds, maxTokenSeconds)
	}
	limit(f, "audience", len(c.Audience))
	for _, a := range c.Audience {
		if a == "" || len(a) > maxAudienceLength || oauth.Printable(a) != a {
			f.add("audience", "%.100q is not an audience: printable characters, at most %d", a, maxAudienceLength)
		}
	}
	unique(f, "audience", c.Audience)
	validateResources(f, c)
	if c.DPoPBound && c.TLSBound {
		f.add("dpop_bound_access_tokens", "a token is bound to one key: choose DPoP or the TLS certificate")
	}
}

func limit(f *faults, field string, n int) {
	if n > maxEntries {
		f.add(field, "more than %d entries", maxEntries)
	}
}

// oneOf checks a value that may be empty.
func oneOf[S ~string](f *faults, field string, value S, known []S) {
	if value != "" && !slices.Contains(known, value) {
		f.add(field, "%.100q is unknown; there are: %s", value, join(known))
	}
}

func unique[S ~string](f *faults, field string, values []S) {
	seen := map[S]bool{}
	for _, v := range values {
		if seen[v] {
			f.add(field, "%q is there twice", v)
		}
		seen[v] = true
	}
}

func join[S ~string](values []S) string {
	text := make([]string, len(values))
	for i, v := range values {
		text[i] = string(v)
	}
	return strings.Join(text, ", ")
}

// validateResponseTypes accepts the response types in their usual spelling.
func validateResponseTypes(f *faults, c *oauth.Client) {
	for _, t := range c.ResponseTypes {
		if parsed, err := oauth.ParseResponseType(t); err != nil || parsed.String() != t {
			f.add("response_types", "%.50q is not one, as in code or code id_token", t)
		}
	}
}
