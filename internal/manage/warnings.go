package manage

import (
	"fmt"
	"slices"

	"github.com/usher-id/usher/internal/oauth"
)

// Warnings says what is unsafe about a client that is otherwise valid.
func Warnings(c *oauth.Client) []string {
	var w []string
	if c.FramedInteraction {
		w = append(w, "framed_interaction: the consent page may be framed, so a page at an allowed origin can try to steal the click that agrees")
	}
	for _, o := range c.AllowedOrigins {
		switch {
		case o == "*":
			w = append(w, "allowed origin *: every site can receive tokens of users who are signed in")
		case !o.IsLiteral():
			w = append(w, fmt.Sprintf("allowed origin %s: whoever controls any host that it covers can receive tokens", o))
		}
	}
	for _, unsafe := range []struct {
		on   bool
		text string
	}{
		{c.Can(oauth.CapImplicit), "implicit: tokens travel in addresses, where histories and referrers may keep them (RFC 9700 section 2.1.2)"},
		{c.Can(oauth.CapHybrid), "hybrid: tokens travel in addresses, where histories and referrers may keep them (RFC 9700 section 2.1.2)"},
		{c.AuthMethod == oauth.AuthSecretPost, "client_secret_post: the secret is in each request's body, where logs may keep it (RFC 6749 section 2.3.1)"},
		{c.RequestObjectAlg == oauth.AlgNone, "request_object_signing_alg none: request objects are believed without a signature"},
	} {
		if unsafe.on {
			w = append(w, unsafe.text)
		}
	}
	return w
}

// ProfileWarnings says what is unsafe about a profile that is otherwise valid.
func ProfileWarnings(p *oauth.Profile) []string {
	var w []string
	if p.Registration == oauth.RegistrationInsecureOpen {
		w = append(w, "registration insecure_open: everybody can register clients under any name")
	}
	for k, risk := range map[oauth.Capability]string{
		oauth.CapAssistedToken:     "may frame this server's pages from origins that they choose",
		oauth.CapClientCredentials: "get tokens without any user's consent",
		oauth.CapTokenExchange:     "may turn any user's token that they are shown into one of their own",
	} {
		if slices.Contains(p.RegistrationCapabilities, k) {
			w = append(w, fmt.Sprintf("registration_capabilities: clients that register by themselves %s (%s)", risk, k))
		}
	}
	for _, k := range []oauth.Capability{oauth.CapImplicit, oauth.CapHybrid} {
		if p.Can(k) {
			w = append(w, fmt.Sprintf("%s is on: clients that have it get tokens in addresses (RFC 9700 section 2.1.2)", k))
		}
	}
	return w
}
