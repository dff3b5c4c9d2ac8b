package pages

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// consents lets a user agree to a client.
func (d *desk) consents(acc oauth.Account, clientID string) {
	d.Helper()
	d.must(d.manager.Store.GrantConsent(d.Context(), oauth.Consent{AccountID: acc.ID, ClientID: clientID, Scope: []string{"openid"}, Updated: d.now},
		d.now, store.Audit{ID: newID(), At: d.now, Event: store.EventConsentGiven, Count: 1}))
}

func (d *desk) sessions() []manage.Session {
	d.Helper()
	p, err := d.manager.Sessions(d.Context(), oauth.ID{}, "", 10)
	d.must(err)
	return p.Items
}

func (d *desk) delegations() []manage.Delegation {
	d.Helper()
	p, err := d.manager.Delegations(d.Context(), store.DelegationFilter{}, "", 10)
	d.must(err)
	return p.Items
}

func TestEndingASession(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	path := "/admin/sessions/" + oauth.ID{1}.String() + "/end"
	d.get("/admin/sessions").wants(http.StatusOK).has(path)
	form := d.get(path + "?back=%2Fadmin%2Faccounts").wants(http.StatusOK).form(path)
	d.post(path, form).leads("/admin/accounts?done=session-ended")
	if n := len(d.sessions()) + len(d.delegations()); n != 0 {
		t.Errorf("%d sessions and delegations are left", n)
	}
}

func TestEndingADelegationLeavesTheSession(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	path := "/admin/delegations/" + oauth.ID{2}.String() + "/end"
	d.get("/admin/delegations").wants(http.StatusOK).has(path)
	d.post(path, d.get(path).wants(http.StatusOK).form(path)).leads("/admin/delegations?done=delegation-ended")
	if len(d.delegations()) != 0 || len(d.sessions()) != 1 {
		t.Errorf("%v %v", d.delegations(), d.sessions())
	}
}

func TestSigningOutEverywhere(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	path := accountPath(d.odd.ID) + "/signout"
	d.post(path, d.get(path).wants(http.StatusOK).form(path)).leads(accountPath(d.odd.ID) + "?done=sessions-ended")
	if n := len(d.sessions()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestDelegationsAreFiltered(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	row := "/admin/delegations/" + oauth.ID{2}.String()
	d.get(delegationsPath("shop", d.odd.Username)).wants(http.StatusOK).has(row)
	d.get(delegationsPath("", "ada")).wants(http.StatusOK).lacks(row)
	d.get(delegationsPath("another", "")).wants(http.StatusOK).lacks(row)
	d.get(delegationsPath("", "nobody")).wants(http.StatusOK).has("no account has this user name").lacks(row)
	d.get("/admin/delegations?cursor=x").wants(http.StatusBadRequest)
}

func TestSessionsOfAUser(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	row := "/admin/sessions/" + oauth.ID{1}.String()
	d.get(sessionsPath(d.odd.Username)).wants(http.StatusOK).has(row)
	d.get(sessionsPath("ada")).wants(http.StatusOK).lacks(row)
	d.get(sessionsPath("no body")).wants(http.StatusOK).lacks(row)
}

func TestViewersEndNothing(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	d.role = oauth.RoleViewer
	for _, path := range []string{"/admin/sessions", "/admin/delegations", accountPath(d.odd.ID)} {
		d.get(path).wants(http.StatusOK).lacks("/end", "/signout", "/withdraw")
	}
}

// Where a question was asked from is in its address, so it must not lead anywhere else.
func TestQuestionsLeadBackToThesePagesOnly(t *testing.T) {
	for _, path := range []string{
		"https://evil.example", "//evil.example/admin/", `/\evil.example`, "/admin//evil.example", "/other", "javascript:alert(1)", "", "/admin/../x", "/admin/\tx",
	} {
		if got := ownPath(path, "/admin/sessions"); got != "/admin/sessions" {
			t.Errorf("%q leads to %q", path, got)
		}
	}
	if got := ownPath("/admin/sessions?user=a&cursor=b", ""); got != "/admin/sessions?user=a&cursor=b" {
		t.Errorf("leads to %q", got)
	}
	d := newDesk(t)
	p := d.get("/admin/sessions/" + oauth.ID{1}.String() + "/end?back=" + url.QueryEscape("//evil.example/")).wants(http.StatusOK)
	if strings.Contains(p.body, "evil") {
		t.Error("a question leads to another site")
	}
}
