package manage

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/usher-id/usher/internal/oauth"
)

// curityClient maps one client, element by element.
type curityClient struct {
	m       *Manager
	element *element
	client  *oauth.Client
	isNew   bool
	profile *oauth.Profile
	note    func(text string, args ...any)
	// lacksProof tells that the client proved who it is by something that cannot be taken over.
	lacksProof bool
	anyOrigin  bool
	seen       map[string]bool
}

// curitySettings map the elements of a client; of those that may be repeated, each.
var curitySettings = map[string]func(*curityClient, *element){
	"id":          func(*curityClient, *element) {},
	"client-name": func(c *curityClient, e *element) { c.client.Name = e.text },
	"enabled":     func(c *curityClient, e *element) { c.client.Disabled = !e.isOn() },

	"redirect-uris":   (*curityClient).redirectURI,
	"allowed-origins": (*curityClient).origin,
	"scope":           (*curityClient).scope,
	"audience": func(c *curityClient, e *element) {
		take(c, "audience", &c.client.Audience, e.text)
	},
	"capabilities":      (*curityClient).capabilities,
	"access-token-ttl":  (*curityClient).accessTokenTTL,
	"id-token-ttl":      (*curityClient).idTokenTTL,
	"refresh-token-ttl": (*curityClient).refreshTokenTTL,

	"no-authentication":   (*curityClient).noAuthentication,
	"secret":              (*curityClient).secret,
	"symmetric-key":       (*curityClient).symmetricKey,
	"asymmetric-key":      (*curityClient).asymmetricKey,
	"jwks-uri":            (*curityClient).jwksURI,
	"mutual-tls":          (*curityClient).mutualTLS,
	"mutual-tls-by-proxy": (*curityClient).mutualTLS,

	"use-pairwise-subject-identifiers": (*curityClient).pairwise,
	"require-proof-key":                (*curityClient).proofKey,
	"proof-key": func(c *curityClient, e *element) {
		for _, child := range e.children {
			if child.name == "require-proof-key" {
				c.proofKey(child)
			} else {
				c.unmapped("proof-key/" + child.name)
			}
		}
	},
	"validate-port-on-loopback-interfaces": (*curityClient).loopbackPort,
	"user-consent":                         (*curityClient).consent,

	"allowed-post-logout-redirect-uris": (*curityClient).postLogout,
	"frontchannel-logout-uri":           func(c *curityClient, e *element) { c.client.FrontChannelLogoutURI = e.text },
	"backchannel-logout-uri":            func(c *curityClient, e *element) { c.client.BackChannelLogoutURI = e.text },
	"force-authn":                       (*curityClient).forceAuthn,
	"freshness":                         (*curityClient).freshness,

	"application-url":      func(c *curityClient, e *element) { c.address(&c.client.ClientURI, e) },
	"logo-uri":             func(c *curityClient, e *element) { c.address(&c.client.LogoURI, e) },
	"privacy-policy-url":   func(c *curityClient, e *element) { c.address(&c.client.PolicyURI, e) },
	"terms-of-service-url": func(c *curityClient, e *element) { c.address(&c.client.TOSURI, e) },
}

// curityAdvice says what to do about elements that nothing here corresponds to.
var curityAdvice = map[string]string{
	"allowed-authenticators": "every authenticator of the server is open to every client",
	"description":            "there is no field for it",
	"properties":             "there is no field for them",
	"credential-manager":     "give the client a new secret with 'usher client reset-secret'",
	"request-object":         "see --request-object-alg and --require-signed of 'usher client change'",
}

// curityCapabilities are the flows by that product's names.
var curityCapabilities = map[string]oauth.Capability{
	"assisted-token":       oauth.CapAssistedToken,
	"code":                 oauth.CapCode,
	"implicit":             oauth.CapImplicit,
	"hybrid":               oauth.CapHybrid,
	"introspection":        oauth.CapIntrospection,
	"client-credentials":   oauth.CapClientCredentials,
	"token-exchange":       oauth.CapTokenExchange,
	"oauth-token-exchange": oauth.CapTokenExchange,
	"device-authorization": oauth.CapDevice,
}

// take adds a value to a list, once.
func take[S ~string](c *curityClient, name string, list *[]S, value string) {
	if !c.seen[name] {
		c.seen[name] = true
		*list = nil // what the file lists takes the place of what was there
	}
	if value != "" && !slices.Contains(*list, S(value)) {
		*list = append(*list, S(value))
	}
}

