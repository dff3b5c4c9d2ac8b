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
	"strings"
	"time"

	"github.com/usher-id/usher/internal/clock"
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
	// Clock decides whether Maintain may do anything lasting; only that needs it.
	Clock *clock.Watch
	Rand  io.Reader
	// Actor is who acts, for the audit log: "cli:<login name>", "operator:<user name>", "client:<id>" or "system";
	// Address is where from, if that is known.
	Actor, Address string
	// AccountID is the operator's who acts; zero for anybody else. What an operator hands out is worth nothing without them.
	AccountID oauth.ID
	// Role is what who acts may do: of accounts that are operators themselves, only an admin may change anything.
	Role oauth.Role
	// IfVersion makes a change only where it changes this version, and is a *Conflict otherwise; 0 changes whichever
	// version is there.
	IfVersion int64
	// Issuer, BaseURL and AdminURL are this server's addresses, for what is sealed and for links.
	Issuer, BaseURL, AdminURL string
	// InsecureAnyOrigin lets clients allow every origin.
	InsecureAnyOrigin bool

	// note is added to the detail of each audit record.
	note string
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
	var text strings.Builder
	fmt.Fprintf(&text, "%d things are wrong:", len(i))
	for _, f := range i {
		text.WriteString("\n  " + f.Field + ": " + f.Problem)
	}
	return text.String()
}

// Conflict says that somebody else changed a thing since the version that was to be changed.
type Conflict struct {
	// Current is the thing as it is now: an oauth.Client, oauth.Profile or oauth.Account.
	Current any
	// Fields are those in which it is not as expected any more; empty where its version alone says so.
	Fields []string
}

func (c *Conflict) Error() string {
	if len(c.Fields) > 0 {
		return "somebody else changed this meanwhile (" + strings.Join(c.Fields, ", ") + "): look at it again, then decide again"
	}
	return "somebody else changed this meanwhile: look at it again, then decide again"
}

// Is makes a Conflict a store.ErrConflict.
func (c *Conflict) Is(target error) bool { return target == store.ErrConflict }

// Forbidden says that who acts may not do this.
type Forbidden struct{ Why string }

func (f *Forbidden) Error() string { return f.Why }

// Managed says that a file manages the thing, so that a change here would be lost with the next change there.
type Managed struct{ What, File string }

func (m *Managed) Error() string {
	return m.What + " is managed by " + m.File + ": change it there and apply the file, or release it first"
}

// Page is one page of a list. Next is the cursor of the following page; empty where there is none.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// MaxPage is the most that a page holds.
const MaxPage = 500

// faults gathers what is wrong, but no more than anybody reads: lists may be as long as whoever sends them likes.
type faults struct{ list Invalid }

func (f *faults) add(field, problem string, args ...any) {
	if len(f.list) < maxFaults {
		f.list = append(f.list, Fault{field, fmt.Sprintf(problem, args...)})
	}
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
	return snap, orNotSetUp(err)
}

// settings is load without the clients, so that it costs the same however many there are.
func (m *Manager) settings(ctx context.Context) (store.Snapshot, error) {
	snap, err := m.Store.Settings(ctx)
	return snap, orNotSetUp(err)
}

func orNotSetUp(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrNotSetUp
	}
	return err
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
	a := store.Audit{ID: id, At: now, Event: event, Actor: m.Actor, Address: m.Address, Count: 1}
	if fill != nil {
		fill(&a)
	}
	if m.note != "" && a.Detail != "" {
		a.Detail += "; "
	}
	a.Detail += m.note
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

// retry repeats a change that reads first, when somebody else changed the same thing in between. A *Conflict is for whoever
// asked to see, and is not repeated.
func retry(ctx context.Context, change func() error) error {
	var err error
	for range 5 {
		var seen *Conflict
		if err = change(); !errors.Is(err, store.ErrConflict) || errors.As(err, &seen) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// expect makes sure that a change changes the version that it is meant for. A change that reads, expects, and then writes
// that version alone needs no more: where somebody else was faster, retry comes back here.
func (m *Manager) expect(version int64, current any) error {
	if m.IfVersion != 0 && m.IfVersion != version {
		return &Conflict{Current: current}
	}
	return nil
}
