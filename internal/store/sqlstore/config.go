package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

var (
	selectRevision = sql(`SELECT revision FROM config WHERE id = 1`)
	selectProfile  = sql(`SELECT revision, profile, profile_version, upgraded
		FROM config WHERE id = 1`)
	selectClients = sql(`SELECT doc, version FROM client ORDER BY id`)
	selectKeys    = sql(`SELECT id, purpose, alg, created, activates, wrapped, epoch FROM wrapped_key ORDER BY activates, id`)

	// raiseRevision comes first in every change: it locks the one row, so changes happen one by one. recordRevision follows it.
	raiseRevision = sql(`UPDATE config SET revision = revision + 1 WHERE id = 1`)
	firstProfile  = sql(`UPDATE config SET revision = revision + 1, profile = $1, profile_version = 1 WHERE id = 1 AND profile IS NULL`)
	updateProfile = sql(`UPDATE config SET revision = revision + 1, profile = $1, profile_version = profile_version + 1
		WHERE id = 1 AND profile IS NOT NULL AND profile_version = $2 RETURNING revision`)

	insertKey       = sql(`INSERT INTO wrapped_key (id, purpose, alg, created, activates, wrapped, epoch) VALUES ($1, $2, $3, $4, $5, $6, $7)`)
	insertKeyUnless = sql(`INSERT INTO wrapped_key (id, purpose, alg, created, activates, wrapped, epoch)
		SELECT $1, $2, $3, $4, $5, $6, $7
		WHERE NOT EXISTS (SELECT 1 FROM wrapped_key WHERE purpose = $2 AND alg = $3 AND epoch >= $7 AND activates >= $8)`)
	deleteKey = sql(`DELETE FROM wrapped_key WHERE id = $1`)
)

// Revision is the one-row read that tells whether a snapshot is out of date.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	var revision int64
	if err := s.db.read(ctx, selectRevision, func(r row) { revision = r.int(0) }); err != nil {
		return 0, err
	}
	return revision, nil
}

// loadLimit is enough for tens of thousands of clients.
const loadLimit = 15 * time.Second

// Load reads the whole configuration at one revision.
func (s *Store) Load(ctx context.Context) (store.Snapshot, error) {
	// Whether the database answers at all is found out within the limit of every call.
	if err := s.Ping(ctx); err != nil {
		return store.Snapshot{}, err
	}
	ctx, cancel := patient(ctx, loadLimit)
	defer cancel()
	var clients []document
	snapshot, err := s.snapshot(ctx, func(t tx) error {
		clients = nil
		return t.query(selectClients, func(r row) { clients = append(clients, documentOf(r)) })
	})
	if err == nil {
		snapshot.Clients, err = clientsOf(clients)
	}
	if err != nil {
		return store.Snapshot{}, err
	}
	return snapshot, nil
}

// Settings is Load without the clients.
func (s *Store) Settings(ctx context.Context) (store.Snapshot, error) {
	return s.snapshot(ctx, func(tx) error { return nil })
}

// snapshot reads profile and keys, and with them, at the same revision, what more reads.
func (s *Store) snapshot(ctx context.Context, more func(tx) error) (snapshot store.Snapshot, err error) {
	var profile document
	err = s.db.view(ctx, func(t tx) error {
		snapshot = store.Snapshot{}
		t.ask(selectHorizon, func(r row) { snapshot.Horizon = horizonAt(r, 0) })
		err := t.query(selectProfile, func(r row) {
			snapshot.Revision, profile = r.int(0), document{r.text(1), r.int(2)}
			snapshot.Upgraded = timeAt(r, 3)
		})
		if err == nil {
			err = more(t)
		}
		if err != nil {
			return err
		}
		return t.last(selectKeys, func(r row) { snapshot.Keys = append(snapshot.Keys, keyAt(r)) })
	})
	if err == nil && profile.text == "" {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Snapshot{}, err
	}
	if err := json.Unmarshal([]byte(profile.text), &snapshot.Profile); err != nil {
		return store.Snapshot{}, fmt.Errorf("reading the profile: %w", err)
	}
	snapshot.Profile.Version = profile.version
	return snapshot, nil
}

func keyAt(r row) token.WrappedKey {
	return token.WrappedKey{
		ID:        r.text(0),
		Use:       token.Use(r.text(1)),
		Alg:       oauth.Alg(r.text(2)),
		Created:   timeAt(r, 3),
		Activates: timeAt(r, 4),
		Wrapped:   r.bytes(5),
		Epoch:     r.int(6),
	}
}

func keyArgs(k token.WrappedKey) []any {
	return []any{k.ID, string(k.Use), string(k.Alg), millis(k.Created), millis(k.Activates), k.Wrapped, k.Epoch}
}

// Bootstrap writes the first profile and keys; where another node was first it does nothing.
func (s *Store) Bootstrap(ctx context.Context, p oauth.Profile, keys []token.WrappedKey) error {
	p.Version = 1
	doc, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return s.db.write(ctx, func(t tx) error {
		first, err := t.exec(firstProfile, string(doc))
		if err != nil || first == 0 {
			return err
		}
		recordRevision(t, configChange{kind: profileChange})
		for _, k := range keys {
			t.do(insertKey, keyArgs(k)...)
			// The time of a database begins with its first keys, so it is trusted as far as they are.
			t.do(beginHorizon, millis(k.Created.Add(-clock.PurgeAfter)))
		}
		return nil
	})
}

// conflictOrNotFound says why a conditional update changed nothing.
func conflictOrNotFound(t tx, s *statement, key ...any) error {
	found := false
	if err := t.query(s, func(row) { found = true }, key...); err != nil {
		return err
	}
	if found {
		return store.ErrConflict
	}
	return store.ErrNotFound
}

// PutProfile replaces the profile of the version was.
func (s *Store) PutProfile(ctx context.Context, p oauth.Profile, was int64, a store.Audit) error {
	p.Version = was + 1
	doc, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return s.db.write(ctx, func(t tx) error {
		n, err := t.exec(updateProfile, string(doc), was)
		if err == nil && n == 0 {
			err = store.ErrConflict
		}
		recordRevision(t, configChange{kind: profileChange})
		record(t, a)
		return err
	})
}

// errNotNeeded rolls back what turned out not to be needed.
var errNotNeeded = errors.New("not needed")

// AddKey stores a key unless one of the same use and algorithm activates at or after unlessAfter.
func (s *Store) AddKey(ctx context.Context, k token.WrappedKey, unlessAfter time.Time, a store.Audit) (bool, error) {
	err := s.db.write(ctx, func(t tx) error {
		t.do(raiseRevision)
		recordRevision(t, configChange{kind: keysChange})
		n, err := t.exec(insertKeyUnless, append(keyArgs(k), millis(unlessAfter))...)
		if err == nil && n == 0 {
			err = errNotNeeded
		}
		record(t, a)
		return err
	})
	if errors.Is(err, errNotNeeded) {
		return false, nil
	}
	return err == nil, err
}

// ReplaceKeys removes the keys with the given ids and adds others, all or nothing.
func (s *Store) ReplaceKeys(ctx context.Context, remove []string, add []token.WrappedKey, a store.Audit) error {
	return s.db.write(ctx, func(t tx) error {
		t.do(raiseRevision)
		recordRevision(t, configChange{kind: keysChange})
		for _, id := range remove {
			n, err := t.exec(deleteKey, id)
			if err != nil {
				return err
			}
			if n == 0 {
				return store.ErrConflict
			}
		}
		for _, k := range add {
			t.do(insertKey, keyArgs(k)...)
		}
		record(t, a)
		return nil
	})
}
