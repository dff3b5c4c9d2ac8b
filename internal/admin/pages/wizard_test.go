package pages

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

const wizardPath = "/admin/clients/new"

// steps walks through the wizard: each page's form, filled in, posted.
func (d *desk) steps(kind string, fill ...url.Values) page {
	d.Helper()
	p := d.get(wizardPath + "?kind=" + kind).wants(http.StatusOK)
	for _, values := range fill {
		form := p.form(wizardPath)
		for name, v := range values {
			form[name] = v
		}
		p = d.post(wizardPath, form)
	}
	return p
}

func TestTheWizardAsksWhatIsBuilt(t *testing.T) {
	d := newDesk(t)
	p := d.get(wizardPath).wants(http.StatusOK)
	for _, kind := range wizardKinds {
		p.has(`href="`+wizardPath+`?kind=`+kind.ID+`"`, kind.Title)
	}
	d.get(wizardPath + "?kind=rocket").wants(http.StatusOK).has("What are you building?")
}

// What every kind of client gets, with as little typed as possible.
func TestTheWizardMakesAValidClientOfEachKind(t *testing.T) {
	named := url.Values{"name": {"Mine"}, "id": {"mine"}}
	with := func(more url.Values) url.Values {
		all := url.Values{}
		for _, set := range []url.Values{named, more} {
			for name, v := range set {
				all[name] = v
			}
		}
		return all
	}
	for _, test := range []struct {
		kind   string
		fill   []url.Values
		secret bool
		check  func(*oauth.Client) bool
	}{
		{"spa", []url.Values{with(url.Values{"allowed_origins": {"https://a.example.com"}}), nil}, false, func(c *oauth.Client) bool {
			return cmp.Equal(c.Capabilities, []oauth.Capability{oauth.CapAssistedToken}) && c.IsPublic() && !c.ConsentRequired && cmp.Equal(c.Scope, []string{"openid", "profile"}) && len(c.RedirectURIs) == 0
		}},
		{"web", []url.Values{with(url.Values{"redirect_uris": {"https://a.example.com/cb"}}), nil}, true, func(c *oauth.Client) bool {
			return cmp.Equal(c.Capabilities, []oauth.Capability{oauth.CapCode, oauth.CapRefresh}) && c.AuthMethod == oauth.AuthSecretBasic
		}},
		{"service", []url.Values{named, {"scope": {"read"}}}, true, func(c *oauth.Client) bool {
			return cmp.Equal(c.Capabilities, []oauth.Capability{oauth.CapClientCredentials}) && c.AuthMethod == oauth.AuthSecretBasic && cmp.Equal(c.Scope, []string{"read"})
		}},
		{"device", []url.Values{named, nil}, false, func(c *oauth.Client) bool {
			return cmp.Equal(c.Capabilities, []oauth.Capability{oauth.CapDevice, oauth.CapRefresh}) && c.IsPublic()
		}},
		{"api", []url.Values{named, nil}, true, func(c *oauth.Client) bool {
			return cmp.Equal(c.Capabilities, []oauth.Capability{oauth.CapIntrospection}) && c.AuthMethod == oauth.AuthSecretBasic && len(c.Scope) == 0
		}},
	} {
		t.Run(test.kind, func(t *testing.T) {
			d := newDesk(t)
			p := d.steps(test.kind, test.fill...).wants(http.StatusOK).has("The client is there")
			c := d.client("mine")
			if !test.check(&c) {
				t.Errorf("%+v", c)
			}
			if found := len(p.all("*", "id", "secret")) == 1; found != test.secret {
				t.Errorf("a secret is shown: %t", found)
			}
			if test.secret && !cmp.Equal(manage.HashSecret(p.shown("secret")), c.SecretHash) {
				t.Error("what is shown is not the client's secret")
			}
			if w := manage.Warnings(&c); len(w) > 0 {
				t.Errorf("the defaults are unsafe: %v", w)
			}
		})
	}
}

// One client serves the JavaScript app and the Angular app of the examples.
func TestTheWizardMakesTheClientOfTheExamples(t *testing.T) {
	d := newDesk(t)
	p := d.steps("spa", url.Values{
		"name": {"Examples"}, "id": {"client-assisted-example"}, "allowed_origins": {"http://localhost:8080\r\nhttp://localhost:4200"}, "flows": {"implicit"},
	}).wants(http.StatusOK).has("Switched off in the token service profile", "implicit")
	if got := p.form(wizardPath).Get("redirect_uris"); got != "http://localhost:8080\nhttp://localhost:4200" {
		t.Errorf("proposed redirect URIs: %q", got)
	}
	form := p.form(wizardPath)
	form.Set("redirect_uris", "http://localhost:4200")
	d.post(wizardPath, form).wants(http.StatusOK).has("One thing is left to do", `href="/admin/profile"`, "client-assisted-example/try")
	c := d.client("client-assisted-example")
	if !cmp.Equal(c.Capabilities, []oauth.Capability{oauth.CapAssistedToken, oauth.CapImplicit}) ||
		!cmp.Equal(c.AllowedOrigins, []oauth.OriginPattern{"http://localhost:8080", "http://localhost:4200"}) || !cmp.Equal(c.RedirectURIs, []string{"http://localhost:4200"}) {
		t.Errorf("%+v", c)
	}
}

