package manage

import (
	"context"
	"errors"
	"sync"
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

// busyStore lets somebody else change accounts between the look and the first change.
type busyStore struct {
	store.Store
	meanwhile *sync.Once
	change    func()
}

func (s busyStore) SetPassword(ctx context.Context, id oauth.ID, was int64, hash string, keep oauth.ID, a store.Audit, spends ...store.OneTime) error {
	s.meanwhile.Do(s.change)
	return s.Store.SetPassword(ctx, id, was, hash, keep, a, spends...)
}

func (s busyStore) RemoveAccount(ctx context.Context, id oauth.ID, was int64, a store.Audit) error {
	s.meanwhile.Do(s.change)
	return s.Store.RemoveAccount(ctx, id, was, a)
}

func TestAnOperatorsPasswordDoesNotLandOnWhoBecameAnAdminMeanwhile(t *testing.T) {
	m, acc := busyManager(t)
	m.Role = oauth.RoleOperator
	var forbidden *Forbidden
	if err := m.SetPassword(t.Context(), acc.ID, "three blind mice"); !errors.As(err, &forbidden) {
		t.Errorf("got %v", err)
	}
}

func TestARemovalOfOneVersionDoesNotRemoveALaterOne(t *testing.T) {
	m, acc := busyManager(t)
	m.IfVersion = acc.Version
	var conflict *Conflict
	if err := m.RemoveAccount(t.Context(), acc.ID); !errors.As(err, &conflict) {
		t.Errorf("got %v", err)
	}
}

func TestARemovalOfWhicheverVersionIsTriedAgain(t *testing.T) {
	m, acc := busyManager(t)
	if err := m.RemoveAccount(t.Context(), acc.ID); err != nil {
		t.Error(err)
	}
}

// busyManager has an account that becomes an admin while somebody else changes it.
func busyManager(t *testing.T) (*Manager, oauth.Account) {
	t.Helper()
	m, _ := newManager(t)
	acc, err := m.CreateAccount(t.Context(), oauth.Account{Username: "busy"}, "seven green bicycles")
	if err != nil {
		t.Fatal(err)
	}
	other, err := m.CreateAccount(t.Context(), oauth.Account{Username: "other"}, "")
	if err != nil {
		t.Fatal(err)
	}
	quick := *m
	m.Store = busyStore{m.Store, &sync.Once{}, func() {
		for _, id := range []oauth.ID{acc.ID, other.ID} {
			if err := quick.SetRole(t.Context(), id, oauth.RoleAdmin); err != nil {
				t.Error(err)
			}
		}
	}}
	return m, acc
}
