package fair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bench runs callers through a queue whose places are held for a second each, and notes who was let in.
type bench struct {
	q       *Queue
	mu      sync.Mutex
	served  []string
	refused map[string]int
}

func newBench(b Bounds) *bench { return &bench{q: New(b), refused: map[string]int{}} }

func (b *bench) call(ctx context.Context, key string) {
	go func() {
		leave, err := b.q.Enter(ctx, key)
		b.mu.Lock()
		if err != nil {
			b.refused[key]++
		} else {
			b.served = append(b.served, key)
		}
		b.mu.Unlock()
		if err == nil {
			time.Sleep(time.Second)
			leave()
		}
	}()
	synctest.Wait()
}

// letIn lists who was let in so far, in order.
func (b *bench) letIn() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.served)
}

func (b *bench) refusedOf(key string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused[key]
}

// done waits until all have left, and checks that nothing remains of them.
func (b *bench) done(t *testing.T) {
	time.Sleep(time.Hour)
	synctest.Wait()
	if len(b.q.keys) != 0 || len(b.q.waiting) != 0 || b.q.working != 0 {
		t.Errorf("left: %v %v %d", b.q.keys, b.q.waiting, b.q.working)
	}
}

func TestWhoAskedForLittleIsNext(t *testing.T) {
	bounds := Bounds{AtOnce: 2, OfKey: 2, Waiting: 256, Longest: time.Minute}
	for name, flood := range map[string]int{"two networks": 2, "three": 3, "ten": 10} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(bounds)
				for range 20 {
					for i := range flood {
						b.call(t.Context(), fmt.Sprint("flood ", i))
					}
				}
				b.call(t.Context(), "user")
				b.done(t)
				// At most one of each flooding network comes before. Those who are let in at the same
				// moment note it in any order.
				at := slices.Index(b.letIn(), "user")
				if at < 0 || at > flood+bounds.AtOnce-1 {
					t.Errorf("served as number %d", at)
				}
			})
		})
	}
}

func TestOneKeyDoesNotTakeEveryPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Bounds{AtOnce: 3, OfKey: 2, Waiting: 10, Longest: time.Minute})
		for range 5 {
			b.call(t.Context(), "flood")
		}
		b.call(t.Context(), "user")
		if got := b.letIn(); !slices.Equal(got, []string{"flood", "flood", "user"}) {
			t.Errorf("served %v", got)
		}
		b.done(t)
	})
}

func TestTheGreediestGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Bounds{AtOnce: 1, OfKey: 1, Waiting: 4, Longest: time.Minute})
		for range 10 {
			b.call(t.Context(), "flood")
		}
		for i := range 6 {
			b.call(t.Context(), fmt.Sprint(i))
		}
		b.done(t)
		for i := range 4 {
			if b.refusedOf(fmt.Sprint(i)) != 0 {
				t.Errorf("%d of %v", i, b.refused)
			}
		}
		// One of the flood was at work, five did not find room, and four gave way.
		if b.refusedOf("flood") != 9 || b.refusedOf("4") != 1 || b.refusedOf("5") != 1 {
			t.Errorf("refused: %v", b.refused)
		}
	})
}

func TestWaitsAreBoundedByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Bounds{AtOnce: 1, OfKey: 1, Waiting: 100, Longest: 5 * time.Second})
		b.call(t.Context(), "first")
		time.Sleep(2 * time.Second) // now the cost is known
		began := time.Now()
		for range 20 {
			b.call(t.Context(), "flood")
		}
		if b.refusedOf("flood") != 13 { // one is at work, six wait
			t.Errorf("refused at once: %v", b.refused)
		}
		b.done(t)
		if time.Since(began) < time.Hour || len(b.letIn()) > 7 {
			t.Errorf("served: %v", b.served)
		}
	})
}

func TestAWaitThatTakesTooLongEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(Bounds{AtOnce: 1, OfKey: 1, Waiting: 9, Longest: 5 * time.Second})
		leave, err := q.Enter(t.Context(), "hangs")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := q.Enter(t.Context(), "user"); !errors.Is(err, ErrFull) ||
			time.Since(began) != 5*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := q.Enter(ctx, "user"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		leave()
		if len(q.keys)+len(q.waiting)+q.working != 0 {
			t.Errorf("left: %+v", q)
		}
	})
}
