package pages

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

// assistedPath is the runtime's assisted token endpoint.
const assistedPath = "/oauth/v2/oauth-assisted-token"

// tryView is the page on which a client is tried.
type tryView struct {
	Client *oauth.Client
	Path   string
	// Endpoint is where tokens are asked for; Origin is ours, which asks.
	Endpoint, Origin string
	// Seconds are left of the trial; 0 where none is under way. Until is when it ends.
	Seconds int
	Until   time.Time
	// Problems say why it cannot be tried.
	Problems manage.Invalid
	Scope    []string
}

// showTry offers to begin a trial, or shows the panel of one that is under way. The panel is script: what it does cannot
// be done without.
func (p *Pages) showTry(c *route.Call) error {
	client, err := c.Manage.Client(c.R.Context(), c.R.PathValue("id"))
	if err != nil {
		return err
	}
	return p.writeTry(c, http.StatusOK, &client, nil)
}

func (p *Pages) writeTry(c *route.Call, status int, client *oauth.Client, problems manage.Invalid) error {
	v := tryView{
		Client: client, Path: clientPath(client.ID), Endpoint: p.RuntimeURL + assistedPath, Origin: originOf(p.AdminURL),
		Scope: slices.Clone(client.Scope), Problems: problems,
	}
	if left := client.TrialUntil.Sub(p.Now()); left > 0 && client.TrialOrigin == v.Origin {
		v.Seconds, v.Until = int(left/time.Second), client.TrialUntil
	}
	return p.render(c, status, "try.html", "Try "+client.DisplayName(), v)
}

// beginTry allows the origin of these pages for the client, for ten minutes.
func (p *Pages) beginTry(c *route.Call) error {
	client, err := c.Manage.Client(c.R.Context(), c.R.PathValue("id"))
	if err != nil {
		return err
	}
	_, err = c.Manage.TryClient(c.R.Context(), client.ID)
	f := newForm(nil, 0)
	if f.refused(err) {
		return p.writeTry(c, http.StatusUnprocessableEntity, &client, f.Faults)
	}
	if err != nil {
		return err
	}
	return redirect(c, clientPath(client.ID)+"/try", "trial")
}

// originOf is the origin of an address of ours.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
