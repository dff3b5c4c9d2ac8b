package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/usher-id/usher/internal/store"
)

const (
	// readyFor is how long an answer counts: probes cost at most a commit a second.
	readyFor = time.Second
	// readyLimit bounds the wait for the database.
	readyLimit = 3 * time.Second
)

// readiness remembers whether the database took a write, and when that was asked.
type readiness struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

// takesWrites tells whether the database takes writes; its error says in a few words why not.
func (s *Server) takesWrites(ctx context.Context) error {
	r := &s.readiness
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.IsZero() && time.Since(r.at) < readyFor {
		return r.err
	}
	// What others will be answered too does not depend on who asked first.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyLimit)
	defer cancel()
	r.err = nil
	if err := s.Store.Writable(ctx); err != nil {
		s.Logger.Warn("the database takes no writes", "error", err)
		r.err = errors.New("the database takes no writes: " + store.WhyUnavailable(err))
	}
	r.at = time.Now()
	return r.err
}
