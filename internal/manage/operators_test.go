package manage

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func TestThereIsAlwaysAnAdmin(t *testing.T) {
	m, _ := newManager(t)
	ann, bob := mustCreate(t, m, "ann"), mustCreate(t, m, "bob")
	if err := m.SetRole(t.Context(), ann.ID, oauth.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func() error{
		"demote": func() error { return m.SetRole(t.Context(), ann.ID, oauth.RoleViewer) },
		"remove": func() error { return m.RemoveOperator(t.Context(), ann.ID) },
		"lock":   func() error { return m.LockAccount(t.Context(), ann.ID) },
		"delete": func() error { return m.RemoveAccount(t.Context(), ann.ID) },
	} {
		if err := do(); !isForbidden(err) || !strings.Contains(err.Error(), "there would be no admin left") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := m.SetRole(t.Context(), bob.ID, oauth.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	if err := m.RemoveOperator(t.Context(), ann.ID); err != nil {
		t.Error(err)
	}
	list, err := m.Operators(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != bob.ID {
		t.Errorf("%v, %v", list, err)
	}
	before, err := m.Account(t.Context(), ann.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RemoveOperator(t.Context(), ann.ID); err != nil {
		t.Error(err)
	}
	if after, err := m.Account(t.Context(), ann.ID); err != nil || after.Version != before.Version {
		t.Errorf("a role that was none already was changed: %v", err)
	}
	if err := m.SetRole(t.Context(), ann.ID, "root"); !isInvalid(err, "role") {
		t.Errorf("got %v", err)
	}
}

func TestEveryNodeMakesOneAdminClient(t *testing.T) {
	m, _ := newManager(t)
	m.Role, m.Actor = "", "somebody"
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := m.EnsureAdminClient(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c, err := m.Client(t.Context(), oauth.AdminClientID)
	if err != nil || c.Version != 1 || !c.IsPublic() || c.ConsentRequired || !slices.Equal(c.Capabilities, []oauth.Capability{oauth.CapCode}) ||
		!slices.Equal(c.RedirectURIs, []string{"https://admin.example.com/admin/callback"}) ||
		!slices.Equal(c.PostLogoutRedirectURIs, []string{"https://admin.example.com/admin"}) ||
		!slices.Equal(c.Scope, []string{"openid", "profile", "usher.admin", "usher.read"}) {
		t.Errorf("%+v, %v", c, err)
	}
	if a := lastAudit(t, m); a.Actor != "system" || a.ClientID != oauth.AdminClientID {
		t.Errorf("%+v", a)
	}
}

func TestTheAdminClientIsCorrected(t *testing.T) {
	m, now := newManager(t)
	if err := m.EnsureAdminClient(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := m.Client(t.Context(), oauth.AdminClientID)
	if err != nil {
		t.Fatal(err)
	}
	c.RedirectURIs, c.Disabled, c.SecretHash, c.AuthMethod = []string{"https://evil.example/"}, true, HashSecret("x"), ""
	if err := m.Store.PutClient(t.Context(), c, c.Version, store.Audit{}); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(time.Second)
	m.AdminURL = "https://ops.example.com"
	if err := m.EnsureAdminClient(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err = m.Client(t.Context(), oauth.AdminClientID)
	if err != nil || c.Disabled || !c.IsPublic() || len(c.SecretHash) > 0 || !slices.Equal(c.RedirectURIs, []string{"https://ops.example.com/admin/callback"}) {
		t.Errorf("%+v, %v", c, err)
	}
}
