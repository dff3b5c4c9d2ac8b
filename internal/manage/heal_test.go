package manage

import (
	"log/slog"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/token"
)

func TestLinkIsGood(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		expires, horizon time.Duration // from now
		want             bool
	}{
		"good":                                  {time.Minute, -time.Hour, true},
		"just made":                             {LinkLifetime, -time.Hour, true},
		"made by a node that is ahead a little": {LinkLifetime + clock.Tolerated, -time.Hour, true},
		"expired":                               {0, -time.Hour, false},
		"that it was used may be forgotten":     {time.Minute, time.Minute, false},
		"made after that":                       {time.Minute, 59 * time.Second, true},
		"made by a clock that was ahead":        {LinkLifetime + time.Hour, -time.Hour, false},
		"made by a clock that was a year ahead": {400 * 24 * time.Hour, -time.Hour, false},
	} {
		if got := linkIsGood(now.Add(tt.expires), now.Add(tt.horizon), now); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// What lies in the future is corrected by a clock that nothing contradicts, and by one that purges contradict only
// after a day.
func TestMayMend(t *testing.T) {
	noon := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		horizon token.Horizon
		even    time.Duration
		want    bool
	}{
		"nothing was purged":              {token.Horizon{}, 0, true},
		"purged a moment ago":             {token.Horizon{Upto: noon.Add(-clock.PurgeAfter)}, 0, true},
		"by a node that is ahead a bit":   {token.Horizon{Upto: noon.Add(clock.Tolerated - clock.PurgeAfter)}, 0, true},
		"purged in the future":            {token.Horizon{Upto: noon.Add(time.Hour)}, clock.EvenRun, false},
		"in an earlier epoch":             {token.Horizon{Earlier: noon.Add(time.Hour)}, clock.EvenRun, false},
		"in the future, even for a day":   {token.Horizon{Upto: noon.Add(time.Hour)}, clock.MendAfter, true},
		"long ago, in the earlier epoch":  {token.Horizon{Upto: noon.Add(-time.Hour), Earlier: noon.Add(-48 * time.Hour)}, 0, true},
		"in the future by a minute alone": {token.Horizon{Upto: noon.Add(2*time.Minute - clock.PurgeAfter)}, 0, false},
	} {
		ran := time.Duration(0)
		m := &Manager{Clock: clock.NewWatch(func() time.Time { return noon.Add(ran) }, func() time.Duration { return ran })}
		for ; ran <= tt.even; ran += clock.Recent {
			m.Clock.Look(func() (clock.Witness, error) { return clock.Witness{}, nil })
		}
		if got := m.mayMend(tt.horizon, noon); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A link that was used stays used, and one that is made once the clock is right works.
func TestLinksAfterAClockThatWasAhead(t *testing.T) {
	m, now := newManager(t)
	acc := mustCreate(t, m, "ann")
	used := passwordCode(t, m, acc.ID)
	if err := m.Store.RaiseHorizon(t.Context(), now.Add(9*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.openLink(t.Context(), token.KindPasswordLink, used); err != ErrLink {
		t.Errorf("a link from before the horizon: %v", err)
	}
	for range 2 { // the second finds nothing to do
		if err := m.BeginEpoch(t.Context(), slog.New(slog.DiscardHandler), *now); err != nil {
			t.Fatal(err)
		}
	}
	wantStates(t, m, 0, 3, 3)
	if _, err := m.openLink(t.Context(), token.KindPasswordLink, used); err != ErrLink {
		t.Errorf("a link from before the horizon, in a new epoch: %v", err)
	}
	if _, err := m.openLink(t.Context(), token.KindPasswordLink, passwordCode(t, m, acc.ID)); err != nil {
		t.Errorf("a link of the new epoch: %v", err)
	}
}

// Keys that an operator makes, and those of another master key, keep to the epoch.
func TestKeysKeepTheirEpoch(t *testing.T) {
	m, now := newManager(t)
	if err := m.Store.RaiseHorizon(t.Context(), now.Add(9*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := m.BeginEpoch(t.Context(), slog.New(slog.DiscardHandler), *now); err != nil {
		t.Fatal(err)
	}
	epochs := func() (n [2]int) {
		t.Helper()
		snap, err := m.Store.Settings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range snap.Keys {
			n[k.Epoch]++
		}
		return n
	}
	want := func(what string, n [2]int) {
		t.Helper()
		if got := epochs(); got != n {
			t.Errorf("%s: %v keys of the two epochs, want %v", what, got, n)
		}
	}
	want("begun", [2]int{3, 3})
	if err := m.ChangeMaster(t.Context(), token.Master{7}); err != nil {
		t.Fatal(err)
	}
	m.Master = token.Master{7}
	want("another master key", [2]int{3, 3})
	tend(t, m) // gives the keys, which activate at the last trusted time, the time of now
	if _, err := m.RotateKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("rotated", [2]int{3, 6})
	for _, k := range mustKeys(t, m) {
		if k.State == token.StateCurrent {
			if _, err := m.RevokeKey(t.Context(), k.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	want("revoked", [2]int{3, 6})
	if err := m.ResetKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("reset", [2]int{0, 3})
	wantStates(t, m, 0, 3, 0)
}

// The overview, which the command line shows too, says where no node trusts its clock.
func TestOverviewTellsOfTheClock(t *testing.T) {
	m, now := newManager(t)
	warned := func() bool {
		t.Helper()
		o, err := m.Overview(t.Context(), now.Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range o.Warnings {
			if w.Kind == "clock" {
				return true
			}
		}
		return false
	}
	if warned() {
		t.Error("a fresh database")
	}
	*now = now.Add(time.Hour)
	if !warned() {
		t.Error("nothing was purged for an hour")
	}
	tend(t, m)
	if warned() {
		t.Error("purged a moment ago")
	}
	*now = now.Add(-9 * time.Hour)
	if !warned() {
		t.Error("purged in the future")
	}
}
