package manage

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
)

const maxAddress = 2000

func validateRedirects(f *faults, c *oauth.Client) {
	validateURIs(f, "redirect_uris", c.RedirectURIs)
	inAddress := c.Can(oauth.CapImplicit) || c.Can(oauth.CapHybrid)
	if len(c.RedirectURIs) == 0 && (inAddress || c.Can(oauth.CapCode)) {
		f.add("redirect_uris", "code, implicit and hybrid answer to redirect URIs only: give at least one, as in https://app.example.com/callback")
	}
	for _, uri := range c.RedirectURIs {
		// OpenID Connect Registration §2 (application_type). Plain http is there for loopback alone, as ever.
		if inAddress && !strings.HasPrefix(uri, "https:") && !strings.HasPrefix(uri, "http:") {
			f.add("redirect_uris", "%.200q has a scheme of its own: tokens in an address (implicit, hybrid) go to https only", uri)
		}
	}
}

// validateResources holds RFC 8707 §2: absolute, and without a fragment.
func validateResources(f *faults, c *oauth.Client) {
	limit(f, "resources", len(c.Resources))
	for _, r := range c.Resources {
		u, err := url.Parse(r)
		if err != nil || !u.IsAbs() || u.Host == "" && u.Opaque == "" || strings.Contains(r, "#") || len(r) > maxAudienceLength || !isURIText(r) {
			f.add("resources", "%.200q is not an absolute URI without a fragment, as in https://api.example.com/", r)
		}
	}
	unique(f, "resources", c.Resources)
}

func validateRequests(f *faults, c *oauth.Client) {
	oneOf(f, "request_object_signing_alg", c.RequestObjectAlg, append(slices.Clone(oauth.ClientAlgs), oauth.AlgNone))
	if c.RequireSigned && c.RequestObjectAlg == oauth.AlgNone {
		f.add("request_object_signing_alg", "none contradicts require_signed_request_object")
	}
	limit(f, "request_uris", len(c.RequestURIs))
	for _, uri := range c.RequestURIs {
		address, _, _ := strings.Cut(uri, "#") // a fragment may hold the content's hash (OpenID Connect Core §6.2)
		if uri == "" {
			f.add("request_uris", "it is empty")
		}
		webAddress(f, "request_uris", address)
	}
	unique(f, "request_uris", c.RequestURIs)
	if age := c.DefaultMaxAge; age != nil && (*age < 0 || *age > maxAuthAge) {
		f.add("default_max_age", "%d is out of range: 0 to %d seconds", *age, maxAuthAge)
	}
	limit(f, "default_acr_values", len(c.DefaultACR))
	for _, acr := range c.DefaultACR {
		if acr == "" || len(acr) > maxACR || !isURIText(acr) {
			f.add("default_acr_values", "%.100q is not a value: printable characters without spaces, at most %d", acr, maxACR)
		}
	}
	webAddress(f, "initiate_login_uri", c.InitiateLoginURI)
}

// validateLogout holds Front-Channel Logout §2 and Back-Channel Logout §2.2.
func validateLogout(f *faults, c *oauth.Client) {
	if notified(f, "frontchannel_logout_uri", c.FrontChannelLogoutURI) && !knowsOrigin(c, c.FrontChannelLogoutURI) {
		f.add("frontchannel_logout_uri", "it has another scheme, host or port than the client's redirect URIs and origins")
	}
	notified(f, "backchannel_logout_uri", c.BackChannelLogoutURI)
}

// notified checks an address that hears of sign-outs, and tells whether there is a good one.
func notified(f *faults, field, uri string) bool {
	if uri == "" {
		return false
	}
	u, err := url.Parse(uri)
	if err == nil && u.Scheme != "http" && u.Scheme != "https" {
		f.add(field, "%.200q is not an https address", uri)
		return false
	}
	if err := oauth.CheckRedirectURI(uri); err != nil {
		f.add(field, "%v", err)
		return false
	}
	return true
}

// knowsOrigin tells whether the address is at the origin of a redirect URI, or an allowed one.
func knowsOrigin(c *oauth.Client, address string) bool {
	origin := originOf(address)
	if _, ok := c.MatchOrigin(origin); ok {
		return true
	}
	return slices.ContainsFunc(c.RedirectURIs, func(uri string) bool { return originOf(uri) == origin })
}

func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

func validateDescription(f *faults, c *oauth.Client) {
	webAddress(f, "logo_uri", c.LogoURI)
	webAddress(f, "client_uri", c.ClientURI)
	webAddress(f, "policy_uri", c.PolicyURI)
	webAddress(f, "tos_uri", c.TOSURI)
	limit(f, "contacts", len(c.Contacts))
	for _, contact := range c.Contacts {
		validateName(f, "contacts", contact)
	}
	oneOf(f, "application_type", c.ApplicationType, []string{"web", "native"})
}

// webAddress checks an https address that may be empty.
func webAddress(f *faults, field, address string) {
	if address == "" {
		return
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Contains(address, "#") || !isURIText(address) {
		f.add(field, "%.200q is not an https address without user name and fragment, as in https://app.example.com/", address)
	} else if len(address) > maxAddress {
		f.add(field, "it has more than %d characters", maxAddress)
	}
}

// isURIText tells whether the text holds only characters that may stand in a URI (RFC 3986 §2).
func isURIText(text string) bool {
	for i := range len(text) {
		if text[i] <= 0x20 || text[i] >= 0x7f || strings.IndexByte("\\\"<>^`{|}", text[i]) >= 0 {
			return false
		}
	}
	return true
}

// settleSubject gives a pairwise client its sector: the one host of its redirect URIs (OpenID Connect Core §8.1), or,
// where it has none, of its origins. Once there, it stays: another sector would be other subjects.
func settleSubject(c *oauth.Client) {
	if c.SubjectType != oauth.SubjectPairwise || c.SectorIdentifier != "" {
		return
	}
	if hosts := sectorHosts(c); len(hosts) == 1 {
		c.SectorIdentifier = hosts[0]
	}
}

func sectorHosts(c *oauth.Client) []string {
	addresses := c.RedirectURIs
	if len(addresses) == 0 {
		for _, o := range c.AllowedOrigins {
			addresses = append(addresses, string(o))
		}
	}
	var hosts []string
	for _, address := range addresses {
		host := ""
		if u, err := url.Parse(address); err == nil {
			host = strings.ToLower(u.Hostname())
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

func validateSubject(f *faults, c *oauth.Client) {
	oneOf(f, "subject_type", c.SubjectType, []oauth.SubjectType{oauth.SubjectPublic, oauth.SubjectPairwise})
	switch {
	case c.SectorIdentifier != "" && !isHost(c.SectorIdentifier):
		f.add("sector_identifier", "%.100q is not a host name in lower case, as in example.com", c.SectorIdentifier)
	case c.SubjectType == oauth.SubjectPairwise && c.SectorIdentifier == "":
		f.add("sector_identifier", "pairwise subjects need one, since the redirect URIs have no host or several: name the host that the client's apps share subjects by")
	}
	webAddress(f, "sector_identifier_uri", c.SectorIdentifierURI)
}

// isHost accepts a host name or address as a URI's host has it.
func isHost(host string) bool {
	if net.ParseIP(host) != nil {
		return true
	}
	u, err := url.Parse("https://" + host)
	return err == nil && len(host) <= 253 && u.Host == host && u.Hostname() == host && host == strings.ToLower(host) &&
		isURIText(host) && !strings.ContainsAny(host, "*/?#@:%")
}
