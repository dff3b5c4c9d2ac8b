package admin

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

func TestWhatEndsAnOperatorsSessionAtOnce(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		name string
		end  func(oauth.Delegation)
	}{
		{"the account is locked", func(d oauth.Delegation) { w.must(w.store.SetLocked(t.Context(), d.AccountID, 0, true, noAudit)) }},
		{"the delegation is ended", func(d oauth.Delegation) { w.must(w.store.EndDelegation(t.Context(), d.ID, noAudit)) }},
		{"the session is ended", func(d oauth.Delegation) {
			_, err := w.store.EndSession(t.Context(), d.SessionID, noAudit)
			w.must(err)
		}},
		{"the password is changed", func(d oauth.Delegation) {
			w.must(w.store.SetPassword(t.Context(), d.AccountID, 0, expensive().hash, oauth.ID{}, noAudit))
		}},
		{"the account is removed", func(d oauth.Delegation) { w.must(w.store.RemoveAccount(t.Context(), d.AccountID, 0, noAudit)) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			name := strings.ReplaceAll(tc.name, " ", "-")
			w.addAccount(name, oauth.RoleOperator)
			d := w.delegation(name, oauth.AdminClientID)
			cookie, err := w.admin.seal(token.KindAdminSession, &adminSession{d.ID, w.now()})
			w.must(err)
			w.wantIn(cookie)
			tc.end(d)
			w.wantOut(cookie)
		})
	}
}

func TestATakenRoleCountsAtOnce(t *testing.T) {
	w := newWorld(t)
	cookie, text := w.cookie("oscar"), w.accessToken("oscar", nil, oauth.ScopeAdmin)
	w.wantIn(cookie)
	w.must(w.store.SetRole(t.Context(), w.accounts["oscar"].ID, 0, "", noAudit))
	r := w.as(cookie, homePath)
	if body := bodyOf(r); r.StatusCode != http.StatusForbidden || !strings.Contains(body, "oscar") || !strings.Contains(body, `action="`+logoutPath+`"`) {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	if r := w.answer(w.request("GET", "/admin/api/v1/clients", nil, "Authorization", "Bearer "+text)); r.StatusCode != http.StatusForbidden {
		t.Errorf("API: %d", r.StatusCode)
	}
}

func TestASessionLastsTwelveHoursAtMost(t *testing.T) {
	w := newWorld(t)
	cookie := w.cookie("ada")
	w.off = maxSession - time.Minute // the session itself lives on: it is used within its idle timeout
	w.wantIn(cookie)
	w.off = maxSession
	w.wantOut(cookie)
}

func TestAnOldSignInOpensNoNewSession(t *testing.T) {
	w := newWorld(t)
	d := w.delegation("ada", oauth.AdminClientID)
	w.off = maxSession
	cookie, err := w.admin.seal(token.KindAdminSession, &adminSession{d.ID, w.now()})
	w.must(err)
	w.wantOut(cookie)
}

func TestOnlyTheDoorsOwnCookiesOpenIt(t *testing.T) {
	w := newWorld(t)
	d := w.delegation("ada", oauth.AdminClientID)
	sealed := func(kind token.Kind) string {
		text, err := w.admin.seal(kind, &adminSession{d.ID, w.now()})
		w.must(err)
		return text
	}
	w.wantIn(sealed(token.KindAdminSession))
	for name, text := range map[string]string{
		"a sign-in under way":             sealed(token.KindAdminFlow),
		"a flow of the runtime":           sealed(token.KindFlow),
		"an access token":                 w.accessToken("ada", nil, oauth.ScopeAdmin),
		"a refresh token":                 sealed(token.KindRefresh),
		"the ID of a delegation":          d.ID.String(),
		"a cookie that was tampered with": sealed(token.KindAdminSession) + "A",
	} {
		t.Run(name, func(t *testing.T) { w.wantOut(text) })
	}
	other, err := w.admin.seal(token.KindAdminSession, &adminSession{w.delegation("ada", "tool").ID, w.now()})
	w.must(err)
	w.wantOut(other) // another client's delegation
}

func TestASessionCookieIsNoAccessToken(t *testing.T) {
	w := newWorld(t)
	r := w.answer(w.request("GET", "/admin/api/v1/clients", nil, "Authorization", "Bearer "+w.cookie("ada")))
	if r.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %d", r.StatusCode)
	}
}

func TestAPageCostsTwoReadsAndAtMostOneWrite(t *testing.T) {
	w := newWorld(t)
	cookie := w.cookie("ada")
	r := w.request("GET", homePath, nil, "Cookie", sessionCookie.Name+"="+cookie)
	cost := func() (reads, writes uint64) {
		before := w.store.Stats()
		if who, err := w.admin.signedIn(r); err != nil || who == nil {
			t.Fatalf("%v, %v", who, err)
		}
		after := w.store.Stats()
		return after.Reads - before.Reads, after.Writes - before.Writes
	}
	if reads, writes := cost(); reads != 2 || writes != 0 {
		t.Errorf("%d reads, %d writes", reads, writes)
	}
	w.off = 2 * time.Hour // more than a tenth of the idle timeout
	if _, writes := cost(); writes != 1 {
		t.Errorf("the session is not touched: %d writes", writes)
	}
	if _, writes := cost(); writes != 0 {
		t.Errorf("the session is touched each time: %d writes", writes)
	}
}
