package server

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/store"
)

// tallies are the sums of what was counted, by name.
func (w *world) tallies() map[string]int64 {
	w.t.Helper()
	list, err := w.store.TalliesSince(context.Background(), w.clock.Now().Add(-24*time.Hour))
	w.must(err)
	sums := map[string]int64{}
	for _, one := range list {
		sums[one.Name] += one.Count
		if !one.At.Equal(one.At.Truncate(store.TallyStep)) {
			w.t.Errorf("counted at %s", one.At)
		}
	}
	return sums
}

// deaf is a store that takes no tallies.
type deaf struct{ store.Store }

func (deaf) AddTallies(context.Context, []store.Tally) error { return errors.New("the disk is full") }

func TestSignInsAndTokensAreCountedOffTheRequestsPath(t *testing.T) {
	w := oneNode(t)
	b := w.browser()
	b.submitPassword(b.frame(assisted("client_id", "app")), "alice", "wrong password")
	b.signIn("client_id", "app").token()
	b.frame(assisted("client_id", "app", "prompt", "none")).token()
	if got := w.tallies(); len(got) != 0 {
		t.Fatalf("a request wrote %v", got)
	}
	w.server.writeTallies(t.Context())
	w.server.writeTallies(t.Context()) // nothing is counted twice
	if got := w.tallies(); got[store.TallySignIns] != 1 || got[store.TallyTokens] != 2 {
		t.Errorf("got %v", got)
	}
}

func TestCountsThatCannotBeWrittenAreKept(t *testing.T) {
	w := oneNode(t)
	w.browser().signIn("client_id", "app").token()
	w.server.Store = deaf{w.store}
	w.server.writeTallies(t.Context())
	first := w.clock.Now().Truncate(store.TallyStep)
	w.clock.pass(store.TallyStep)
	w.browser().signIn("client_id", "app").token()
	w.server.writeTallies(t.Context())
	w.server.Store = w.store
	w.server.writeTallies(t.Context())
	list, err := w.store.TalliesSince(t.Context(), first)
	w.must(err)
	if len(list) != 4 || !list[0].At.Equal(first) || !list[3].At.Equal(first.Add(store.TallyStep)) {
		t.Errorf("got %+v", list)
	}
}

func TestANodeThatStopsWritesWhatItCounted(t *testing.T) {
	w := oneNode(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.server.Run(ctx) }()
	w.browser().signIn("client_id", "app").token()
	stop()
	w.must(<-ended)
	if got := w.tallies(); got[store.TallySignIns] != 1 {
		t.Errorf("got %v", got)
	}
}
