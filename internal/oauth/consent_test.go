package oauth

import (
	"slices"
	"testing"
	"time"
)

func shop() Client {
	return Client{
		ID: "shop", Name: "Shop", RedirectURIs: []string{"https://shop.example/cb", "com.example.shop:/cb"},
		AllowedOrigins: []OriginPattern{"https://*.shop.example", "http://localhost:8080"},
	}
}

func TestConsentIsBoundToWhatWasShown(t *testing.T) {
	before := shop()
	for name, c := range map[string]struct {
		change func(*Client)
		asks   bool
	}{
		"nothing":            {func(c *Client) {}, false},
		"order of addresses": {func(c *Client) { slices.Reverse(c.RedirectURIs) }, false},
		"path at its host":   {func(c *Client) { c.RedirectURIs[0] = "https://shop.example/new" }, false},
		"case of the host":   {func(c *Client) { c.RedirectURIs[0] = "https://SHOP.example/cb" }, false},
		"default port":       {func(c *Client) { c.RedirectURIs[0] = "https://shop.example:443/cb" }, false},
		"one host twice":     {func(c *Client) { c.AllowedOrigins = append(c.AllowedOrigins, "https://shop.example") }, false},
		"an operator's trial": {func(c *Client) {
			c.TrialOrigin = "https://admin.example"
			c.AllowedOrigins = append(c.AllowedOrigins, "https://admin.example")
		}, false},
		"token lifetime":  {func(c *Client) { c.AccessTokenSeconds = 30 }, false},
		"name":            {func(c *Client) { c.Name = "Bank" }, true},
		"letter in name":  {func(c *Client) { c.Name = "Shоp" }, true}, // a Cyrillic o
		"space in name":   {func(c *Client) { c.Name = "Shop " }, true},
		"no name":         {func(c *Client) { c.Name = "" }, true},
		"host":            {func(c *Client) { c.RedirectURIs[0] = "https://evil.example/cb" }, true},
		"one more host":   {func(c *Client) { c.RedirectURIs = append(c.RedirectURIs, "https://evil.example/cb") }, true},
		"one host less":   {func(c *Client) { c.RedirectURIs = c.RedirectURIs[1:] }, true},
		"port":            {func(c *Client) { c.RedirectURIs[0] = "https://shop.example:8443/cb" }, true},
		"private scheme":  {func(c *Client) { c.RedirectURIs[1] = "com.evil.shop:/cb" }, true},
		"origin":          {func(c *Client) { c.AllowedOrigins[1] = "http://localhost:8081" }, true},
		"pattern":         {func(c *Client) { c.AllowedOrigins[0] = "https://*.evil.example" }, true},
		"pattern instead": {func(c *Client) { c.AllowedOrigins[0] = "https://x.shop.example" }, true},
		"every origin":    {func(c *Client) { c.AllowedOrigins[0] = "*" }, true},
		"host in user info": {func(c *Client) {
			c.RedirectURIs[0] = "https://shop.example@evil.example/cb" // not valid, but in a stored client perhaps
		}, true},
	} {
		after := shop()
		c.change(&after)
		given := &Consent{Scope: []string{"read"}, Shown: before.Shown()}
		if asks := !given.Agrees(&after, []string{"read"}); asks != c.asks {
			t.Errorf("%s: asks again %v, want %v (hosts %q)", name, asks, c.asks, after.AnswerHosts())
		}
	}
}

func TestConsentWithoutFingerprint(t *testing.T) {
	c, now := shop(), time.Unix(1e9, 0)
	read := []string{"read"}
	old := &Consent{Scope: read, Updated: now}
	if !old.Agrees(&c, read) {
		t.Error("a consent of version 0.1.0 does not count")
	}
	c.ShownSince = now.Add(time.Second)
	if old.Agrees(&c, read) {
		t.Error("it counts after the client changed")
	}
	old.Updated = now.Add(2 * time.Second)
	if !old.Agrees(&c, read) {
		t.Error("one that version 0.1.0 wrote after the change does not count")
	}
	var none *Consent
	if none.Agrees(&c, nil) || (&Consent{Shown: NotShown}).Agrees(&c, nil) {
		t.Error("who was not asked agrees to nothing, not even to an empty scope")
	}
}

// What was agreed to for another name or host does not come back with the next agreement.
func TestConsentAddsUpForTheSameClientOnly(t *testing.T) {
	now := time.Unix(1e9, 0)
	for name, c := range map[string]struct {
		was   Consent
		since time.Time
		want  []string
	}{
		"same":                     {Consent{Shown: "a", Scope: []string{"read"}}, now, []string{"read", "email"}},
		"another":                  {Consent{Shown: "b", Scope: []string{"read"}}, now, []string{"email"}},
		"not asked":                {Consent{Shown: NotShown}, now, []string{"email"}},
		"0.1.0":                    {Consent{Scope: []string{"read"}, Updated: now}, time.Time{}, []string{"read", "email"}},
		"0.1.0, before the change": {Consent{Scope: []string{"read"}, Updated: now}, now.Add(1), []string{"email"}},
	} {
		got := c.was.With(Consent{Shown: "a", Scope: []string{"email"}}, c.since)
		if got.Shown != "a" || !slices.Equal(got.Scope, c.want) {
			t.Errorf("%s: %+v, want scope %v", name, got, c.want)
		}
	}
	asked := Consent{Shown: "a", Scope: []string{"read"}}
	if got := asked.With(Consent{Shown: NotShown}, now); got.Shown != "a" || len(got.Scope) != 1 {
		t.Errorf("a row without a question replaced a consent: %+v", got)
	}
}

func TestResponseTypesThatAClientIsLimitedTo(t *testing.T) {
	p := Profile{Capabilities: Capabilities}
	all := []Capability{CapCode, CapImplicit, CapHybrid}
	for _, c := range []struct {
		types   []string
		has     []Capability
		allowed []string
	}{
		{nil, all, []string{"code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"}},
		{[]string{"id_token"}, all, []string{"id_token"}},
		{[]string{"code id_token"}, all, []string{"code id_token"}},
		{[]string{"code", "id_token token"}, all, []string{"code", "id_token token"}},
		{[]string{"id_token"}, []Capability{CapCode}, nil}, // the capability was taken away
	} {
		client := Client{Capabilities: c.has, ResponseTypes: c.types}
		for _, list := range ResponseTypes {
			for _, text := range list {
				parsed, _ := ParseResponseType(text)
				if parsed.String() != text || p.AllowsResponse(&client, parsed) != slices.Contains(c.allowed, text) {
					t.Errorf("limited to %q: %s", c.types, text)
				}
			}
		}
	}
}
