package manage

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

const day = 24 * time.Hour

// states counts the keys by state.
func states(t *testing.T, m *Manager) map[token.KeyState]int {
	t.Helper()
	keys, err := m.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	count := map[token.KeyState]int{}
	for _, k := range keys {
		count[k.State]++
	}
	return count
}

func wantStates(t *testing.T, m *Manager, next, current, retired int) {
	t.Helper()
	got := states(t, m)
	if got[token.StateNext] != next || got[token.StateCurrent] != current || got[token.StateRetired] != retired {
		t.Errorf("keys are %v, want %d next, %d current, %d retired", got, next, current, retired)
	}
}

// settled is a clock that has run evenly until the manager's now.
func settled(t *testing.T, m *Manager) *clock.Watch {
	t.Helper()
	wall, boot := m.Now().Add(-clock.EvenRun), time.Duration(0)
	w := clock.NewWatch(func() time.Time { return wall }, func() time.Duration { return boot })
	for range 4 {
		if _, err := w.Look(func() (clock.Witness, error) { return clock.Witness{}, nil }); err != nil {
			t.Fatal(err)
		}
		wall, boot = wall.Add(clock.EvenRun/3), boot+clock.EvenRun/3
	}
	wall, boot = m.Now(), clock.EvenRun
	return w
}

// tend is a round of a node whose clock is trusted.
func tend(t *testing.T, m *Manager) {
	t.Helper()
	node := *m
	node.Clock = settled(t, m)
	if err := node.Tend(t.Context(), slog.New(slog.DiscardHandler), day); err != nil {
		t.Error(err)
	}
}

