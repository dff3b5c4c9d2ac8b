package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// newSecretField asks for a new secret along with a change: a method that needs one is refused without it.
const newSecretField = "new_secret"

// clientForm is the form that edits a client.
type clientForm struct {
	Client   *oauth.Client
	Path     string
	Form     *form
	Sections []drawnSection
}

// editClient shows what may be changed. What may not is said by the page of the client.
func (p *Pages) editClient(c *route.Call) error {
	client, profile, err := clientAndProfile(c)
	if err != nil {
		return err
	}
	if client.ManagedBy != "" || isBuiltIn(client.ID) {
		return redirect(c, clientPath(client.ID), "")
	}
	f := newForm(valuesOf(clientSections(&profile), &client), client.Version)
	return p.writeClientForm(c, http.StatusOK, &client, &profile, f)
}

func (p *Pages) writeClientForm(c *route.Call, status int, client *oauth.Client, profile *oauth.Profile, f *form) error {
	v := clientForm{client, clientPath(client.ID), f, draw(clientSections(profile), f)}
	return p.render(c, status, "clients_edit.html", "Edit "+client.DisplayName(), v)
}

func (p *Pages) changeClient(c *route.Call) error {
	client, profile, err := clientAndProfile(c)
	if err != nil {
		return err
	}
	f, err := readForm(c)
	if err != nil {
		return err
	}
	sections := clientSections(&profile)
	change := readSettings(sections, f)
	if f.Version == 0 {
		f.fault("form", "it does not say which version it changes: open it anew")
	}
	if len(f.Faults) > 0 {
		return p.writeClientForm(c, http.StatusUnprocessableEntity, &client, &profile, f)
	}
	after, secret, err := p.storeClient(c, client.ID, f, change)
	if conflict, ok := asConflict(err); ok {
		return p.clientConflict(c, conflict, sections, f)
	}
	if f.refused(err) {
		return p.writeClientForm(c, http.StatusUnprocessableEntity, &client, &profile, f)
	}
	if err != nil {
		return err
	}
	if secret != "" {
		return p.showSecret(c, &after, secret)
	}
	return redirect(c, clientPath(client.ID), "saved")
}

// storeClient makes the change to the version that the form shows.
func (p *Pages) storeClient(c *route.Call, id string, f *form, change func(*oauth.Client)) (after oauth.Client, secret string, err error) {
	m := *c.Manage
	m.IfVersion = f.Version
	if f.on(newSecretField) {
		return m.ChangeClientAndSecret(c.R.Context(), id, change)
	}
	_, after, err = m.ChangeClient(c.R.Context(), id, change)
	return after, "", err
}

func (p *Pages) clientConflict(c *route.Call, conflict *manage.Conflict, sections []clientSection, f *form) error {
	theirs, ok := conflict.Current.(oauth.Client)
	if !ok {
		return conflict
	}
	path := clientPath(theirs.ID)
	return p.conflict(c, f, valuesOf(sections, &theirs), theirs.Version, collision{
		What: "The client", Subject: theirs.DisplayName(), Look: path, Action: path + "/edit",
	})
}

// secretView shows a secret, this once.
type secretView struct {
	Client       *oauth.Client
	Path, Secret string
}

func (p *Pages) showSecret(c *route.Call, client *oauth.Client, secret string) error {
	return p.render(c, http.StatusOK, "clients_secret.html", "The client's new secret", secretView{client, clientPath(client.ID), secret})
}

// askAbout asks before something happens to a client; the answer counts for the version that was looked at.
func (p *Pages) askAbout(c *route.Call, ask func(*oauth.Client) confirmation) error {
	client, err := c.Manage.Client(c.R.Context(), c.R.PathValue("id"))
	if err != nil {
		return err
	}
	v := ask(&client)
	v.Subject, v.Back, v.Action = client.DisplayName(), clientPath(client.ID), c.R.URL.EscapedPath()
	v.Hidden = versionField(client.Version)
	return p.confirm(c, v)
}

// versionField carries a version along in a form without fields.
func versionField(version int64) url.Values {
	return url.Values{"form_version": {strconv.FormatInt(version, 10)}}
}

// decided reads the answer to a question: who acts, bound to the version that was looked at where there is one.
func decided(c *route.Call) (*manage.Manager, error) {
	f, err := readForm(c)
	if err != nil {
		return nil, err
	}
	m := *c.Manage
	m.IfVersion = f.Version
	return &m, nil
}

func (p *Pages) askDisableClient(c *route.Call) error {
	return p.askAbout(c, func(client *oauth.Client) confirmation {
		return confirmation{
			Title: "Disable this client?", Text: "It stays as it is, and can be enabled again. Until then nobody gets tokens for it.",
			Ends: []string{"what every user gave it, in every session", "its refresh tokens", "its access tokens, those without a user too"}, Button: "Disable the client",
		}
	})
}

func (p *Pages) disableClient(c *route.Call) error { return p.setDisabled(c, true) }

func (p *Pages) enableClient(c *route.Call) error { return p.setDisabled(c, false) }

func (p *Pages) setDisabled(c *route.Call, disabled bool) error {
	m, err := decided(c)
	if err != nil {
		return err
	}
	id := c.R.PathValue("id")
	if _, _, err := m.ChangeClient(c.R.Context(), id, func(client *oauth.Client) { client.Disabled = disabled }); err != nil {
		return err
	}
	return redirect(c, clientPath(id), "saved")
}

func (p *Pages) askResetSecret(c *route.Call) error {
	return p.askAbout(c, func(*oauth.Client) confirmation {
		return confirmation{
			Title: "Give this client a new secret?", Text: "The new secret is shown once. The client cannot authenticate until it has it.",
			Ends: []string{"the secret that the client has now"}, Button: "Make a new secret",
		}
	})
}

func (p *Pages) resetSecret(c *route.Call) error {
	m, err := decided(c)
	if err != nil {
		return err
	}
	client, err := m.Client(c.R.Context(), c.R.PathValue("id"))
	if err != nil {
		return err
	}
	secret, err := m.ResetSecret(c.R.Context(), client.ID)
	if err != nil {
		return err
	}
	return p.showSecret(c, &client, secret)
}

func (p *Pages) askReleaseClient(c *route.Call) error {
	return p.askAbout(c, func(client *oauth.Client) confirmation {
		return confirmation{
			Title: "Release this client?", Calm: true, Button: "Release it",
			Text: "It is then changed here, and no longer by " + client.ManagedBy + ". Take it out of the file: applied again, the file takes it over again.",
		}
	})
}

func (p *Pages) releaseClient(c *route.Call) error {
	m, err := decided(c)
	if err != nil {
		return err
	}
	id := c.R.PathValue("id")
	if err := m.ReleaseClient(c.R.Context(), id); err != nil {
		return err
	}
	return redirect(c, clientPath(id), "released")
}

func (p *Pages) askRemoveClient(c *route.Call) error {
	return p.askAbout(c, func(*oauth.Client) confirmation {
		return confirmation{
			Title: "Remove this client?", Text: "To stop it for a while, disable it instead. The history keeps its settings, without its secret.",
			Ends: []string{
				"the client itself, with its settings and its secret", "what every user gave it, and what they agreed to",
				"its refresh tokens and access tokens", "devices that wait for an answer",
			},
			Button: "Remove the client",
		}
	})
}

func (p *Pages) removeClient(c *route.Call) error {
	m, err := decided(c)
	if err != nil {
		return err
	}
	if err := m.RemoveClient(c.R.Context(), c.R.PathValue("id")); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return redirect(c, "/admin/clients", "removed")
}
