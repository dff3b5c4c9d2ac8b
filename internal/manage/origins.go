package manage

import (
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/usher-id/usher/internal/oauth"
)

// coversPublicSuffix tells whether an origin pattern stands for hosts of different owners: anybody
// can register a name under its domain, or under each name that is one label below it
// (publicsuffix.org, its private section included).
func coversPublicSuffix(p oauth.OriginPattern) bool {
	_, rest, found := strings.Cut(string(p), "://*.")
	if !found {
		return false
	}
	domain, _, _ := strings.Cut(rest, ":")
	for _, name := range []string{domain, "x." + domain} {
		suffix, icann := publicsuffix.PublicSuffix(name)
		if suffix == name && (icann || strings.Contains(suffix, ".")) {
			return true
		}
	}
	return false
}

func (m *Manager) validateOrigins(f *faults, c *oauth.Client, had []oauth.OriginPattern) {
	limit(f, "allowed_origins", len(c.AllowedOrigins))
	for _, o := range c.AllowedOrigins {
		_, err := oauth.ParseOriginPattern(string(o), m.InsecureAnyOrigin)
		switch {
		case err != nil:
			f.add("allowed_origins", "%v", err)
		case slices.Contains(had, o): // perhaps from before usher refused it; Warnings names it
		case coversPublicSuffix(o) && !m.InsecureAnyOrigin:
			f.add("allowed_origins", "%q is too wide: anybody can register names that it covers; "+
				"list the origins, or use a pattern below a domain of your own", o)
		}
	}
	unique(f, "allowed_origins", c.AllowedOrigins)
}
