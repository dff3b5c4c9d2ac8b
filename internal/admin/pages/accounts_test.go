package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func TestSavingAnUntouchedAccountChangesNothing(t *testing.T) {
	d := newDesk(t)
	acc := d.ann(func(a *oauth.Account) {
		a.Attributes = []byte(`{"address":{"country":"CH"},"email_verified":false,"given_name":"Ann","updated_at":12345678901,"x":[1,2]}`)
	})
	path := accountPath(acc.ID) + "/edit"
	d.post(path, d.get(path).wants(http.StatusOK).form(path)).leads(accountPath(acc.ID) + "?done=saved")
	if diff := cmp.Diff(acc, d.account(acc.ID)); diff != "" {
		t.Error(diff)
	}
}

func TestEditChangesAnAccount(t *testing.T) {
	d := newDesk(t)
	acc := d.ann(func(a *oauth.Account) { a.Attributes = []byte(`{"nickname":"an","department":"Sales"}`) })
	path := accountPath(acc.ID) + "/edit"
	form := d.get(path).form(path)
	form.Set("name", "Zoë אבג 🦉")
	form.Set("nickname", "")
	form.Set("family_name", "007")
	form.Set("email_verified", "on")
	form.Set("attributes", `{"department":"Care","floor":3}`)
	d.post(path, form).wants(http.StatusSeeOther)
	got := d.account(acc.ID)
	if want := `{"department":"Care","email_verified":true,"family_name":"007","floor":3}`; got.Name != "Zoë אבג 🦉" || string(got.Attributes) != want {
		t.Errorf("%s %s", got.Name, got.Attributes)
	}
}

func TestAccountFaultsStandBesideTheirFields(t *testing.T) {
	d := newDesk(t)
	acc := d.ann()
	path := accountPath(acc.ID) + "/edit"
	form := d.get(path).form(path)
	form.Set("username", "a b")
	form.Set("email", "nowhere")
	form.Set("picture", strings.Repeat("x", 3000))
	form.Set("attributes", `{"birthdate": 7}`)
	p := d.post(path, form).wants(http.StatusUnprocessableEntity).has(`value="nowhere"`)
	p.wantFault("email", "is not an e-mail address")
	p.wantFault("picture", "more than 2048 bytes")
	p.wantFault("attributes", "birthdate is a text")
	form.Set("attributes", `{"picture": "x"`)
	d.post(path, form).wants(http.StatusUnprocessableEntity).wantFault("attributes", "no JSON object")
	form.Set("attributes", `{"locale": "x"}`)
	d.post(path, form).wants(http.StatusUnprocessableEntity).wantFault("attributes", "type locale in its own field")
	if diff := cmp.Diff(acc, d.account(acc.ID)); diff != "" {
		t.Error(diff)
	}
}

func TestAFormCannotSetWhatIsNotTheUsers(t *testing.T) {
	d := newDesk(t)
	acc := d.ann()
	path := accountPath(acc.ID) + "/edit"
	form := d.get(path).form(path)
	for _, name := range []string{"id", "version", "role", "locked", "password", "password_hash", "external_id", "created"} {
		form.Set(name, "admin")
	}
	d.post(path, form).wants(http.StatusSeeOther)
	if diff := cmp.Diff(acc, d.account(acc.ID)); diff != "" {
		t.Error(diff)
	}
}

func TestAnAccountsFormWithoutVersionChangesNothing(t *testing.T) {
	d := newDesk(t)
	acc := d.ann()
	path := accountPath(acc.ID) + "/edit"
	form := d.get(path).form(path)
	form.Del("form_version")
	form.Set("name", "Mine")
	d.post(path, form).wants(http.StatusUnprocessableEntity)
	if diff := cmp.Diff(acc, d.account(acc.ID)); diff != "" {
		t.Error(diff)
	}
}

