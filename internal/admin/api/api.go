// Package api is the admin API under /admin/api/v1: what operators can do, for programs. It is described by openapi.yaml,
// which is served, rendered, and held against the routes and their answers by tests.
//
// What is sent is read strictly: a member that is unknown, or that is not for clients of the API to set, is a fault, so
// that nobody sets more than the document offers. Who changes something says which version was seen (If-Match).
package api

import (
	"log/slog"
	"net/http"
	"net/url"

	"github.com/usher-id/usher/internal/admin/pages"
	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
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
type API struct {
	Options
	document  []byte // as JSON
	reference []section
}

// New makes the API.
func New(o Options) *API {
	doc := readDocument(o)
	return &API{Options: o, document: doc.json(), reference: doc.sections()}
}

// Routes lists every operation, in the order of the document.
func (a *API) Routes() []route.Route {
	list := []route.Route{
		{Pattern: "GET /overview", Op: manage.OpShowOverview, Handle: a.showOverview},
		{Pattern: "GET /settings", Op: manage.OpShowSettings, Handle: a.showSettings},

		{Pattern: "GET /profile", Op: manage.OpShowProfile, Handle: a.showProfile},
		{Pattern: "PATCH /profile", Op: manage.OpChangeProfile, Handle: a.changeProfile},
		{Pattern: "POST /profile/release", Op: manage.OpReleaseProfile, Handle: a.releaseProfile},
		{Pattern: "POST /registration-tokens", Op: manage.OpCreateRegistrationToken, Handle: a.createRegistrationToken},

		{Pattern: "GET /clients", Op: manage.OpListClients, Handle: a.listClients},
		{Pattern: "POST /clients", Op: manage.OpCreateClient, Handle: a.createClient},
		{Pattern: "GET /clients/{id}", Op: manage.OpShowClient, Handle: a.showClient},
		{Pattern: "PATCH /clients/{id}", Op: manage.OpChangeClient, Handle: a.changeClient},
		{Pattern: "DELETE /clients/{id}", Op: manage.OpRemoveClient, Handle: a.removeClient},
		{Pattern: "POST /clients/{id}/release", Op: manage.OpReleaseClient, Handle: a.releaseClient},
		{Pattern: "POST /clients/{id}/secret", Op: manage.OpResetClientSecret, Handle: a.resetClientSecret},
		{Pattern: "POST /clients/{id}/try", Op: manage.OpTryClient, Handle: a.tryClient},
		{Pattern: "GET /clients/{id}/snippets", Op: manage.OpShowSnippet, Handle: a.showSnippets},

		{Pattern: "GET /accounts", Op: manage.OpListAccounts, Handle: a.listAccounts},
		{Pattern: "POST /accounts", Op: manage.OpCreateAccount, Handle: a.createAccount},
		{Pattern: "GET /accounts/{id}", Op: manage.OpShowAccount, Handle: a.showAccount},
		{Pattern: "GET /accounts/{id}/sign-ins", Op: manage.OpShowSignIns, Handle: a.showSignIns},
		{Pattern: "PATCH /accounts/{id}", Op: manage.OpChangeAccount, Handle: a.changeAccount},
		{Pattern: "DELETE /accounts/{id}", Op: manage.OpRemoveAccount, Handle: a.removeAccount},
		{Pattern: "POST /accounts/{id}/lock", Op: manage.OpLockAccount, Handle: a.lockAccount},
		{Pattern: "POST /accounts/{id}/unlock", Op: manage.OpUnlockAccount, Handle: a.unlockAccount},
		{Pattern: "PUT /accounts/{id}/password", Op: manage.OpSetPassword, Handle: a.setPassword},
		{Pattern: "POST /accounts/{id}/password-link", Op: manage.OpCreatePasswordLink, Handle: a.createPasswordLink},
		{Pattern: "GET /accounts/{id}/throttle", Op: manage.OpShowThrottle, Handle: a.showThrottle},
		{
			Pattern: "POST /accounts/{id}/throttle/release", Op: manage.OpReleaseThrottle,
			Handle: a.releaseThrottle,
		},
		{Pattern: "POST /accounts/{id}/end-sessions", Op: manage.OpEndAccountSessions, Handle: a.endAccountSessions},
		{Pattern: "GET /accounts/{id}/consents", Op: manage.OpListConsents, Handle: a.listConsents},
		{Pattern: "DELETE /accounts/{id}/consents/{client_id}", Op: manage.OpWithdrawConsent, Handle: a.withdrawConsent},

		{Pattern: "GET /authenticators", Op: manage.OpListAuthenticators, Handle: a.listAuthenticators},
		{Pattern: "GET /sessions", Op: manage.OpListSessions, Handle: a.listSessions},
		{Pattern: "DELETE /sessions/{id}", Op: manage.OpEndSession, Handle: a.endSession},
		{Pattern: "GET /delegations", Op: manage.OpListDelegations, Handle: a.listDelegations},
		{Pattern: "DELETE /delegations/{id}", Op: manage.OpEndDelegation, Handle: a.endDelegation},

		{Pattern: "GET /keys", Op: manage.OpListKeys, Handle: a.listKeys},
		{Pattern: "POST /keys/rotate", Op: manage.OpRotateKeys, Handle: a.rotateKeys},
		{Pattern: "DELETE /keys/{id}", Op: manage.OpRevokeKey, Handle: a.revokeKey},

		{Pattern: "GET /audit", Op: manage.OpListAudit, Handle: a.listAudit},
		{Pattern: "GET /audit/export", Op: manage.OpExportAudit, Handle: a.exportAudit},
		{Pattern: "GET /changes", Op: manage.OpListChanges, Handle: a.listChanges},
		{Pattern: "GET /changes/{id}", Op: manage.OpShowChange, Handle: a.showChange},
		{Pattern: "POST /changes/{id}/undo", Op: manage.OpUndoChange, Handle: a.undoChange},

		{Pattern: "GET /operators", Op: manage.OpListOperators, Handle: a.listOperators},
		{Pattern: "PUT /operators/{id}", Op: manage.OpSetRole, Handle: a.setRole},
		{Pattern: "DELETE /operators/{id}", Op: manage.OpRemoveOperator, Handle: a.removeOperator},
		{Pattern: "POST /operators/link", Op: manage.OpCreateOperatorLink, Handle: a.createOperatorLink},

		{Pattern: "GET /export", Op: manage.OpExport, Handle: a.exportConfiguration},
		{Pattern: "POST /apply", Op: manage.OpApply, Handle: a.applyConfiguration},
		{Pattern: "POST /import/curity", Op: manage.OpImportCurity, Handle: a.importCurity},
	}
	for i, r := range list {
		list[i].Handle = func(c *route.Call) error {
			c.W.Header().Set("Cache-Control", "no-store")
			return r.Handle(c)
		}
	}
	return route.Below(Prefix, list, &problem{Status: http.StatusMethodNotAllowed, Type: typeMethod, Detail: "Ask with GET."})
}

// origin is the origin of the admin pages.
func (a *API) origin() string {
	u, err := url.Parse(a.AdminURL)
	if err != nil {
		return a.AdminURL
	}
	return u.Scheme + "://" + u.Host
}
