package authn

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

func TestHasherCheck(t *testing.T) {
	h := NewHasher()
	hash, err := h.Hash(t.Context(), "net", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		hash, password string
		ok, rehash     bool
		err            error
	}{
		"right":                {hash, "correct horse", true, false, nil},
		"wrong":                {hash, "wrong horse", false, false, nil},
		"unknown user":         {"", "correct horse", false, false, nil},
		"unknown, no password": {"", "", false, false, nil},
		"older parameters":     {weak(t, "correct horse"), "correct horse", true, true, nil},
		"no hash at all":       {"garbage", "correct horse", false, false, errPHC},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ok, rehash, err := h.Check(t.Context(), "net", test.hash, test.password)
			if ok != test.ok || rehash != test.rehash || !errors.Is(err, test.err) {
				t.Errorf("got %v %v %v", ok, rehash, err)
			}
		})
	}
}

// An unknown user costs what a known one does: the same function, with the same parameters.
func TestAbsentCostsTheSame(t *testing.T) {
	hash, err := HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	p, err := parsePHC(hash)
	if err != nil {
		t.Fatal(err)
	}
	if p.Params != absent.Params || len(p.salt) != len(absent.salt) || len(p.hash) != len(absent.hash) {
		t.Errorf("a hash has %+v, the stand-in %+v", p, absent)
	}
}

// The work is really done: its memory shows it, on any machine and without a clock.
func TestAbsentIsHashed(t *testing.T) {
	h := newHasher(1, 1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, _, err := h.Check(t.Context(), "net", "", "correct horse"); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used < uint64(DefaultParams.Memory)<<10 {
		t.Errorf("an unknown user costs %d bytes", used)
	}
}

func TestHasherBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(2, 3)
		var working, most atomic.Int32
		results := make(chan error, 10)
		finish := make(chan struct{})
		for range 10 {
			go func() {
				leave, err := h.enter(t.Context(), "net")
				if err == nil { // the queue's own rules are tested in internal/fair
					most.Store(max(most.Load(), working.Add(1)))
					<-finish
					working.Add(-1)
					leave()
				}
				results <- err
			}()
		}
		synctest.Wait()
		if len(results) != 5 || working.Load() != 2 {
			t.Fatalf("%d turned away, %d at work", len(results), working.Load())
		}
		for range 5 {
			var e *oauth.Error
			if err := <-results; !errors.As(err, &e) || e.Code != oauth.TemporarilyUnavailable {
				t.Errorf("got %v", err)
			}
		}
		close(finish)
		synctest.Wait()
		for range 5 {
			if err := <-results; err != nil {
				t.Errorf("one that waited got %v", err)
			}
		}
		if most.Load() > 2 || h.inside != 0 {
			t.Errorf("%d at once, %d left inside", most.Load(), h.inside)
		}
	})
}

func TestHasherHonoursContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(1, 1)
		leave, err := h.enter(t.Context(), "net")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err = h.Check(ctx, "net", "", "correct horse")
		var e *oauth.Error
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &e) || e.Code != oauth.TemporarilyUnavailable {
			t.Errorf("got %v", err)
		}
		if _, err := h.Hash(ctx, "net", "correct horse"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		leave()
		// Who gave up holds no place.
		leave, err = h.enter(t.Context(), "net")
		if err != nil || h.inside != 1 {
			t.Fatalf("got %v, %d inside", err, h.inside)
		}
		leave()
	})
}

func TestHasherIsShared(t *testing.T) {
	h := newHasher(2, 64)
	hash := weak(t, "correct horse")
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if ok, _, err := h.Check(t.Context(), "net", hash, "correct horse"); !ok || err != nil {
				t.Error(ok, err)
			}
		})
	}
	wg.Wait()
}

func TestHasherReleasesMemoryWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(1, 1)
		var released atomic.Int32
		h.release = time.AfterFunc(time.Hour, func() { released.Add(1) })
		h.release.Stop()
		for range 5 {
			leave, err := h.enter(t.Context(), "net")
			if err != nil {
				t.Fatal(err)
			}
			leave()
			time.Sleep(releaseAfter - 1) // of the bubble's clock: no time passes
		}
		leave, err := h.enter(t.Context(), "net")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		leave()
		synctest.Wait()
		if n := released.Load(); n != 0 {
			t.Errorf("released %d times during a burst", n)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := released.Load(); n != 1 {
			t.Errorf("released %d times", n)
		}
	})
}

// Two networks that try without a pause: a user on a third is served each time. How long that takes is
// printed; that it is next in turn is tested in internal/fair.
func TestTwoNetworksHoldNobodyUp(t *testing.T) {
	h := NewHasher()
	user := func() time.Duration {
		t.Helper()
		began := time.Now()
		for range 10 {
			if _, _, err := h.Check(t.Context(), "user", "", "correct horse"); err != nil {
				t.Error(err)
			}
		}
		return time.Since(began) / 10
	}
	alone := user()
	ctx, cancel := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	for _, network := range []string{"a", "b"} {
		for range 50 {
			flood.Go(func() {
				for ctx.Err() == nil {
					if _, _, err := h.Check(ctx, network, "", "guess"); err != nil {
						time.Sleep(50 * time.Millisecond) // what the next request takes to come
					}
				}
			})
		}
	}
	beside := user()
	cancel()
	flood.Wait()
	t.Logf("a check takes %s alone, %s beside two networks with 50 tries each", alone, beside)
}
