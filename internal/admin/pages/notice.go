package pages

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

// Notice is a page for somebody who is not signed in, or may not come in: a sentence, and at most one way on.
type Notice struct {
	Title, Text string
	// Link and LinkText lead on by GET; Post makes it a form that posts there.
	Link, LinkText string
	Post           bool
}

// WriteNotice shows a notice.
func (p *Pages) WriteNotice(w http.ResponseWriter, status int, n Notice) {
	if status >= http.StatusBadRequest {
		web.Because(w, "", errors.New(n.Text))
	}
	p.alone(w, status, "notice.html", n.Title, n)
}

// Invite is the page behind an operator's one-time link.
type Invite struct {
	// Code goes back with the form, posted to manage.OperatorLinkPath with username, name and password.
	Code     string
	Role     oauth.Role
	Username string // Fixed: the link is for this account
	Fixed    bool
	Name     string
	// Problems are by field: username, name, password.
	Problems map[string]string
}

// Action is where the form goes.
func (Invite) Action() string { return manage.OperatorLinkPath }

// May says what somebody with the role may do.
func (v Invite) May() string { return roleHelp[v.Role] }

// Form draws the fields. A password that was typed is not sent back.
func (v Invite) Form() *form {
	f := newForm(url.Values{"username": {v.Username}, "name": {v.Name}}, 0)
	for _, name := range []string{"username", "name", "password"} {
		if problem := v.Problems[name]; problem != "" {
			f.fault(name, problem)
		}
	}
	return f
}

// WriteInvite shows it.
func (p *Pages) WriteInvite(w http.ResponseWriter, status int, v Invite) {
	p.alone(w, status, "invite.html", "Become an operator", v)
}

// roleHelp says what the roles may do.
var roleHelp = map[oauth.Role]string{
	oauth.RoleViewer:   "look at everything, and change nothing",
	oauth.RoleOperator: "look at everything, change accounts, and end sessions",
	oauth.RoleAdmin:    "do everything, also change clients, keys and who is an operator",
}

// alone shows a page to somebody who is not signed in.
func (p *Pages) alone(w http.ResponseWriter, status int, file, title string, view any) {
	if err := p.write(w, status, file, layout{Title: title, Version: p.Version, V: view}); err != nil {
		web.Failed(w, p.Logger, fmt.Errorf("page %s: %w", file, err))
		http.Error(w, "server_error", http.StatusInternalServerError)
	}
}
