package sqlstore

import (
	"context"
	"fmt"

	"github.com/usher-id/usher/internal/store"
)

// writable commits a change of the probe row. A standby, a read-only default and a full disk all answer
// reads, so only a commit tells.
func (e *postgresEngine) writable(ctx context.Context) error {
	if err := e.write(ctx, writeProbe); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return nil
}
