package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-id/usher/internal/fair"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// The bounds of telling clients by the back channel. What waits longer than the logout token would be good for is
// not worth sending any more.
const (
	noticesAtOnce  = 32
	noticesOfOne   = 4 // of these, to one client: one that hangs must not hold up the others
	noticesWaiting = 10_000
	noticeTime     = 30 * time.Second // for one client, the wait for its turn included
	noticePause    = time.Second      // before the one retry
	drainTime      = 10 * time.Second
)

// backChannel is what of OpenID Connect Back-Channel Logout is under way on this node. Nothing of it is stored: a
// notice that a crash cuts off is lost, as one is that the client's own server misses.
type backChannel struct {
	queue   *fair.Queue
	pause   time.Duration
	results *prometheus.CounterVec
	under   sync.WaitGroup

	mu      sync.Mutex
	closing bool
}

func newBackChannel(reg *prometheus.Registry) *backChannel {
	b := &backChannel{
		queue: fair.New(fair.Bounds{
			AtOnce: noticesAtOnce, OfKey: noticesOfOne, Waiting: noticesWaiting, Longest: noticeTime,
		}),
		pause: noticePause,
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_backchannel_logouts_total", Help: "Logout tokens for clients, by result."}, []string{"result"}),
	}
	reg.MustRegister(b.results)
	return b
}

// begin counts one more notice; false where the node stops. The queue bounds how many there are.
func (b *backChannel) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing {
		return false
	}
	b.under.Add(1)
	return true
}

// drain takes nothing more and waits for what is under way, but not for ever.
func (b *backChannel) drain() {
	b.mu.Lock()
	b.closing = true
	b.mu.Unlock()
	done := make(chan struct{})
	go func() {
		b.under.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(drainTime):
	}
}

// tellBackChannel sends the client a logout token (OpenID Connect Back-Channel Logout §2.5), in the background: the
// user does not wait for the client's server.
func (s *Server) tellBackChannel(snap *snapshot, session *oauth.Session, c *oauth.Client) {
	if c.BackChannelLogoutURI == "" {
		return
	}
	if !s.backChannel.begin() {
		s.countNotice(c, session, "dropped", errors.New("this node stops"))
		return
	}
	ended := *session
	go func() {
		defer s.backChannel.under.Done()
		ctx, cancel := context.WithTimeout(context.Background(), noticeTime)
		defer cancel()
		err := s.deliver(ctx, snap, &ended, c)
		if errors.Is(err, fair.ErrFull) {
			s.countNotice(c, &ended, "dropped", err)
			return
		}
		if err != nil {
			s.countNotice(c, &ended, "failed", err)
			return
		}
		s.countNotice(c, &ended, "delivered", nil)
	}()
}

// deliver posts the logout token, and tries once more where that fails.
func (s *Server) deliver(ctx context.Context, snap *snapshot, session *oauth.Session, c *oauth.Client) error {
	leave, err := s.backChannel.queue.Enter(ctx, c.ID)
	if err != nil {
		return err
	}
	defer leave()
	text, err := s.logoutToken(snap, session, c)
	if err != nil {
		return err
	}
	form := url.Values{"logout_token": {text}}
	if err = s.outbound.post(ctx, c.BackChannelLogoutURI, form); err == nil {
		return nil
	}
	select {
	case <-time.After(s.backChannel.pause):
		return s.outbound.post(ctx, c.BackChannelLogoutURI, form)
	case <-ctx.Done():
		return err
	}
}

func (s *Server) logoutToken(snap *snapshot, session *oauth.Session, c *oauth.Client) (string, error) {
	now := s.Now()
	claims, err := json.Marshal(oauth.NewLogoutToken(s.issuer, c, &snap.profile, session, newID(), now))
	if err != nil {
		return "", err
	}
	return snap.ring.Sign(c.Alg(), token.TypeLogout, now, claims)
}

func (s *Server) countNotice(c *oauth.Client, session *oauth.Session, result string, err error) {
	s.backChannel.results.WithLabelValues(result).Inc()
	if err != nil {
		s.Logger.Warn("a client was not told that a session ended", "client", c.ID, "session", session.ID.String(), "error", err)
		return
	}
	s.Logger.Info("a client was told that a session ended", "client", c.ID, "session", session.ID.String())
}
