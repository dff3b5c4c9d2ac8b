package pages

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// errNoScope: the scope was removed meanwhile, or never was.
var errNoScope = fmt.Errorf("scope: %w", store.ErrNotFound)

// scopeEdit is the form of one scope.
type scopeEdit struct {
	Form *form
	// Name is that of the scope that is there; empty for a new one.
	Name   string
	Action string
}

func scopeValues(s oauth.Scope) url.Values {
	return url.Values{
		"scope_name": {s.Name}, "description": {s.Description}, "claims": {strings.Join(s.Claims, "\n")},
		"max_auth_age": {strconv.Itoa(s.MaxAuthAge)},
	}
}

// editScope is the form; without a name in the address it is for a new scope.
func (p *Pages) editScope(c *route.Call) error {
	profile, err := c.Manage.Profile(c.R.Context())
	if err != nil {
		return err
	}
	name := c.R.URL.Query().Get("name")
	var scope oauth.Scope
	if name != "" {
		if scope, err = ownScope(&profile, name); err != nil {
			return err
		}
	}
	return p.scopeForm(c, http.StatusOK, name, newForm(scopeValues(scope), profile.Version))
}

func (p *Pages) scopeForm(c *route.Call, status int, name string, f *form) error {
	title := "New scope"
	if name != "" {
		title = "Change the scope " + name
	}
	return p.render(c, status, "profile_scope.html", title, scopeEdit{f, name, scopePath(name)})
}

func scopePath(name string) string {
	if name == "" {
		return "/admin/profile/scope"
	}
	return "/admin/profile/scope?name=" + url.QueryEscape(name)
}

// ownScope finds a scope of the profile; those of the admin API are nobody's to change.
func ownScope(profile *oauth.Profile, name string) (oauth.Scope, error) {
	if i := scopeIndex(profile, name); i >= 0 {
		return profile.Scopes[i], nil
	}
	return oauth.Scope{}, errNoScope
}

func scopeIndex(profile *oauth.Profile, name string) int {
	return slices.IndexFunc(profile.Scopes, func(s oauth.Scope) bool { return s.Name == name })
}

func (p *Pages) changeScope(c *route.Call) error {
	f, err := readForm(c)
	if err != nil {
		return err
	}
	was := c.R.URL.Query().Get("name")
	scope := oauth.Scope{Name: f.text("scope_name"), Description: f.text("description"), Claims: f.lines("claims"), MaxAuthAge: f.number("max_auth_age")}
	if was != "" {
		scope.Name = was // clients name it, so it keeps its name
	}
	code := "saved"
	if was == "" {
		code = "scope-added"
	}
	change := func(profile *oauth.Profile) error {
		i := scopeIndex(profile, scope.Name)
		switch {
		case was == "" && i >= 0:
			return manage.Invalid{{Field: "scope_name", Problem: "there is a scope of this name already"}}
		case was == "":
			profile.Scopes = append(profile.Scopes, scope)
		case i < 0:
			return errNoScope
		default:
			profile.Scopes[i] = scope
		}
		return nil
	}
	again := func(c *route.Call, status int, _ *oauth.Profile, f *form) error {
		for i := range f.Faults {
			f.Faults[i].Field = scopeField(f.Faults[i])
		}
		return p.scopeForm(c, status, was, f)
	}
	theirs := func(profile *oauth.Profile) url.Values {
		now, _ := ownScope(profile, was) // what is gone, or was never there, shows as empty
		return scopeValues(now)
	}
	if was == "" {
		f.Version = 0 // a new scope displaces nothing, whatever else was changed
	}
	return p.saveProfile(c, f, code, change, again, theirs)
}

// scopeField tells which field of a scope's form a fault of the profile's scopes is about.
func scopeField(fault manage.Fault) string {
	if fault.Field != "scopes" {
		return fault.Field
	}
	for _, known := range []struct{ hint, field string }{
		{"description", "description"}, {"age of the sign-in", "max_auth_age"}, {"claim", "claims"}, {"not printable", "description"}, {"there twice", "claims"},
	} {
		if strings.Contains(fault.Problem, known.hint) {
			return known.field
		}
	}
	return "scope_name"
}

func (p *Pages) askRemoveScope(c *route.Call) error {
	profile, err := c.Manage.Profile(c.R.Context())
	if err != nil {
		return err
	}
	scope, err := ownScope(&profile, c.R.URL.Query().Get("name"))
	if err != nil {
		return err
	}
	return p.confirm(c, confirmation{
		Title: "Remove a scope", Subject: scope.Name, Text: "Clients cannot ask for it any more. Tokens that have it keep it until they expire.",
		Action: "/admin/profile/scope/remove?name=" + url.QueryEscape(scope.Name), Button: "Remove the scope", Back: scopePath(scope.Name),
		Hidden: url.Values{"form_version": {strconv.FormatInt(profile.Version, 10)}},
	})
}

func (p *Pages) removeScope(c *route.Call) error {
	f, err := readForm(c)
	if err != nil {
		return err
	}
	name := c.R.URL.Query().Get("name")
	c.Manage.IfVersion = f.Version
	_, _, err = c.Manage.ChangeProfile(c.R.Context(), func(profile *oauth.Profile) error {
		i := scopeIndex(profile, name)
		if i < 0 {
			return errNoScope
		}
		profile.Scopes = slices.Delete(profile.Scopes, i, i+1)
		return nil
	})
	if err != nil {
		return err
	}
	return redirect(c, "/admin/profile", "scope-removed")
}
