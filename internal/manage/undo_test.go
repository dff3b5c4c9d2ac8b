package manage

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// undoLast undoes the newest change of something, a second later.
func undoLast(t *testing.T, m *Manager, now *time.Time, f store.ChangeFilter) error {
	t.Helper()
	c, _ := lastChange(t, m, f)
	*now = now.Add(time.Second)
	return m.Undo(t.Context(), c.ID)
}

var shop = store.ChangeFilter{Kind: store.KindClient, Subject: "shop"}

func changeClient(t *testing.T, m *Manager, now *time.Time, id string, change func(*oauth.Client)) {
	t.Helper()
	*now = now.Add(time.Second)
	if _, _, err := m.ChangeClient(t.Context(), id, change); err != nil {
		t.Fatal(err)
	}
}

func TestUndoTakesBackWhatTheChangeDidAndNothingElse(t *testing.T) {
	m, now := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	changeClient(t, m, now, "shop", func(c *oauth.Client) { c.Scope, c.AccessTokenSeconds = []string{"openid"}, 60 })
	first, _ := lastChange(t, m, shop)
	changeClient(t, m, now, "shop", func(c *oauth.Client) { c.Name = "Renamed" })
	*now = now.Add(time.Second)
	if err := m.Undo(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	c, err := m.Client(t.Context(), "shop")
	if err != nil || c.Name != "Renamed" || !slices.Equal(c.Scope, []string{"openid", "read"}) || c.AccessTokenSeconds != 0 {
		t.Errorf("got %+v, %v", c, err)
	}
	if a := lastAudit(t, m); !strings.Contains(a.Detail, "undo of "+first.ID.String()) {
		t.Errorf("detail %q", a.Detail)
	}
	if err := undoLast(t, m, now, shop); err != nil { // the undoing
		t.Fatal(err)
	}
	if c, err := m.Client(t.Context(), "shop"); err != nil || c.AccessTokenSeconds != 60 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestUndoOverwritesNothingUnseen(t *testing.T) {
	m, now := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	changeClient(t, m, now, "shop", func(c *oauth.Client) { c.Name, c.AccessTokenSeconds = "Second", 60 })
	second, _ := lastChange(t, m, shop)
	changeClient(t, m, now, "shop", func(c *oauth.Client) { c.Name = "Third" })
	err := m.Undo(t.Context(), second.ID)
	var conflict *Conflict
	if !errors.As(err, &conflict) || !slices.Equal(conflict.Fields, []string{"name"}) || conflict.Current.(oauth.Client).Name != "Third" {
		t.Errorf("got %+v, %v", conflict, err)
	}
	if c, err := m.Client(t.Context(), "shop"); err != nil || c.AccessTokenSeconds != 60 {
		t.Errorf("half of it was undone: %+v, %v", c, err)
	}
}

func TestUndoIsValidatedLikeAnyChange(t *testing.T) {
	m, now := newManager(t)
	if _, _, err := m.ChangeProfile(t.Context(), func(p *oauth.Profile) error {
		p.Scopes = append(p.Scopes, oauth.Scope{Name: "orders", Description: "See your orders"})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	changeClient(t, m, now, "shop", func(c *oauth.Client) { c.Scope = []string{"orders"} })
	if err := undoLast(t, m, now, store.ChangeFilter{Kind: store.KindProfile}); !isInvalid(err, "scopes") {
		t.Errorf("the scope is gone, and a client has it: %v", err)
	}
	if err := undoLast(t, m, now, shop); err != nil {
		t.Fatal(err)
	}
	if err := undoLast(t, m, now, store.ChangeFilter{Kind: store.KindProfile}); err != nil {
		t.Fatal(err)
	}
	if p, err := m.Profile(t.Context()); err != nil || slices.ContainsFunc(p.Scopes, func(s oauth.Scope) bool { return s.Name == "orders" }) {
		t.Errorf("%v", err)
	}
}

func TestUndoOfAProfileChangeKeepsTheSalt(t *testing.T) {
	m, now := newManager(t)
	c := webApp()
	c.SubjectType = oauth.SubjectPairwise
	if _, err := m.CreateConfidentialClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(time.Second)
	if _, _, err := m.ChangeProfile(t.Context(), func(p *oauth.Profile) error { p.IDTokenSeconds = 60; return nil }); err != nil {
		t.Fatal(err)
	}
	before, _ := m.Profile(t.Context())
	if err := undoLast(t, m, now, store.ChangeFilter{Kind: store.KindProfile}); err != nil {
		t.Fatal(err)
	}
	after, err := m.Profile(t.Context())
	if err != nil || after.IDTokenSeconds != 300 || len(after.PairwiseSalt) == 0 || !slices.Equal(before.PairwiseSalt, after.PairwiseSalt) {
		t.Errorf("%+v, %v", after, err)
	}
}

func TestUndoOfACreationRemovesUnlessItWasChanged(t *testing.T) {
	m, now := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	made, _ := lastChange(t, m, shop)
	changeClient(t, m, now, "shop", func(c *oauth.Client) { c.Name = "Somebody's work" })
	var conflict *Conflict
	if err := m.Undo(t.Context(), made.ID); !errors.As(err, &conflict) || !slices.Equal(conflict.Fields, []string{"name"}) {
		t.Fatalf("got %v", err)
	}
	if err := undoLast(t, m, now, shop); err != nil {
		t.Fatal(err)
	}
	if err := m.Undo(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Client(t.Context(), "shop"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestARemovedClientComesBackAsConfidentialAsItWas(t *testing.T) {
	for name, method := range map[string]oauth.AuthMethod{
		"not said": "", "basic": oauth.AuthSecretBasic, "kept": oauth.AuthSecretJWT,
	} {
		t.Run(name, func(t *testing.T) {
			m, now := newManager(t)
			c := webApp()
			c.AuthMethod = method
			secret, err := m.CreateConfidentialClient(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			*now = now.Add(time.Second)
			if err := m.RemoveClient(t.Context(), "web"); err != nil {
				t.Fatal(err)
			}
			if err := undoLast(t, m, now, store.ChangeFilter{Kind: store.KindClient}); err != nil {
				t.Fatal(err)
			}
			back, err := m.Client(t.Context(), "web")
			if err != nil || back.IsPublic() || slices.Equal(back.SecretHash, HashSecret(secret)) || !back.RevokedBefore.Equal(*now) {
				t.Errorf("%+v, %v", back, err)
			}
			if a := lastAudit(t, m); !strings.Contains(a.Detail, "secret has to be reset") {
				t.Errorf("detail %q", a.Detail)
			}
		})
	}
}

func TestARemovedPublicClientComesBackOnce(t *testing.T) {
	m, now := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(time.Second)
	if err := m.RemoveClient(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	removal, _ := lastChange(t, m, shop)
	if err := undoLast(t, m, now, shop); err != nil {
		t.Fatal(err)
	}
	if c, err := m.Client(t.Context(), "shop"); err != nil || !c.IsPublic() || len(c.SecretHash) > 0 {
		t.Errorf("%+v, %v", c, err)
	}
	var conflict *Conflict
	if err := m.Undo(t.Context(), removal.ID); !errors.As(err, &conflict) || conflict.Current.(oauth.Client).ID != "shop" {
		t.Errorf("it is there already: %v", err)
	}
}

func TestUndoOfAnotherWayToAuthenticateNeverMakesAClientPublic(t *testing.T) {
	m, now := newManager(t)
	web := store.ChangeFilter{Kind: store.KindClient, Subject: "web"}
	if _, err := m.CreateConfidentialClient(t.Context(), webApp()); err != nil {
		t.Fatal(err)
	}
	changeClient(t, m, now, "web", func(c *oauth.Client) { c.AuthMethod = oauth.AuthNone })
	if err := undoLast(t, m, now, web); err != nil {
		t.Fatal(err)
	}
	if c, err := m.Client(t.Context(), "web"); err != nil || c.IsPublic() || c.AuthMethod != "" {
		t.Errorf("%+v, %v", c, err)
	}
	if err := undoLast(t, m, now, web); err != nil { // the undoing: public again
		t.Fatal(err)
	}
	if c, err := m.Client(t.Context(), "web"); err != nil || !c.IsPublic() || len(c.SecretHash) > 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestUndoOfASecretThatAPublicClientGot(t *testing.T) {
	m, now := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(time.Second)
	if _, err := m.ResetSecret(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if err := undoLast(t, m, now, shop); err != nil {
		t.Fatal(err)
	}
	if c, err := m.Client(t.Context(), "shop"); err != nil || !c.IsPublic() {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestUndoOfEnablingDoesNotBringTokensBack(t *testing.T) {
	m, now := newManager(t)
	if _, err := m.CreateConfidentialClient(t.Context(), webApp()); err != nil {
		t.Fatal(err)
	}
	changeClient(t, m, now, "web", func(c *oauth.Client) { c.Disabled = true })
	then := *now
	if err := undoLast(t, m, now, store.ChangeFilter{Kind: store.KindClient}); err != nil {
		t.Fatal(err)
	}
	if c, err := m.Client(t.Context(), "web"); err != nil || c.Disabled || !c.RevokedBefore.Equal(then) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestARemovedAccountComesBackUnderItsID(t *testing.T) {
	m, now := newManager(t)
	*now = now.Add(123456789 * time.Nanosecond) // the store keeps milliseconds
	admin := mustCreate(t, m, "root")
	acc, err := m.CreateAccount(t.Context(), oauth.Account{Username: "ann", ExternalID: "x1", Attributes: []byte(`{"a":1}`)}, "three blind mice")
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range []func() error{
		func() error { return m.SetRole(t.Context(), admin.ID, oauth.RoleAdmin) },
		func() error { return m.SetRole(t.Context(), acc.ID, oauth.RoleOperator) },
		func() error { return m.LockAccount(t.Context(), acc.ID) },
		func() error { return m.RemoveAccount(t.Context(), acc.ID) },
	} {
		*now = now.Add(time.Second)
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	if err := undoLast(t, m, now, store.ChangeFilter{Kind: store.KindAccount, Subject: acc.ID.String()}); err != nil {
		t.Fatal(err)
	}
	back, err := m.Account(t.Context(), acc.ID)
	if err != nil || back.Username != "ann" || back.PasswordHash != "" || !back.Locked || back.Role != oauth.RoleOperator ||
		back.ExternalID != "x1" || string(back.Attributes) != `{"a":1}` || !back.Created.Equal(acc.Created) {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestUndoOfAccountChanges(t *testing.T) {
	m, now := newManager(t)
	*now = now.Add(123456789 * time.Nanosecond) // the store keeps milliseconds
	acc := mustCreate(t, m, "ann")
	of := store.ChangeFilter{Kind: store.KindAccount, Subject: acc.ID.String()}
	made, _ := lastChange(t, m, of)
	other := mustCreate(t, m, "root")
	if err := m.SetRole(t.Context(), other.ID, oauth.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func() error{
		"settings": func() error {
			_, _, err := m.ChangeAccount(t.Context(), acc.ID, func(a *oauth.Account) { a.Name, a.Email = "", "ann@example.com" })
			return err
		},
		"lock": func() error { return m.LockAccount(t.Context(), acc.ID) },
		"role": func() error { return m.SetRole(t.Context(), acc.ID, oauth.RoleAdmin) },
	} {
		*now = now.Add(time.Second)
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if err := undoLast(t, m, now, of); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		back, err := m.Account(t.Context(), acc.ID)
		if err != nil || back.Name != "Somebody" || back.Email != "" || back.Locked || back.Role != "" {
			t.Errorf("%s: %+v, %v", name, back, err)
		}
	}
	if err := m.Undo(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Account(t.Context(), acc.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the creation was not undone: %v", err)
	}
}

func TestUndoLeavesAnAdmin(t *testing.T) {
	m, now := newManager(t)
	acc := mustCreate(t, m, "ann")
	*now = now.Add(time.Second)
	if err := m.SetRole(t.Context(), acc.ID, oauth.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	var forbidden *Forbidden
	if err := undoLast(t, m, now, store.ChangeFilter{Kind: store.KindAccount}); !errors.As(err, &forbidden) || !strings.Contains(err.Error(), "no admin left") {
		t.Errorf("got %v", err)
	}
}

func TestUndoOfADisablingGoesByWhetherTheClientIsDisabled(t *testing.T) {
	m, now := newManager(t)
	if _, err := m.CreateConfidentialClient(t.Context(), webApp()); err != nil {
		t.Fatal(err)
	}
	disabled := func(yes bool) func(*oauth.Client) { return func(c *oauth.Client) { c.Disabled = yes } }
	changeClient(t, m, now, "web", disabled(true))
	first, _ := lastChange(t, m, store.ChangeFilter{Kind: store.KindClient})
	changeClient(t, m, now, "web", disabled(false))
	changeClient(t, m, now, "web", disabled(true)) // at another time than the first
	*now = now.Add(time.Second)
	if err := m.Undo(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	if c, err := m.Client(t.Context(), "web"); err != nil || c.Disabled {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestUndoOfAnOperatorLinkTakesTheRoleAndLocksAgain(t *testing.T) {
	m, now := newManager(t)
	root, acc := mustCreate(t, m, "root"), mustCreate(t, m, "ann")
	if err := m.SetRole(t.Context(), root.ID, oauth.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	if err := m.LockAccount(t.Context(), acc.ID); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(time.Second)
	if err := m.UseOperatorLink(t.Context(), operatorCode(t, m, oauth.RoleAdmin, "ann"), oauth.Account{}, words); err != nil {
		t.Fatal(err)
	}
	if err := undoLast(t, m, now, store.ChangeFilter{Kind: store.KindAccount, Subject: acc.ID.String()}); err != nil {
		t.Fatal(err)
	}
	if back, err := m.Account(t.Context(), acc.ID); err != nil || back.Role != "" || !back.Locked {
		t.Errorf("%+v, %v", back, err)
	}
}
