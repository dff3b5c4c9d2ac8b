package sqlstore

import (
	"errors"
	"testing"

	"github.com/usher-id/usher/internal/store"
)

// TestReadOnlyPostgres: a database that only reads answers reads, and says that it takes no writes.
func TestReadOnlyPostgres(t *testing.T) {
	s := openURL(t, postgresURL(t)+"&default_transaction_read_only=on")
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("reading: %v", err)
	}
	if err := s.Writable(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error %v, want %v", err, store.ErrUnavailable)
	}
}
