// Package scim is SCIM 2.0 (RFC 7643, RFC 7644) for accounts, under /admin/scim/v2: what HR and directory systems speak.
//
// A User is an account as SCIM shows it: its attributes are those of the account and the claims that mean the same (see
// user.go). What else a directory sends is left aside, so that it need not be told to send less; a role is nothing that
// SCIM knows. PUT and PATCH keep the claims that have no name in SCIM.
//
// Searches that an index answers (by user name, e-mail address, externalId, id) cost the same in every directory. All
// others walk through the accounts, which is refused where there are more than MaxWalk.
package scim

import (
	"encoding/json"
	"github.com/usher-id/usher/internal/fair"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/web"
)

// Prefix begins every path.
const Prefix = "/admin/scim/v2"

// Service answers it.
type Service struct {
	// AdminURL begins every location.
	AdminURL string
	Logger   *slog.Logger
}

// searches bounds what searches take of the processors: silent renewal needs them, too. Callers share the
// places; one that has waited for 5 s is told to come back.
var searches = fair.New(fair.Bounds{
	AtOnce: max(1, runtime.GOMAXPROCS(0)/2), OfKey: 1, Waiting: 64, Longest: 5 * time.Second,
})

// Routes lists them; the operations are those of accounts.
func (s *Service) Routes() []route.Route {
	list := []route.Route{
		{Pattern: "GET /Users", Op: manage.OpListAccounts, Handle: s.list},
		{Pattern: "POST /Users/.search", Op: manage.OpListAccounts, Handle: s.search},
		{Pattern: "POST /Users", Op: manage.OpCreateAccount, Handle: s.create},
		{Pattern: "GET /Users/{id}", Op: manage.OpShowAccount, Handle: s.show},
		{Pattern: "PUT /Users/{id}", Op: manage.OpChangeAccount, Handle: s.replace},
		{Pattern: "PATCH /Users/{id}", Op: manage.OpChangeAccount, Handle: s.patch},
		{Pattern: "DELETE /Users/{id}", Op: manage.OpRemoveAccount, Handle: s.remove},
		{Pattern: "GET /ServiceProviderConfig", Op: manage.OpListAccounts, Handle: s.serviceProviderConfig},
		{Pattern: "GET /ResourceTypes", Op: manage.OpListAccounts, Handle: s.resourceTypes},
		{Pattern: "GET /ResourceTypes/{id}", Op: manage.OpListAccounts, Handle: s.resourceType},
		{Pattern: "GET /Schemas", Op: manage.OpListAccounts, Handle: s.schemas},
		{Pattern: "GET /Schemas/{id}", Op: manage.OpListAccounts, Handle: s.schema},
	}
	return route.Below(Prefix, list, &scimError{Status: http.StatusMethodNotAllowed, Detail: "Ask with GET."})
}

// answer writes a value in SCIM's content type (RFC 7644 §3.1).
func answer(w http.ResponseWriter, status int, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/scim+json")
	h.Set("Cache-Control", "no-store")
	web.RetryLater(h, status)
	w.WriteHeader(status)
	_, _ = w.Write(text) // who hung up gets no other answer
	return nil
}