func TestASecondEditorOfAnAccountIsShownTheDifference(t *testing.T) {
	d := newDesk(t)
	acc := d.ann()
	path := accountPath(acc.ID) + "/edit"
	mine := d.get(path).form(path)
	_, _, err := d.manager.ChangeAccount(t.Context(), acc.ID, func(a *oauth.Account) { a.Name = "Theirs" })
	d.must(err)
	mine.Set("name", "Mine")
	p := d.post(path, mine).wants(http.StatusConflict).has("Theirs", "Mine")
	if got := d.account(acc.ID); got.Name != "Theirs" {
		t.Fatalf("overwritten unseen: %s", got.Name)
	}
	d.post(path, p.form(path)).wants(http.StatusSeeOther)
	if got := d.account(acc.ID); got.Name != "Mine" {
		t.Errorf("the second decision did not count: %s", got.Name)
	}
}

func TestANewAccountGetsALink(t *testing.T) {
	d := newDesk(t)
	form := d.get("/admin/accounts/new").wants(http.StatusOK).form("/admin/accounts/new")
	form.Set("username", "bob")
	p := d.post("/admin/accounts/new", form).wants(http.StatusOK)
	link, err := url.Parse(p.shown("link"))
	d.must(err)
	acc, err := d.manager.OpenPasswordLink(t.Context(), link.Query().Get("code"))
	if err != nil || acc.Username != "bob" || acc.PasswordHash != "" {
		t.Errorf("%+v, %v", acc, err)
	}
}

func TestANewAccountWithAPassword(t *testing.T) {
	d := newDesk(t)
	form := d.get("/admin/accounts/new").form("/admin/accounts/new")
	form.Set("username", "bob")
	form.Set("how", byPassword)
	d.post("/admin/accounts/new", form).wants(http.StatusUnprocessableEntity).wantFault("password", "type one")
	form.Set("password", "bob")
	d.post("/admin/accounts/new", form).wants(http.StatusUnprocessableEntity).lacks(`value="bob" autocomplete="new-password"`)
	form.Set("password", "seven green bottles")
	d.post("/admin/accounts/new", form).wants(http.StatusSeeOther)
	acc, err := d.manager.AccountNamed(t.Context(), "bob")
	if err != nil || acc.PasswordHash == "" {
		t.Errorf("%+v, %v", acc, err)
	}
	p := d.post("/admin/accounts/new", form).wants(http.StatusUnprocessableEntity).lacks("seven green bottles")
	p.wantFault("username", "there is a user bob already")
}

func TestSettingAPassword(t *testing.T) {
	d := newDesk(t)
	acc := d.ann()
	path := accountPath(acc.ID) + "/password"
	form := d.get(path).wants(http.StatusOK).form(path)
	form.Set("password", "short")
	p := d.post(path, form).wants(http.StatusUnprocessableEntity).lacks("short\"")
	if len(p.all("*", "id", "f-password-problem")) != 1 {
		t.Error("it is not said beside the field")
	}
	form.Set("password", "seven green bottles")
	d.post(path, form).leads(accountPath(acc.ID) + "?done=password")
	if d.account(acc.ID).PasswordHash == "" {
		t.Error("no password is set")
	}
}

func TestLockAndUnlock(t *testing.T) {
	d := newDesk(t)
	acc := d.ann()
	path := accountPath(acc.ID)
	d.post(path+"/lock", d.get(path+"/lock").wants(http.StatusOK).form(path+"/lock")).leads(path + "?done=locked")
	d.get(path).has("This account is locked").lacks(path + `/lock"`)
	if !d.account(acc.ID).Locked {
		t.Fatal("not locked")
	}
	d.post(path+"/unlock", nil).leads(path + "?done=unlocked")
	if d.account(acc.ID).Locked {
		t.Error("not unlocked")
	}
}

