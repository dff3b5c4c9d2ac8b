package pages

import (
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
)

// menuGroup is a part of the navigation.
type menuGroup struct {
	Title string
	Items []menuItem
}

// menuItem leads to a section. Key is the letter that goes there after g.
type menuItem struct {
	Path, Title, Key string
	Op               manage.Operation
	Current          bool
}

var menu = []menuGroup{
	{"Look", []menuItem{
		{"/admin", "Overview", "o", manage.OpShowOverview, false},
		{"/admin/sessions", "Sessions", "s", manage.OpListSessions, false},
		{"/admin/delegations", "Delegations", "d", manage.OpListDelegations, false},
		{"/admin/audit", "Audit log", "l", manage.OpListAudit, false},
		{"/admin/changes", "History", "h", manage.OpListChanges, false},
	}},
	{"Manage", []menuItem{
		{"/admin/clients", "Clients", "c", manage.OpListClients, false},
		{"/admin/accounts", "Accounts", "a", manage.OpListAccounts, false},
		{"/admin/profile", "Token service", "p", manage.OpShowProfile, false},
		{"/admin/authenticators", "Authenticators", "u", manage.OpListAuthenticators, false},
		{"/admin/keys", "Keys", "k", manage.OpListKeys, false},
	}},
	{"Server", []menuItem{
		{"/admin/operators", "Operators", "r", manage.OpListOperators, false},
		{"/admin/files", "Files", "f", manage.OpExport, false},
		{"/admin/settings", "Settings", "t", manage.OpShowSettings, false},
	}},
}

// menuFor is the navigation with what the caller may look at, the section at hand marked.
func menuFor(c *route.Call) []menuGroup {
	var groups []menuGroup
	for _, g := range menu {
		shown := menuGroup{Title: g.Title}
		for _, item := range g.Items {
			if !c.Caller.May(item.Op) {
				continue
			}
			at := c.R.URL.Path
			item.Current = at == item.Path || item.Path != "/admin" && strings.HasPrefix(at, item.Path+"/")
			shown.Items = append(shown.Items, item)
		}
		if len(shown.Items) > 0 {
			groups = append(groups, shown)
		}
	}
	return groups
}
