package pages

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func (p *Pages) operatorRoutes() []route.Route {
	return []route.Route{
		{Pattern: "GET /admin/operators", Op: manage.OpListOperators, Handle: p.listOperators},
		{Pattern: "GET /admin/operators/new", Op: manage.OpSetRole, Handle: p.newOperator},
		{Pattern: "POST /admin/operators/new", Op: manage.OpSetRole, Handle: p.setRoleByName},
		{Pattern: "GET /admin/operators/{id}/role", Op: manage.OpSetRole, Handle: p.editRole},
		{Pattern: "POST /admin/operators/{id}/role", Op: manage.OpSetRole, Handle: p.setRole},
		{Pattern: "GET /admin/operators/{id}/remove", Op: manage.OpRemoveOperator, Handle: p.askRemoveOperator},
		{Pattern: "POST /admin/operators/{id}/remove", Op: manage.OpRemoveOperator, Handle: p.removeOperator},
		{Pattern: "GET /admin/operators/link", Op: manage.OpCreateOperatorLink, Handle: p.askOperatorLink},
		{Pattern: "POST /admin/operators/link", Op: manage.OpCreateOperatorLink, Handle: p.createOperatorLink},
	}
}

// operatorsView lists the operators.
type operatorsView struct {
	Rows                       []operatorRow
	Roles                      []option
	MaySet, MayRemove, MayLink bool
}

// operatorRow is one operator.
type operatorRow struct {
	oauth.Account
	Path, Edit, Remove string
	Self               bool
}

func roleOptions() []option {
	var list []option
	for _, r := range oauth.Roles {
		list = append(list, option{Value: string(r), Label: label(string(r)), Help: "May " + roleHelp[r] + "."})
	}
	return list
}

func (p *Pages) listOperators(c *route.Call) error {
	list, err := c.Manage.Operators(c.R.Context())
	if err != nil {
		return err
	}
	v := operatorsView{
		Roles: roleOptions(), MaySet: c.Caller.May(manage.OpSetRole), MayRemove: c.Caller.May(manage.OpRemoveOperator),
		MayLink: c.Caller.May(manage.OpCreateOperatorLink),
	}
	for _, acc := range list {
		at := "/admin/operators/" + acc.ID.String()
		v.Rows = append(v.Rows, operatorRow{acc, accountPath(acc.ID), at + "/role", at + "/remove", acc.ID == c.Caller.AccountID})
	}
	return p.render(c, http.StatusOK, "operators.html", "Operators", v)
}

// roleView is the form for a role, of an account that is known or one that is named in it.
type roleView struct {
	Form *form
	// Username is whose role it is; empty where the form asks.
	Username string
	Roles    []option
	Action   string
	Self     bool
}

func (p *Pages) newOperator(c *route.Call) error {
	return p.roleForm(c, http.StatusOK, "", newForm(url.Values{"role": {string(oauth.RoleViewer)}, "username": {c.R.URL.Query().Get("username")}}, 0))
}

func (p *Pages) roleForm(c *route.Call, status int, username string, f *form) error {
	title := "Make an operator"
	if username != "" {
		title = "Change a role"
	}
	v := roleView{Form: f, Username: username, Roles: roleOptions(), Action: c.R.URL.Path, Self: username != "" && c.R.PathValue("id") == c.Caller.AccountID.String()}
	return p.render(c, status, "operator_role.html", title, v)
}

func (p *Pages) setRoleByName(c *route.Call) error {
	f, err := readForm(c)
	if err != nil {
		return err
	}
	acc, err := c.Manage.AccountNamed(c.R.Context(), f.text("username"))
	if errors.Is(err, store.ErrNotFound) {
		f.fault("username", "there is no account of this name; who has none gets in by a link")
	} else if err != nil && !f.refused(err) {
		return err
	}
	return p.giveRole(c, acc.ID, "", f)
}

func (p *Pages) editRole(c *route.Call) error {
	acc, err := operatorAt(c)
	if err != nil {
		return err
	}
	return p.roleForm(c, http.StatusOK, acc.Username, newForm(url.Values{"role": {string(acc.Role)}}, acc.Version))
}

// operatorAt reads the account that the address names.
func operatorAt(c *route.Call) (oauth.Account, error) {
	id, err := oauth.ParseID(c.R.PathValue("id"))
	if err != nil {
		return oauth.Account{}, store.ErrNotFound
	}
	return c.Manage.Account(c.R.Context(), id)
}

func (p *Pages) setRole(c *route.Call) error {
	f, err := readForm(c)
	if err != nil {
		return err
	}
	acc, err := operatorAt(c)
	if err != nil {
		return err
	}
	c.Manage.IfVersion = f.Version
	return p.giveRole(c, acc.ID, acc.Username, f)
}

// giveRole sets the role, or shows the form again.
func (p *Pages) giveRole(c *route.Call, id oauth.ID, username string, f *form) error {
	if len(f.Faults) == 0 {
		err := c.Manage.SetRole(c.R.Context(), id, oauth.Role(f.text("role")))
		if err == nil {
			return redirect(c, "/admin/operators", "role-set")
		}
		if !f.refused(err) {
			return err
		}
	}
	return p.roleForm(c, http.StatusUnprocessableEntity, username, f)
}

func (p *Pages) askRemoveOperator(c *route.Call) error {
	acc, err := operatorAt(c)
	if err != nil {
		return err
	}
	v := confirmation{
		Title: "Take the role away", Subject: acc.Username, Action: c.R.URL.Path, Button: "Take the role away", Back: "/admin/operators",
		Text: "The account stays, and can sign in to apps as before.",
		Ends: []string{"its way into these pages and the admin API"},
	}
	if acc.ID == c.Caller.AccountID {
		v.Text += " This is your own account: you are out with this click."
	}
	return p.confirm(c, v)
}

func (p *Pages) removeOperator(c *route.Call) error {
	acc, err := operatorAt(c)
	if err != nil {
		return err
	}
	if err := c.Manage.RemoveOperator(c.R.Context(), acc.ID); err != nil {
		return err
	}
	return redirect(c, "/admin/operators", "operator-removed")
}

// operatorLinkView is the form for an operator's link, or the one that it made.
type operatorLinkView struct {
	Form    *form
	Roles   []option
	Link    *manage.Link
	Role    oauth.Role
	Minutes int
}

func (p *Pages) askOperatorLink(c *route.Call) error {
	return p.linkForm(c, http.StatusOK, newForm(url.Values{"role": {string(oauth.RoleViewer)}, "username": {c.R.URL.Query().Get("username")}}, 0))
}

func (p *Pages) linkForm(c *route.Call, status int, f *form) error {
	return p.render(c, status, "operator_link.html", "Link for an operator", operatorLinkView{Form: f, Roles: roleOptions(), Minutes: int(manage.LinkLifetime.Minutes())})
}

func (p *Pages) createOperatorLink(c *route.Call) error {
	f, err := readForm(c)
	if err != nil {
		return err
	}
	role := oauth.Role(f.text("role"))
	link, err := c.Manage.NewOperatorLink(c.R.Context(), role, f.text("username"))
	if err != nil && !f.refused(err) {
		return err
	}
	if len(f.Faults) > 0 {
		return p.linkForm(c, http.StatusUnprocessableEntity, f)
	}
	return p.render(c, http.StatusOK, "operator_link.html", "Link for an operator", operatorLinkView{Form: f, Link: &link, Role: role})
}
