package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-id/usher/internal/store"
)

// The bounds of every wait in SQLite. A read waits for a connection and then for another process's
// exclusive lock, which together take less than 5 s; a write waits once, for its turn.
const (
	writerWait = 4 * time.Second
	// commitWait is how much longer a request waits for a verb that has begun.
	commitWait = 500 * time.Millisecond
	readerWait = 2 * time.Second
	readLock   = 2 * time.Second
)

var (
	errWriterBusy     = fmt.Errorf("the write waited %v for its turn", writerWait)
	errOutcomeUnknown = errors.New("the write has begun but the disk does not answer; whether it will be kept is not known")

	errReadersBusy = fmt.Errorf("no connection for reading became free within %v", readerWait)
)

// waitError is what a wait that ctx ended comes to. A caller that hung up learns just that.
func waitError(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, context.Cause(ctx))
}

// sqliteError marks the errors that pass by themselves once their cause is gone: a full disk, a file
// system that is read-only or fails, another process that holds the file. A damaged file is none of them.
func sqliteError(err error) error {
	if err == nil || errors.Is(err, store.ErrUnavailable) {
		return err
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultFull, sqlite.ResultReadOnly, sqlite.ResultIOErr, sqlite.ResultCantOpen, sqlite.ResultPerm,
		sqlite.ResultBusy, sqlite.ResultLocked, sqlite.ResultProtocol:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}
