// Package route is what the parts of the admin door have in common: pages, API and SCIM are tables of routes, each of
// which names the operation that it does. The door decides by that name who may come in; a route that names none that
// there is lets nobody in.
package route

import (
	"net/http"
	"strings"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

// Route is one row of such a table.
type Route struct {
	// Pattern is for http.ServeMux, with a method and the whole path.
	Pattern string
	Op      manage.Operation
	// Handle answers the request, or returns an error that the part's own writer turns into an answer.
	Handle func(*Call) error
}

// Below puts routes whose patterns are a method and a path below a prefix in their place, and refuses HEAD, which http.ServeMux
// sends where GET goes: what a list or an export costs, it would cost for nothing.
func Below(prefix string, list []Route, noHead error) []Route {
	for i, r := range list {
		method, path, _ := strings.Cut(r.Pattern, " ")
		list[i].Pattern = method + " " + prefix + path
		list[i].Handle = func(c *Call) error {
			if c.R.Method == http.MethodHead {
				c.W.Header().Set("Allow", http.MethodGet)
				return noHead
			}
			return r.Handle(c)
		}
	}
	return list
}

// Call is one request of somebody who may make it.
type Call struct {
	W http.ResponseWriter
	R *http.Request
	// Manage acts for who calls: actor, address and role are set.
	Manage *manage.Manager
	// Caller is who calls.
	Caller Caller
}

// Caller is an operator, or a client that acts for one or for itself.
type Caller struct {
	// AccountID and Username are zero for a client that acts for itself.
	AccountID oauth.ID
	Username  string
	// ClientID is the client of the token; oauth.AdminClientID in the pages.
	ClientID string
	// Role is what it may do: of a user's token what both its scope and the account's role allow.
	Role oauth.Role
}

// May tells whether the caller may do an operation, for what a page offers.
func (c Caller) May(op manage.Operation) bool { return manage.Allowed(c.Role, op) }
