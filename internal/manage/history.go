package manage

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// Difference is one field that a change gave another value. A value is empty where there was or is none.
type Difference struct {
	Field  string          `json:"field"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// Changes lists changes, newest first, without their documents.
func (m *Manager) Changes(ctx context.Context, f store.ChangeFilter, cursor string, limit int) (Page[store.Change], error) {
	return Page[store.Change]{}, errors.ErrUnsupported
}

// Change reads one change with what it changed.
func (m *Manager) Change(ctx context.Context, id oauth.ID) (store.Change, []Difference, error) {
	return store.Change{}, nil, errors.ErrUnsupported
}

// Undo gives every field that the change changed the value from before, as a change of its own. A *Conflict where one of
// these fields was changed since. What was removed comes back without its secret; what was made is removed.
func (m *Manager) Undo(ctx context.Context, id oauth.ID) error { return errors.ErrUnsupported }

// Diff compares two documents field by field, by name. Either may be empty.
func Diff(before, after json.RawMessage) []Difference { return nil }
