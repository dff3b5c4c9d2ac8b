package manage

import (
	"errors"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// at is the manager for a change of one version alone.
func at(m *Manager, version int64) *Manager {
	other := *m
	other.IfVersion = version
	return &other
}

func TestChangesOfAVersionThatIsGoneAreConflicts(t *testing.T) {
	m, _ := newManager(t)
	if _, err := m.CreateConfidentialClient(t.Context(), webApp()); err != nil {
		t.Fatal(err)
	}
	acc := mustCreate(t, m, "ann")
	client, err := m.Client(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	profile, err := m.Profile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		version int64
		do      func(*Manager) error
	}{
		"client": {client.Version, func(m *Manager) error {
			_, _, err := m.ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.Name += "x" })
			return err
		}},
		"client and secret": {client.Version, func(m *Manager) error {
			_, _, err := m.ChangeClientAndSecret(t.Context(), "web", func(c *oauth.Client) { c.Name += "x" })
			return err
		}},
		"secret":        {client.Version, func(m *Manager) error { _, err := m.ResetSecret(t.Context(), "web"); return err }},
		"remove client": {client.Version, func(m *Manager) error { return m.RemoveClient(t.Context(), "web") }},
		"profile": {profile.Version, func(m *Manager) error {
			_, _, err := m.ChangeProfile(t.Context(), func(p *oauth.Profile) error { p.IDTokenSeconds++; return nil })
			return err
		}},
		"account": {acc.Version, func(m *Manager) error {
			_, _, err := m.ChangeAccount(t.Context(), acc.ID, func(a *oauth.Account) { a.Name += "x" })
			return err
		}},
		"lock":           {acc.Version, func(m *Manager) error { return m.LockAccount(t.Context(), acc.ID) }},
		"unlock":         {acc.Version, func(m *Manager) error { return m.UnlockAccount(t.Context(), acc.ID) }},
		"password":       {acc.Version, func(m *Manager) error { return m.SetPassword(t.Context(), acc.ID, "three blind mice") }},
		"role":           {acc.Version, func(m *Manager) error { return m.SetRole(t.Context(), acc.ID, oauth.RoleViewer) }},
		"remove account": {acc.Version, func(m *Manager) error { return m.RemoveAccount(t.Context(), acc.ID) }},
	} {
		var conflict *Conflict
		if err := tc.do(at(m, tc.version+1)); !errors.As(err, &conflict) || conflict.Current == nil || !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := at(m, client.Version).ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.Name = "x" }); err != nil {
		t.Errorf("the version that is there: %v", err)
	}
	if err := at(m, client.Version+1).RemoveClient(t.Context(), "web"); err != nil {
		t.Errorf("the version that is there: %v", err)
	}
	if err := at(m, acc.Version).RemoveAccount(t.Context(), acc.ID); err != nil {
		t.Errorf("the version that is there: %v", err)
	}
}

func TestAFasterChangeIsAConflictWithWhatIsThere(t *testing.T) {
	m, _ := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	acc := mustCreate(t, m, "ann")
	c, err := m.Client(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	_, _, err = at(m, c.Version).ChangeClient(t.Context(), "shop", func(mine *oauth.Client) {
		runs++
		mine.Name = "Mine"
		if _, _, err := m.ChangeClient(t.Context(), "shop", func(c *oauth.Client) { c.Name = "Theirs" }); err != nil {
			t.Error(err)
		}
	})
	var conflict *Conflict
	if !errors.As(err, &conflict) || conflict.Current.(oauth.Client).Name != "Theirs" || runs != 1 {
		t.Errorf("%d runs, %v", runs, err)
	}
	_, _, err = at(m, acc.Version).ChangeAccount(t.Context(), acc.ID, func(mine *oauth.Account) {
		mine.Name = "Mine"
		if _, _, err := m.ChangeAccount(t.Context(), acc.ID, func(a *oauth.Account) { a.Name = "Theirs" }); err != nil {
			t.Error(err)
		}
	})
	if !errors.As(err, &conflict) || conflict.Current.(oauth.Account).Name != "Theirs" {
		t.Errorf("account: %v", err)
	}
}

func TestTheFirstPairwiseClientIsNoConflictOfItself(t *testing.T) {
	m, _ := newManager(t)
	if _, err := m.CreateConfidentialClient(t.Context(), webApp()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := at(m, 1).ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.SubjectType = oauth.SubjectPairwise }); err != nil {
		t.Error(err)
	}
}