func TestTheWizardKeepsWhatWasTyped(t *testing.T) {
	d := newDesk(t)
	p := d.steps("spa", url.Values{"name": {"Mine"}, "id": {"mine"}, "allowed_origins": {"https://a.example.com"}}, url.Values{"scope": {"openid", "read"}, wizardBackField: {"on"}})
	form := p.wants(http.StatusOK).has("Step 1 of 2").form(wizardPath)
	if form.Get("name") != "Mine" || form.Get("allowed_origins") != "https://a.example.com" || !cmp.Equal(form["scope"], []string{"openid", "read"}) {
		t.Errorf("%v", form)
	}
}

func TestTheWizardSaysWhatIsWrongAtItsStep(t *testing.T) {
	d := newDesk(t)
	d.shop()
	p := d.steps("spa", url.Values{"name": {""}, "id": {"shop"}, "allowed_origins": {"https://a.example.com/\nhttps://b.example.com"}}).wants(http.StatusUnprocessableEntity).has("Step 1 of 2", "https://a.example.com/\nhttps://b.example.com")
	p.wantFault("name", "give the client a name")
	p.wantFault("id", "there is a client shop already")
	p.wantFault("allowed_origins", "a slash at the end")
	p = d.steps("web", url.Values{"name": {"Web"}, "id": {"web"}}).wants(http.StatusUnprocessableEntity).has("Step 1 of 2")
	p.wantFault("redirect_uris", "give at least one")
	// Only when the client is made does it turn out that the ID has a space.
	p = d.steps("service", url.Values{"name": {"Job"}, "id": {"my job"}}, url.Values{"scope": {"read"}}).wants(http.StatusUnprocessableEntity).has("Step 1 of 2")
	p.wantFault("id", "may not be in an id")
	if form := p.form(wizardPath); !cmp.Equal(form["scope"], []string{"read"}) {
		t.Errorf("the other step is lost: %v", form)
	}
}

func TestTheWizardMakesAServiceWithAKey(t *testing.T) {
	d := newDesk(t)
	key := url.Values{"name": {"Job"}, "id": {"job"}, "token_endpoint_auth_method": {"private_key_jwt"}}
	d.steps("service", key, nil).wants(http.StatusUnprocessableEntity).wantFault("jwks", "needs the client's public keys")
	key.Set("jwks_uri", "https://job.example.com/keys")
	p := d.steps("service", key, nil).wants(http.StatusOK).has("The client is there")
	if c := d.client("job"); c.AuthMethod != oauth.AuthPrivateKeyJWT || len(c.SecretHash) > 0 || strings.Contains(p.body, `id="secret"`) {
		t.Errorf("%+v", c)
	}
}

func TestTheWizardSetsNothingThatItDoesNotAsk(t *testing.T) {
	d := newDesk(t)
	p := d.steps("spa", url.Values{
		"name": {"Mine"}, "id": {"mine"}, "allowed_origins": {"https://a.example.com"}, "flows": {"client_credentials", "introspection"},
		"framed_interaction": {"on"}, "managed_by": {"x"}, "version": {"7"}, "secret_hash": {"x"}, "token_endpoint_auth_method": {"client_secret_post"},
		"capabilities": {"hybrid"}, "disabled": {"on"}, "trial_origin": {"https://evil.example.com"},
	}, nil)
	p.wants(http.StatusOK)
	c := d.client("mine")
	if !cmp.Equal(c.Capabilities, []oauth.Capability{oauth.CapAssistedToken}) || c.FramedInteraction || c.ManagedBy != "" || c.Version != 1 || !c.IsPublic() || c.Disabled || c.TrialOrigin != "" {
		t.Errorf("%+v", c)
	}
}

func TestTheServersOwnIDsAreRefusedBesideTheField(t *testing.T) {
	d := newDesk(t)
	d.steps("device", url.Values{"name": {"Mine"}, "id": {"usher-mine"}}).wants(http.StatusUnprocessableEntity).wantFault("id", "server's own")
}
