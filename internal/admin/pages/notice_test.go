package pages

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

// alone pages are for who is not signed in: they have no navigation, and are well made nonetheless.
func alone(t *testing.T, write func(http.ResponseWriter)) answer {
	t.Helper()
	rec := httptest.NewRecorder()
	write(rec)
	a := answerOf(t, rec)
	for _, problem := range flaws(a) {
		if problem != "it has not one bar" {
			t.Error(problem)
		}
	}
	if len(a.all("nav", "", "")) != 0 {
		t.Error("it has a navigation")
	}
	return a
}

func TestNotices(t *testing.T) {
	w := newWorld(t)
	a := alone(t, func(out http.ResponseWriter) {
		w.pages.WriteNotice(out, http.StatusForbidden, Notice{Title: "Not you", Text: hostileName, Link: "/admin/logout", LinkText: "Sign out", Post: true})
	}).want(http.StatusForbidden).wantText("Not you", hostileName)
	if len(a.all("form", "action", "/admin/logout")) != 1 || strings.Contains(a.body, hostileName) {
		t.Error(a.body)
	}
	a = alone(t, func(out http.ResponseWriter) {
		w.pages.WriteNotice(out, http.StatusOK, Notice{Title: "Out", Text: "You are out.", Link: "/admin", LinkText: "In"})
	})
	if len(a.all("a", "href", "/admin")) != 1 || len(a.all("form", "", "")) != 0 {
		t.Error(a.body)
	}
}

func TestTheInvitationKeepsWhatWasTypedSaveThePassword(t *testing.T) {
	w := newWorld(t)
	a := alone(t, func(out http.ResponseWriter) {
		w.pages.WriteInvite(out, http.StatusUnprocessableEntity, Invite{
			Code: "the-code", Role: oauth.RoleAdmin, Username: "ann", Name: oddName, Problems: map[string]string{"password": "too short"},
		})
	}).wantText("admin", "too short")
	form := a.form(manage.OperatorLinkPath)
	if form.Get("code") != "the-code" || form.Get("username") != "ann" || form.Get("name") != oddName || form.Get("password") != "" {
		t.Errorf("form %v", form)
	}
	if in := a.all("input", "name", "password"); in[0].attrs["aria-invalid"] != "true" || in[0].attrs["autocomplete"] != "new-password" {
		t.Errorf("the password's field: %v", in[0].attrs)
	}
	a = alone(t, func(out http.ResponseWriter) {
		w.pages.WriteInvite(out, http.StatusOK, Invite{Code: "c", Role: oauth.RoleViewer, Username: "bob", Fixed: true})
	}).wantText("bob")
	if in := a.all("input", "name", "username"); len(in) != 1 || in[0].attrs["type"] != "hidden" {
		t.Error("the name can be changed")
	}
}

func TestTheFirstStepsAreShownWhereThereIsNoClient(t *testing.T) {
	w := newWorld(t)
	w.get("/admin").want(http.StatusOK).wantText("First steps")
	w.furnish()
	a := w.get("/admin")
	if strings.Contains(a.text(), "First steps") {
		t.Error("they are still there")
	}
	a.wantText("3 in 24 hours", "40 in 24 hours", "insecure_any_origin", "https://*.shop.example")
	if len(a.all("svg", "role", "img")) != 2 || len(a.all("desc", "", "")) != 2 {
		t.Error("the plots are not described")
	}
}

func TestWhatTheAddressSaysWasDoneIsOneOfOurTexts(t *testing.T) {
	w := newWorld(t)
	w.get("/admin/keys?done=key-revoked").wantText("The key is revoked.")
	if a := w.get("/admin/keys?done=You+have+won"); strings.Contains(a.text(), "won") {
		t.Error("anybody can make this server say something")
	}
}
