package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/usher-id/usher/internal/store"
)

// writeLimited is the child of TestFileCannotGrow.
func writeLimited(s *Store) error {
	ctx := context.Background()
	signal.Ignore(unix.SIGXFSZ) // or the refusal would end the process
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	limit := unix.Rlimit{Cur: uint64(s.db.(*sqliteEngine).checkpoints.size()) + 1<<20, Max: old.Max}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	var err error
	for range 1000 {
		if err = s.Record(ctx, store.Audit{At: time.Now(), Detail: strings.Repeat("x", 4096)}); err != nil {
			break
		}
	}
	if !errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("at the limit: error %v, want %v", err, store.ErrUnavailable)
	}
	for range 1000 { // the little that such a write needs may still be there
		if err = s.Writable(ctx); err != nil {
			break
		}
	}
	if !errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("at the limit: writable %v, want %v", err, store.ErrUnavailable)
	}
	if err := s.Ping(ctx); err != nil {
		return fmt.Errorf("reading at the limit: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	for end := time.Now().Add(recovery); ; time.Sleep(50 * time.Millisecond) {
		if err := s.Writable(ctx); err == nil || time.Now().After(end) {
			return errors.Join(err, s.Close())
		}
	}
}
