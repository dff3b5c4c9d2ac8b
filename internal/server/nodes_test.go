package server

import (
	"context"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/store/storetest"
	"github.com/usher-id/usher/internal/token"
)

// twoNodes runs every test of this package against two servers on one PostgreSQL that take turns, one of which is
// replaced by a new one again and again: whatever a server kept to itself would be missed.
var twoNodes = flag.Bool("two-nodes", false, "run the tests against two servers on one PostgreSQL, one of which restarts again and again")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(storetest.Main(m))
}

// database is a fresh one.
func database(t testing.TB, postgres bool) string {
	if postgres {
		return storetest.PreparedPostgres(t, func(url string) error {
			st, err := sqlstore.Open(t.Context(), sqlstore.Options{URL: url})
			if err == nil {
				err = st.Close()
			}
			return err
		})
	}
	return "sqlite:" + filepath.Join(t.TempDir(), "usher.db")
}

// second is the other node, which takes every second request and does not live long.
type second struct {
	mu     sync.RWMutex
	server *Server
	store  *sqlstore.Store
	began  store.Stats // what its start took
	former store.Stats // of its predecessors, without their starts
	asked  int
}

// restartAfter is how many requests the second node answers in its life.
const restartAfter = 4

// turns hands requests to the first and the second node in turn.
func (w *world) turns(first http.Handler, databaseURL string, log *slog.Logger, master token.Master) http.Handler {
	w.second = &second{}
	w.startSecond(databaseURL, log, master)
	w.t.Cleanup(func() { w.must(w.second.store.Close()) })
	var mu sync.Mutex
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		w.second.asked++
		n := w.second.asked
		if n%(2*restartAfter) == 0 {
			w.second.mu.Lock() // waits for what it has in hand
			w.endSecond()
			w.startSecond(databaseURL, log, master)
			w.second.mu.Unlock()
		}
		mu.Unlock()
		if n%2 == 0 {
			first.ServeHTTP(rw, r)
			return
		}
		w.second.mu.RLock()
		defer w.second.mu.RUnlock()
		w.second.server.Handler().ServeHTTP(rw, r)
	})
}

func (w *world) startSecond(databaseURL string, log *slog.Logger, master token.Master) {
	var err error
	w.second.store, err = sqlstore.Open(context.Background(), sqlstore.Options{URL: databaseURL, Logger: log})
	if err != nil {
		panic(err) // not the test's goroutine
	}
	// A node with a wrong clock would refuse to start: the time that a test let pass is told it once it runs.
	var running atomic.Bool
	now := func() time.Time {
		if running.Load() {
			return w.clock.Now()
		}
		return time.Now()
	}
	w.second.server, err = New(context.Background(), Options{
		BaseURL: w.url, Store: w.second.store, Master: master, Logger: log, Registry: prometheus.NewRegistry(), Now: now,
	})
	if err != nil {
		panic(err)
	}
	running.Store(true)
	w.second.server.outbound, w.second.began = w.server.outbound, w.second.store.Stats()
}

func (w *world) endSecond() {
	w.second.former = plus(w.second.former, minus(w.second.store.Stats(), w.second.began))
	if err := w.second.store.Close(); err != nil {
		panic(err)
	}
}

// stats counts the statements of all nodes, save those with which a node starts.
func (w *world) stats() store.Stats {
	if w.second == nil {
		return w.store.Stats()
	}
	w.second.mu.RLock()
	defer w.second.mu.RUnlock()
	return plus(w.store.Stats(), plus(w.second.former, minus(w.second.store.Stats(), w.second.began)))
}

func plus(a, b store.Stats) store.Stats {
	return store.Stats{Reads: a.Reads + b.Reads, Writes: a.Writes + b.Writes, Commits: a.Commits + b.Commits}
}

func minus(a, b store.Stats) store.Stats {
	return store.Stats{Reads: a.Reads - b.Reads, Writes: a.Writes - b.Writes, Commits: a.Commits - b.Commits}
}
