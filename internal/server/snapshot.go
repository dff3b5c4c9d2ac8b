package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// refreshEvery keeps every node within 2 s of a change.
const refreshEvery = time.Second

// snapshot is the configuration at one revision, with all that follows from it: nothing here is computed
// again for a request. It never changes; the next one shares with it what stayed the same.
type snapshot struct {
	revision  int64
	profile   oauth.Profile
	clients   map[string]known    // by ID, enabled ones and disabled ones
	literal   map[string][]string // the enabled clients that list an origin literally
	patterns  []*oauth.Client     // enabled clients with an origin pattern, or one on trial
	trialEnds time.Time           // the first of them; zero where nothing is on trial
	ring      *token.Ring
	discovery []byte
	jwks      []byte
	upgraded  time.Time // see store.Snapshot
}

// known is a client and the origins that it was configured with: while one is on trial, the client allows that as well.
type known struct {
	*oauth.Client
	listed []oauth.OriginPattern
}

// renewal is the state of renewing the snapshot.
type renewal struct {
	reading chan struct{} // holds one value while the snapshot is read
	mu      sync.Mutex
	last    time.Time // of the last read that an unknown key caused
}

// refresh puts the newest configuration in force, one at a time, so that no older one follows a newer.
func (s *Server) refresh(ctx context.Context) error {
	if err := s.renewal.begin(ctx); err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	defer func() { <-s.renewal.reading }()
	next, err := s.nextSnapshot(ctx)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	s.current.Store(next)
	return nil
}

