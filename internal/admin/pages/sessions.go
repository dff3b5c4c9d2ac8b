package pages

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func (p *Pages) sessionRoutes() []route.Route {
	return []route.Route{
		{Pattern: "GET /admin/sessions", Op: manage.OpListSessions, Handle: p.listSessions},
		{Pattern: "GET /admin/sessions/{id}/end", Op: manage.OpEndSession, Handle: p.askEndSession},
		{Pattern: "POST /admin/sessions/{id}/end", Op: manage.OpEndSession, Handle: p.endSession},
	}
}

// sessionsPath lists the sessions of a user.
func sessionsPath(username string) string {
	return "/admin/sessions?" + url.Values{"user": {username}}.Encode()
}

// sessionsView is a page of the list.
type sessionsView struct {
	User string
	// Problem says what is wrong with what was typed into the filter.
	Problem string
	Rows    []manage.Session
	Pager   pager
	MayEnd  bool
	Back    string
}

// listSessions costs one query, and one more where it is about one user.
func (p *Pages) listSessions(c *route.Call) error {
	q := c.R.URL.Query()
	v := sessionsView{User: strings.TrimSpace(q.Get("user")), MayEnd: c.Caller.May(manage.OpEndSession), Back: c.R.URL.RequestURI()}
	var account oauth.ID
	if v.User != "" {
		acc, err := c.Manage.AccountNamed(c.R.Context(), v.User)
		if v.Problem = unknownUser(err); v.Problem != "" {
			return p.render(c, http.StatusOK, "sessions.html", "Sessions", v)
		}
		if err != nil {
			return err
		}
		account = acc.ID
	}
	page, err := c.Manage.Sessions(c.R.Context(), account, q.Get("cursor"), pageSize)
	if err != nil {
		return err
	}
	v.Rows, v.Pager = page.Items, newPager(c, page.Next)
	return p.render(c, http.StatusOK, "sessions.html", "Sessions", v)
}

func (p *Pages) askEndSession(c *route.Call) error {
	id, err := idOf(c)
	if err != nil {
		return err
	}
	subject := ""
	session, err := c.Manage.Session(c.R.Context(), id)
	switch {
	case err == nil:
		subject = sessionText(session)
	case !errors.Is(err, store.ErrNotFound): // one that is over is no error
		return err
	}
	return p.confirm(c, confirmation{
		Title: "End this session?", Subject: subject, Button: "End the session",
		Action: c.R.URL.EscapedPath(), Back: backTo(c, "/admin/sessions"),
		Text: "The user is signed out in that browser, and can sign in again.",
		Ends: []string{
			"the session, and those in frames that hang off it", "what clients were given in it",
			"their access tokens, and refresh tokens that do not outlive the session",
		},
		Hidden: url.Values{"back": {backTo(c, "/admin/sessions")}},
	})
}

// sessionText says whose session it is, and which.
func sessionText(s manage.Session) string {
	text := s.Username
	for _, more := range []string{s.Browser, s.Address} {
		if more != "" {
			text += ", " + more
		}
	}
	return text + ", signed in " + s.SignedIn.UTC().Format("2006-01-02 15:04:05 UTC")
}

func (p *Pages) endSession(c *route.Call) error {
	return p.end(c, c.Manage.EndSession, "/admin/sessions", "session-ended")
}

// end ends what the address names, and leads back to where it was asked for, or else to the list.
func (p *Pages) end(c *route.Call, do func(context.Context, oauth.ID) error, list, code string) error {
	id, err := idOf(c)
	if err != nil {
		return err
	}
	f, err := readForm(c)
	if err != nil {
		return err
	}
	if err := do(c.R.Context(), id); err != nil {
		return err
	}
	return redirect(c, ownPath(f.Get("back"), list), code)
}
