package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// sayAgain is how often the log repeats that the clock is wrong.
const sayAgain = 5 * time.Minute

// pulse is the read of once a second, in one query: it compares the clocks, learns the horizon, and tells
// which revision the configuration has.
func (s *Server) pulse(ctx context.Context) (int64, error) {
	var p store.Pulse
	v, err := s.Clock.Look(func() (_ clock.Witness, err error) {
		p, err = s.Store.Pulse(ctx)
		return p.Witness(), err
	})
	if err != nil {
		return 0, err
	}
	s.learn(p.Horizon)
	if now := s.Now(); v.Trust.Serves() && p.Horizon.Upto.After(now) {
		m := &manage.Manager{Store: s.Store, Master: s.Master, Now: s.Now, Rand: rand.Reader, Actor: "system"}
		if err := m.BeginEpoch(ctx, s.Logger, now); err != nil {
			return 0, err
		}
		if p, err = s.Store.Pulse(ctx); err != nil {
			return 0, err
		}
		s.learn(p.Horizon)
	}
	return p.Revision, nil
}

// learn takes a copy: requests read it meanwhile.
func (s *Server) learn(h token.Horizon) { s.horizon.Store(&h) }

// checkClock refuses to start with a clock that is off the database's: whoever starts a node can set it.
func (s *Server) checkClock(ctx context.Context) error {
	_, err := s.pulse(ctx)
	if v := s.Clock.Last(); err == nil && !v.Trust.Serves() {
		err = fmt.Errorf("%s, and start again", v.Why)
	}
	return err
}

// reportClock tells the log when the verdict on the clock changes, and again while the clock is wrong.
func (s *Server) reportClock() {
	v := s.Clock.Last()
	at := clock.Boot()
	again := at - s.reported.at
	if v.Trust == s.reported.trust && (v.Trust == clock.Trusted || again < sayAgain) {
		return
	}
	was := s.reported.trust
	s.reported.trust, s.reported.at = v.Trust, at
	switch {
	case v.Trust == clock.Trusted && was != clock.Unknown:
		s.Logger.Info("this machine's clock is trusted again")
	case v.Trust == clock.Settling:
		s.Logger.Warn("the clock is not trusted yet", "reason", v.Why)
	case !v.Trust.Serves():
		s.Logger.Error("the clock is wrong: no request is answered, nothing is deleted and no key is changed",
			"reason", v.Why, "off", v.Off.Round(time.Millisecond))
	}
}

// reported is what the log last heard of the clock.
type reported struct {
	trust clock.Trust
	at    time.Duration
}

// Ready tells whether this node can serve: the database takes writes and the clock is right.
func (s *Server) Ready(ctx context.Context) error {
	if v := s.Clock.Last(); !v.Trust.Serves() {
		return errors.New(v.Why)
	}
	return s.takesWrites(ctx)
}

// watchClock shows the verdict on the clock as metrics.
func watchClock(reg *prometheus.Registry, w *clock.Watch) {
	reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "usher_clock_trusted",
			Help: "1 while this node's clock may decide about deletions and keys, else 0.",
		}, func() float64 {
			if w.Last().Trust == clock.Trusted {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "usher_clock_offset_seconds",
			Help: "How far this node's clock is ahead of the database's, or of its own course since the start.",
		}, func() float64 { return w.Last().Off.Seconds() }),
	)
}

// forgotten tells whether a sealed value expires before the horizon of its keys: that it was used may have
// been deleted by a clock that was ahead.
func (s *Server) forgotten(content any, epoch int64) bool {
	expires := expiry(content)
	return !expires.IsZero() && !expires.After(s.horizon.Load().Of(epoch))
}

// expiry is when a sealed value that may be used once can be used no more. The zero time is of the others: what
// ends them is itself stored, so that nothing brings them back.
func expiry(content any) time.Time {
	switch v := content.(type) {
	case *oauth.AuthorizationCode:
		return v.Expires()
	case *oauth.DeviceCode:
		return v.Expires
	case *oauth.Ticket:
		return v.Issued.Add(oauth.TicketLifetime)
	case *pushedRequest:
		return v.Issued.Add(pushedLifetime)
	case *oauth.Flow:
		return v.Started.Add(oauth.FlowLifetime)
	}
	return time.Time{}
}
