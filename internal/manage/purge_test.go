package manage

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/store"
)

func TestNextLimit(t *testing.T) {
	for _, c := range []struct {
		limit int
		took  time.Duration
		want  int
	}{
		{32, purgeSlice, 32},
		{32, purgeSlice / 2, 64},
		{32, purgeSlice / 100, 64},       // it doubles at most
		{500, 337 * time.Millisecond, 7}, // what one transaction took once
		{32, time.Hour, purgeLeast},
		{purgeMost, 0, purgeMost},
	} {
		if got := nextLimit(c.limit, c.took); got != c.want {
			t.Errorf("%d rows took %v: next %d, want %d", c.limit, c.took, got, c.want)
		}
	}
}

func TestPurgePause(t *testing.T) {
	const took = 10 * time.Millisecond
	for overdue, want := range map[time.Duration]time.Duration{
		0:                           9 * took,
		-time.Hour:                  9 * took,
		purgeSoon:                   9 * took,
		(purgeSoon + purgeLate) / 2: 7 * took / 3, // a share of 0.3
		purgeLate:                   took,
		30 * 24 * time.Hour:         took,
	} {
		if got := purgePause(store.Purged{Took: took, Overdue: overdue}); (got - want).Abs() > time.Microsecond {
			t.Errorf("overdue by %v: pause %v, want %v", overdue, got, want)
		}
	}
	if got := purgePause(store.Purged{Took: took, Alone: true}); got != 0 {
		t.Errorf("alone: pause %v", got)
	}
}

// endless is a store with a backlog that never shrinks.
type endless struct {
	store.Store
	calls int
}

func (s *endless) Purge(context.Context, time.Time, time.Duration, int) (store.Purged, error) {
	s.calls++
	return store.Purged{Rows: 1, More: true, Took: time.Hour}, nil
}

// TestPurgeEndsWithItsContext: also in the middle of a pause.
func TestPurgeEndsWithItsContext(t *testing.T) {
	m, now := newManager(t)
	s := &endless{Store: m.Store}
	m.Store = s
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.purge(ctx, slog.New(slog.DiscardHandler), *now, time.Hour) }()
	time.AfterFunc(50*time.Millisecond, cancel)
	select {
	case err := <-done:
		if err != nil || s.calls != 1 {
			t.Errorf("%d calls, error %v", s.calls, err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("purging went on")
	}
}
