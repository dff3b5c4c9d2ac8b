// Package fair shares a bounded number of places among callers that are told apart by a key: a network,
// a client, an operator. However much one key asks for, the next free place goes to the key that has
// had the least, and no caller waits without a bound.
package fair

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrFull says that a caller would wait for too long, or waited for as long as it may.
var ErrFull = errors.New("too many are waiting for a place")

// Bounds are what a Queue allows.
type Bounds struct {
	AtOnce  int           // places
	OfKey   int           // of these, for one key
	Waiting int           // callers that wait
	Longest time.Duration // a wait
}

// Queue hands out places by start-time fair queueing: the nth caller of a key stands behind the nth
// callers of all other keys. It is kept sorted by turn; callers of one turn are served as they came.
type Queue struct {
	bounds Bounds

	mu      sync.Mutex
	turn    int // of the caller that was let in last
	keys    map[string]*share
	waiting []*caller
	working int
	cost    time.Duration // what a place is held for, smoothed; 0 until one was given back
}

// share is what one key has; it is forgotten when that is nothing.
type share struct{ last, working, waiting int }

type caller struct {
	key   string
	turn  int
	place chan bool // gets true with a place, false when the caller has to give way
}

// New makes a Queue.
func New(b Bounds) *Queue { return &Queue{bounds: b, keys: map[string]*share{}} }

// Enter waits for a place, which leave gives back and which has to be called once. The error is ErrFull, at
// once where the wait is expected to exceed the bound, or ctx's.
func (q *Queue) Enter(ctx context.Context, key string) (leave func(), err error) {
	c, err := q.join(key)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(q.bounds.Longest)
	defer timer.Stop()
	select {
	case ok := <-c.place:
		return q.letIn(c, ok)
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = ErrFull
	}
	if q.giveUp(c) {
		return nil, err
	}
	return q.letIn(c, <-c.place) // it was decided at the same moment
}

func (q *Queue) letIn(c *caller, ok bool) (leave func(), err error) {
	if !ok {
		return nil, ErrFull
	}
	began := time.Now()
	return func() { q.leave(c.key, time.Since(began)) }, nil
}

// join gives the caller its turn, unless too much is before it. Where the queue is full, the last in
// it gives way: the newest of the key that asked for the most.
func (q *Queue) join(key string) (*caller, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.keys[key]
	if s == nil {
		s = &share{last: q.turn - 1}
	}
	c := &caller{key: key, turn: max(q.turn, s.last+1), place: make(chan bool, 1)}
	at := len(q.waiting)
	for at > 0 && q.waiting[at-1].turn > c.turn {
		at--
	}
	full := len(q.waiting) >= q.bounds.Waiting && q.working >= q.bounds.AtOnce
	if full && at == len(q.waiting) || q.expected(at) > q.bounds.Longest {
		return nil, ErrFull
	}
	if full {
		last := q.waiting[len(q.waiting)-1]
		q.remove(last)
		q.keys[last.key].last--
		q.forget(last.key)
		last.place <- false
	}
	q.keys[key] = s
	s.last = c.turn
	s.waiting++
	q.waiting = slices.Insert(q.waiting, at, c)
	q.next()
	return c, nil
}

// expected is how long a caller waits that has so many before it.
func (q *Queue) expected(before int) time.Duration {
	return q.cost * time.Duration(before) / time.Duration(q.bounds.AtOnce)
}

// next lets in those whose turn it is.
func (q *Queue) next() {
	for q.working < q.bounds.AtOnce {
		at := slices.IndexFunc(q.waiting, func(c *caller) bool {
			return q.keys[c.key].working < q.bounds.OfKey
		})
		if at < 0 {
			return
		}
		c := q.waiting[at]
		q.remove(c)
		q.keys[c.key].working++
		q.working++
		q.turn = max(q.turn, c.turn)
		c.place <- true
	}
}

func (q *Queue) leave(key string, held time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.cost == 0 {
		q.cost = held
	}
	q.cost += (held - q.cost) / 8
	q.working--
	q.keys[key].working--
	q.forget(key)
	q.next()
}

// giveUp takes a caller out of the queue; false where it is not in it any more.
func (q *Queue) giveUp(c *caller) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	was := q.remove(c)
	if was {
		q.forget(c.key)
	}
	return was
}

func (q *Queue) remove(c *caller) bool {
	at := slices.Index(q.waiting, c)
	if at < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, at, at+1)
	q.keys[c.key].waiting--
	return true
}

func (q *Queue) forget(key string) {
	if s := q.keys[key]; s.waiting == 0 && s.working == 0 {
		delete(q.keys, key)
	}
}
