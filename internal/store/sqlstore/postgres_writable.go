package sqlstore

import (
	"context"
	"errors"

	"github.com/usher-id/usher/internal/store"
)

// writable commits a change of the probe row. A standby, a read-only default and a full disk all answer
// reads, so only a commit tells.
func (e *postgresEngine) writable(ctx context.Context) error {
	err := e.write(ctx, writeProbe)
	if err == nil || errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.Canceled) {
		return err
	}
	return &store.UnavailableError{Why: "writing fails", Cause: err}
}
