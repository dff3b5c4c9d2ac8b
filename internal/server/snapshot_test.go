package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// plainSnapshot is all that a snapshot says, in an order that depends on nothing.
type plainSnapshot struct {
	Revision  int64
	Profile   oauth.Profile
	Clients   map[string]string
	Literal   map[string][]string
	Patterns  []string
	TrialEnds time.Time
	Discovery string
	JWKS      string
}

func plainOf(t *testing.T, snap *snapshot) plainSnapshot {
	p := plainSnapshot{
		Revision: snap.revision, Profile: snap.profile, Clients: map[string]string{}, Literal: map[string][]string{},
		TrialEnds: snap.trialEnds, Discovery: string(snap.discovery), JWKS: string(snap.jwks),
	}
	for id, k := range snap.clients {
		doc, err := json.Marshal(k.Client)
		if err != nil {
			t.Fatal(err)
		}
		p.Clients[id] = fmt.Sprint(string(doc), k.Version, k.listed)
	}
	for origin, ids := range snap.literal {
		p.Literal[origin] = slices.Sorted(slices.Values(ids))
	}
	for _, c := range snap.patterns {
		if snap.clients[c.ID].Client != c {
			t.Errorf("the pattern of %s is that of another state", c.ID)
		}
		p.Patterns = append(p.Patterns, c.ID)
	}
	slices.Sort(p.Patterns)
	return p
}

// changer makes random changes of a few clients, of the profile and of keys.
type changer struct {
	*world
	random *rand.Rand
}

func (c *changer) client(id string) oauth.Client {
	origins := []oauth.OriginPattern{
		"https://a.example", "https://b.example", "https://*.c.example", "http://localhost:8080", trialOrigin,
	}
	made := oauth.Client{ID: id, Name: fmt.Sprint(c.random.IntN(1000)), Disabled: c.random.IntN(4) == 0}
	for range c.random.IntN(4) {
		made.AllowedOrigins = append(made.AllowedOrigins, origins[c.random.IntN(len(origins))])
	}
	if c.random.IntN(3) == 0 {
		made.TrialOrigin = trialOrigin
		made.TrialUntil = c.clock.Now().Add(time.Duration(c.random.IntN(20)) * time.Minute).UTC().Truncate(time.Millisecond)
	}
	return made
}

// putOne creates, changes or removes a client.
func (c *changer) putOne() error {
	id := fmt.Sprint("random-", c.random.IntN(8))
	was, err := c.store.Client(c.t.Context(), id)
	if err == nil && c.random.IntN(3) == 0 {
		return c.store.RemoveClient(c.t.Context(), id, noAudit)
	}
	return c.store.PutClient(c.t.Context(), c.client(id), was.Version, noAudit)
}

func (c *changer) profile() (*store.ProfileChange, error) {
	settings, err := c.store.Settings(c.t.Context())
	settings.Profile.AccessTokenSeconds = 60 + c.random.IntN(600)
	return &store.ProfileChange{Profile: settings.Profile, Was: settings.Profile.Version}, err
}

// apply changes several clients and the profile in one revision.
func (c *changer) apply() error {
	profile, err := c.profile()
	if err != nil {
		return err
	}
	changes := store.Changeset{Profile: profile}
	for _, id := range []string{"random-1", "random-2", "random-3"} {
		was, err := c.store.Client(c.t.Context(), id)
		remove := err == nil && c.random.IntN(3) == 0
		changes.Clients = append(changes.Clients, store.ClientChange{Client: c.client(id), Was: was.Version, Remove: remove})
	}
	return c.store.Apply(c.t.Context(), changes)
}

func (c *changer) change() error {
	switch c.random.IntN(12) {
	case 0:
		p, err := c.profile()
		if err != nil {
			return err
		}
		return c.store.PutProfile(c.t.Context(), p.Profile, p.Was, noAudit)
	case 1:
		now := c.clock.Now()
		key, err := token.NewKey(c.manager.Rand, token.UseSign, oauth.ES256, now, now.Add(time.Minute), c.manager.Master)
		if err != nil {
			return err
		}
		return c.store.ReplaceKeys(c.t.Context(), nil, []token.WrappedKey{key}, noAudit)
	case 2, 3:
		return c.apply()
	case 4:
		c.clock.pass(7 * time.Minute)
		return nil
	}
	return c.putOne()
}

