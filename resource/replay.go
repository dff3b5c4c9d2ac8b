package resource

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxSeen bounds how many proofs are remembered: about 10 MB.
const maxSeen = 100_000

// window remembers the proofs that were used, for as long as they count (RFC 9449 §11.1). When more come than it can hold,
// it does not forget: it forgets the oldest and takes none any more that is as old as those. So no proof is accepted
// twice, however many there are; under such a load a proof has to be a little younger.
type window struct {
	limit int

	mu    sync.Mutex
	floor time.Time // proofs issued up to here are refused
	seen  map[hash]struct{}
	queue []used // ring, in the order of arrival
	first int
	count int
}

type used struct {
	key    hash
	issued time.Time
}

func newWindow(limit int) *window {
	return &window{limit: limit, seen: map[hash]struct{}{}}
}

// use tells whether the proof is used for the first time.
func (w *window) use(p *proof, now time.Time) bool {
	key := hash(sha256.Sum256([]byte(p.thumbprint + "." + p.jti)))
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.count > 0 && w.queue[w.first].issued.Before(now.Add(-proofWindow)) {
		w.forget()
	}
	if _, again := w.seen[key]; again || !p.issued.After(w.floor) {
		return false
	}
	if w.count == w.limit {
		if oldest := w.queue[w.first].issued; oldest.After(w.floor) {
			w.floor = oldest
		}
		w.forget()
	}
	w.remember(used{key, p.issued})
	return true
}

func (w *window) forget() {
	delete(w.seen, w.queue[w.first].key)
	w.first = (w.first + 1) % len(w.queue)
	w.count--
}

func (w *window) remember(u used) {
	w.seen[u.key] = struct{}{}
	if w.count == len(w.queue) {
		w.grow()
	}
	w.queue[(w.first+w.count)%len(w.queue)] = u
	w.count++
}

// grow makes room up to the limit, so that an API that is seldom called keeps little.
func (w *window) grow() {
	wider := make([]used, min(w.limit, 2*len(w.queue)+64))
	for i := range w.count {
		wider[i] = w.queue[(w.first+i)%len(w.queue)]
	}
	w.queue, w.first = wider, 0
}
