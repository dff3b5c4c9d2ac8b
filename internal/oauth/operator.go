package oauth

import "slices"

// Role is what an account may do as an operator.
type Role string

// The roles, each of which may do what the one before may: look at everything; change accounts and end sessions; all.
const (
	RoleViewer   Role = "viewer"
	RoleOperator Role = "operator"
	RoleAdmin    Role = "admin"
)

// Roles lists them from the least to the most.
var Roles = []Role{RoleViewer, RoleOperator, RoleAdmin}

// AtLeast tells whether r may do what least may; an unknown role may do nothing.
func (r Role) AtLeast(least Role) bool {
	i, j := slices.Index(Roles, r), slices.Index(Roles, least)
	return i >= 0 && j >= 0 && i >= j
}

// The scopes of the admin API. They are the server's own: no profile lists them, and a token has them only where the
// request named them.
const (
	ScopeAdmin = "usher.admin"
	ScopeRead  = "usher.read"
)

// operatorScopes are known to every profile.
var operatorScopes = []Scope{
	{Name: ScopeAdmin, Description: "Administer this server in your name"},
	{Name: ScopeRead, Description: "Look at everything in this server in your name"},
}

// IsOperatorScope tells whether a scope opens the admin API; names that begin like these are reserved.
func IsOperatorScope(name string) bool { return len(name) > 6 && name[:6] == "usher." }

// AdminClientID is the client of the admin pages. It is there on every server, and its code flow whatever the profile
// has on: else an operator who switches the code flow off would be locked out.
const AdminClientID = "usher-admin"
