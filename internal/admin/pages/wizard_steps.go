package pages

import (
	"encoding/json"

	"github.com/usher-id/usher/internal/oauth"
)

// The fields of the wizard's steps.

func nameSetting(help string) clientSetting {
	return needed(textSetting("name", "Name", help, func(c *oauth.Client) *string { return &c.Name }))
}

func idSetting() clientSetting {
	return needed(textSetting("id", "Client ID", "The app names itself by it. Letters, digits and - . _ ~ : / @, without spaces, as in my-shop. It stays as it is.", func(c *oauth.Client) *string { return &c.ID }))
}

func originsSetting() clientSetting {
	return needed(linesSetting("allowed_origins", "Allowed origins", "Where the app's pages are, one a line: scheme, host and port, without a slash at the end, as in https://shop.example.com. While you build, http://localhost:4200 is fine.", func(c *oauth.Client) *[]oauth.OriginPattern { return &c.AllowedOrigins }))
}

func redirectsSetting(help string) clientSetting {
	return needed(linesSetting("redirect_uris", "Redirect URIs", help, func(c *oauth.Client) *[]string { return &c.RedirectURIs }))
}

func scopeSetting(p *oauth.Profile, operators bool, help string) clientSetting {
	return choicesSetting("scope", "Scope", help, func(c *oauth.Client) *[]string { return &c.Scope }, scopeOptions(p, operators)...)
}

func consentSetting() clientSetting {
	return boxSetting("consent_required", "Ask users to agree", "Leave it off where the app is your own: users of a shop expect that the shop knows who they are. Switch it on where it is somebody else's: users then see what it wants and say yes or no.", func(c *oauth.Client) *bool { return &c.ConsentRequired })
}

// refreshOption explains the same everywhere.
func refreshOption(help string) option {
	return option{Value: string(oauth.CapRefresh), Label: "Refresh tokens", Help: help}
}

func plainBasics(*oauth.Profile) []wizardSetting {
	return always(nameSetting("Users read it when they connect the device."), idSetting())
}

func spaBasics(*oauth.Profile) []wizardSetting {
	return always(
		nameSetting("Users read it when they sign in."), idSetting(), originsSetting(),
		flowsSetting("What else the app does", "By the assisted token flow alone it signs users in, renews tokens and signs out. Tick only what the app really does on top.",
			option{Value: string(oauth.CapImplicit), Label: "It asks at page load whether somebody is signed in", Help: "With response_type=id_token and prompt=none, as the Angular and React examples do. This adds the capability implicit, which has to be on in the profile too.", Risk: "tokens come back in the address, where histories may keep them. The browser library does the same without."},
			option{Value: string(oauth.CapCode), Label: "It signs users in by a redirect", Help: "The whole page goes to the server and comes back with a code (authorization code with PKCE)."},
			refreshOption("With the redirect: it renews tokens by a refresh token, which changes at each use."),
		),
	)
}

func spaDetails(p *oauth.Profile) []wizardSetting {
	redirects := wizardSetting{clientSetting: redirectsSetting("Where the app's whole page comes back to, one a line, exactly as the app sends it. The examples send their origin, without a slash at the end."), shown: needsRedirects}
	return append([]wizardSetting{redirects}, always(
		scopeSetting(p, false, "What the app may ask for. Each app should have as little as it needs; more can be added later."), consentSetting(),
	)...)
}

func webBasics(*oauth.Profile) []wizardSetting {
	return always(
		nameSetting("Users read it when they sign in."), idSetting(),
		redirectsSetting("Where users come back to, one a line, exactly as the app sends it, as in https://shop.example.com/callback."),
		linesSetting("post_logout_redirect_uris", "Redirect URIs after sign-out", "One a line. Where a sign-out may send the browser; leave it empty where the app has none.", func(c *oauth.Client) *[]string { return &c.PostLogoutRedirectURIs }),
	)
}

func webDetails(p *oauth.Profile) []wizardSetting {
	return append(always(
		scopeSetting(p, false, "What the app may ask for. Each app should have as little as it needs; more can be added later."), consentSetting(),
		flowsSetting("Longer than one token", "", refreshOption("The app's server gets new access tokens while the user's session lives.")),
	), provingSettings()...)
}

func provingBasics(*oauth.Profile) []wizardSetting {
	return append(always(nameSetting("Operators read it in lists and logs."), idSetting()), provingSettings()...)
}

// provingSettings ask how the client proves who it is.
func provingSettings() []wizardSetting {
	method := textSetting("token_endpoint_auth_method", "How it proves who it is", "", func(c *oauth.Client) *oauth.AuthMethod { return &c.AuthMethod })
	method.kind = asRadios
	method.options = []option{
		{Value: string(oauth.AuthSecretBasic), Label: "By a secret", Help: "The server makes one, and shows it once at the end."},
		{Value: string(oauth.AuthPrivateKeyJWT), Label: "By a key of its own", Help: "The server knows only the public part (private_key_jwt). Nothing that could be stolen from here."},
	}
	method.set = func(c *oauth.Client, f *form) {
		c.AuthMethod = oauth.AuthSecretBasic // whatever else is typed in is not offered here
		if f.text(method.name) == string(oauth.AuthPrivateKeyJWT) {
			c.AuthMethod = oauth.AuthPrivateKeyJWT
		}
	}
	return always(method,
		textSetting("jwks_uri", "Address of its public keys", "Only with a key: an https address where a JWK set is.", func(c *oauth.Client) *string { return &c.JWKSURI }),
		jsonSetting("jwks", "Or the public keys themselves", "Only with a key: a JWK set.", func(c *oauth.Client) *json.RawMessage { return &c.JWKS }),
	)
}

func serviceDetails(p *oauth.Profile) []wizardSetting {
	return always(scopeSetting(p, true, "What the service may ask for. What is about a user (openid, profile) means nothing here."))
}

func deviceDetails(p *oauth.Profile) []wizardSetting {
	return always(
		scopeSetting(p, false, "What the device may ask for. Users are always asked whether they agree: they connect it by a code that somebody else could have sent them."),
		flowsSetting("Longer than one token", "", refreshOption("The device stays connected while the user's session lives, or longer with the scope offline_access.")),
	)
}

func apiDetails(p *oauth.Profile) []wizardSetting {
	return always(
		flowsSetting("What else the API does", "", option{Value: string(oauth.CapTokenExchange), Label: "It calls other APIs for the same user", Help: "It turns the token that it received into one for the next API (token exchange)."}),
		scopeSetting(p, false, "Only with token exchange: what those tokens may have. An API that only asks about tokens needs none."),
	)
}
