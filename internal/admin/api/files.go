package api

import (
	"net/http"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
)

var (
	yamlTypes = []string{"application/yaml", "application/x-yaml", "text/yaml"} // RFC 9512, and what was sent before it
	xmlTypes  = []string{"application/xml", "text/xml"}
)

func (a *API) exportConfiguration(c *route.Call) error {
	text, err := c.Manage.Export(c.R.Context())
	if err != nil {
		return err
	}
	h := c.W.Header()
	h.Set("Content-Type", "application/yaml")
	h.Set("Content-Disposition", `attachment; filename="usher.yaml"`)
	_, err = c.W.Write(text)
	return hungUp(err)
}

// applyConfiguration reads no secret that the file refers to: over the network a reference would read the server's own
// environment and files.
func (a *API) applyConfiguration(c *route.Call) error {
	q := c.R.URL.Query()
	prune, err := boolean(q, "prune")
	if err != nil {
		return err
	}
	return a.plan(c, yamlTypes, func(text []byte) (*manage.Plan, error) {
		return c.Manage.PlanFile(c.R.Context(), text, manage.FileOptions{Prune: prune})
	})
}

func (a *API) importCurity(c *route.Call) error {
	return a.plan(c, xmlTypes, func(text []byte) (*manage.Plan, error) {
		return c.Manage.PlanCurity(c.R.Context(), text)
	})
}

// plan reads a file, and unless the request only wants to see it, makes what it plans.
func (a *API) plan(c *route.Call, types []string, read func([]byte) (*manage.Plan, error)) error {
	dry, err := boolean(c.R.URL.Query(), "dry_run")
	if err != nil {
		return err
	}
	text, err := body(c, manage.MaxFile, types)
	if err != nil {
		return err
	}
	plan, err := read(text)
	if err != nil {
		return err
	}
	if !dry {
		if err := c.Manage.Apply(c.R.Context(), plan); err != nil {
			return err
		}
	}
	view := struct {
		Applied     bool             `json:"applied"`
		Changes     []manage.Planned `json:"changes"`
		Notes       []string         `json:"notes"`
		Warnings    []string         `json:"warnings"`
		Fingerprint string           `json:"fingerprint"`
	}{!dry, plan.Changes, listOf(plan.Notes), listOf(plan.Warnings), plan.Fingerprint}
	if view.Changes == nil {
		view.Changes = []manage.Planned{}
	}
	for i := range view.Changes {
		if view.Changes[i].Differences == nil {
			view.Changes[i].Differences = []manage.Difference{}
		}
	}
	return answer(c, http.StatusOK, view)
}