// TestASnapshotFollowedByChangesIsThatOfAFullRead after random changes, one or several at a time; and what a request holds
// stays as it was.
func TestASnapshotFollowedByChangesIsThatOfAFullRead(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(t)
		c := &changer{w, rand.New(rand.NewPCG(seed, 0))}
		for step := range 80 {
			held := w.server.current.Load()
			before := plainOf(t, held)
			for range 1 + c.random.IntN(3) {
				w.must(c.change())
			}
			w.must(w.server.refreshIfChanged(t.Context()))
			got := plainOf(t, w.server.current.Load())
			loaded, err := w.store.Load(t.Context())
			w.must(err)
			none := &snapshot{clients: map[string]known{}, literal: map[string][]string{}}
			full, err := w.server.updated(none, store.Update{Revision: loaded.Revision, Clients: loaded.Clients, Settings: &loaded})
			w.must(err)
			want := plainOf(t, full)
			got.JWKS, want.JWKS = "", "" // its order depends on the time of reading
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d, step %d (-read whole +changed):\n%s", seed, step, diff)
			}
			if diff := cmp.Diff(before, plainOf(t, held)); diff != "" {
				t.Fatalf("seed %d, step %d changed what a request holds:\n%s", seed, step, diff)
			}
		}
	}
}

// hanging answers which revision there is, and nothing more.
type hanging struct{ store.Store }

func (hanging) LoadSince(ctx context.Context, _ int64) (store.Update, bool, error) {
	ctx, done := store.Bounded(ctx)
	defer done()
	<-ctx.Done()
	return store.Update{}, false, store.ErrUnavailable
}

// TestRequestsDoNotQueueForASnapshot: where the database hangs while one of them reads it, the
// others do not each wait for those before them.
func TestRequestsDoNotQueueForASnapshot(t *testing.T) {
	w := newWorld(t)
	w.must(w.store.PutClient(t.Context(), oauth.Client{ID: "one"}, 0, noAudit))
	w.server.Store = hanging{w.store}
	const callers, left = 50, 200 * time.Millisecond
	answers := make(chan error, callers)
	for range callers {
		ctx := store.WithBudget(t.Context())
		store.BudgetOf(ctx).Spend(store.RequestLimit - left)
		go func() { answers <- w.server.refreshIfChanged(ctx) }()
	}
	limit := time.After(callers * left / 2)
	for range callers {
		select {
		case err := <-answers:
			if !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("got %v", err)
			}
		case <-limit:
			t.Fatal("they wait for each other")
		}
	}
}

// TestTheLogSaysThatTheDatabaseWentBack: what the node knows is newer than what the database has.
func TestTheLogSaysThatTheDatabaseWentBack(t *testing.T) {
	w := newWorld(t)
	var log strings.Builder
	w.server.Logger = slog.New(slog.NewTextHandler(&log, nil))
	w.must(w.store.PutClient(t.Context(), oauth.Client{ID: "one"}, 0, noAudit))
	w.must(w.server.refreshIfChanged(t.Context()))
	if log.Len() > 0 {
		t.Errorf("the log says %s", log.String())
	}
	ahead := *w.server.current.Load()
	ahead.revision += 10
	w.server.current.Store(&ahead)
	w.must(w.server.refreshIfChanged(t.Context()))
	if !strings.Contains(log.String(), "usher restore --after-copy") {
		t.Errorf("the log says %q", log.String())
	}
	if got := w.server.current.Load().revision; got != ahead.revision-10 {
		t.Errorf("revision %d", got)
	}
}

// TestAChangeOfOneClientIsOneQuery beside the look at the revision, which is there every second anyway.
func TestAChangeOfOneClientIsOneQuery(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		what   string
		change func() error
		reads  uint64
	}{
		{"a new client", func() error { return w.store.PutClient(t.Context(), oauth.Client{ID: "one"}, 0, noAudit) }, 2},
		{"a changed one", func() error { return w.store.PutClient(t.Context(), oauth.Client{ID: "one", Name: "x"}, 1, noAudit) }, 2},
		{"a removed one", func() error { return w.store.RemoveClient(t.Context(), "one", noAudit) }, 2},
		{"nothing", func() error { return nil }, 1},
	} {
		w.must(c.change())
		before := w.store.Stats().Reads
		w.must(w.server.refreshIfChanged(t.Context()))
		if reads := w.store.Stats().Reads - before; reads != c.reads {
			t.Errorf("%s: %d reads, expected %d", c.what, reads, c.reads)
		}
	}
}
