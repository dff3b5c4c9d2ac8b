package sqlstore

import (
	"context"
	"encoding/json"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const changeColumns = `id, happened, actor, event, kind, subject`

var (
	insertChange = sql(`INSERT INTO change (` + changeColumns + `, before, after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id) DO NOTHING`)
	selectChange           = sql(`SELECT ` + changeColumns + `, before, after FROM change WHERE id = $1`)
	selectChanges          = sql(`SELECT ` + changeColumns + ` FROM change WHERE id < $1 ORDER BY id DESC LIMIT $2`)
	selectChangesOfKind    = sql(`SELECT ` + changeColumns + ` FROM change WHERE kind = $3 AND id < $1 ORDER BY id DESC LIMIT $2`)
	selectChangesOfSubject = sql(`SELECT ` + changeColumns + ` FROM change WHERE kind = $3 AND subject = $4 AND id < $1
		ORDER BY id DESC LIMIT $2`)
)

// recordChange keeps what the decision of a complete record changed.
func recordChange(t tx, a store.Audit) {
	if c := a.Change; c != nil {
		t.do(insertChange, a.ID[:], millis(a.At), a.Actor, string(a.Event), c.Kind, c.Subject, string(c.Before), string(c.After))
	}
}

func changeAt(r row) store.Change {
	return store.Change{
		ID:      idAt(r, 0),
		At:      timeAt(r, 1),
		Actor:   r.text(2),
		Event:   store.Event(r.text(3)),
		Kind:    r.text(4),
		Subject: r.text(5),
	}
}

// documentAt is nil where there is none.
func documentAt(r row, column int) json.RawMessage {
	if text := r.text(column); text != "" {
		return json.RawMessage(text)
	}
	return nil
}

// Changes lists changes before the given one, newest first, without their documents. A subject without its kind narrows
// nothing.
func (s *Store) Changes(ctx context.Context, f store.ChangeFilter, before oauth.ID, limit int) ([]store.Change, error) {
	if before.IsZero() {
		before = lastID
	}
	q, args := selectChanges, []any{before[:], limit}
	switch {
	case f.Kind != "" && f.Subject != "":
		q, args = selectChangesOfSubject, append(args, f.Kind, f.Subject)
	case f.Kind != "":
		q, args = selectChangesOfKind, append(args, f.Kind)
	}
	return list(ctx, s, q, changeAt, args...)
}

// Change reads one change with its documents.
func (s *Store) Change(ctx context.Context, id oauth.ID) (store.Change, error) {
	var c store.Change
	err := s.db.read(ctx, selectChange, func(r row) {
		c = changeAt(r)
		c.Before, c.After = documentAt(r, 6), documentAt(r, 7)
	}, id[:])
	if err != nil {
		return store.Change{}, err
	}
	if c.ID.IsZero() {
		return store.Change{}, store.ErrNotFound
	}
	return c, nil
}
