// Package manage is what an operator can do to clients, accounts, keys and the profile: the one place
// for the command line, the admin pages and the admin API. It validates (every fault at once), decides,
// and hands the store one intent, with an audit record that names who did it. It also holds the work
// that a server does by itself: the first keys, their rotation, and purging what has expired.
package manage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// Manager acts for one operator (or for the server itself).
type Manager struct {
	Store store.Store
	// Master wraps keys; only what touches keys needs it.
	Master token.Master
	Now    func() time.Time
	Rand   io.Reader
	// Actor is who acts, for the audit log: "cli:<login name>" or "system".
	Actor string
	// InsecureAnyOrigin lets clients allow every origin.
	InsecureAnyOrigin bool
}

// Fault is one thing that is wrong with what was asked; Field is its JSON name.
type Fault struct {
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

// Invalid is everything that is wrong with what was asked.
type Invalid []Fault

func (i Invalid) Error() string {
	if len(i) == 1 {
		return i[0].Field + ": " + i[0].Problem
	}
	text := fmt.Sprintf("%d things are wrong:", len(i))
	for _, f := range i {
		text += "\n  " + f.Field + ": " + f.Problem
	}
	return text
}

// faults gathers what is wrong.
type faults struct{ list Invalid }

func (f *faults) add(field, problem string, args ...any) {
	f.list = append(f.list, Fault{field, fmt.Sprintf(problem, args...)})
}

func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	return f.list
}

// ErrNotSetUp says that the database has no profile and no keys yet.
var ErrNotSetUp = errors.New("this database is not set up yet")

// load reads the configuration; ErrNotSetUp before Bootstrap.
func (m *Manager) load(ctx context.Context) (store.Snapshot, error) {
	snap, err := m.Store.Load(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return snap, ErrNotSetUp
	}
	return snap, err
}

// audit makes a record of now; its ID sorts by time.
func (m *Manager) audit(event store.Event, fill func(*store.Audit)) (store.Audit, error) {
	id, err := m.newID()
	if err != nil {
		return store.Audit{}, err
	}
	now := m.Now()
	for i, ms := 5, uint64(now.UnixMilli()); i >= 0; i, ms = i-1, ms>>8 {
		id[i] = byte(ms)
	}
	a := store.Audit{ID: id, At: now, Event: event, Actor: m.Actor, Count: 1}
	if fill != nil {
		fill(&a)
	}
	return a, nil
}

func (m *Manager) newID() (id oauth.ID, err error) {
	_, err = io.ReadFull(m.Rand, id[:])
	return id, err
}

// newSecret makes a 256-bit secret; what is stored is its SHA-256, which is enough for a secret that
// nobody could guess.
func (m *Manager) newSecret() (secret string, hash []byte, err error) {
	var b [32]byte
	if _, err := io.ReadFull(m.Rand, b[:]); err != nil {
		return "", nil, err
	}
	secret = base64.RawURLEncoding.EncodeToString(b[:])
	return secret, HashSecret(secret), nil
}

// HashSecret is the form in which a client's generated secret is stored.
func HashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// retry repeats a change that reads first, when somebody else changed the same thing in between.
func retry(ctx context.Context, change func() error) error {
	var err error
	for range 5 {
		if err = change(); !errors.Is(err, store.ErrConflict) || ctx.Err() != nil {
			return err
		}
	}
	return err
}
