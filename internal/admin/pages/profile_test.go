package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

const editProfilePath = "/admin/profile/edit"

func (w *world) profile() oauth.Profile {
	w.Helper()
	p, err := w.manager.Profile(w.Context())
	w.must(err)
	return p
}

func TestTheProfileFormSavesWhatWasChangedAlone(t *testing.T) {
	w := newWorld(t)
	before := w.profile()
	form := w.get(editProfilePath).want(http.StatusOK).form(editProfilePath)
	form["capabilities"] = slices.DeleteFunc(form["capabilities"], func(k string) bool { return k == "assisted_token" })
	form.Set("access_token_seconds", "120")
	w.post(editProfilePath, form).wantRedirect("/admin/profile?done=saved")
	after := w.profile()
	if after.Can(oauth.CapAssistedToken) || after.AccessTokenSeconds != 120 {
		t.Errorf("not changed: %+v", after)
	}
	want := slices.DeleteFunc(slices.Clone(before.Capabilities), func(k oauth.Capability) bool { return k == oauth.CapAssistedToken })
	if !slices.Equal(after.Capabilities, want) || len(after.RegistrationCapabilities) != 0 || len(after.Scopes) != len(before.Scopes) {
		t.Errorf("more was changed: %+v", after)
	}
}

func TestTheProfileFormKeepsWhatWasTyped(t *testing.T) {
	w := newWorld(t)
	form := w.get(editProfilePath).form(editProfilePath)
	form.Set("access_token_seconds", "1")
	form.Set("id_token_seconds", "soon")
	a := w.post(editProfilePath, form).want(http.StatusUnprocessableEntity)
	a.wantFault("id_token_seconds", "no whole number")
	kept := a.form(editProfilePath)
	if kept.Get("access_token_seconds") != "1" || kept.Get("id_token_seconds") != "soon" || !slices.Equal(kept["capabilities"], form["capabilities"]) {
		t.Errorf("kept %v", kept)
	}
	kept.Set("id_token_seconds", "300")
	w.post(editProfilePath, kept).want(http.StatusUnprocessableEntity).wantFault("access_token_seconds", "out of range")
}

func TestTwoWhoEditTheProfile(t *testing.T) {
	w := newWorld(t)
	mine := w.get(editProfilePath).form(editProfilePath)
	_, _, err := w.manager.ChangeProfile(t.Context(), func(p *oauth.Profile) error {
		p.AccessTokenSeconds, p.IDTokenSeconds = 90, 91
		return nil
	})
	w.must(err)
	mine.Set("access_token_seconds", "60")
	mine.Set("session_idle_seconds", "3600")
	slices.Reverse(mine["registration_capabilities"]) // in another order, so unchanged
	a := w.post(editProfilePath, mine).want(http.StatusConflict)
	if rows := a.all("tr", "", ""); len(rows) != 4 {
		t.Errorf("%d rows, want a heading and the three fields that differ: %s", len(rows), a.text())
	}
	a.wantText("Somebody else changed this", "300", "90", "60", "both changed it")
	if p := w.profile(); p.AccessTokenSeconds != 90 || p.SessionIdleSeconds == 3600 {
		t.Errorf("something was overwritten: %+v", p)
	}
	w.post(editProfilePath, a.form(editProfilePath)).wantRedirect("/admin/profile?done=saved")
	if p := w.profile(); p.AccessTokenSeconds != 60 || p.SessionIdleSeconds != 3600 || p.IDTokenSeconds != 91 {
		t.Errorf("mine on top of theirs: %d %d %d", p.AccessTokenSeconds, p.SessionIdleSeconds, p.IDTokenSeconds)
	}
}

// What "put my values on top" carries is judged again: a third who was faster is seen, too.
func TestAConflictAfterAConflict(t *testing.T) {
	w := newWorld(t)
	mine := w.get(editProfilePath).form(editProfilePath)
	mine.Set("access_token_seconds", "60")
	change := func(seconds int) {
		_, _, err := w.manager.ChangeProfile(t.Context(), func(p *oauth.Profile) error { p.AccessTokenSeconds = seconds; return nil })
		w.must(err)
	}
	change(90)
	again := w.post(editProfilePath, mine).want(http.StatusConflict).form(editProfilePath)
	change(91)
	w.post(editProfilePath, again).want(http.StatusConflict).wantText("91")
}