// begin waits for whoever reads the snapshot, as long as a request may wait for the database: if it
// hangs, those who come later do not each wait for those before them.
func (r *renewal) begin(ctx context.Context) error {
	ctx, done := store.Bounded(ctx)
	defer done()
	select {
	case r.reading <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
}

// nextSnapshot reads what changed since the current snapshot, or everything where that is not known.
func (s *Server) nextSnapshot(ctx context.Context) (*snapshot, error) {
	if current := s.current.Load(); current != nil {
		u, complete, err := s.Store.LoadSince(ctx, current.revision)
		if err != nil {
			return nil, err
		}
		if complete {
			return s.updated(current, u)
		}
	}
	loaded, err := s.Store.Load(ctx)
	if err != nil {
		return nil, err
	}
	if current := s.current.Load(); current != nil && loaded.Revision < current.revision {
		s.Logger.Error("the database went back to an older state: "+
			"what had ended may be good again. If it was restored, run 'usher restore --after-copy'",
			"revision", loaded.Revision, "was", current.revision)
	}
	none := &snapshot{clients: make(map[string]known, len(loaded.Clients)), literal: map[string][]string{}}
	return s.updated(none, store.Update{Revision: loaded.Revision, Clients: loaded.Clients, Settings: &loaded})
}

// updated is the snapshot that follows one by an update.
func (s *Server) updated(snap *snapshot, u store.Update) (*snapshot, error) {
	now := s.Now()
	next := snap.withClients(u, now)
	if u.Settings != nil {
		var err error
		next.profile, next.upgraded = u.Settings.Profile, u.Settings.Upgraded
		if next.ring, err = s.ringOf(u.Settings.Keys); err != nil {
			return nil, err
		}
		if next.discovery, err = json.MarshalIndent(s.metadata(next), "", "  "); err != nil {
			return nil, err
		}
	}
	next.jwks = next.ring.JWKS(now)
	return next, nil
}

// ringOf opens the keys. Where the master key was changed under a node that runs, the keys that it knows stay good until
// they rotate.
func (s *Server) ringOf(keys []token.WrappedKey) (*token.Ring, error) {
	ring, err := token.NewRing(keys, s.Master, s.issuer)
	if current := s.current.Load(); errors.Is(err, token.ErrMaster) && current != nil {
		s.Logger.Error("the keys are wrapped under another master key now; start this node again with it", "error", err)
		return current.ring, nil
	}
	return ring, err
}

// withClients is a copy of the snapshot with the clients as the update has them, and without trials that are over.
func (snap *snapshot) withClients(u store.Update, now time.Time) *snapshot {
	next := *snap
	next.revision = u.Revision
	next.clients, next.literal = maps.Clone(snap.clients), maps.Clone(snap.literal)
	changed := make(map[string]*oauth.Client, len(u.Clients)+len(u.Removed))
	for _, c := range snap.patterns {
		if c.TrialOrigin != "" { // its trial may be over by now
			again := *c
			again.AllowedOrigins = snap.clients[c.ID].listed
			changed[c.ID] = &again
		}
	}
	for i := range u.Clients {
		changed[u.Clients[i].ID] = &u.Clients[i]
	}
	for _, id := range u.Removed {
		changed[id] = nil
	}
	next.drop(changed)
	next.trialEnds = time.Time{}
	for _, c := range changed {
		if c != nil {
			next.add(c, now)
		}
	}
	return &next
}

// drop takes clients out. What other snapshots hold is replaced, never changed.
func (snap *snapshot) drop(changed map[string]*oauth.Client) {
	for id := range changed {
		was, ok := snap.clients[id]
		delete(snap.clients, id)
		if !ok || was.Disabled {
			continue
		}
		for _, o := range was.listed {
			snap.unlist(string(o), id)
		}
	}
	snap.patterns = slices.DeleteFunc(slices.Clone(snap.patterns), func(c *oauth.Client) bool {
		_, is := changed[c.ID]
		return is
	})
}

// unlist is for an origin that the client listed, and does nothing for a pattern.
func (snap *snapshot) unlist(origin, clientID string) {
	others := slices.DeleteFunc(slices.Clone(snap.literal[origin]), func(id string) bool { return id == clientID })
	if len(others) == 0 {
		delete(snap.literal, origin)
	} else {
		snap.literal[origin] = others
	}
}

func (snap *snapshot) add(c *oauth.Client, now time.Time) {
	snap.clients[c.ID] = known{c, c.AllowedOrigins}
	if c.Disabled {
		return
	}
	pattern := false
	for _, o := range c.AllowedOrigins {
		if o.IsLiteral() {
			// An older snapshot may share the array, but sees no more of it than it did.
			snap.literal[string(o)] = append(snap.literal[string(o)], c.ID)
		} else {
			pattern = true
		}
	}
	if onTrial := snap.addTrial(c, now); pattern || onTrial {
		snap.patterns = append(snap.patterns, c)
	}
}

// addTrial allows the client's trial origin while it is one. It is not among the literal ones: those are where whole pages
// may be sent back to, and a trial is for a panel in a page.
func (snap *snapshot) addTrial(c *oauth.Client, now time.Time) bool {
	if c.TrialOrigin == "" || !now.Before(c.TrialUntil) {
		return false
	}
	if snap.trialEnds.IsZero() || c.TrialUntil.Before(snap.trialEnds) {
		snap.trialEnds = c.TrialUntil
	}
	if trial := oauth.OriginPattern(c.TrialOrigin); !slices.Contains(c.AllowedOrigins, trial) {
		c.AllowedOrigins = append(slices.Clone(c.AllowedOrigins), trial)
	}
	return true
}

// client returns an enabled client; a disabled one is as good as unknown.
func (snap *snapshot) client(id string) (*oauth.Client, bool) {
	k, ok := snap.clients[id]
	return k.Client, ok && !k.Disabled
}

// client is that of the snapshot. One that registered by itself may have done so at another node a moment ago: where its
// name is not known, the store is asked whether there is a newer snapshot.
func (s *Server) client(ctx context.Context, snap *snapshot, id string) (c *oauth.Client, ok bool, refused *oauth.Error) {
	if _, known := snap.clients[id]; !known && strings.HasPrefix(id, manage.RegisteredPrefix) {
		if err := s.refreshIfChanged(ctx); err != nil {
			return nil, false, oauth.Internal(err)
		}
		snap = s.current.Load()
	}
	c, ok = snap.client(id)
	return c, ok, nil
}

// lists tells whether some enabled client lists the origin literally.
func (snap *snapshot) lists(origin string) bool { return len(snap.literal[origin]) > 0 }

// literalOrigin validates an origin that some enabled client lists literally.
func (snap *snapshot) literalOrigin(origin string) oauth.ValidOrigin {
	for _, id := range snap.literal[origin] {
		if o, ok := snap.clients[id].MatchOrigin(origin); ok {
			return o
		}
	}
	return oauth.ValidOrigin{}
}

// anyClientsOrigin validates an origin that some enabled client allows.
func (snap *snapshot) anyClientsOrigin(origin string) oauth.ValidOrigin {
	if o := snap.literalOrigin(origin); !o.IsZero() {
		return o
	}
	for _, c := range snap.patterns {
		if o, ok := c.MatchOrigin(origin); ok {
			return o
		}
	}
	return oauth.ValidOrigin{}
}

func (s *Server) refreshIfChanged(ctx context.Context) error {
	snap := s.current.Load()
	revision, err := s.pulse(ctx)
	if err != nil || revision == snap.revision && !snap.outlived(s.Now()) {
		return err
	}
	return s.refresh(ctx)
}

// outlived tells whether something in the snapshot was to end by now.
func (snap *snapshot) outlived(now time.Time) bool {
	return !snap.trialEnds.IsZero() && !now.Before(snap.trialEnds)
}

// openAccess opens an access token of either format. A key that this node does not know yet causes one
// look at the store, at most once a second.
func (s *Server) openAccess(ctx context.Context, text string) (oauth.AccessToken, error) {
	t, err := s.current.Load().ring.OpenAnyAccess(text, s.issuer, *s.horizon.Load())
	if errors.Is(err, token.ErrUnknownKey) && s.mayLookForKeys() {
		if refreshErr := s.refreshIfChanged(ctx); refreshErr != nil {
			return t, refreshErr
		}
		t, err = s.current.Load().ring.OpenAnyAccess(text, s.issuer, *s.horizon.Load())
	}
	return t, err
}

func (s *Server) mayLookForKeys() bool {
	s.renewal.mu.Lock()
	defer s.renewal.mu.Unlock()
	now := s.Now()
	// Where the clock was set back, the last read lies ahead and is no reason to wait.
	if since := now.Sub(s.renewal.last); since >= 0 && since < time.Second {
		return false
	}
	s.renewal.last = now
	return true
}
