package resource

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// freshFor is how long a document of the server is used without asking again.
	freshFor = 5 * time.Minute
	// keptFor is how long it is used where the server cannot be reached. It is bounded, so that who cuts the API off
	// cannot keep a withdrawn key alive.
	keptFor = time.Hour
	// renewEvery is how often an unknown key id, or a failure with a document at hand, makes us ask at most.
	renewEvery = 10 * time.Second
	// retryEvery is the same where there is no document yet.
	retryEvery = time.Second
)

// remote is a document that is read from the server when it is needed, by one request at a time, and kept.
type remote[T any] struct {
	load func(context.Context) (T, error)
	now  func() time.Time

	mu      sync.Mutex
	value   T
	read    time.Time // when the reading of value began; zero: there is none
	tried   time.Time // when the last attempt began
	err     error     // of the last attempt
	attempt chan struct{}
}

func newRemote[T any](load func(context.Context) (T, error), now func() time.Time) *remote[T] {
	return &remote[T]{load: load, now: now}
}

// get returns the document, read within the last five minutes where the server can be reached.
func (r *remote[T]) get(ctx context.Context) (T, error) {
	r.mu.Lock()
	now := r.now()
	switch {
	case r.has(now, freshFor):
	case r.attempt != nil && r.has(now, keptFor):
		// Somebody else is at it. What is there will do meanwhile.
	case r.attempt != nil || now.Sub(r.tried) >= r.pause():
		return r.await(ctx, r.begin(now), r.outcome)
	}
	defer r.mu.Unlock()
	return r.outcome()
}

// renewed returns the document read anew, save where that was tried within the last ten seconds. Unlike get it fails where
// the latest attempt did: what is not in an old document may be in the new one.
func (r *remote[T]) renewed(ctx context.Context) (T, error) {
	r.mu.Lock()
	now := r.now()
	if r.attempt != nil || now.Sub(r.tried) >= renewEvery {
		return r.await(ctx, r.begin(now), r.latest)
	}
	defer r.mu.Unlock()
	return r.latest()
}

func (r *remote[T]) has(now time.Time, age time.Duration) bool {
	return !r.read.IsZero() && now.Sub(r.read) < age
}

func (r *remote[T]) pause() time.Duration {
	if r.read.IsZero() {
		return retryEvery
	}
	return renewEvery
}

// outcome is the document while it is kept. r.mu is held.
func (r *remote[T]) outcome() (T, error) {
	if r.has(r.now(), keptFor) {
		return r.value, nil
	}
	return r.failed()
}

// latest is what the last attempt brought. r.mu is held.
func (r *remote[T]) latest() (T, error) {
	if r.err == nil {
		return r.value, nil
	}
	return r.failed()
}

func (r *remote[T]) failed() (T, error) {
	var none T
	return none, fmt.Errorf("the server cannot be reached: %w", r.err)
}

// begin starts an attempt, unless one is under way. It is nobody's in particular, so the caller that began it may leave.
// r.mu is held.
func (r *remote[T]) begin(now time.Time) <-chan struct{} {
	if r.attempt != nil {
		return r.attempt
	}
	done := make(chan struct{})
	r.attempt, r.tried = done, now
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*timeout)
		defer cancel()
		value, err := r.load(ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.err = err; err == nil {
			r.value, r.read = value, now
		}
		r.attempt = nil
		close(done)
	}()
	return done
}

// await gives up r.mu and waits for the attempt and its result.
func (r *remote[T]) await(ctx context.Context, done <-chan struct{}, result func() (T, error)) (T, error) {
	r.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return result()
}