// The page says which networks guess and until when whom that refuses, and one button forgets it.
func TestGuessesAtAUser(t *testing.T) {
	d := newDesk(t)
	acc := d.ann()
	path := accountPath(acc.ID)
	d.get(path + "/throttle").has("No wrong passwords count now")
	guess := func(network string) {
		key := authn.AccountKey(acc.ID)
		count := func(g *authn.Throttle) bool {
			if v := g.ReserveSignIn(network, "", network, d.manager.Now()); v.Cause == authn.CauseNone {
				g.CountSignIn(v.Reservation, d.manager.Now())
			}
			return true
		}
		st := d.manager.Store
		d.must(manage.ChangeThrottle(t.Context(), st, key, store.Audit{}, count))
	}
	for range 10 {
		guess("192.0.2.7/32")
	}
	d.get(path+"/throttle").has("192.0.2.7/32", "<td>10</td>").lacks("Many networks guess")
	d.get(path).has("Wrong passwords that count now: 10").lacks("Many networks guess")
	for i := range 60 {
		guess(strconv.Itoa(i))
	}
	d.get(path).has("Many networks guess at this password")
	d.role = oauth.RoleViewer
	d.get(path).has("Many networks guess at this password").lacks(path + "/release")
	d.role = oauth.RoleOperator
	d.post(path+"/release", nil).leads(path + "?done=throttle-released")
	d.get(path+"/throttle").lacks("192.0.2.7/32", "Many networks guess")
}

func TestRemoveAnAccount(t *testing.T) {
	d := newDesk(t)
	acc := d.ann()
	path := accountPath(acc.ID)
	d.post(path+"/remove", d.get(path+"/remove").wants(http.StatusOK).form(path+"/remove")).leads("/admin/accounts?done=removed")
	d.get(path).wants(http.StatusNotFound)
}

func TestOperatorsAccountsAreForAdmins(t *testing.T) {
	d := newDesk(t)
	path := accountPath(d.ada.ID)
	d.must(d.manager.SetRole(t.Context(), d.ada.ID, oauth.RoleViewer))
	d.role = oauth.RoleOperator
	d.get(path).wants(http.StatusOK).lacks(path+"/edit", path+"/password", path+"/link", path+"/lock", path+"/remove")
	d.post(path+"/password", url.Values{"password": {"seven green bottles"}}).wants(http.StatusForbidden)
	d.post(path+"/link", nil).wants(http.StatusForbidden)
	d.post(path+"/lock", nil).wants(http.StatusForbidden)
}

func TestIDsInAddressesNameAccountsOnly(t *testing.T) {
	d := newDesk(t)
	d.furnish()
	for _, id := range []string{"shop", oauth.ID{1}.String(), oauth.ID{2}.String(), "AAAAAAAAAAAAAAAAAAAAA=", strings.Repeat("A", 22)} {
		for _, path := range []string{"", "/edit", "/lock", "/password", "/signout", "/remove", "/throttle", "/consents",
			"/consents/shop/withdraw"} {
			d.get("/admin/accounts/" + id + path).want(http.StatusNotFound)
		}
		for _, path := range []string{"/lock", "/unlock", "/password", "/link", "/signout", "/release"} {
			d.post("/admin/accounts/"+id+path, url.Values{"password": {"seven green bottles"}}).want(http.StatusNotFound)
		}
	}
}

func TestAccountsAreSearched(t *testing.T) {
	d := newDesk(t)
	d.ann()
	d.get("/admin/accounts?q=ANN@").wants(http.StatusOK).has("Ann Example").lacks(accountPath(d.ada.ID))
	d.get("/admin/accounts?q=nobody").wants(http.StatusOK).has("Nobody found")
}

func TestWithdrawingAConsent(t *testing.T) {
	d := newDesk(t)
	acc := d.ann()
	d.shop()
	d.consents(acc, "shop")
	path := accountPath(acc.ID) + "/consents/shop/withdraw"
	d.get(accountPath(acc.ID)).has(path)
	d.post(path, d.get(path).wants(http.StatusOK).form(path)).leads(accountPath(acc.ID) + "?done=consent-withdrawn")
	d.get(accountPath(acc.ID) + "/consents").wants(http.StatusOK).lacks(path)
}
