package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/oauth"
)

// clientFlags are the settings of a client as flags, the same for add and change.
type clientFlags struct {
	name, scope, format, alg                          string
	origins, redirects, logouts, audience, capability []string
	lifetime                                          int
	consent, framed                                   bool
}

func (f *clientFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", "", "name that users see (the id where none is given)")
	flags.StringArrayVar(&f.capability, "capability", nil, "flow that the client may use: "+words(oauth.Capabilities)+" (repeatable; assisted_token where none is given)")
	flags.StringArrayVar(&f.origins, "origin", nil, "web origin that may frame this server and receive tokens, as in https://app.example.com or https://*.example.com (repeatable)")
	flags.StringArrayVar(&f.redirects, "redirect-uri", nil, "redirect URI, compared exactly (repeatable)")
	flags.StringArrayVar(&f.logouts, "post-logout-redirect-uri", nil, "where a sign-out may return to, compared exactly (repeatable)")
	flags.StringVar(&f.scope, "scope", "", "all the scope that the client may ask for, separated by spaces")
	flags.StringVar(&f.format, "access-token-format", "", "handle (opaque, the default) or jwt")
	flags.IntVar(&f.lifetime, "lifetime", 0, "lifetime of access tokens in seconds; 0 for the profile's")
	flags.StringVar(&f.alg, "id-token-alg", "", "ES256 (the default) or RS256, for clients that know no other")
	flags.StringArrayVar(&f.audience, "audience", nil, "audience of JWT access tokens (repeatable; the issuer where none is given)")
	flags.BoolVar(&f.consent, "consent", false, "ask users to agree: for clients of somebody else")
	flags.BoolVar(&f.framed, "framed-interaction", false, "UNSAFE: let the consent pages of this client be framed")
	complete(cmd, "capability", words(oauth.Capabilities))
	complete(cmd, "access-token-format", "handle jwt")
	complete(cmd, "id-token-alg", "ES256 RS256")
}

func complete(cmd *cobra.Command, flag, values string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(strings.Fields(values), cobra.ShellCompDirectiveNoFileComp))
}

// apply sets what was given and leaves the rest.
func (f *clientFlags) apply(cmd *cobra.Command, c *oauth.Client) {
	for flag, set := range map[string]func(){
		"name":                     func() { c.Name = f.name },
		"capability":               func() { c.Capabilities = list[oauth.Capability](f.capability) },
		"origin":                   func() { c.AllowedOrigins = list[oauth.OriginPattern](f.origins) },
		"redirect-uri":             func() { c.RedirectURIs = list[string](f.redirects) },
		"post-logout-redirect-uri": func() { c.PostLogoutRedirectURIs = list[string](f.logouts) },
		"scope":                    func() { c.Scope = strings.Fields(f.scope) },
		"access-token-format":      func() { c.AccessTokenFormat = oauth.TokenFormat(f.format) },
		"lifetime":                 func() { c.AccessTokenSeconds = f.lifetime },
		"id-token-alg":             func() { c.IDTokenAlg = oauth.Alg(f.alg) },
		"audience":                 func() { c.Audience = list[string](f.audience) },
		"consent":                  func() { c.ConsentRequired = f.consent },
		"framed-interaction":       func() { c.FramedInteraction = f.framed },
	} {
		if cmd.Flags().Changed(flag) {
			set()
		}
	}
}

// list converts a repeated flag; one empty value means an empty list.
func list[S ~string](values []string) []S {
	var l []S
	for _, v := range slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" }) {
		l = append(l, S(v))
	}
	return l
}
