package main

import (
	"bytes"
	"context"
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

func demoClients(appOrigin string) []oauth.Client {
	assisted := []oauth.Capability{oauth.CapAssistedToken}
	origins := []oauth.OriginPattern{"http://localhost:8080"}
	if !slices.Contains(origins, oauth.OriginPattern(appOrigin)) {
		origins = append(origins, oauth.OriginPattern(appOrigin))
	}
	return []oauth.Client{
		{
			ID: demoClient, Name: "JavaScript example", Capabilities: assisted,
			AllowedOrigins: origins, Scope: []string{"openid", "profile", "payment"},
		},
		{
			ID: "assisted-token-example", Name: "Assisted token example", Capabilities: assisted,
			AllowedOrigins: []oauth.OriginPattern{"https://localhost:8000"}, Scope: []string{"read"},
		},
	}
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
	if _, err := d.manager.Account(ctx, demoUser); errors.Is(err, store.ErrNotFound) {
		_, err = d.manager.CreateAccount(ctx, oauth.Account{Username: demoUser, Name: "Demo User", Email: "demo@example.com"}, demoPassword)
		if err != nil {
			return "", err
		}
	} else if err != nil {
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
