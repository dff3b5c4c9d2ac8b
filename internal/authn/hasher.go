package authn

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

const (
	// queueLength is how many callers wait for a hash before others are turned away.
	queueLength = 256
	// releaseAfter is how long no hash was computed before memory goes back to the system.
	releaseAfter = 10 * time.Second
)

// Hasher computes password hashes for a server: at most GOMAXPROCS at once, each with 19 MiB of its own,
// and at most 256 callers waiting.
type Hasher struct {
	slots chan struct{}
	queue int

	mu      sync.Mutex
	inside  int // waiting and working
	release *time.Timer
}

// NewHasher makes a Hasher; a process has one.
func NewHasher() *Hasher { return newHasher(runtime.GOMAXPROCS(0), queueLength) }

func newHasher(atOnce, queue int) *Hasher {
	h := &Hasher{slots: make(chan struct{}, atOnce), queue: queue}
	// A hash leaves 19 MiB of garbage. Left alone, it stays resident until the collector's next regular
	// round, minutes later. Hence one explicit round when a burst of sign-ins is over, never while one is on.
	h.release = time.AfterFunc(time.Hour, debug.FreeOSMemory)
	h.release.Stop()
	return h
}

// Hash is HashPassword within the bounds. The error is temporarily_unavailable where too many wait or
// ctx ends first.
func (h *Hasher) Hash(ctx context.Context, password string) (hash string, err error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	return HashPassword(password)
}

// Check is VerifyPassword within the bounds. An empty hash (an unknown user, an account without a
// password) costs the same work and is never ok, so that neither answer nor time tells who exists.
func (h *Hasher) Check(ctx context.Context, hash, password string) (ok, needsRehash bool, err error) {
	if err := h.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.leave()
	if hash == "" {
		absent.verify(password)
		return false, false, nil
	}
	return VerifyPassword(hash, password)
}

// enter waits for a slot, first come first served.
func (h *Hasher) enter(ctx context.Context) error {
	h.mu.Lock()
	full := h.inside >= cap(h.slots)+h.queue
	if !full {
		h.inside++
		h.release.Stop()
	}
	h.mu.Unlock()
	if full {
		return busy(errors.New("the queue for password hashing is full"))
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		h.left()
		return busy(ctx.Err())
	}
}

func (h *Hasher) leave() {
	<-h.slots
	h.left()
}

func (h *Hasher) left() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.inside--; h.inside == 0 {
		h.release.Reset(releaseAfter)
	}
}

func busy(cause error) error {
	return oauth.Errorf(oauth.TemporarilyUnavailable, "Too many people are signing in right now. Try again in a moment.").Because(cause)
}
