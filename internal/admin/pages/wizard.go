package pages

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// The wizard makes a client in a few steps, each a page with a form. The server keeps nothing in between: what was typed
// in other steps goes along with the form. The last step makes the client, and manage judges it; what is wrong leads back to
// the step that has the field.

// The fields in which the wizard keeps where it is.
const (
	wizardKindField = "kind"
	wizardStepField = "step"
	wizardBackField = "back"
)

// wizardView is a step.
type wizardView struct {
	Kinds []wizardKind // only at the beginning
	Kind  *wizardKind
	Form  *form
	// Step counts from 1.
	Step, Steps int
	Settings    []drawnSetting
	// Carried is what was typed in other steps.
	Carried url.Values
	// Off are flows that the client needs and the profile has off.
	Off []string
}

func (p *Pages) beginWizard(c *route.Call) error {
	kind := wizardKindNamed(c.R.URL.Query().Get(wizardKindField))
	if kind == nil {
		return p.render(c, http.StatusOK, "wizard.html", "New client", wizardView{Kinds: wizardKinds})
	}
	profile, err := c.Manage.Profile(c.R.Context())
	if err != nil {
		return err
	}
	return p.writeStep(c, http.StatusOK, kind, &profile, newForm(kind.defaults(&profile), 0), 1)
}

// continueWizard judges a step and shows the next one; the last one makes the client.
func (p *Pages) continueWizard(c *route.Call) error {
	f, err := readForm(c)
	if err != nil {
		return err
	}
	kind := wizardKindNamed(f.Get(wizardKindField))
	if kind == nil {
		return redirect(c, "/admin/clients/new", "")
	}
	profile, err := c.Manage.Profile(c.R.Context())
	if err != nil {
		return err
	}
	step := min(max(f.number(wizardStepField), 1), len(kind.steps))
	f.Faults = nil
	if f.on(wizardBackField) {
		return p.writeStep(c, http.StatusOK, kind, &profile, f, step-1)
	}
	if step == len(kind.steps) {
		return p.finishWizard(c, kind, &profile, f)
	}
	if err := p.judgeStep(c, kind, f); err != nil {
		return err
	}
	if len(f.Faults) > 0 {
		return p.writeStep(c, http.StatusUnprocessableEntity, kind, &profile, f, step)
	}
	kind.propose(f)
	return p.writeStep(c, http.StatusOK, kind, &profile, f, step+1)
}

// judgeStep says at once what later steps build upon: the id, the origins, and whether there is somewhere to come back to. The rest is judged when the client is made.
func (p *Pages) judgeStep(c *route.Call, kind *wizardKind, f *form) error {
	if f.text("name") == "" {
		f.fault("name", "give the client a name: users read it when they sign in")
	}
	id := f.text("id")
	_, err := c.Manage.Client(c.R.Context(), id)
	switch {
	case id == "":
		f.fault("id", "give the client an ID: apps name themselves by it")
	case isBuiltIn(id):
		f.fault("id", "IDs that begin with usher- are the server's own; choose another one")
	case err == nil:
		f.fault("id", fmt.Sprintf("there is a client %s already; choose another ID", id))
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	if kind.ID == "web" && len(f.lines("redirect_uris")) == 0 {
		f.fault("redirect_uris", "give at least one, as in https://app.example.com/callback")
	}
	if !kind.has("allowed_origins") {
		return nil
	}
	origins := f.lines("allowed_origins")
	if len(origins) == 0 {
		f.fault("allowed_origins", "give at least one origin, as in https://app.example.com")
	}
	for _, o := range origins {
		if _, err := oauth.ParseOriginPattern(o, c.Manage.InsecureAnyOrigin); err != nil {
			f.fault("allowed_origins", err.Error())
		}
	}
	return nil
}

func (p *Pages) writeStep(c *route.Call, status int, kind *wizardKind, profile *oauth.Profile, f *form, step int) error {
	step = max(step, 1)
	v := wizardView{Kind: kind, Form: f, Step: step, Steps: len(kind.steps), Carried: url.Values{}}
	client := kind.client(profile, &form{Values: f.Values})
	v.Off = switchedOff(profile, client.Capabilities, client.ID)
	for i, fields := range kind.steps {
		for _, s := range fields(profile) {
			switch {
			case i == step-1 && (s.shown == nil || s.shown(f)):
				v.Settings = append(v.Settings, drawSetting(s.clientSetting, f))
			case len(f.Values[s.name]) > 0:
				v.Carried[s.name] = f.Values[s.name]
			}
		}
	}
	f.Based = ""
	return p.render(c, status, "wizard.html", "New client: "+kind.Title, v)
}

// finishWizard makes the client, or goes back to the first step that has something wrong.
func (p *Pages) finishWizard(c *route.Call, kind *wizardKind, profile *oauth.Profile, f *form) error {
	client := kind.client(profile, f)
	secret, err := p.createClient(c, &client)
	if f.refused(err) {
		return p.writeStep(c, http.StatusUnprocessableEntity, kind, profile, f, kind.stepOf(profile, f.Faults))
	}
	if err != nil {
		return err
	}
	return p.writeFinish(c, kind, profile, &client, secret)
}

// createClient makes a client with a secret where its method has one.
func (p *Pages) createClient(c *route.Call, client *oauth.Client) (secret string, err error) {
	switch client.AuthMethod {
	case oauth.AuthSecretBasic, oauth.AuthSecretPost, oauth.AuthSecretJWT:
		return c.Manage.CreateConfidentialClient(c.R.Context(), *client)
	}
	return "", c.Manage.CreatePublicClient(c.R.Context(), *client)
}

// finishView is what follows: a secret this once, code, and what to do next.
type finishView struct {
	Kind         *wizardKind
	Client       *oauth.Client
	Path, Secret string
	Snippets     []manage.Snippet
	// Command tries the client by hand, where there is no ready-made code.
	Command   string
	Discovery string
	Off       []string
	MayTry    bool
}

func (p *Pages) writeFinish(c *route.Call, kind *wizardKind, profile *oauth.Profile, client *oauth.Client, secret string) error {
	v := finishView{
		Kind: kind, Client: client, Path: clientPath(client.ID), Secret: secret, Discovery: p.issuer() + "/.well-known/openid-configuration",
		Off:    switchedOff(profile, client.Capabilities, client.ID),
		MayTry: client.Can(oauth.CapAssistedToken) && c.Caller.May(manage.OpTryClient),
	}
	if kind.command != nil {
		v.Command = kind.command(p.RuntimeURL, client)
	}
	if c.Caller.May(manage.OpShowSnippet) {
		var err error
		if v.Snippets, err = c.Manage.Snippets(c.R.Context(), client.ID); err != nil {
			p.Logger.Error("no snippets", "client", client.ID, "error", err) // the secret is shown once: nothing may be in its way
		}
	}
	return p.render(c, http.StatusOK, "wizard_finish.html", "The client is there", v)
}

// issuer is the runtime's name in tokens.
func (p *Pages) issuer() string {
	return strings.TrimSuffix(p.RuntimeURL, "/") + "/oauth/v2/oauth-anonymous"
}

// wizardKindNamed finds a kind; nil where there is none.
func wizardKindNamed(id string) *wizardKind {
	i := slices.IndexFunc(wizardKinds, func(k wizardKind) bool { return k.ID == id })
	if i < 0 {
		return nil
	}
	return &wizardKinds[i]
}
