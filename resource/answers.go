package resource

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

const (
	maxGood    = 10_000
	maxRefused = 1_000
	// maxKept is the size of an answer above which it is not kept.
	maxKept = 8 << 10
	// refusedFor is how long an answer counts that a token is worth nothing: long enough to fold a burst of requests.
	refusedFor = time.Second
)

// hash names a token without being one.
type hash [sha256.Size]byte

// lookup is one question to the server, and its answer once done is closed.
type lookup struct {
	key   hash
	asked time.Time // when the question was sent: the answer is at least as new
	done  chan struct{}
	token Token
	err   error
}

// answers remembers what the server said of tokens, for staleness at most, and folds requests with the same token into one
// question. Refused tokens have a place of their own, so that a flood of them drives out no good ones.
type answers struct {
	staleness time.Duration
	now       func() time.Time
	ask       func(context.Context, string) (Token, error)

	mu            sync.Mutex
	underWay      map[hash]*lookup
	good, refused *recent
}

func newAnswers(staleness time.Duration, now func() time.Time, ask func(context.Context, string) (Token, error)) *answers {
	return &answers{
		staleness: staleness, now: now, ask: bounded(ask), underWay: map[hash]*lookup{},
		good: newRecent(maxGood), refused: newRecent(maxRefused),
	}
}

// maxQuestions is how many questions are under way at once: a flood of tokens at this API must not become one at the
// server that it asks.
const maxQuestions = 256

var errBusy = errors.New("too many tokens are being checked at once")

// bounded refuses what goes beyond maxQuestions.
func bounded(ask func(context.Context, string) (Token, error)) func(context.Context, string) (Token, error) {
	slots := make(chan struct{}, maxQuestions)
	return func(ctx context.Context, text string) (Token, error) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			return ask(ctx, text)
		default:
			return Token{}, errBusy
		}
	}
}

// get returns an answer to a question that was asked no longer ago than staleness when get was called.
func (a *answers) get(ctx context.Context, text string) (Token, error) {
	if a.staleness == 0 {
		return a.ask(ctx, text)
	}
	l := a.find(text)
	select {
	case <-l.done:
		return l.token, l.err
	case <-ctx.Done():
		return Token{}, ctx.Err()
	}
}

// find returns a lookup that will do; it begins one where there is none.
func (a *answers) find(text string) *lookup {
	key := hash(sha256.Sum256([]byte(text)))
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if l := a.good.get(key); l != nil && now.Sub(l.asked) < a.staleness {
		return l
	}
	if l := a.refused.get(key); l != nil && now.Sub(l.asked) < min(refusedFor, a.staleness) {
		return l
	}
	if l := a.underWay[key]; l != nil && now.Sub(l.asked) < a.staleness {
		return l
	}
	l := &lookup{key: key, asked: now, done: make(chan struct{})}
	a.underWay[key] = l
	go a.run(l, text)
	return l
}

// run asks on behalf of all who wait, so none of them can cancel it.
func (a *answers) run(l *lookup, text string) {
	l.token, l.err = a.ask(context.Background(), text)
	defer close(l.done) // once it is no longer under way: who asks after a failure asks anew
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.underWay[l.key] == l {
		delete(a.underWay, l.key)
	}
	// The answer to the latest question alone counts; a failure to get one is not remembered.
	if !a.good.makeWay(l) || !a.refused.makeWay(l) {
		return
	}
	var no *refusal
	switch {
	case errors.As(l.err, &no):
		a.refused.put(l)
	case l.err == nil && len(l.token.Claims) <= maxKept:
		a.good.put(l)
	}
}

// recent keeps the lookups that were used last, up to a limit.
type recent struct {
	limit   int
	order   *list.List // of *lookup, the most recently used first
	entries map[hash]*list.Element
}

func newRecent(limit int) *recent {
	return &recent{limit: limit, order: list.New(), entries: map[hash]*list.Element{}}
}

func (r *recent) get(key hash) *lookup {
	e := r.entries[key]
	if e == nil {
		return nil
	}
	r.order.MoveToFront(e)
	return e.Value.(*lookup)
}

func (r *recent) put(l *lookup) {
	r.entries[l.key] = r.order.PushFront(l)
	if r.order.Len() > r.limit {
		last := r.order.Back()
		delete(r.entries, r.order.Remove(last).(*lookup).key)
	}
}

// makeWay drops the answer to an earlier question; false where there is one to a later.
func (r *recent) makeWay(l *lookup) bool {
	e := r.entries[l.key]
	if e == nil {
		return true
	}
	if e.Value.(*lookup).asked.After(l.asked) {
		return false
	}
	r.order.Remove(e)
	delete(r.entries, l.key)
	return true
}
