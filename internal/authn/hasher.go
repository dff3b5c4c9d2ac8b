package authn

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/usher-id/usher/internal/fair"
	"github.com/usher-id/usher/internal/oauth"
)

const (
	// queueLength is how many callers wait for a hash before others are turned away.
	queueLength = 256
	// longestWait is how long a caller waits for a hash, and for how long it may expect to.
	longestWait = 5 * time.Second
	// releaseAfter is how long no hash was computed before memory goes back to the system.
	releaseAfter = 10 * time.Second
)

// Hasher computes password hashes for a server: at most GOMAXPROCS at once, each with 19 MiB of its own,
// and at most 256 callers waiting, none for longer than 5 s. Callers are told apart by who asks, a
// network or an operator: one that asks for little is next, however much another asks for.
type Hasher struct {
	queue *fair.Queue

	mu      sync.Mutex
	inside  int // waiting and working
	release *time.Timer
}

// NewHasher makes a Hasher.
func NewHasher() *Hasher { return newHasher(runtime.GOMAXPROCS(0), queueLength) }

// Passwords is the Hasher of this process: processors and memory are shared by all that hash.
var Passwords = sync.OnceValue(NewHasher)

func newHasher(atOnce, queue int) *Hasher {
	h := &Hasher{queue: fair.New(fair.Bounds{
		AtOnce: atOnce, OfKey: atOnce, Waiting: queue, Longest: longestWait,
	})}
	// A hash leaves 19 MiB of garbage. Left alone, it stays resident until the collector's next regular
	// round, minutes later. Hence one explicit round when a burst of sign-ins is over, never while one is on.
	h.release = time.AfterFunc(time.Hour, debug.FreeOSMemory)
	h.release.Stop()
	return h
}

// Hash is HashPassword within the bounds, for who asks. The error is temporarily_unavailable where the
// wait would be, or was, too long, or ctx ends first.
func (h *Hasher) Hash(ctx context.Context, who, password string) (hash string, err error) {
	leave, err := h.enter(ctx, who)
	if err != nil {
		return "", err
	}
	defer leave()
	return HashPassword(password)
}

// Check is VerifyPassword within the bounds, for who asks. An empty hash (an unknown user, an account
// without a password) costs the same work and is never ok, so that neither answer nor time tells who
// exists.
func (h *Hasher) Check(ctx context.Context, who, hash, password string) (
	ok, needsRehash bool, err error,
) {
	leave, err := h.enter(ctx, who)
	if err != nil {
		return false, false, err
	}
	defer leave()
	if hash == "" {
		absent.verify(password)
		return false, false, nil
	}
	return VerifyPassword(hash, password)
}

func (h *Hasher) enter(ctx context.Context, who string) (leave func(), err error) {
	h.mu.Lock()
	h.inside++
	h.release.Stop()
	h.mu.Unlock()
	free, err := h.queue.Enter(ctx, who)
	if err != nil {
		h.left()
		return nil, busy(err)
	}
	return func() {
		free()
		h.left()
	}, nil
}

func (h *Hasher) left() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.inside--; h.inside == 0 {
		h.release.Reset(releaseAfter)
	}
}

func busy(cause error) error {
	return oauth.Errorf(oauth.TemporarilyUnavailable,
		"Too many people are signing in right now. Try again in a moment.").Because(cause)
}
