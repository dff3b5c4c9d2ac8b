package manage

import (
	"fmt"
	"slices"

	"github.com/usher-id/usher/internal/oauth"
)

// Warnings says what is unsafe about a client that is otherwise valid, and what to do about it.
func Warnings(c *oauth.Client) []string {
	var w []string
	if c.FramedInteraction {
		w = append(w, "framed_interaction: the consent page may be framed, so a page at an allowed origin can try to steal the click that agrees; switch it off unless every allowed origin is yours")
	}
	for _, o := range c.AllowedOrigins {
		switch {
		case o == "*":
			w = append(w, "allowed origin *: every site can receive tokens of users who are signed in; list the app's own origins instead")
		case coversPublicSuffix(o):
			w = append(w, fmt.Sprintf("allowed origin %s: anybody can register a host that it covers, "+
				"and receive tokens; list the app's own origins instead", o))
		case !o.IsLiteral():
			w = append(w, fmt.Sprintf("allowed origin %s: whoever controls any host that it covers can receive tokens; list the hosts one by one instead", o))
		}
	}
	for _, unsafe := range []struct {
		on   bool
		text string
	}{
		{administersInBrowsers(c), "scope usher.*: tokens that administer this server reach a browser, where any script of the app can use them; take the scope or the assisted token flow away"},
		{c.Can(oauth.CapImplicit), "implicit: tokens travel in addresses, where histories and referrers may keep them (RFC 9700 section 2.1.2); use code, or assisted_token"},
		{c.Can(oauth.CapHybrid), "hybrid: tokens travel in addresses, where histories and referrers may keep them (RFC 9700 section 2.1.2); use code alone"},
		{c.AuthMethod == oauth.AuthSecretPost, "client_secret_post: the secret is in each request's body, where logs may keep it (RFC 6749 section 2.3.1); use client_secret_basic, or a key"},
		{c.RequestObjectAlg == oauth.AlgNone, "request_object_signing_alg none: request objects are believed without a signature; have them signed"},
		{c.IsFAPI() && !provesByKey(c), "token_endpoint_auth_method: the client is held to FAPI 2.0, which wants clients that prove who they are by a key (Security Profile section 5.3.2.1); use private_key_jwt or mutual TLS"},
	} {
		if unsafe.on {
			w = append(w, unsafe.text)
		}
	}
	return w
}

// administersInBrowsers tells whether scripts can hold tokens of the client that open the admin API.
func administersInBrowsers(c *oauth.Client) bool {
	return slices.ContainsFunc(c.Scope, oauth.IsOperatorScope) && (c.Can(oauth.CapAssistedToken) || len(c.AllowedOrigins) > 0)
}

// provesByKey tells whether the client authenticates as FAPI 2.0 wants: a secret, hashed or not, is known to both sides.
func provesByKey(c *oauth.Client) bool {
	switch c.AuthMethod {
	case oauth.AuthPrivateKeyJWT, oauth.AuthTLS, oauth.AuthSelfSignedTLS:
		return true
	}
	return false
}

// ProfileWarnings says what is unsafe about a profile that is otherwise valid, and what to do about it.
func ProfileWarnings(p *oauth.Profile) []string {
	var w []string
	if p.Registration == oauth.RegistrationInsecureOpen {
		w = append(w, "registration insecure_open: everybody can register clients under any name; ask for an initial access token instead")
	}
	for _, risky := range []struct {
		k    oauth.Capability
		risk string
	}{
		{oauth.CapAssistedToken, "may frame this server's pages from origins that they choose"},
		{oauth.CapClientCredentials, "get tokens without any user's consent"},
		{oauth.CapTokenExchange, "may turn any user's token that they are shown into one of their own"},
	} {
		if slices.Contains(p.RegistrationCapabilities, risky.k) {
			w = append(w, fmt.Sprintf("registration_capabilities: clients that register by themselves %s (%s); take it from the list", risky.risk, risky.k))
		}
	}
	for _, k := range []oauth.Capability{oauth.CapImplicit, oauth.CapHybrid} {
		if p.Can(k) {
			w = append(w, fmt.Sprintf("%s is on: clients that have it get tokens in addresses (RFC 9700 section 2.1.2); switch it off where no client needs it", k))
		}
	}
	return w
}
