package admin

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/admin/api"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

// link makes a one-time link and returns its path and its code.
func (w *world) link(role oauth.Role, username string) (path, code string) {
	w.t.Helper()
	l, err := w.manager.NewOperatorLink(w.t.Context(), role, username)
	w.must(err)
	u, err := url.Parse(l.URL)
	w.must(err)
	return u.RequestURI(), u.Query().Get("code")
}

func (w *world) useLink(form url.Values, headers ...string) *http.Response {
	w.t.Helper()
	return w.answer(w.request("POST", manage.OperatorLinkPath, form, headers...))
}

func TestALinkLetsTheFirstOperatorIn(t *testing.T) {
	w := newWorld(t)
	path, code := w.link(oauth.RoleAdmin, "")
	for range 2 { // looking uses nothing up
		r := w.answer(w.request("GET", path, nil, "Sec-Fetch-Site", "none"))
		if r.StatusCode != http.StatusOK || r.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Fatalf("%d %s", r.StatusCode, r.Header.Get("Referrer-Policy"))
		}
	}
	form := url.Values{"code": {code}, "username": {"first"}, "name": {"The First"}, "password": {"a password of some length"}}
	if r := w.useLink(form); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != loginOther {
		t.Fatalf("%d %s", r.StatusCode, bodyOf(r))
	}
	acc, err := w.store.AccountByName(t.Context(), "first")
	w.must(err)
	if found, err := w.store.Account(t.Context(), acc.ID); err != nil || found.Role != oauth.RoleAdmin {
		t.Errorf("role %q, %v", found.Role, err)
	}
	form.Set("username", "second")
	if r := w.useLink(form); r.StatusCode != http.StatusGone {
		t.Errorf("a second use: %d", r.StatusCode)
	}
}

func TestALinkSaysWhatIsWrongBesideTheFieldAndKeepsThePasswordBack(t *testing.T) {
	w := newWorld(t)
	_, code := w.link(oauth.RoleViewer, "")
	r := w.useLink(url.Values{"code": {code}, "username": {"ada"}, "name": {"<b>x</b>"}, "password": {"short pw"}})
	body := bodyOf(r)
	if r.StatusCode != http.StatusUnprocessableEntity || strings.Contains(body, "short pw") || strings.Contains(body, "<b>x</b>") || !strings.Contains(body, `value="ada"`) {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	if got := field(t, body, "code"); got != code {
		t.Error("the code is lost")
	}
}

func TestLinksThatAreNoGood(t *testing.T) {
	w := newWorld(t)
	path, code := w.link(oauth.RoleAdmin, "")
	w.off = manage.LinkLifetime
	for name, p := range map[string]string{"expired": path, "none": manage.OperatorLinkPath, "nonsense": manage.OperatorLinkPath + "?code=x"} {
		if r := w.answer(w.request("GET", p, nil)); r.StatusCode != http.StatusGone {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
	if r := w.useLink(url.Values{"code": {code}, "username": {"late"}, "password": {"a password of some length"}}); r.StatusCode != http.StatusGone {
		t.Errorf("got %d", r.StatusCode)
	}
}

func TestALinkIsUsedByItsOwnFormAlone(t *testing.T) {
	w := newWorld(t)
	_, code := w.link(oauth.RoleAdmin, "")
	form := url.Values{"code": {code}, "username": {"mallory"}, "password": {"a password of some length"}}
	if r := w.useLink(form, "Sec-Fetch-Site", "cross-site"); r.StatusCode != http.StatusForbidden {
		t.Errorf("got %d", r.StatusCode)
	}
	if r := w.useLink(form); r.StatusCode != http.StatusSeeOther {
		t.Errorf("it was used up: %d", r.StatusCode)
	}
}

func TestLinksAreThrottledByAddress(t *testing.T) {
	w := newWorld(t)
	last := 0
	for range linkBurst + 1 {
		last = w.answer(w.request("GET", manage.OperatorLinkPath+"?code=x", nil)).StatusCode
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("got %d", last)
	}
}

// TestALinkEndsWithTheAdminWhoMadeIt: who is about to be shut out must not leave themselves a way back.
func TestALinkEndsWithTheAdminWhoMadeIt(t *testing.T) {
	codeIn := regexp.MustCompile(`code=(usher_[\w-]+)`)
	for name, end := range map[string]func(w *world, id oauth.ID) error{
		"locked":         func(w *world, id oauth.ID) error { return w.store.SetLocked(t.Context(), id, 0, true, noAudit) },
		"no longer here": func(w *world, id oauth.ID) error { return w.store.RemoveAccount(t.Context(), id, 0, noAudit) },
		"demoted": func(w *world, id oauth.ID) error {
			return w.store.SetRole(t.Context(), id, 0, oauth.RoleOperator, noAudit)
		},
	} {
		w := newWorld(t)
		w.addAccount("boss", oauth.RoleAdmin)
		page := w.request("POST", "/admin/operators/link", url.Values{"role": {"admin"}})
		page.AddCookie(&http.Cookie{Name: sessionCookie.Name, Value: w.cookie("boss")})
		call := w.request("POST", api.Prefix+"/operators/link", nil, "Authorization", "Bearer "+w.accessToken("boss", nil, oauth.ScopeAdmin), "Content-Type", "application/json")
		call.Body, call.ContentLength = io.NopCloser(strings.NewReader(`{"role":"admin"}`)), -1
		var codes []string
		for _, r := range []*http.Request{page, call} {
			found := codeIn.FindStringSubmatch(bodyOf(w.answer(r)))
			if found == nil {
				t.Fatalf("%s: no link", r.URL)
			}
			codes = append(codes, found[1])
		}
		w.must(end(w, w.accounts["boss"].ID))
		for i, code := range codes {
			form := url.Values{"code": {code}, "username": {"back" + strconv.Itoa(i)}, "password": {"a password of some length"}}
			if r := w.useLink(form); r.StatusCode != http.StatusGone {
				t.Errorf("%s: link %d answers %d", name, i, r.StatusCode)
			}
		}
	}
}