func TestScopesAreAddedChangedAndRemoved(t *testing.T) {
	w := newWorld(t)
	form := w.get("/admin/profile/scope").want(http.StatusOK).form("/admin/profile/scope")
	form.Set("scope_name", "orders/all")
	form.Set("description", "See your orders")
	form.Set("claims", "customer_number\r\n\r\n locale \r\n")
	form.Set("max_auth_age", "60")
	w.post("/admin/profile/scope", form).wantRedirect("/admin/profile?done=scope-added")
	p := w.profile()
	s, there := p.ScopeNamed("orders/all")
	if !there || !slices.Equal(s.Claims, []string{"customer_number", "locale"}) || s.MaxAuthAge != 60 {
		t.Fatalf("scope %+v", s)
	}
	path := "/admin/profile/scope?name=orders%2Fall"
	form = w.get(path).want(http.StatusOK).form(path)
	form.Set("description", "See all your orders")
	w.post(path, form).wantRedirect("/admin/profile?done=saved")
	remove := "/admin/profile/scope/remove?name=orders%2Fall"
	w.post(remove, w.get(remove).want(http.StatusOK).form(remove)).wantRedirect("/admin/profile?done=scope-removed")
	p = w.profile()
	if _, there := p.ScopeNamed("orders/all"); there {
		t.Error("it is still there")
	}
}

func TestFaultsOfAScopeAreBesideItsFields(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, description, age, field, problem string }{
		{"two words", "Do it", "0", "scope_name", "is not a scope"},
		{"read", "Read it", "0", "scope_name", "already"},
		{"orders", "", "0", "description", "give it a description"},
		{"orders", "See them", "-1", "max_auth_age", "out of range"},
	} {
		form := url.Values{"scope_name": {c.name}, "description": {c.description}, "max_auth_age": {c.age}}
		a := w.post("/admin/profile/scope", form).want(http.StatusUnprocessableEntity)
		a.wantFault(c.field, c.problem)
		if kept := a.form("/admin/profile/scope"); kept.Get("scope_name") != c.name || kept.Get("description") != c.description {
			t.Errorf("kept %v", kept)
		}
	}
}

// Whoever changes one scope does not collide with who changes another.
func TestChangesOfDifferentScopesDoNotCollide(t *testing.T) {
	w := newWorld(t)
	path := "/admin/profile/scope?name=read"
	form := w.get(path).form(path)
	form.Set("description", "Read all your data")
	_, _, err := w.manager.ChangeProfile(t.Context(), func(p *oauth.Profile) error { p.AccessTokenSeconds = 90; return nil })
	w.must(err)
	w.post(path, form).wantRedirect("/admin/profile?done=saved")
	if p := w.profile(); p.AccessTokenSeconds != 90 {
		t.Error("the other change is lost")
	}
}

func TestARegistrationTokenIsShownOnce(t *testing.T) {
	w := newWorld(t)
	const path = "/admin/profile/registration-token"
	form := w.get(path).form(path)
	form.Set("hours", "100000")
	w.post(path, form).want(http.StatusUnprocessableEntity).wantFault("hours", "it has to be")
	form.Set("hours", "2")
	a := w.post(path, form).want(http.StatusOK)
	if shown := a.all("pre", "id", "token"); len(shown) != 1 || len(shown[0].text()) < 40 {
		t.Errorf("no token: %s", a.text())
	}
	if strings.Contains(w.get("/admin/audit").body, a.all("pre", "id", "token")[0].text()) {
		t.Error("the token is in the audit log")
	}
}

func TestAManagedProfileIsNotEditedByAccident(t *testing.T) {
	w := newWorld(t)
	form := w.get(editProfilePath).form(editProfilePath)
	p := w.profile()
	p.ManagedBy = "idp.yaml"
	w.must(w.manager.Store.PutProfile(t.Context(), p, p.Version, noAudit))
	a := w.get("/admin/profile").want(http.StatusOK)
	a.wantText("idp.yaml")
	if len(a.all("a", "href", editProfilePath)) != 0 || len(a.all("a", "href", "/admin/profile/release")) != 1 {
		t.Error("it offers to change what a file manages, or no release")
	}
	form.Del("form_version")
	w.post(editProfilePath, form).want(http.StatusConflict).wantText("A file manages this", "idp.yaml")
	w.post("/admin/profile/release", w.get("/admin/profile/release").form("/admin/profile/release")).wantRedirect("/admin/profile?done=released")
	w.post(editProfilePath, form).want(http.StatusSeeOther)
}
