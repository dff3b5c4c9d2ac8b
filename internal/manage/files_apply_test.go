package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func TestThePlanOfOneServerIsNoLongerGoodWhenItChanged(t *testing.T) {
	ctx := t.Context()
	for name, meanwhile := range map[string]func(*Manager) error{
		"the client": func(m *Manager) error {
			_, _, err := m.ChangeClient(ctx, "shop", func(c *oauth.Client) { c.ConsentRequired = true })
			return err
		},
		"the client is gone": func(m *Manager) error { return m.RemoveClient(ctx, "shop") },
		"a client is made": func(m *Manager) error {
			c := spa()
			c.ID = "shop-2"
			return m.CreatePublicClient(ctx, c)
		},
		"the profile": func(m *Manager) error {
			_, _, err := m.ChangeProfile(ctx, func(p *oauth.Profile) error { p.IDTokenSeconds = 77; return nil })
			return err
		},
	} {
		m, _ := newManager(t)
		if err := m.CreatePublicClient(ctx, spa()); err != nil {
			t.Fatal(err)
		}
		second := strings.TrimPrefix(strings.Replace(shopFile, "id: shop", "id: shop-2", 1), "usher: 1\nclients:\n")
		p := planOf(t, m, strings.Replace(shopFile, "name: Shop", "name: Other", 1)+second, FileOptions{})
		if err := meanwhile(m); err != nil {
			t.Fatal(err)
		}
		var conflict *Conflict
		if err := m.Apply(ctx, p); !errors.As(err, &conflict) || conflict.Current == nil {
			t.Errorf("%s changed meanwhile: %v", name, err)
		}
		if c, err := m.Client(ctx, "shop"); err == nil && c.Name == "Other" {
			t.Errorf("%s changed meanwhile, and the plan was applied in part", name)
		}
	}
}

func TestAScopeThatAPlanTakesAwayMayHaveFoundAClientMeanwhile(t *testing.T) {
	m, _ := newManager(t)
	p := planOf(t, m, "usher: 1\nprofile: {scopes: [{name: openid, description: Who you are}]}\n", FileOptions{})
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	if err := m.Apply(t.Context(), p); !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v", err)
	}
}

func TestAnotherPlanHasAnotherFingerprint(t *testing.T) {
	m, _ := newManager(t)
	first, same := planOf(t, m, shopFile, FileOptions{}), planOf(t, m, shopFile, FileOptions{})
	other := planOf(t, m, strings.Replace(shopFile, "name: Shop", "name: Other", 1), FileOptions{})
	if first.Fingerprint == "" || first.Fingerprint != same.Fingerprint || first.Fingerprint == other.Fingerprint {
		t.Errorf("%q, %q, %q", first.Fingerprint, same.Fingerprint, other.Fingerprint)
	}
}

func TestApplyLeavesARecordOfTheWholeAndOfEachChange(t *testing.T) {
	m, now := newManager(t)
	*now = now.Add(time.Hour)
	applyFile(t, m, strings.Replace(namedShopFile, "clients:", "profile: {access_token_seconds: 60}\nclients:", 1), FileOptions{})
	page, err := m.Audits(t.Context(), store.AuditFilter{From: *now}, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range page.Items {
		got = append(got, fmt.Sprintf("%s %s %s: %s", a.Actor, a.Event, a.ClientID, a.Detail))
	}
	slices.Sort(got)
	want := []string{
		"cli:test applied : ops: profile changed, 1 client created",
		"cli:test client_changed shop: created by ops",
		"cli:test profile_changed : by ops",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	changes, err := m.Changes(t.Context(), store.ChangeFilter{Kind: store.KindClient}, "", 10)
	if err != nil || len(changes.Items) != 1 {
		t.Fatalf("%v, %v", changes, err)
	}
	_, differences, err := m.Change(t.Context(), changes.Items[0].ID)
	if err != nil || !slices.ContainsFunc(differences, func(d Difference) bool { return d.Field == "managed_by" }) {
		t.Errorf("%v, %v", differences, err)
	}
}

// fasterStore lets somebody else be faster, between the look and the change.
type fasterStore struct {
	store.Store
	meanwhile func()
}

func (s fasterStore) Apply(ctx context.Context, c store.Changeset) error {
	s.meanwhile()
	return s.Store.Apply(ctx, c)
}

func TestSomebodyIsFasterThanAPlan(t *testing.T) {
	m, _ := newManager(t)
	other := *m
	m.Store = fasterStore{m.Store, func() {
		if err := other.CreatePublicClient(t.Context(), spa()); err != nil {
			t.Error(err)
		}
	}}
	p := planOf(t, m, namedShopFile, FileOptions{})
	var conflict *Conflict
	if err := m.Apply(t.Context(), p); !errors.As(err, &conflict) {
		t.Fatalf("got %v", err)
	}
	if c, is := conflict.Current.(oauth.Client); !is || c.ID != "shop" || c.ManagedBy != "" {
		t.Errorf("the conflict is with %+v", conflict.Current)
	}
}
