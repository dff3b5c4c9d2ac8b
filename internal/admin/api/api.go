// Package api is the admin API under /admin/api/v1: what operators can do, for programs. It is described by openapi.yaml,
// which is served, rendered, and held against the routes and their answers by tests.
package api

import (
	"log/slog"
	"net/http"

	"github.com/usher-id/usher/internal/admin/pages"
	"github.com/usher-id/usher/internal/admin/route"
)

// Prefix begins every path of the API.
const Prefix = "/admin/api/v1"

// Options is what the API needs to know of this node.
type Options struct {
	AdminURL, Issuer string
	Settings         []pages.Setting
	Logger           *slog.Logger
}

// API answers it.
type API struct{ Options }

// New makes the API.
func New(o Options) *API { return &API{o} }

// Routes lists every operation, in the order of the document.
func (a *API) Routes() []route.Route { return nil }

// WriteError answers with problem details (RFC 9457).
func (a *API) WriteError(w http.ResponseWriter, r *http.Request, err error) {}

// Unauthorized answers who has no good token (RFC 6750 §3): 401, or 403 with insufficient_scope where the token is good
// but its scope or its account's role does not allow the operation.
func (a *API) Unauthorized(w http.ResponseWriter, r *http.Request, status int, code, description string) {
}

// Document serves the OpenAPI document, as JSON, to everybody; Reference renders it for people.
func (a *API) Document(w http.ResponseWriter, r *http.Request) {}

// Reference is the document for people, at /admin/api.
func (a *API) Reference(w http.ResponseWriter, r *http.Request) {}
