package pages

import (
	"net/http"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
)

func (p *Pages) settingRoutes() []route.Route {
	return []route.Route{{Pattern: "GET /admin/settings", Op: manage.OpShowSettings, Handle: p.showSettings}}
}

// Settings that are not at their default come first: they are why somebody looks.
type settingsView struct{ Given, Defaults []Setting }

func (p *Pages) showSettings(c *route.Call) error {
	var v settingsView
	for _, s := range p.Settings {
		if s.Origin == "default" {
			v.Defaults = append(v.Defaults, s)
		} else {
			v.Given = append(v.Given, s)
		}
	}
	return p.render(c, http.StatusOK, "settings.html", "Settings", v)
}

// Env is the variable of the environment that gives the setting a value.
func (s Setting) Env() string { return "USHER_" + strings.ToUpper(s.Key) }

func (p *Pages) authenticatorRoutes() []route.Route {
	return []route.Route{{Pattern: "GET /admin/authenticators", Op: manage.OpListAuthenticators, Handle: p.listAuthenticators}}
}

func (p *Pages) listAuthenticators(c *route.Call) error {
	return p.render(c, http.StatusOK, "authenticators.html", "Authenticators", manage.Authenticators())
}