func (c *curityClient) unmapped(name string) {
	if advice := curityAdvice[name]; advice != "" {
		c.note("%s: not taken over: %s", name, advice)
		return
	}
	c.note("%s: not taken over: there is no such setting", oauth.Printable(name))
}

// read maps all there is; what follows from several elements comes last.
func (c *curityClient) read() {
	for _, e := range c.element.children {
		if e.name != "user-authentication" {
			c.set(e)
			continue
		}
		for _, child := range e.children {
			c.set(child)
		}
	}
	if c.client.Name == "" {
		c.client.Name = c.client.ID
	}
	c.settleOrigins()
	c.settleRefresh()
	c.settleProof()
}

func (c *curityClient) set(e *element) {
	if set := curitySettings[e.name]; set != nil {
		set(c, e)
	} else {
		c.unmapped(e.name)
	}
}

func (c *curityClient) redirectURI(e *element) {
	if err := oauth.CheckRedirectURI(e.text); err != nil {
		c.note("redirect-uris: not taken over: %v", err)
		return
	}
	take(c, e.name, &c.client.RedirectURIs, e.text)
}

func (c *curityClient) postLogout(e *element) {
	if err := oauth.CheckRedirectURI(e.text); err != nil {
		c.note("%s: not taken over: %v", e.name, err)
		return
	}
	take(c, e.name, &c.client.PostLogoutRedirectURIs, e.text)
}

func (c *curityClient) origin(e *element) {
	if e.text == "*" && !c.m.InsecureAnyOrigin {
		c.anyOrigin = true
		return
	}
	if _, err := oauth.ParseOriginPattern(e.text, c.m.InsecureAnyOrigin); err != nil {
		c.note("allowed-origins: not taken over: %v", err)
		return
	}
	take(c, e.name, &c.client.AllowedOrigins, e.text)
}

// settleOrigins puts the origins of the redirect URIs in the place of *: to them the client's tokens went before, too.
func (c *curityClient) settleOrigins() {
	if !c.anyOrigin {
		return
	}
	if len(c.client.AllowedOrigins) > 0 {
		c.note("allowed-origins: * is not taken over: it would let every site receive tokens; the client keeps %s", join(c.client.AllowedOrigins))
		return
	}
	for _, uri := range c.client.RedirectURIs {
		if o, err := oauth.ParseOriginPattern(originOf(uri), false); err == nil && !slices.Contains(c.client.AllowedOrigins, o) {
			c.client.AllowedOrigins = append(c.client.AllowedOrigins, o)
		}
	}
	instead := "there are no redirect URIs with origins to take in its place: add the app's"
	if len(c.client.AllowedOrigins) > 0 {
		instead = "instead there are the origins of the redirect URIs (" + join(c.client.AllowedOrigins) + "): add others"
	}
	c.note("allowed-origins: * is not taken over: it would let every site receive tokens; %s with 'usher client change %s --origin'", instead, c.client.ID)
}

func (c *curityClient) scope(e *element) { take(c, e.name, &c.client.Scope, e.text) }

func (c *curityClient) capabilities(e *element) {
	for _, flow := range e.children {
		switch k, known := curityCapabilities[flow.name]; {
		case !flow.isOn():
		case known:
			take(c, e.name, &c.client.Capabilities, string(k))
		case flow.name == "resource-owner-password-credentials":
			c.note("capabilities/%s: not taken over: no app should see passwords (RFC 9700 section 2.4): use the code or the assisted token flow", flow.name)
		default:
			c.note("capabilities/%s: not taken over: there is no such flow", oauth.Printable(flow.name))
		}
	}
}

// settleRefresh gives the capability to who had refresh tokens there: every client with a flow that yields them, unless
// they were disabled.
func (c *curityClient) settleRefresh() {
	yields := c.client.Can(oauth.CapCode) || c.client.Can(oauth.CapHybrid) || c.client.Can(oauth.CapDevice)
	if c.seen["capabilities"] && yields && c.element.textOf("refresh-token-ttl") != "disabled" {
		take(c, "capabilities", &c.client.Capabilities, string(oauth.CapRefresh))
	}
}

