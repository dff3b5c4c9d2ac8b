package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// renewEvery keeps the door within 2 s of a change, as the runtime is.
const renewEvery = time.Second

// keys are the ring at one revision, and what renews it. Clients are not kept: this door is asked little enough to read
// the one that a token names.
type keys struct {
	current atomic.Pointer[keysAt]
	reading sync.Mutex
	mu      sync.Mutex
	last    time.Time // of the last read that an unknown key caused
}

type keysAt struct {
	revision int64
	ring     *token.Ring
	horizon  token.Horizon
}

// readKeys reads the keys and puts them in force, one at a time, so that no older ones follow newer.
func (a *Admin) readKeys(ctx context.Context) error {
	a.keys.reading.Lock()
	defer a.keys.reading.Unlock()
	snap, err := a.Manager.Store.Settings(ctx)
	if err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	ring, err := token.NewRing(snap.Keys, a.Manager.Master, a.Manager.Issuer)
	if known := a.keys.current.Load(); errors.Is(err, token.ErrMaster) && known != nil {
		ring, err = known.ring, nil // the runtime has said it in the log
	}
	if err == nil {
		a.keys.current.Store(&keysAt{snap.Revision, ring, snap.Horizon})
	}
	return err
}

func (a *Admin) renewKeys(ctx context.Context) error {
	pulse, err := a.Manager.Store.Pulse(ctx)
	if err != nil {
		return err
	}
	known := a.keys.current.Load()
	if pulse.Revision != known.revision {
		return a.readKeys(ctx)
	}
	a.keys.current.CompareAndSwap(known, &keysAt{known.revision, known.ring, pulse.Horizon})
	return nil
}

func (a *Admin) ring() *token.Ring { return a.keys.current.Load().ring }

// withRing opens something with the ring. A key that this node does not know yet causes one look at the store, at most
// once a second.
func (a *Admin) withRing(ctx context.Context, open func(*keysAt) error) error {
	err := open(a.keys.current.Load())
	if !errors.Is(err, token.ErrUnknownKey) || !a.mayLookForKeys() {
		return err
	}
	if err := a.renewKeys(ctx); err != nil {
		return err
	}
	return open(a.keys.current.Load())
}

func (a *Admin) mayLookForKeys() bool {
	a.keys.mu.Lock()
	defer a.keys.mu.Unlock()
	now := a.now()
	if since := now.Sub(a.keys.last); since >= 0 && since < renewEvery {
		return false
	}
	a.keys.last = now
	return true
}

// seal makes a sealed value of the kind.
func (a *Admin) seal(kind token.Kind, content any) (string, error) {
	plain, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	return a.ring().Seal(kind, a.now(), plain)
}

// open reads a sealed value; false where it is none of ours, whatever the reason.
func (a *Admin) open(ctx context.Context, kind token.Kind, text string, content any) (bool, error) {
	err := a.withRing(ctx, func(k *keysAt) error {
		plain, err := k.ring.Open(kind, text)
		if err != nil {
			return err
		}
		return json.Unmarshal(plain, content)
	})
	return err == nil, unlessForeign(err)
}

// openAccess reads an access token of either format.
func (a *Admin) openAccess(ctx context.Context, text string) (t oauth.AccessToken, ok bool, err error) {
	err = a.withRing(ctx, func(k *keysAt) (err error) {
		t, err = k.ring.OpenAnyAccess(text, a.Manager.Issuer, k.horizon)
		return err
	})
	return t, err == nil, unlessForeign(err)
}

// unlessForeign drops the errors that only say that a value is not good.
func unlessForeign(err error) error {
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnknownKey) {
		return nil
	}
	return err
}
