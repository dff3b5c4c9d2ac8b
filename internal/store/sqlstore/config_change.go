package sqlstore

import (
	"context"

	"github.com/usher-id/usher/internal/store"
)

// The kinds of changes that a revision consists of.
const (
	clientChange  = "client"
	profileChange = "profile"
	keysChange    = "keys"
)

const (
	// keepRevisions is how far behind a node may be that still reads single changes.
	keepRevisions = 1000
	// maxChanges is how many changes are recorded and read one by one. With more, reading everything costs less.
	maxChanges = 200
)

var (
	insertConfigChange = sql(`INSERT INTO config_change (revision, kind, id)
		SELECT revision, $1, $2 FROM config WHERE id = 1 ON CONFLICT DO NOTHING`)
	trimConfigChanges = sql(`DELETE FROM config_change
		WHERE revision <= (SELECT revision FROM config WHERE id = 1) - $1`)
	selectConfigChanges = sql(`SELECT f.revision, x.revision, x.kind, x.id, c.doc, c.version FROM config f
		LEFT JOIN config_change x ON x.revision > $1
		LEFT JOIN client c ON x.kind = 'client' AND c.id = x.id
		WHERE f.id = 1 ORDER BY x.revision LIMIT $2`)
)

// configChange is a thing that a revision changes; profile and keys have no id.
type configChange struct{ kind, id string }

// recordRevision says all that the revision changes which the transaction has just raised. Of more than maxChanges
// nothing is recorded, which makes every node read everything.
func recordRevision(t tx, changes ...configChange) {
	if len(changes) > maxChanges {
		return
	}
	for _, c := range changes {
		t.do(insertConfigChange, c.kind, c.id)
	}
	t.do(trimConfigChanges, keepRevisions)
}

// changeSet is what selectConfigChanges found.
type changeSet struct {
	revision  int64
	revisions int64 // how many of them have rows
	last      int64 // of those
	rows      int
	clients   map[string]document // without text where the client was removed
	settings  bool
	unknown   bool // a kind that a newer version records
}

func (c *changeSet) add(r row) {
	c.revision = r.int(0)
	if r.null(1) {
		return // nothing changed
	}
	c.rows++
	if at := r.int(1); at > c.last { // a row may be seen twice
		c.revisions, c.last = c.revisions+1, at
	}
	switch r.text(2) {
	case clientChange:
		d := document{}
		if !r.null(4) {
			d = document{r.text(4), r.int(5)}
		}
		c.clients[r.text(3)] = d
	case profileChange, keysChange:
		c.settings = true
	default:
		c.unknown = true
	}
}

// complete tells whether every revision since the given one says what it changed.
func (c *changeSet) complete(since int64) bool {
	return !c.unknown && c.rows <= maxChanges && c.revisions == c.revision-since
}

// LoadSince reads what changed after the revision.
func (s *Store) LoadSince(ctx context.Context, revision int64) (store.Update, bool, error) {
	found := changeSet{clients: map[string]document{}}
	if err := s.db.read(ctx, selectConfigChanges, found.add, revision, maxChanges+1); err != nil {
		return store.Update{}, false, err
	}
	if !found.complete(revision) {
		return store.Update{}, false, nil
	}
	u := store.Update{Revision: found.revision}
	for id, d := range found.clients {
		if d.text == "" {
			u.Removed = append(u.Removed, id)
			continue
		}
		c, err := d.client()
		if err != nil {
			return store.Update{}, false, err
		}
		u.Clients = append(u.Clients, c)
	}
	if !found.settings {
		return u, true, nil
	}
	settings, err := s.Settings(ctx)
	u.Settings = &settings
	// Another change came in between where the revisions differ.
	return u, settings.Revision == u.Revision, err
}
