package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// refreshEvery keeps every node within 2 s of a change.
const refreshEvery = time.Second

// snapshot is the configuration at one revision, with all that follows from it: nothing here is computed
// again for a request.
type snapshot struct {
	revision  int64
	profile   oauth.Profile
	clients   map[string]*oauth.Client // enabled ones and disabled ones
	literal   map[string]bool          // origins that an enabled client lists literally
	patterns  []*oauth.Client          // enabled clients with an origin pattern, or one on trial
	trialEnds time.Time                // the first of them; zero where nothing is on trial
	ring      *token.Ring
	discovery []byte
	jwks      []byte
}

// renewal is the state of renewing the snapshot.
type renewal struct {
	reading sync.Mutex
	mu      sync.Mutex
	last    time.Time // of the last read that an unknown key caused
	skewed  atomic.Bool
}

// refresh reads the configuration and puts it in force, one at a time, so that no older one follows a newer.
func (s *Server) refresh(ctx context.Context) error {
	s.renewal.reading.Lock()
	defer s.renewal.reading.Unlock()
	loaded, err := s.Store.Load(ctx)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	ring, err := token.NewRing(loaded.Keys, s.Master, s.issuer)
	if known := s.current.Load(); errors.Is(err, token.ErrMaster) && known != nil {
		// The master key was changed under a node that runs: the keys that it knows stay good until they rotate.
		s.Logger.Error("the keys are wrapped under another master key now; start this node again with it", "error", err)
		ring, err = known.ring, nil
	}
	if err != nil {
		return err
	}
	snap := &snapshot{
		revision: loaded.Revision, profile: loaded.Profile, ring: ring,
		clients: make(map[string]*oauth.Client, len(loaded.Clients)), literal: map[string]bool{},
		jwks: ring.JWKS(s.Now()),
	}
	for i := range loaded.Clients {
		snap.add(&loaded.Clients[i], s.Now())
	}
	if snap.discovery, err = json.MarshalIndent(s.metadata(snap), "", "  "); err != nil {
		return err
	}
	s.current.Store(snap)
	return nil
}

func (snap *snapshot) add(c *oauth.Client, now time.Time) {
	snap.clients[c.ID] = c
	if c.Disabled {
		return
	}
	pattern := false
	for _, o := range c.AllowedOrigins {
		if o.IsLiteral() {
			snap.literal[string(o)] = true
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
	c, ok := snap.clients[id]
	return c, ok && !c.Disabled
}

// client is that of the snapshot. One that registered by itself may have done so at another node a moment ago: where its
// name is not known, the store is asked whether there is a newer snapshot.
func (s *Server) client(ctx context.Context, snap *snapshot, id string) (c *oauth.Client, ok bool, refused *oauth.Error) {
	if snap.clients[id] == nil && strings.HasPrefix(id, manage.RegisteredPrefix) {
		if err := s.refreshIfChanged(ctx); err != nil {
			return nil, false, oauth.Internal(err)
		}
		snap = s.current.Load()
	}
	c, ok = snap.client(id)
	return c, ok, nil
}

// literalOrigin validates an origin that some enabled client lists literally.
func (snap *snapshot) literalOrigin(origin string) oauth.ValidOrigin {
	if !snap.literal[origin] {
		return oauth.ValidOrigin{}
	}
	for _, c := range snap.clients {
		if o, ok := c.MatchOrigin(origin); ok && !c.Disabled {
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
	revision, err := s.Store.Revision(ctx)
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
	t, err := s.current.Load().ring.OpenAnyAccess(text, s.issuer)
	if errors.Is(err, token.ErrUnknownKey) && s.mayLookForKeys() {
		if refreshErr := s.refreshIfChanged(ctx); refreshErr != nil {
			return t, refreshErr
		}
		t, err = s.current.Load().ring.OpenAnyAccess(text, s.issuer)
	}
	return t, err
}

func (s *Server) mayLookForKeys() bool {
	s.renewal.mu.Lock()
	defer s.renewal.mu.Unlock()
	now := s.Now()
	if now.Sub(s.renewal.last) < time.Second {
		return false
	}
	s.renewal.last = now
	return true
}
