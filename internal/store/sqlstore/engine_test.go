package sqlstore

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/storetest"
)

// onBoth runs a test on either database.
func onBoth(t *testing.T, test func(t *testing.T, s *Store, url string)) {
	for name, fresh := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			url := fresh(t)
			test(t, openURL(t, url), url)
		})
	}
}

func isRevoked(t *testing.T, s *Store, id oauth.ID) bool {
	t.Helper()
	found := false
	lookup := &statement{
		postgres: "SELECT expires FROM revocation WHERE token_id = $1", sqlite: "SELECT expires FROM revocation WHERE token_id = ?1", reads: true,
	}
	if err := s.db.read(t.Context(), lookup, func(row) { found = true }, id[:]); err != nil {
		t.Fatal(err)
	}
	return found
}

// TestFailuresStayAlone mixes verbs that fail, panic, break a constraint or whose callers hung up with
// verbs that go well, so that they share commits: each gets what is its own.
func TestFailuresStayAlone(t *testing.T) {
	failed := errors.New("failed")
	onBoth(t, func(t *testing.T, s *Store, _ string) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		const n = 64
		ids, errs := make([]oauth.ID, n), make([]error, n)
		var all sync.WaitGroup
		for i := range n {
			ids[i] = newID()
			ctx := t.Context()
			if i%8 == 4 {
				ctx = gone
			}
			all.Go(func() {
				errs[i] = s.db.write(ctx, func(t tx) error {
					t.do(insertRevocation, ids[i][:], 1)
					switch i % 8 {
					case 1:
						return failed
					case 2:
						panic("a verb panics")
					case 3:
						t.do(insertKey, "key", nil, nil, nil, nil, nil)
					}
					return nil
				})
			})
		}
		all.Wait()
		for i, err := range errs {
			if i%8 == 1 && !errors.Is(err, failed) || i%8 == 4 && !errors.Is(err, context.Canceled) {
				t.Errorf("verb %d: error %v", i, err)
			}
			well := i%8 == 0 || i%8 > 4
			if (err == nil) != well || isRevoked(t, s, ids[i]) != well {
				t.Errorf("verb %d: error %v, written %v, want it to go well: %v", i, err, isRevoked(t, s, ids[i]), well)
			}
		}
	})
}

// TestTwoStores has two stores on one database, as two nodes or a server and the command line are, change
// the same client: no change is lost and none fails for any other reason than the other one.
func TestTwoStores(t *testing.T) {
	onBoth(t, func(t *testing.T, a *Store, url string) {
		b := openURL(t, url)
		c := oauth.Client{ID: "client"}
		if err := a.PutClient(t.Context(), c, 0, store.Audit{}); err != nil {
			t.Fatal(err)
		}
		const changes = 40
		var all sync.WaitGroup
		for _, s := range []*Store{a, b, a, b} {
			all.Go(func() {
				for range changes {
					if err := raiseVersion(t.Context(), s); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		for _, s := range []*Store{a, b} {
			snapshot, err := clientVersion(t.Context(), s)
			if err != nil || snapshot != 4*changes+1 {
				t.Errorf("version %d (%v), want %d", snapshot, err, 4*changes+1)
			}
		}
	})
}

func clientVersion(ctx context.Context, s *Store) (version int64, err error) {
	err = s.db.view(ctx, func(t tx) error {
		return t.query(selectClients, func(r row) { version = r.int(1) })
	})
	return version, err
}

// raiseVersion changes the client until nobody else was faster.
func raiseVersion(ctx context.Context, s *Store) error {
	for {
		version, err := clientVersion(ctx, s)
		if err != nil {
			return err
		}
		err = s.PutClient(ctx, oauth.Client{ID: "client"}, version, store.Audit{})
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// TestConnectionsLost ends all connections, as a restart of the database does.
func TestConnectionsLost(t *testing.T) {
	url := storetest.Postgres(t)
	s := openURL(t, url)
	end := &statement{postgres: "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"}
	other := openURL(t, url)
	for range 3 {
		// Warm all kinds of connections, then end them from another store.
		use(t, s)
		if err := other.db.view(t.Context(), func(t tx) error { return t.query(end, func(row) {}) }); err != nil {
			t.Fatal(err)
		}
		use(t, s)
	}
}

// use reads, appends, and runs a transaction that asks before it commits.
func use(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("reading: %v", err)
	}
	id := newID()
	if err := s.RevokeToken(t.Context(), id, time.Now(), store.Audit{}); err != nil || !isRevoked(t, s, id) {
		t.Errorf("appending: %v", err)
	}
	if err := s.EndDelegation(t.Context(), newID(), store.Audit{}); err != nil {
		t.Errorf("transaction: %v", err)
	}
}

// TestScanPanics: what panics while rows are read harms its caller alone.
func TestScanPanics(t *testing.T) {
	s := openURL(t, storetest.Postgres(t))
	err := s.db.read(t.Context(), selectRevision, func(row) { panic("reading panics") })
	if err == nil || !strings.Contains(err.Error(), "panicked") {
		t.Errorf("error %v", err)
	}
	use(t, s)
}

// TestUnlistedType: an argument that no column stores is refused, not guessed at.
func TestUnlistedType(t *testing.T) {
	s := openURL(t, sqliteURL(t))
	err := s.db.write(t.Context(), func(t tx) error {
		_, err := t.exec(removeGuesses, struct{}{})
		return err
	})
	if err == nil {
		t.Error("a struct was stored")
	}
}
