package sqlstore

import (
	"context"
	"sync"
)

// queue gathers what callers hand in while a worker is busy, so that the worker's next round serves all
// of them at once.
type queue[T any] struct {
	items chan T
	// closing is held shared by whoever sends, so that nobody sends after the channel was closed.
	closing sync.RWMutex
	closed  bool
}

func newQueue[T any](size int) *queue[T] { return &queue[T]{items: make(chan T, size)} }

// put hands in an item, unless ctx ends while the queue is full.
func (q *queue[T]) put(ctx context.Context, item T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.closing.RLock()
	defer q.closing.RUnlock()
	if q.closed {
		return errClosed
	}
	select {
	case q.items <- item:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// next waits for one item and takes whatever else is there, up to the capacity of batch. It answers
// nothing when the queue is closed and empty.
func (q *queue[T]) next(batch []T) []T {
	item, open := <-q.items
	if !open {
		return nil
	}
	batch = append(batch[:0], item)
	for len(batch) < cap(batch) {
		select {
		case item, open := <-q.items:
			if !open {
				return batch
			}
			batch = append(batch, item)
		default:
			return batch
		}
	}
	return batch
}

// close refuses new items; what is in the queue is still served.
func (q *queue[T]) close() {
	q.closing.Lock()
	defer q.closing.Unlock()
	if !q.closed {
		q.closed = true
		close(q.items)
	}
}
