// Package scim is SCIM 2.0 (RFC 7643, RFC 7644) for accounts, under /admin/scim/v2: what HR and directory systems speak.
package scim

import (
	"log/slog"
	"net/http"

	"github.com/usher-id/usher/internal/admin/route"
)

// Prefix begins every path.
const Prefix = "/admin/scim/v2"

// Service answers it.
type Service struct {
	// AdminURL begins every location.
	AdminURL string
	Logger   *slog.Logger
}

// Routes lists them; the operations are those of accounts.
func (s *Service) Routes() []route.Route { return nil }

// WriteError answers with a SCIM error (RFC 7644 §3.12).
func (s *Service) WriteError(w http.ResponseWriter, r *http.Request, err error) {}

// Unauthorized is as in the API, in SCIM's form.
func (s *Service) Unauthorized(w http.ResponseWriter, r *http.Request, status int, code, description string) {
}
