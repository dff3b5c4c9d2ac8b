package pages

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

func TestEverySettingOfAClientHasAField(t *testing.T) {
	// What is no setting: who it is, what the server keeps of it, and what has a form or a question of its own.
	elsewhere := map[string]bool{
		"id": true, "version": true, "disabled": true, "secret_hash": true, "wrapped_secret": true, "revoked_before": true,
		"registration_token_expires": true, "previous_registration_token_hash": true,
		"previous_registration_token_expires": true, "shown_since": true,
		"registration_token_hash": true, "registered": true, "trial_origin": true, "trial_until": true, "managed_by": true,
	}
	fields := map[string]bool{}
	for _, section := range clientSections(&oauth.Profile{}) {
		for _, s := range section.settings {
			if fields[s.name] {
				t.Errorf("%s is there twice", s.name)
			}
			fields[s.name] = true
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[oauth.Client]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && !elsewhere[name] && !fields[name] {
			t.Errorf("%s cannot be set in the pages", name)
		}
		delete(fields, name)
	}
	for name := range fields {
		t.Errorf("%s is no setting of a client", name)
	}
}

func TestSavingAnUntouchedFormChangesNothing(t *testing.T) {
	d := newDesk(t)
	age := 0
	before := d.shop(func(c *oauth.Client) {
		c.RedirectURIs, c.DefaultMaxAge, c.ConsentRequired = []string{"https://shop.example.com", "https://shop.example.com/b"}, &age, true
		c.AccessTokenFormat, c.SubjectType, c.Contacts = oauth.FormatHandle, oauth.SubjectPublic, []string{"Ann", "Bob"}
		c.JWKS = []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
	})
	form := d.get("/admin/clients/shop/edit").wants(http.StatusOK).form("/admin/clients/shop/edit")
	d.post("/admin/clients/shop/edit", form).leads("/admin/clients/shop?done=saved")
	if diff := cmp.Diff(before, d.client("shop")); diff != "" {
		t.Error(diff)
	}
}

func TestEditChangesAClient(t *testing.T) {
	d := newDesk(t)
	d.shop()
	form := d.get("/admin/clients/shop/edit").form("/admin/clients/shop/edit")
	form.Set("name", "Shop 2")
	form.Set("allowed_origins", " https://a.example.com \r\n\r\nhttps://b.example.com")
	form["capabilities"] = []string{"assisted_token", "code"}
	form.Set("redirect_uris", "https://a.example.com/cb")
	form.Set("access_token_seconds", "60")
	form.Set("default_max_age", "0")
	form.Set("consent_required", "on")
	d.post("/admin/clients/shop/edit", form).wants(http.StatusSeeOther)
	c := d.client("shop")
	if c.Name != "Shop 2" || len(c.AllowedOrigins) != 2 || c.AllowedOrigins[0] != "https://a.example.com" || !c.Can(oauth.CapCode) ||
		c.AccessTokenSeconds != 60 || c.DefaultMaxAge == nil || *c.DefaultMaxAge != 0 || !c.ConsentRequired {
		t.Errorf("%+v", c)
	}
}

func TestFaultsStandBesideTheirFieldsAndWhatWasTypedStays(t *testing.T) {
	d := newDesk(t)
	before := d.shop()
	form := d.get("/admin/clients/shop/edit").form("/admin/clients/shop/edit")
	form.Set("name", "")
	form.Set("allowed_origins", "https://shop.example.com/")
	form.Set("frontchannel_logout_uri", "ftp://x")
	p := d.post("/admin/clients/shop/edit", form).wants(http.StatusUnprocessableEntity)
	p.has("https://shop.example.com/</textarea>", `value="ftp://x"`, `<details id="s-logout" open>`, `href="#f-name"`)
	p.wantFault("name", "give the client a name")
	p.wantFault("allowed_origins", "without a path or a slash at the end")
	p.wantFault("frontchannel_logout_uri", "is not an https address")
	if diff := cmp.Diff(before, d.client("shop")); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeReadIsSaidBesideItsField(t *testing.T) {
	d := newDesk(t)
	d.shop()
	form := d.get("/admin/clients/shop/edit").form("/admin/clients/shop/edit")
	form.Set("access_token_seconds", "soon")
	form.Set("jwks", `{"keys":`)
	p := d.post("/admin/clients/shop/edit", form).wants(http.StatusUnprocessableEntity)
	p.wantFault("access_token_seconds", "no whole number")
	p.wantFault("jwks", "not JSON")
}

func TestAFormCannotSetWhatIsNoSetting(t *testing.T) {
	d := newDesk(t)
	before := d.shop()
	form := d.get("/admin/clients/shop/edit").form("/admin/clients/shop/edit")
	for _, name := range []string{
		"id", "version", "disabled", "secret_hash", "wrapped_secret", "registration_token_hash", "registered", "revoked_before",
		"trial_origin", "trial_until", "managed_by", "role",
	} {
		form.Set(name, "1")
	}
	d.post("/admin/clients/shop/edit", form).wants(http.StatusSeeOther)
	if diff := cmp.Diff(before, d.client("shop")); diff != "" {
		t.Error(diff)
	}
}

func TestASecondEditorIsShownTheDifference(t *testing.T) {
	d := newDesk(t)
	d.shop()
	mine := d.get("/admin/clients/shop/edit").form("/admin/clients/shop/edit")
	if _, _, err := d.manager.ChangeClient(t.Context(), "shop", func(c *oauth.Client) { c.Name = "Theirs" }); err != nil {
		t.Fatal(err)
	}
	mine.Set("name", "Mine")
	p := d.post("/admin/clients/shop/edit", mine).wants(http.StatusConflict).has("Theirs", "Mine")
	if c := d.client("shop"); c.Name != "Theirs" {
		t.Fatalf("overwritten unseen: %s", c.Name)
	}
	d.post("/admin/clients/shop/edit", p.form("/admin/clients/shop/edit")).wants(http.StatusSeeOther)
	if c := d.client("shop"); c.Name != "Mine" {
		t.Errorf("the second decision did not count: %s", c.Name)
	}
}

func TestAFormWithoutVersionChangesNothing(t *testing.T) {
	d := newDesk(t)
	d.shop()
	form := d.get("/admin/clients/shop/edit").form("/admin/clients/shop/edit")
	form.Del("form_version")
	form.Set("name", "Mine")
	d.post("/admin/clients/shop/edit", form).wants(http.StatusUnprocessableEntity)
	if c := d.client("shop"); c.Name != "Shop" {
		t.Error("changed whichever version was there")
	}
}

func TestClientsAreSearchedAndPaged(t *testing.T) {
	d := newDesk(t)
	for i := range pageSize + 1 {
		d.shop(func(c *oauth.Client) { c.ID, c.Name = "shop-"+string(rune('a'+i/26))+string(rune('a'+i%26)), "Number" })
	}
	p := d.get("/admin/clients?q=number").wants(http.StatusOK).has("shop-aa", `rel="next"`).lacks("shop-by")
	_, next, _ := strings.Cut(p.body, `rel="next" href="`)
	next, _, _ = strings.Cut(next, `"`)
	d.get(strings.ReplaceAll(next, "&amp;", "&")).wants(http.StatusOK).has("shop-by").lacks("shop-aa", `rel="next"`)
	d.get("/admin/clients?cursor=%21").wants(http.StatusBadRequest)
}

func TestDisableAsksFirstAndEnableBringsBack(t *testing.T) {
	d := newDesk(t)
	d.shop()
	form := d.get("/admin/clients/shop/disable").wants(http.StatusOK).has("refresh tokens").form("/admin/clients/shop/disable")
	d.post("/admin/clients/shop/disable", form).wants(http.StatusSeeOther)
	if !d.client("shop").Disabled {
		t.Fatal("not disabled")
	}
	d.get("/admin/clients/shop").has("This client is disabled", `action="/admin/clients/shop/enable"`)
	d.post("/admin/clients/shop/enable", nil).wants(http.StatusSeeOther)
	if d.client("shop").Disabled {
		t.Error("not enabled")
	}
}

func TestAnAnswerCountsForTheVersionThatWasLookedAt(t *testing.T) {
	d := newDesk(t)
	d.shop()
	form := d.get("/admin/clients/shop/remove").form("/admin/clients/shop/remove")
	if _, _, err := d.manager.ChangeClient(t.Context(), "shop", func(c *oauth.Client) { c.Name = "Another" }); err != nil {
		t.Fatal(err)
	}
	d.post("/admin/clients/shop/remove", form).wants(http.StatusConflict)
	d.client("shop")
	form = d.get("/admin/clients/shop/remove").form("/admin/clients/shop/remove")
	d.post("/admin/clients/shop/remove", form).wants(http.StatusSeeOther)
	d.get("/admin/clients/shop").wants(http.StatusNotFound)
}

func TestASecretIsShownOnce(t *testing.T) {
	d := newDesk(t)
	c := oauth.Client{ID: "job", Name: "Job", Capabilities: []oauth.Capability{oauth.CapClientCredentials}}
	c.AuthMethod = oauth.AuthSecretBasic
	if _, err := d.manager.CreateConfidentialClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	before := d.client("job")
	d.get("/admin/clients/job").has("/admin/clients/job/secret")
	form := d.get("/admin/clients/job/secret").form("/admin/clients/job/secret")
	p := d.post("/admin/clients/job/secret", form).wants(http.StatusOK)
	secret := p.shown("secret")
	after := d.client("job")
	if cmp.Equal(before.SecretHash, after.SecretHash) || !cmp.Equal(manage.HashSecret(secret), after.SecretHash) {
		t.Errorf("%q is not the client's new secret", secret)
	}
	d.get("/admin/clients/job").lacks(secret)
	if p.header.Get("Cache-Control") != "no-store" {
		t.Error("a page with a secret may be kept")
	}
}

func TestAMethodWithASecretComesWithANewOne(t *testing.T) {
	d := newDesk(t)
	d.shop()
	form := d.get("/admin/clients/shop/edit").form("/admin/clients/shop/edit")
	form.Set("token_endpoint_auth_method", "client_secret_basic")
	d.post("/admin/clients/shop/edit", form).wants(http.StatusUnprocessableEntity).has(`<details id="s-authentication" open>`)
	form.Set(newSecretField, "on")
	d.post("/admin/clients/shop/edit", form).wants(http.StatusOK).has("only time that it is shown")
	if c := d.client("shop"); c.IsPublic() {
		t.Error("still public")
	}
}

func TestAManagedClientIsReleasedFirst(t *testing.T) {
	d := newDesk(t)
	c := d.shop()
	d.managedBy(c.ID, "clients.yaml")
	d.get("/admin/clients/shop").has("clients.yaml", "/admin/clients/shop/release").lacks("/admin/clients/shop/edit", "/admin/clients/shop/remove")
	d.get("/admin/clients/shop/edit").wants(http.StatusSeeOther)
	form := url.Values{"form_version": {"2"}, "name": {"X"}, "capabilities": {"assisted_token"}, "allowed_origins": {"https://a.example.com"}}
	d.post("/admin/clients/shop/edit", form).wants(http.StatusConflict)
	d.post("/admin/clients/shop/release", d.get("/admin/clients/shop/release").form("/admin/clients/shop/release")).wants(http.StatusSeeOther)
	d.get("/admin/clients/shop").has("/admin/clients/shop/edit").lacks("clients.yaml")
}

func TestTheServersOwnClientIsReadOnly(t *testing.T) {
	d := newDesk(t)
	d.get("/admin/clients/usher-admin").wants(http.StatusOK).has("own client").lacks("/usher-admin/edit", "/usher-admin/remove", "/usher-admin/disable")
	d.post("/admin/clients/usher-admin/remove", nil).wants(http.StatusForbidden)
}

func TestViewersAreOfferedNothingToChange(t *testing.T) {
	d := newDesk(t)
	d.shop()
	d.role = oauth.RoleViewer
	d.get("/admin/clients").wants(http.StatusOK).lacks("/admin/clients/new")
	d.get("/admin/clients/shop").wants(http.StatusOK).lacks("/edit", "/remove", "/disable", "/try")
}

func TestNamesAreEscapedAndIsolated(t *testing.T) {
	d := newDesk(t)
	name := `<script>alert("x")</script> שלום 🦊`
	d.shop(func(c *oauth.Client) { c.Name = name })
	for _, path := range []string{"/admin/clients", "/admin/clients/shop", "/admin/clients/shop/edit", "/admin/clients/shop/remove", "/admin/clients/shop/snippets", "/admin/clients/shop/try"} {
		d.get(path).wants(http.StatusOK).lacks("<script>alert").has("<bdi>&lt;script&gt;")
	}
}

func TestIDsInAddressesNameClientsOnly(t *testing.T) {
	d := newDesk(t)
	acc := d.ann()
	d.shop(func(c *oauth.Client) { c.ID = "https://app.example.com/x" })
	d.get("/admin/clients/" + url.PathEscape("https://app.example.com/x")).wants(http.StatusOK)
	for _, path := range []string{"", "/edit", "/remove", "/secret", "/release", "/snippets", "/try", "/disable"} {
		d.get("/admin/clients/" + acc.ID.String() + path).wants(http.StatusNotFound)
	}
}

func TestTryingAllowsThisOriginForAWhile(t *testing.T) {
	d := newDesk(t)
	d.shop()
	d.get("/admin/clients/shop/try").has(`<form method="post" action="/admin/clients/shop/try"`, "https://id.example:6749").lacks("data-try")
	d.post("/admin/clients/shop/try", nil).wants(http.StatusSeeOther)
	p := d.get("/admin/clients/shop/try").has(
		`data-endpoint="https://id.example/oauth/v2/oauth-assisted-token"`, `data-client="shop"`, `data-seconds="600"`, `type="module"`)
	if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-src https://id.example") {
		t.Errorf("the panel may not frame the runtime: %s", csp)
	}
	d.get("/admin/clients/shop").has("On trial")
	d.now = d.now.Add(manage.TryLifetime + time.Second)
	d.get("/admin/clients/shop/try").lacks("data-try")
	d.get("/admin/clients/shop").lacks("On trial")
}

func TestWhatCannotBeTriedSaysWhy(t *testing.T) {
	d := newDesk(t)
	d.shop(func(c *oauth.Client) { c.Disabled = true })
	d.post("/admin/clients/shop/try", nil).wants(http.StatusUnprocessableEntity).has("the client is disabled")
}
