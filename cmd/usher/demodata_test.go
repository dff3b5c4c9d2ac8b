package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
)

// olderDemo makes a folder as an usher left it that knew the assisted token flow alone.
func olderDemo(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(newMasterFile(filepath.Join(dir, demoMasterKey)))
	master, err := readMaster(filepath.Join(dir, demoMasterKey))
	must(err)
	opened, err := sqlstore.Open(t.Context(), sqlstore.Options{URL: "sqlite:" + filepath.Join(dir, demoDatabase)})
	must(err)
	defer func() { must(opened.Close()) }()
	var keys []token.WrappedKey
	for _, need := range token.Due(nil, time.Now(), token.DefaultPolicy()) {
		k, err := token.NewKey(rand.Reader, need.Use, need.Alg, time.Now(), need.Activates, master)
		must(err)
		keys = append(keys, k)
	}
	must(opened.Bootstrap(t.Context(), oauth.Profile{
		Capabilities: []oauth.Capability{oauth.CapAssistedToken, oauth.CapIntrospection}, AccessTokenSeconds: 300, IDTokenSeconds: 300,
		Scopes:             []oauth.Scope{{Name: "openid", Description: "Know who you are"}, {Name: "read", Description: "Read"}},
		SessionIdleSeconds: 3600, SessionMaxSeconds: 7200,
	}, keys))
	must(opened.PutClient(t.Context(), oauth.Client{
		ID: demoClient, Name: "Mine", Capabilities: []oauth.Capability{oauth.CapAssistedToken},
		AllowedOrigins: []oauth.OriginPattern{"http://localhost:8080"}, Scope: []string{"openid"},
	}, 0, store.Audit{}))
	api := oauth.Client{ID: demoAPI, Name: "API", Capabilities: []oauth.Capability{oauth.CapIntrospection}}
	api.SecretHash = manage.HashSecret("secret")
	must(opened.PutClient(t.Context(), api, 0, store.Audit{}))
	must(os.WriteFile(filepath.Join(dir, demoAPISecret), []byte("secret\n"), 0o600))
	return dir
}

func TestAnOlderDemoIsBroughtUpOnce(t *testing.T) {
	dir := olderDemo(t)
	d, stop := startDemo(t, dir)
	c, err := d.manager.Client(t.Context(), demoClient)
	if err != nil || c.Name != "Mine" || !c.Can(oauth.CapImplicit) || !slices.Contains(c.RedirectURIs, "http://localhost:4200") {
		t.Errorf("the client is %+v, %v", c, err)
	}
	p, err := d.manager.Profile(t.Context())
	if err != nil || !p.Can(oauth.CapCode) || !p.Can(oauth.CapImplicit) || p.Can(oauth.CapHybrid) {
		t.Errorf("the profile has %v, %v", p.Capabilities, err)
	}
	_, _, err = d.manager.ChangeProfile(t.Context(), func(p *oauth.Profile) error {
		p.Capabilities = []oauth.Capability{oauth.CapAssistedToken}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	d, _ = startDemo(t, dir)
	if p, err := d.manager.Profile(t.Context()); err != nil || len(p.Capabilities) != 1 {
		t.Errorf("what the operator chose is %v, %v", p.Capabilities, err)
	}
}
