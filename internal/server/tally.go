package server

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/usher-id/usher/internal/store"
)

// tallyEvery is how often counts go to the store.
const tallyEvery = time.Minute

// tally counts what people look at later, in memory: a request never waits for it. A node that crashes loses a minute.
type tally struct {
	signIns, tokens atomic.Int64
	// unwritten is what the store did not take yet. Only Run touches it.
	unwritten []store.Tally
}

// writeTallies adds what was counted since the last time to the store. What cannot be written is kept for the next time,
// under the time when it was counted.
func (s *Server) writeTallies(ctx context.Context) {
	at := s.Now().Truncate(store.TallyStep)
	for name, counter := range map[string]*atomic.Int64{store.TallySignIns: &s.tally.signIns, store.TallyTokens: &s.tally.tokens} {
		if n := counter.Swap(0); n > 0 {
			s.tally.keep(store.Tally{At: at, Name: name, Count: n})
		}
	}
	if len(s.tally.unwritten) == 0 {
		return
	}
	if err := s.Store.AddTallies(ctx, s.tally.unwritten); err != nil {
		s.Logger.Warn("sign-ins and tokens were counted, and the counts not written; trying again", "error", err)
		return
	}
	s.tally.unwritten = nil
}

// keep adds to what is unwritten: one entry for each name and step, however long the store is away.
func (t *tally) keep(add store.Tally) {
	for i, have := range t.unwritten {
		if have.Name == add.Name && have.At.Equal(add.At) {
			t.unwritten[i].Count += add.Count
			return
		}
	}
	t.unwritten = append(t.unwritten, add)
}

// writeLastTallies writes what is left when a node stops: counts, and failed sign-ins.
func (s *Server) writeLastTallies(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	s.writeTallies(ctx)
	s.writeFailures(ctx, true)
}