func (c *curityClient) accessTokenTTL(e *element) {
	n, err := strconv.Atoi(e.text)
	if err != nil || n < minTokenSeconds || n > maxTokenSeconds {
		c.note("access-token-ttl: %.20q is not taken over: it has to be %d to %d seconds; the profile's lifetime holds", e.text, minTokenSeconds, maxTokenSeconds)
		return
	}
	c.client.AccessTokenSeconds = n
}

func (c *curityClient) idTokenTTL(e *element) {
	if e.text != strconv.Itoa(c.profile.IDTokenSeconds) {
		c.note("id-token-ttl: %.20q is not taken over: the profile says for all clients: %d s ('usher profile change --id-token-seconds')", e.text, c.profile.IDTokenSeconds)
	}
}

func (c *curityClient) refreshTokenTTL(e *element) {
	profile := int(c.profile.RefreshLifetime().Seconds())
	if e.text != "disabled" && e.text != strconv.Itoa(profile) {
		c.note("refresh-token-ttl: %.20q is not taken over: the profile says for all clients: %d s ('usher profile change --refresh-seconds')", e.text, profile)
	}
}

func (c *curityClient) pairwise(e *element) {
	sector := e.textOf("sector-identifier")
	if sector != "" && !isHost(sector) {
		c.note("sector-identifier: %.100q is no host name and not taken over", sector)
		sector = ""
	}
	if c.client.SubjectType != oauth.SubjectPairwise {
		c.note("use-pairwise-subject-identifiers: subjects are pairwise here too, but others than those that the apps know")
	}
	c.client.SubjectType = oauth.SubjectPairwise
	if sector != "" {
		c.client.SectorIdentifier = sector
	}
}

func (c *curityClient) proofKey(e *element) {
	if !e.isOn() {
		c.note("require-proof-key: false is not taken over: clients that do not authenticate always need PKCE")
	}
}

func (c *curityClient) loopbackPort(e *element) {
	if e.isOn() {
		c.note("validate-port-on-loopback-interfaces: not taken over: the port of http://127.0.0.1 may always differ (RFC 8252 section 7.3)")
	}
}

func (c *curityClient) consent(e *element) {
	c.client.ConsentRequired = e.isOn()
	for _, child := range e.children {
		c.unmapped("user-consent/" + child.name)
	}
}

func (c *curityClient) forceAuthn(e *element) {
	if !e.isOn() {
		return
	}
	zero := 0
	c.client.DefaultMaxAge = &zero
	c.note("force-authn: taken over as default_max_age 0: each request asks for the credentials, so nothing is renewed in silence")
}

func (c *curityClient) freshness(e *element) {
	n, err := strconv.Atoi(e.text)
	if err != nil || n < 0 || n > maxAuthAge {
		c.note("freshness: %.20q is not taken over: it has to be 0 to %d seconds", e.text, maxAuthAge)
		return
	}
	if c.client.DefaultMaxAge == nil || *c.client.DefaultMaxAge != 0 || n == 0 { // force-authn is stricter
		c.client.DefaultMaxAge = &n
	}
}

func (c *curityClient) address(field *string, e *element) {
	var f faults
	if webAddress(&f, e.name, e.text); len(f.list) > 0 {
		c.note("%s: not taken over: %s", e.name, f.list[0].Problem)
		return
	}
	*field = e.text
}

// dispensable are settings without which a client is still of use, by the fields in which the rules find fault with them.
var dispensable = map[string]func(*oauth.Client){
	"name":                    func(c *oauth.Client) { c.Name = c.ID },
	"audience":                func(c *oauth.Client) { c.Audience = nil },
	"frontchannel_logout_uri": func(c *oauth.Client) { c.FrontChannelLogoutURI = "" },
	"backchannel_logout_uri":  func(c *oauth.Client) { c.BackChannelLogoutURI = "" },
}

// dispense leaves out what breaks a rule and can be left out. What is wrong all the same, it returns.
func (c *curityClient) dispense(p *oauth.Profile) error {
	var invalid Invalid
	err := c.m.validateClient(c.client, p)
	if !errors.As(err, &invalid) {
		return err
	}
	for _, f := range invalid {
		if leaveOut := dispensable[f.Field]; leaveOut != nil {
			leaveOut(c.client)
			c.note("%s: not taken over: %s", f.Field, f.Problem)
		}
	}
	return c.m.validateClient(c.client, p)
}

// scopeDescription is what users read of a scope that came without one.
func scopeDescription(name string) string { return fmt.Sprintf("Use %s", name) }
