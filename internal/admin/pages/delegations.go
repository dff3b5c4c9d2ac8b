package pages

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func (p *Pages) delegationRoutes() []route.Route {
	return []route.Route{
		{Pattern: "GET /admin/delegations", Op: manage.OpListDelegations, Handle: p.listDelegations},
		{Pattern: "GET /admin/delegations/{id}/end", Op: manage.OpEndDelegation, Handle: p.askEndDelegation},
		{Pattern: "POST /admin/delegations/{id}/end", Op: manage.OpEndDelegation, Handle: p.endDelegation},
	}
}

// delegationsPath lists what a client was given, or what was given for a user, or both.
func delegationsPath(clientID, username string) string {
	q := url.Values{}
	if clientID != "" {
		q.Set("client", clientID)
	}
	if username != "" {
		q.Set("user", username)
	}
	if len(q) == 0 {
		return "/admin/delegations"
	}
	return "/admin/delegations?" + q.Encode()
}

// delegationsView is a page of the list.
type delegationsView struct {
	Client, User string
	// Problem says what is wrong with what was typed into the filter.
	Problem string
	Rows    []manage.Delegation
	Pager   pager
	MayEnd  bool
	Back    string
}

// listDelegations costs one query, and one more where it is about one user.
func (p *Pages) listDelegations(c *route.Call) error {
	q := c.R.URL.Query()
	v := delegationsView{
		Client: strings.TrimSpace(q.Get("client")), User: strings.TrimSpace(q.Get("user")),
		MayEnd: c.Caller.May(manage.OpEndDelegation), Back: c.R.URL.RequestURI(),
	}
	filter := store.DelegationFilter{ClientID: v.Client}
	if v.User != "" {
		acc, err := c.Manage.AccountNamed(c.R.Context(), v.User)
		if v.Problem = unknownUser(err); v.Problem != "" {
			return p.render(c, http.StatusOK, "delegations.html", "Delegations", v)
		}
		if err != nil {
			return err
		}
		filter.AccountID = acc.ID
	}
	page, err := c.Manage.Delegations(c.R.Context(), filter, q.Get("cursor"), pageSize)
	if err != nil {
		return err
	}
	v.Rows, v.Pager = page.Items, newPager(c, page.Next)
	return p.render(c, http.StatusOK, "delegations.html", "Delegations", v)
}

// unknownUser says that no account has the user name; empty for other errors.
func unknownUser(err error) string {
	var invalid manage.Invalid
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "no account has this user name"
	case errors.As(err, &invalid):
		return invalid[0].Problem
	}
	return ""
}

func (p *Pages) askEndDelegation(c *route.Call) error {
	id, err := idOf(c)
	if err != nil {
		return err
	}
	subject := ""
	d, err := c.Manage.Delegation(c.R.Context(), id)
	switch {
	case err == nil:
		subject = d.ClientID + " → " + d.Username
	case !errors.Is(err, store.ErrNotFound): // one that is over is no error
		return err
	}
	return p.confirm(c, confirmation{
		Title: "End this delegation?", Subject: subject, Button: "End it", Action: c.R.URL.EscapedPath(),
		Back:   backTo(c, "/admin/delegations"),
		Text:   "The user stays signed in. If the client asks again within the session, it is given this anew.",
		Ends:   []string{"the client's access tokens for this user, in this session", "its refresh tokens, those that outlive the session too, if they began here"},
		Hidden: url.Values{"back": {backTo(c, "/admin/delegations")}},
	})
}

func (p *Pages) endDelegation(c *route.Call) error {
	return p.end(c, c.Manage.EndDelegation, "/admin/delegations", "delegation-ended")
}

// idOf is the identifier in the address; one that is none names nothing.
func idOf(c *route.Call) (oauth.ID, error) {
	id, err := oauth.ParseID(c.R.PathValue("id"))
	if err != nil {
		return id, store.ErrNotFound
	}
	return id, nil
}

// backTo is where a question was asked from, as its address says.
func backTo(c *route.Call, otherwise string) string {
	return ownPath(c.R.URL.Query().Get("back"), otherwise)
}

// ownPath accepts addresses of these pages alone: a link must not lead an operator anywhere else.
func ownPath(address, otherwise string) string {
	u, err := url.Parse(address)
	ours := err == nil && u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/admin/") && path.Clean(u.Path) == u.Path
	if !ours || strings.Contains(address, `\`) {
		return otherwise
	}
	return address
}
