package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// What the demo starts with. The password is no secret: the server answers on this machine only.
const (
	demoUser     = "demo"
	demoPassword = "usher-demo"
	demoClient   = "client-assisted-example"
	demoAPI      = "example-api"
)

// demoOrigins are where the examples run, and apps that others wrote for them.
var demoOrigins = []oauth.OriginPattern{"http://localhost:8080", "http://localhost:4200", "http://localhost:3000"}

// demoRedirects are the redirect URIs of these apps, exactly as they send them.
var demoRedirects = []string{"http://localhost:4200", "http://localhost:3000", "http://localhost:8080/"}

// demoCapabilities of the example's client. The Angular and React apps begin with a whole-page request for an id_token,
// which is what implicit is for here.
var demoCapabilities = []oauth.Capability{oauth.CapAssistedToken, oauth.CapCode, oauth.CapImplicit, oauth.CapRefresh}

// exampleClient gives a client what the examples need and it lacks, and leaves what it has.
func exampleClient(c *oauth.Client, appOrigin string) {
	c.Capabilities = union(c.Capabilities, demoCapabilities...)
	c.AllowedOrigins = union(c.AllowedOrigins, append(slices.Clone(demoOrigins), oauth.OriginPattern(appOrigin))...)
	c.RedirectURIs = union(c.RedirectURIs, append(slices.Clone(demoRedirects), appOrigin+"/")...)
}

func union[S comparable](list []S, more ...S) []S {
	for _, v := range more {
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

func demoClients(appOrigin string) []oauth.Client {
	example := oauth.Client{ID: demoClient, Name: "JavaScript example", Scope: []string{"openid", "profile", "payment"}}
	exampleClient(&example, appOrigin)
	return []oauth.Client{
		example,
		{
			ID: "assisted-token-example", Name: "Assisted token example", Capabilities: []oauth.Capability{oauth.CapAssistedToken},
			AllowedOrigins: []oauth.OriginPattern{"https://localhost:8000"}, Scope: []string{"read"},
		},
	}
}

// demoAccount is the user of the demo, with some of the claims that apps may ask for.
func demoAccount() oauth.Account {
	return oauth.Account{
		Username: demoUser, Name: "Demo User", Email: "demo@example.com",
		Attributes: json.RawMessage(`{"given_name":"Demo","family_name":"User","nickname":"demo","locale":"en","zoneinfo":"Europe/Berlin",` +
			`"email_verified":true,"phone_number":"+49 30 0000000","phone_number_verified":false,` +
			`"address":{"locality":"Berlin","country":"DE"}}`),
	}
}

// seedProfile switches implicit on, in a profile that nobody changed since it was made: that of a new demo, or of one
// that an older usher made, which is brought up to what this one knows, its example client too.
func (d *demo) seedProfile(ctx context.Context) error {
	p, err := d.manager.Profile(ctx)
	if err != nil || p.Version != 1 {
		return err
	}
	_, _, err = d.manager.ChangeClient(ctx, demoClient, func(c *oauth.Client) { exampleClient(c, d.appOrigin()) })
	if err != nil && !errors.Is(err, store.ErrNotFound) { // the operator may have removed it
		return err
	}
	_, _, err = d.manager.ChangeProfile(ctx, func(p *oauth.Profile) error {
		salt, version := p.PairwiseSalt, p.Version
		*p = oauth.DefaultProfile()
		p.PairwiseSalt, p.Version = salt, version
		p.Capabilities = append(p.Capabilities, oauth.CapImplicit)
		return nil
	})
	return err
}

// seed gives a new demo its user and clients, and returns the secret of the example's API. The file of
// that secret is written last and so tells that a demo is no longer new: whatever an operator changes or
// removes after that stays changed or removed.
func (d *demo) seed(ctx context.Context) (secret string, err error) {
	path := filepath.Join(d.Data, demoAPISecret)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		// Hashing the password takes 19 MiB for a moment, which the process need not keep.
		defer debug.FreeOSMemory()
		return d.seedNew(ctx, path)
	}
	if err != nil {
		return "", err
	}
	secret = strings.TrimSpace(string(text))
	d.checkSecret(ctx, secret, path)
	if err := d.seedProfile(ctx); err != nil {
		return "", err
	}
	if d.AllowApp && !d.NoApp {
		err = d.allowApp(ctx)
	}
	return secret, err
}

func (d *demo) seedNew(ctx context.Context, path string) (secret string, err error) {
	for _, c := range demoClients(d.appOrigin()) {
		if _, err := d.manager.Client(ctx, c.ID); errors.Is(err, store.ErrNotFound) {
			err = d.manager.CreatePublicClient(ctx, c)
			if err != nil {
				return "", err
			}
		} else if err != nil {
			return "", err
		}
	}
	if _, err := d.manager.AccountNamed(ctx, demoUser); errors.Is(err, store.ErrNotFound) {
		_, err = d.manager.CreateAccount(ctx, demoAccount(), demoPassword)
		if err != nil {
			return "", err
		}
	} else if err != nil {
		return "", err
	}
	if err := d.seedProfile(ctx); err != nil {
		return "", err
	}
	secret, err = d.apiSecret(ctx)
	if err != nil {
		return "", err
	}
	return secret, writeFile(path, []byte(secret+"\n"), 0o600)
}

// apiSecret registers the example's API; where an earlier start got that far it makes a new secret.
func (d *demo) apiSecret(ctx context.Context) (string, error) {
	_, err := d.manager.Client(ctx, demoAPI)
	if errors.Is(err, store.ErrNotFound) {
		return d.manager.CreateConfidentialClient(ctx, oauth.Client{
			ID: demoAPI, Name: "Example API", Capabilities: []oauth.Capability{oauth.CapIntrospection},
		})
	}
	if err != nil {
		return "", err
	}
	return d.manager.ResetSecret(ctx, demoAPI)
}

// allowApp lets the example run on the port that was asked for.
func (d *demo) allowApp(ctx context.Context) error {
	c, err := d.manager.Client(ctx, demoClient)
	if errors.Is(err, store.ErrNotFound) {
		return nil // the operator removed it
	}
	if err != nil {
		return err
	}
	if _, ok := c.MatchOrigin(d.appOrigin()); ok {
		return nil
	}
	_, _, err = d.manager.ChangeClient(ctx, demoClient, func(c *oauth.Client) {
		c.AllowedOrigins = append(c.AllowedOrigins, oauth.OriginPattern(d.appOrigin()))
		c.RedirectURIs = union(c.RedirectURIs, d.appOrigin()+"/")
	})
	return err
}

// checkSecret warns where the file does not have the API's secret any more.
func (d *demo) checkSecret(ctx context.Context, secret, path string) {
	c, err := d.manager.Client(ctx, demoAPI)
	if err == nil && !bytes.Equal(c.SecretHash, manage.HashSecret(secret)) {
		d.Log.Warn("the example's API cannot check tokens: its secret was changed; write the new one into the file, or remove the file for another", "file", path)
	}
}