func TestBootstrapMakesOneKeyOfEachKindWhoeverIsFirst(t *testing.T) {
	m, _ := newManager(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := m.Bootstrap(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantStates(t, m, 0, 3, 0)
}

func TestAnotherMasterKeyIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	m, now := newManager(t)
	other := *m
	other.Master[0] ^= 1
	for name, do := range map[string]func() error{
		"bootstrap": func() error { return other.Bootstrap(t.Context()) },
		"rotate":    func() error { _, err := other.RotateKeys(t.Context()); return err },
		"change":    func() error { return other.ChangeMaster(t.Context(), token.Master{1}) },
		"revoke": func() error {
			keys, err := m.Keys(t.Context())
			if err != nil {
				return err
			}
			_, err = other.RevokeKey(t.Context(), keys[0].ID)
			return err
		},
		"tend": func() error {
			*now = now.Add(100 * day)
			other.Clock = settled(t, &other)
			return other.Tend(t.Context(), slog.New(slog.DiscardHandler), day)
		},
	} {
		if err := do(); !errors.Is(err, token.ErrMaster) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := len(mustKeys(t, m)); got != 3 {
		t.Errorf("there are %d keys", got)
	}
}

func mustKeys(t *testing.T, m *Manager) []KeyInfo {
	t.Helper()
	keys, err := m.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestRotateMakesSuccessorsOnce(t *testing.T) {
	m, now := newManager(t)
	made, err := m.RotateKeys(t.Context())
	if err != nil || len(made) != 3 {
		t.Fatalf("made %d, %v", len(made), err)
	}
	wantStates(t, m, 3, 3, 0)
	if again, err := m.RotateKeys(t.Context()); err != nil || len(again) != 0 {
		t.Errorf("made %d more, %v", len(again), err)
	}
	*now = now.Add(token.DefaultPolicy().Publish)
	wantStates(t, m, 0, 3, 3)
}

func TestRevokeReplacesACurrentKeyAtOnce(t *testing.T) {
	m, now := newManager(t)
	old := mustKeys(t, m)[0]
	replacement, err := m.RevokeKey(t.Context(), old.ID)
	if err != nil || replacement == nil || replacement.Use != old.Use || replacement.Alg != old.Alg {
		t.Fatalf("got %+v, %v", replacement, err)
	}
	wantStates(t, m, 0, 3, 0)
	if slices.ContainsFunc(mustKeys(t, m), func(k KeyInfo) bool { return k.ID == old.ID }) {
		t.Error("the revoked key is still there")
	}
	if _, err := m.RevokeKey(t.Context(), old.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("revoked twice: %v", err)
	}
	if _, err := m.RotateKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(2 * day)
	retired := slices.IndexFunc(mustKeys(t, m), func(k KeyInfo) bool { return k.State == token.StateRetired })
	replacement, err = m.RevokeKey(t.Context(), mustKeys(t, m)[retired].ID)
	if err != nil || replacement != nil {
		t.Errorf("a retired key was replaced: %+v, %v", replacement, err)
	}
	wantStates(t, m, 0, 3, 2)
}

func TestResetNeedsNoOldMasterKey(t *testing.T) {
	m, _ := newManager(t)
	before := mustKeys(t, m)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	var err error
	if m.Master, err = token.NewMaster(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if err := m.ResetKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Bootstrap(t.Context()); err != nil {
		t.Errorf("the new master key does not open the keys: %v", err)
	}
	for _, k := range mustKeys(t, m) {
		if slices.ContainsFunc(before, func(b KeyInfo) bool { return b.ID == k.ID }) {
			t.Errorf("key %s survived", k.ID)
		}
	}
	if _, err := m.Client(t.Context(), "shop"); err != nil {
		t.Errorf("the client did not survive: %v", err)
	}
}

func TestChangeMasterKeepsTheKeys(t *testing.T) {
	m, _ := newManager(t)
	before := mustKeys(t, m)
	next, err := token.NewMaster(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.ChangeMaster(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if err := m.Bootstrap(t.Context()); !errors.Is(err, token.ErrMaster) {
		t.Errorf("the old master key still opens: %v", err)
	}
	m.Master = next
	if err := m.Bootstrap(t.Context()); err != nil {
		t.Error(err)
	}
	if after := mustKeys(t, m); !slices.Equal(before, after) {
		t.Errorf("before %v, after %v", before, after)
	}
}

// TestKeysOverAYear lives through rotations day by day, on two nodes at once: there is always exactly
// one current key of each kind, a next one is published in time, and old ones go.
func TestKeysOverAYear(t *testing.T) {
	m, now := newManager(t)
	policy := token.DefaultPolicy()
	for range 365 {
		*now = now.Add(day)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { tend(t, m) })
		}
		wg.Wait()
		got := states(t, m)
		if got[token.StateCurrent] != 3 || got[token.StateNext] > 3 || got[token.StateRetired] > 4 {
			t.Fatalf("on %s the keys are %v", now.Format(time.DateOnly), got)
		}
	}
	for _, k := range mustKeys(t, m) {
		if age := now.Sub(k.Activates); age > policy.SignEvery+policy.Keep+policy.Publish+day {
			t.Errorf("key %s is %s old", k.ID, age)
		}
	}
}

func TestRetiredKeysStayAsLongAsTheLongestToken(t *testing.T) {
	snap := store.Snapshot{Profile: oauth.DefaultProfile(), Clients: []oauth.Client{{ClientTokens: oauth.ClientTokens{AccessTokenSeconds: 40 * 24 * 60 * 60}}}}
	if keep := keyPolicy(snap).Keep; keep < 40*day {
		t.Errorf("kept for %s only", keep)
	}
}

func TestTendPurgesInBatches(t *testing.T) {
	m, now := newManager(t)
	var wg sync.WaitGroup
	for range purgeMost + 10 { // all at once, so that they share commits
		wg.Go(func() {
			id, err := m.newID()
			if err == nil {
				err = m.Store.RevokeToken(context.Background(), id, now.Add(time.Minute), store.Audit{})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	*now = now.Add(2 * time.Hour)
	tend(t, m)
	if p, err := m.Store.Purge(t.Context(), *now, day, purgeMost); err != nil || p.Rows != 0 {
		t.Errorf("%d rows were left, %v", p.Rows, err)
	}
}
