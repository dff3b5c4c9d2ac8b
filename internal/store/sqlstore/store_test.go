package sqlstore

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child())
	}
	os.Exit(storetest.Main(m))
}

// openURL opens a store that the end of the test closes.
func openURL(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// postgresURL is a database of the current schema.
func postgresURL(t testing.TB) string {
	return storetest.PreparedPostgres(t, func(url string) error {
		s, err := Open(t.Context(), Options{URL: url})
		if err == nil {
			err = s.Close()
		}
		return err
	})
}

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "usher.db") }

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return openURL(t, sqliteURL(t)) })
}

func TestPostgres(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return openURL(t, postgresURL(t)) })
}

// TestPostgresSmallPool runs the suite with two connections for all transactions.
func TestPostgresSmallPool(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return openURL(t, postgresURL(t)+"&pool_max_conns=2") })
}

// TestPostgresSerializable runs the suite at the level that some distributed databases always have.
func TestPostgresSerializable(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return openURL(t, postgresURL(t)+"&default_transaction_isolation=serializable")
	})
}
