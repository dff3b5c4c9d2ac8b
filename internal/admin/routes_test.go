package admin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

// who may do what: the table of the requirements, written out by hand and apart from the one that the code goes by.
var mayView = []manage.Operation{
	"showOverview", "showSettings", "showProfile", "listClients", "showClient", "showSnippet", "listAccounts", "showAccount",
	"showSignIns",
	"showThrottle",
	"listConsents", "listAuthenticators", "listSessions", "listDelegations", "listKeys", "listAudit", "exportAudit",
	"listChanges", "showChange", "listOperators", "exportConfiguration",
}

var mayOperate = []manage.Operation{
	"createAccount", "changeAccount", "removeAccount", "lockAccount", "unlockAccount", "setPassword", "createPasswordLink",
	"withdrawConsent", "endSession", "endAccountSessions", "endDelegation", "releaseThrottle",
}

var mayAdminister = []manage.Operation{
	"changeProfile", "releaseProfile", "createRegistrationToken", "createClient", "changeClient", "removeClient",
	"releaseClient", "resetClientSecret", "tryClient", "rotateKeys", "revokeKey", "undoChange", "setRole", "removeOperator",
	"createOperatorLink", "applyConfiguration", "importCurity",
}

// expected tells whether a role may do an operation, by the table.
func expected(role oauth.Role, op manage.Operation) bool {
	switch role {
	case oauth.RoleViewer:
		return slices.Contains(mayView, op)
	case oauth.RoleOperator:
		return slices.Contains(mayView, op) || slices.Contains(mayOperate, op)
	case oauth.RoleAdmin:
		return slices.Contains(mayView, op) || slices.Contains(mayOperate, op) || slices.Contains(mayAdminister, op)
	}
	return false
}

func TestEveryOperationIsInTheTableOfWhoMayDoIt(t *testing.T) {
	all := slices.Concat(mayView, mayOperate, mayAdminister)
	slices.Sort(all)
	if !slices.Equal(all, manage.Operations()) {
		t.Errorf("the table has\n%v\nand manage has\n%v", all, manage.Operations())
	}
}

// caller is somebody at the door: what they send, and the role that they have in effect, in each of its two halves.
type caller struct {
	name                string
	headers             []string
	inPages, inPrograms oauth.Role
}

func (w *world) callers() []caller {
	cookie := func(name string) []string { return []string{"Cookie", sessionCookie.Name + "=" + w.cookie(name)} }
	bearer := func(name string, scope ...string) []string {
		return []string{"Authorization", "Bearer " + w.accessToken(name, nil, scope...)}
	}
	const viewer, operates, administers = oauth.RoleViewer, oauth.RoleOperator, oauth.RoleAdmin
	return []caller{
		{"nobody", nil, "", ""},
		{"an account without a role", cookie("nora"), "", ""},
		{"a viewer", cookie("vera"), viewer, ""},
		{"an operator", cookie("oscar"), operates, ""},
		{"an admin, whose cookie is nothing to the API", cookie("ada"), administers, ""},
		{"a token without a role behind it", bearer("nora", oauth.ScopeAdmin), "", ""},
		{"a viewer's token for everything", bearer("vera", oauth.ScopeAdmin, oauth.ScopeRead), "", viewer},
		{"an operator's token for everything", bearer("oscar", oauth.ScopeAdmin), "", operates},
		{"an admin's token for everything", bearer("ada", oauth.ScopeAdmin), "", administers},
		{"an admin's token for reading", bearer("ada", oauth.ScopeRead), "", viewer},
		{"an admin's token for something else", bearer("ada", "openid"), "", ""},
		{"a client's own token", bearer("", oauth.ScopeAdmin), "", administers},
		{"a client's own token for reading", bearer("", oauth.ScopeRead), "", viewer},
		{"a client's own token for something else", bearer("", "read"), "", ""},
	}
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// ask sends what a route is for, about something that is not there, so that nothing of the test's own is changed.
func (w *world) ask(rt route.Route, c caller) *http.Response {
	w.t.Helper()
	method, path, _ := strings.Cut(rt.Pattern, " ")
	path = placeholder.ReplaceAllString(path, newID().String())
	var form url.Values
	if method != http.MethodGet {
		form = url.Values{}
	}
	return w.answer(w.request(method, path, form, c.headers...))
}

// letIn tells an answer of the operation from one of the door.
func letIn(r *http.Response) bool {
	refused := r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden
	return !refused && !strings.HasPrefix(r.Header.Get("Location"), loginPath)
}

func TestWhoMayDoWhatAtEveryRoute(t *testing.T) {
	w := newWorld(t)
	callers := w.callers()
	parts := map[string][]route.Route{"pages": w.admin.pages.Routes(), "api": w.admin.api.Routes(), "scim": w.admin.scim.Routes()}
	for part, routes := range parts {
		if len(routes) == 0 {
			t.Errorf("%s has no routes", part)
		}
		for _, rt := range routes {
			if _, known := manage.Least(rt.Op); !known {
				t.Errorf("%s does %q, which nobody may do", rt.Pattern, rt.Op)
			}
			for _, c := range callers {
				role := c.inPages
				if part != "pages" {
					role = c.inPrograms
				}
				if answer := w.ask(rt, c); letIn(answer) != expected(role, rt.Op) {
					t.Errorf("%s (%s) by %s: %d, want in: %v", rt.Pattern, rt.Op, c.name, answer.StatusCode, expected(role, rt.Op))
				}
			}
		}
	}
}

func TestARouteWithoutAKnownOperationLetsNobodyIn(t *testing.T) {
	w := newWorld(t)
	rt := route.Route{Pattern: "GET /admin/x", Op: "unheardOf", Handle: func(*route.Call) error {
		t.Error("it was handled")
		return nil
	}}
	for _, tc := range []struct {
		handler http.Handler
		headers []string
	}{
		{w.admin.page(rt), []string{"Cookie", sessionCookie.Name + "=" + w.cookie("ada")}},
		{w.admin.program(rt, w.admin.api), []string{"Authorization", "Bearer " + w.accessToken("ada", nil, oauth.ScopeAdmin)}},
	} {
		rec := httptest.NewRecorder()
		if tc.handler.ServeHTTP(rec, w.request("GET", "/admin/x", nil, tc.headers...)); rec.Code != http.StatusForbidden {
			t.Errorf("got %d", rec.Code)
		}
	}
}
