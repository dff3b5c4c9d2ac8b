package pages

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

// wizardKind is one answer to "what are you building?", with the steps that it leads to.
type wizardKind struct {
	ID, Title, Text string
	// base are the flows that every client of the kind has.
	base []oauth.Capability
	// public clients have no secret.
	public bool
	steps  []func(*oauth.Profile) []wizardSetting
	// ticked is what is on before anybody chose: by field.
	ticked url.Values
	// command tries the client by hand.
	command func(runtime string, c *oauth.Client) string
}

// wizardSetting is a setting that may depend on what was chosen before.
type wizardSetting struct {
	clientSetting
	shown func(*form) bool
}

var wizardKinds = []wizardKind{
	{
		ID: "spa", Title: "A single page app", public: true,
		Text:   "JavaScript in the browser, without a server of its own that could keep a secret. It gets tokens by a frame of this server, with one line of code.",
		base:   []oauth.Capability{oauth.CapAssistedToken},
		steps:  []func(*oauth.Profile) []wizardSetting{spaBasics, spaDetails},
		ticked: url.Values{"scope": {"openid", "profile"}},
	},
	{
		ID: "web", Title: "A web app",
		Text:    "Pages that a server renders. Users are sent here to sign in and come back with a code, which the server turns into tokens with its secret.",
		base:    []oauth.Capability{oauth.CapCode},
		steps:   []func(*oauth.Profile) []wizardSetting{webBasics, webDetails},
		ticked:  url.Values{"scope": {"openid", "profile"}, "flows": {string(oauth.CapRefresh)}, "token_endpoint_auth_method": {string(oauth.AuthSecretBasic)}},
		command: nil,
	},
	{
		ID: "service", Title: "A service",
		Text:    "A program that works for itself, without any user: a nightly job, one backend that calls another.",
		base:    []oauth.Capability{oauth.CapClientCredentials},
		steps:   []func(*oauth.Profile) []wizardSetting{provingBasics, serviceDetails},
		ticked:  url.Values{"token_endpoint_auth_method": {string(oauth.AuthSecretBasic)}},
		command: serviceCommand,
	},
	{
		ID: "device", Title: "A device", public: true,
		Text:    "A television, a command line, a machine without a browser: it shows a short code, and the user types that on a phone or computer.",
		base:    []oauth.Capability{oauth.CapDevice},
		steps:   []func(*oauth.Profile) []wizardSetting{plainBasics, deviceDetails},
		ticked:  url.Values{"scope": {"openid", "profile"}, "flows": {string(oauth.CapRefresh)}},
		command: deviceCommand,
	},
	{
		ID: "api", Title: "An API",
		Text:    "It receives tokens from apps and asks this server whether they are good, and whose they are.",
		base:    []oauth.Capability{oauth.CapIntrospection},
		steps:   []func(*oauth.Profile) []wizardSetting{provingBasics, apiDetails},
		ticked:  url.Values{"token_endpoint_auth_method": {string(oauth.AuthSecretBasic)}},
		command: apiCommand,
	},
}

// defaults are what a new form has on, as far as the profile has it.
func (k *wizardKind) defaults(p *oauth.Profile) url.Values {
	values := url.Values{}
	for name, list := range k.ticked {
		for _, v := range list {
			if _, known := p.ScopeNamed(v); known || name != "scope" {
				values.Add(name, v)
			}
		}
	}
	return values
}

// settings are those of all steps.
func (k *wizardKind) settings(p *oauth.Profile) []wizardSetting {
	var all []wizardSetting
	for _, step := range k.steps {
		all = append(all, step(p)...)
	}
	return all
}

func (k *wizardKind) has(field string) bool {
	return slices.ContainsFunc(k.settings(&oauth.Profile{}), func(s wizardSetting) bool { return s.name == field })
}

// client is what the form says, and nothing else: what is not asked here is edited later.
func (k *wizardKind) client(p *oauth.Profile, f *form) oauth.Client {
	c := oauth.Client{Capabilities: slices.Clone(k.base)}
	if k.public {
		c.AuthMethod = oauth.AuthNone
	}
	for _, s := range k.settings(p) {
		if s.shown == nil || s.shown(f) {
			s.set(&c, f)
		}
	}
	return c
}

// stepOf is the first step that has a field with a fault; the last where none has.
func (k *wizardKind) stepOf(p *oauth.Profile, faults manage.Invalid) int {
	for i, step := range k.steps {
		for _, s := range step(p) {
			if slices.ContainsFunc(faults, func(f manage.Fault) bool { return f.Field == s.name }) {
				return i + 1
			}
		}
	}
	return len(k.steps)
}

// propose fills in what follows from earlier steps, where nobody typed anything yet: apps of one page mostly come back to
// their own origin, written without a slash at the end.
func (k *wizardKind) propose(f *form) {
	if k.ID == "spa" && needsRedirects(f) && f.text("redirect_uris") == "" {
		var literal []string
		for _, o := range f.lines("allowed_origins") {
			if oauth.OriginPattern(o).IsLiteral() {
				literal = append(literal, o)
			}
		}
		f.Set("redirect_uris", strings.Join(literal, "\n"))
	}
}

// needsRedirects tells whether a flow was chosen that ends in a redirect.
func needsRedirects(f *form) bool {
	return slices.Contains(f.list("flows"), string(oauth.CapCode)) || slices.Contains(f.list("flows"), string(oauth.CapImplicit))
}

func always(settings ...clientSetting) []wizardSetting {
	list := make([]wizardSetting, len(settings))
	for i, s := range settings {
		list[i].clientSetting = s
	}
	return list
}

// flowsSetting adds the chosen flows to those of the kind.
func flowsSetting(label, help string, options ...option) clientSetting {
	return clientSetting{
		name: "flows", label: label, help: help, kind: asChoices, options: options,
		get: func(c *oauth.Client) []string { return as[string](c.Capabilities) },
		set: func(c *oauth.Client, f *form) {
			for _, v := range f.list("flows") {
				offered := slices.ContainsFunc(options, func(o option) bool { return o.Value == v })
				if offered && !c.Can(oauth.Capability(v)) {
					c.Capabilities = append(c.Capabilities, oauth.Capability(v))
				}
			}
		},
	}
}

func serviceCommand(runtime string, c *oauth.Client) string {
	return curl(runtime+"/oauth/v2/oauth-token", c, "grant_type=client_credentials")
}

func apiCommand(runtime string, c *oauth.Client) string {
	return curl(runtime+"/oauth/v2/oauth-introspect", c, "token=THE_TOKEN_OF_A_REQUEST")
}

func deviceCommand(runtime string, c *oauth.Client) string {
	return fmt.Sprintf("curl %s/oauth/v2/oauth-device-authorization \\\n  -d client_id=%s", runtime, url.QueryEscape(c.ID))
}

// curl asks as the client; the secret stays out of the command, since shells keep what was typed. A client with a key has
// nothing that could be typed.
func curl(address string, c *oauth.Client, body string) string {
	if c.AuthMethod != oauth.AuthSecretBasic {
		return ""
	}
	return fmt.Sprintf("curl %s \\\n  -u \"%s:$SECRET\" \\\n  -d %s", address, url.QueryEscape(c.ID), body)
}
