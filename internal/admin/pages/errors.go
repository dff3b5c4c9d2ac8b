package pages

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/web"
)

// problem is a page that says why something was not done, and what to do.
type problem struct {
	Title, Text string
	// Faults are what was wrong with what was asked.
	Faults manage.Invalid
	// Link leads on.
	Link, LinkText string
}

// Unavailable is what is shown while the database cannot serve.
var Unavailable = Notice{
	Title: "Temporarily unavailable",
	Text: "The database cannot be used right now, so it is not certain whether your change was made. " +
		"Wait a moment, then reload this page. The server's log says more.",
}

// WriteError shows what a handler returned: manage.Invalid, *manage.Conflict, *manage.Managed, *manage.Forbidden and
// store.ErrNotFound as pages that say what to do, anything else as a fault with a log id.
func (p *Pages) WriteError(c *route.Call, err error) {
	status, v := p.explain(c, err)
	web.Because(c.W, string(oauth.InvalidRequest), err) // where explain did not note more
	if err := p.render(c, status, "problem.html", v.Title, v); err != nil {
		web.Failed(c.W, p.Logger, fmt.Errorf("page problem.html: %w", err))
		http.Error(c.W, "server_error", http.StatusInternalServerError)
	}
}

func (p *Pages) explain(c *route.Call, err error) (int, problem) {
	var (
		invalid   manage.Invalid
		forbidden *manage.Forbidden
		owned     *manage.Managed
		reason    *oauth.Error
	)
	switch {
	case errors.As(err, &invalid):
		return http.StatusBadRequest, problem{Title: "This cannot be done as it was asked", Faults: invalid,
			Text: "Go back, mend what is said here, and send it again."}
	case errors.As(err, &owned):
		return http.StatusConflict, problem{Title: "A file manages this", Text: owned.Error() + ".", Link: releaseOf(c), LinkText: "Release it"}
	case errors.As(err, &forbidden):
		return http.StatusForbidden, problem{Title: "You may not do this", Text: sentence(forbidden.Error())}
	case errors.Is(err, store.ErrConflict):
		return http.StatusConflict, collided(err)
	case errors.Is(err, store.ErrNotFound):
		return http.StatusNotFound, problem{Title: "There is nothing here",
			Text: "What this address names does not exist, or ended meanwhile.", Link: "/admin", LinkText: "Overview"}
	case errors.Is(err, store.ErrUnavailable):
		web.Refused(c.W, p.Logger, oauth.Internal(err))
		return http.StatusServiceUnavailable, problem{Title: Unavailable.Title, Text: Unavailable.Text}
	case errors.As(err, &reason) && reason.Code != oauth.ServerError:
		return web.StatusOf(reason.Code), problem{Title: "This cannot be done now", Text: reason.Description}
	}
	return http.StatusInternalServerError, problem{Title: "Something went wrong here",
		Text: web.Refused(c.W, p.Logger,
			oauth.Internal(err)).Description + " Nothing was changed by this request unless a list says so."}
}

// collided is a conflict without a form: where something was to be undone or to end.
func collided(err error) problem {
	v := problem{Title: "Somebody else changed this",
		Text: "It was changed since you looked at it, and nothing of yours was saved. Look at it again, then decide again."}
	if conflict, known := asConflict(err); known {
		for _, field := range conflict.Fields {
			v.Faults = append(v.Faults, manage.Fault{Field: field, Problem: "has another value now"})
		}
	}
	return v
}

// releaseOf is where the thing at hand is released, for who may.
func releaseOf(c *route.Call) string {
	id := c.R.PathValue("id")
	switch {
	case id != "" && c.Caller.May(manage.OpReleaseClient) && sectionIs(c.R, "clients"):
		return clientPath(id) + "/release"
	case c.Caller.May(manage.OpReleaseProfile) && sectionIs(c.R, "profile"):
		return "/admin/profile/release"
	}
	return ""
}
