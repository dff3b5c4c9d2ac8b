package server

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// timed is a world on a machine whose clocks a test moves, with the database on the same machine.
type timed struct {
	*world
	postgres bool
	start    time.Time
	ran      time.Duration // beyond what really passed
	database time.Duration // how far the database's clock is off
}

// pulsed has the database's clock follow the test's.
type pulsed struct {
	store.Store
	t *timed
}

func (p pulsed) Pulse(ctx context.Context) (store.Pulse, error) {
	got, err := p.Store.Pulse(ctx)
	if p.t.postgres && err == nil {
		got.Clock = time.Now().Add(p.t.ran + p.t.database)
	}
	return got, err
}

func onBothEngines(t *testing.T, test func(w *timed)) {
	for name, postgres := range map[string]bool{"sqlite": false, "postgres": true} {
		t.Run(name, func(t *testing.T) {
			w := &timed{world: newWorldAt(t, database(t, postgres), false), postgres: postgres, start: time.Now()}
			w.store = pulsed{w.store, w}
			w.server.Store, w.manager.Store = w.store, w.store
			w.restart()
			w.withOAuth()
			w.must(w.longTokens())
			w.wantTrust(clock.Trusted)
			test(w)
		})
	}
}

// restart forgets what the process knew of the clocks.
func (w *timed) restart() {
	w.server.Clock = clock.NewWatch(w.clock.Now, func() time.Duration { return time.Since(w.start) + w.ran })
	w.manager.Clock = w.server.Clock
	w.beat()
}

// beat is what a node does every second.
func (w *timed) beat() {
	w.t.Helper()
	w.must(w.server.refreshIfChanged(w.t.Context()))
}

func (w *timed) tend() {
	w.t.Helper()
	w.must(w.manager.Tend(w.t.Context(), slog.New(slog.DiscardHandler), 90*24*time.Hour))
}

// run lets time pass evenly.
func (w *timed) run(d time.Duration) {
	w.t.Helper()
	for end := w.ran + d; w.ran < end; {
		step := min(20*time.Minute, end-w.ran)
		w.ran += step
		w.clock.pass(step)
		w.beat()
		w.tend()
	}
}

// jump sets this machine's clock alone; jumpBoth the database's too where it has one.
func (w *timed) jump(d time.Duration) {
	w.t.Helper()
	w.clock.pass(d)
	w.beat()
}

func (w *timed) jumpBoth(d time.Duration) {
	w.t.Helper()
	w.database += d
	w.jump(d)
}

func (w *timed) wantTrust(want clock.Trust) {
	w.t.Helper()
	if v := w.server.Clock.Last(); v.Trust != want {
		w.t.Fatalf("the clock is judged %d (%s), want %d", v.Trust, v.Why, want)
	}
}

func (w *timed) signedCode() string {
	w.t.Helper()
	b := w.browser()
	return b.authorize(authorization("spa")).answer().Get("code")
}

// rows counts sessions, audit records and keys: what lasts.
func (w *timed) rows() [3]int {
	w.t.Helper()
	var n [3]int
	var err error
	n[0], err = w.store.CountSessions(w.t.Context(), time.Unix(0, 0))
	w.must(err)
	audits, _, err := w.store.Audits(w.t.Context(), store.AuditFilter{}, oauth.ID{}, 500)
	w.must(err)
	keys, err := w.manager.Keys(w.t.Context())
	w.must(err)
	n[1], n[2] = len(audits), len(keys)
	return n
}

// A clock that jumps is noticed at once; nothing is answered, deleted or made until it is right again, and then
// everything is as it was.
func TestAJumpOfTheClockChangesNothing(t *testing.T) {
	const day = 24 * time.Hour
	onBothEngines(t, func(w *timed) {
		revoked, live := w.browser().signIn("client_id", "app").token(), w.browser().signIn("client_id", "app").token()
		w.revokeAs("app", revoked).wantStatus(200)
		code := w.signedCode()
		w.redeem("spa", code).granted(w.t)
		before := w.rows()
		for _, jump := range []time.Duration{2 * time.Hour, -2 * time.Hour, 9 * time.Hour, 400 * day} {
			w.clock.pass(jump)
			w.tend() // the next lasting act, before any other look
			if w.server.Clock.Last().Trust.Serves() {
				w.t.Fatalf("after %s the clock is served by", jump)
			}
			if p := w.call("GET", issuerPath+"/jwks", nil); p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" {
				w.t.Errorf("after %s: %d", jump, p.status)
			}
			if err := w.server.Ready(w.t.Context()); err == nil || !strings.Contains(err.Error(), "clock") {
				w.t.Errorf("after %s: ready: %v", jump, err)
			}
			w.run(30 * time.Minute)
			if got := w.rows(); got != before {
				w.t.Errorf("after %s: sessions, records and keys were %v, are %v", jump, before, got)
			}
			w.jump(-jump)
			w.wantTrust(clock.Trusted)
			w.must(w.server.Ready(w.t.Context()))
			w.wantActive(revoked, false)
			w.wantActive(live, true)
			w.tend()
			w.wantActive(revoked, false)
		}
		w.redeem("spa", code).wantError(w.t, oauth.InvalidGrant)
		w.wantActive(w.browser().signIn("client_id", "app").token(), true)
	})
}

// One node of two whose clock is wrong does nothing lasting, while the other goes on.
func TestAnotherNodesClockDeletesNothing(t *testing.T) {
	onBothEngines(t, func(w *timed) {
		if !w.postgres {
			return // two nodes share PostgreSQL
		}
		revoked := w.browser().signIn("client_id", "app").token()
		w.revokeAs("app", revoked).wantStatus(200)
		before := w.rows()
		for _, off := range []time.Duration{2 * time.Hour, -2 * time.Hour, 9 * time.Hour, 400 * 24 * time.Hour} {
			wrong := *w.manager
			wrong.Now = func() time.Time { return w.clock.Now().Add(off) }
			wrong.Clock = clock.NewWatch(wrong.Now, func() time.Duration { return time.Since(w.start) + w.ran })
			w.must(wrong.Tend(w.t.Context(), slog.New(slog.DiscardHandler), time.Hour))
			if got := w.rows(); got != before || wrong.Clock.Last().Trust != clock.Skewed {
				w.t.Errorf("off by %s: %v, was %v; %s", off, got, before, wrong.Clock.Last().Why)
			}
			w.wantActive(revoked, false)
		}
	})
}

// A clock that was ahead from the start, and for so long that it was believed, has purged. Set right, it brings
// nothing back, and what is made from then on works at once.
func TestNothingComesBackWhenAClockThatWasAheadIsSetRight(t *testing.T) {
	onBothEngines(t, func(w *timed) {
		w.policy(func(p *oauth.Profile) { p.AccessTokenSeconds = 3 * 3600 }) // the sessions outlive them
		revoked, unused := w.browser().signIn("client_id", "jwt").token(), w.browser().signIn("client_id", "app").token()
		handle := w.browser().signIn("client_id", "app").token()
		for _, text := range []string{revoked, handle} {
			client := "app"
			if token.IsJWT(text) {
				client = "jwt"
			}
			w.revokeAs(client, text).wantStatus(200)
		}
		code := w.signedCode()
		w.redeem("spa", code).granted(w.t)
		const ahead = 5 * time.Hour
		w.jumpBoth(ahead)
		w.restart()
		w.wantTrust(clock.Settling)
		w.browser().signIn("client_id", "app").token()
		before := w.rows()
		w.run(50 * time.Minute)
		if got := w.rows(); got[0] != before[0] || got[2] != before[2] {
			w.t.Errorf("deleted or made before the clock ran evenly for an hour: %v, was %v", got, before)
		}
		w.run(30 * time.Minute)
		w.wantTrust(clock.Trusted)
		w.jumpBoth(-ahead)
		if !w.postgres {
			w.wantTrust(clock.Jumped)
			w.restart()
		}
		w.wantTrust(clock.Settling)
		for name, text := range map[string]string{"a revoked JWT": revoked, "a revoked handle": handle, "what may have been revoked": unused} {
			if got := w.introspect(text); got["active"] != false {
				w.t.Errorf("%s is active: %v", name, got)
			}
		}
		w.redeem("spa", code).wantError(w.t, oauth.InvalidGrant)
		b := w.browser()
		fresh := b.signIn("client_id", "app", "scope", "openid").token()
		w.wantActive(fresh, true)
		w.wantActive(w.browser().signIn("client_id", "jwt").token(), true)
		w.redeem("spa", w.signedCode()).granted(w.t)
		w.revokeAs("app", fresh).wantStatus(200)
		w.wantActive(fresh, false)
		w.run(90 * time.Minute)
		w.wantTrust(clock.Trusted)
		w.wantActive(fresh, false)
		w.wantActive(w.browser().signIn("client_id", "app").token(), true)
	})
}

// failing fails from the second look on.
type failing struct {
	store.Store
	looks int
}

func (f *failing) Pulse(ctx context.Context) (store.Pulse, error) {
	if f.looks++; f.looks > 1 {
		return store.Pulse{}, store.ErrUnavailable
	}
	return f.Store.Pulse(ctx)
}

// A database that goes away right after a new epoch began does not make a node forget the horizon:
// until the next look it would take what was revoked for good.
func TestTheHorizonOutlastsADatabaseThatGoesAway(t *testing.T) {
	w := newWorld(t)
	upto := w.clock.Now().Add(time.Hour).Truncate(time.Millisecond)
	w.must(w.store.RaiseHorizon(t.Context(), upto))
	w.server.Store = &failing{Store: w.store}
	if _, err := w.server.pulse(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	if got := w.server.horizon.Load().Of(0); !got.Equal(upto) {
		t.Errorf("the horizon is %v, want %v", got, upto)
	}
}

// A clock that is behind what was purged is believed after an hour, but corrects nothing: what lies in its future
// is as it should be.
func TestAClockThatIsBehindForAnHourHarmsNothing(t *testing.T) {
	onBothEngines(t, func(w *timed) {
		w.run(5 * time.Minute)
		b := w.browser()
		b.signIn("client_id", "app").token()
		before, err := w.manager.Keys(t.Context())
		w.must(err)
		const behind = 400 * 24 * time.Hour
		w.jumpBoth(-behind)
		w.restart()
		w.run(61 * time.Minute)
		w.jumpBoth(behind)
		w.restart()
		w.run(5 * time.Minute)
		b.frame(assisted("client_id", "app", "prompt", "none")).token()
		after, err := w.manager.Keys(t.Context())
		w.must(err)
		for _, k := range before {
			same := slices.ContainsFunc(after, func(is manage.KeyInfo) bool { return is.ID == k.ID && is.Activates.Equal(k.Activates) })
			if !same {
				t.Errorf("the key %s is gone or changed", k.ID)
			}
		}
	})
}

func (w *timed) wantNothingFromTheFuture() {
	w.t.Helper()
	now := w.clock.Now()
	keys, err := w.manager.Keys(w.t.Context())
	w.must(err)
	for _, k := range keys {
		if k.Created.After(now) || k.Activates.After(now.Add(token.DefaultPolicy().Publish)) || k.State == token.StateCurrent && k.Activates.After(now) {
			w.t.Errorf("a key from the future: %+v", k)
		}
	}
	sessions, err := w.store.ListSessions(w.t.Context(), oauth.ID{}, now, store.Place{}, 100)
	w.must(err)
	p := w.server.current.Load().profile
	for _, s := range sessions {
		last := now.Add(time.Duration(p.SessionMaxSeconds) * time.Second)
		if s.Created.After(now) || s.LastUsed.After(now) || s.AuthTime.After(now) || s.Expires.After(last) {
			w.t.Errorf("a session from the future: %+v", s.Session)
		}
	}
}

// A key from the future is not used, does not stop rotation, and is given times that can be.
func TestKeysFromTheFutureHeal(t *testing.T) {
	onBothEngines(t, func(w *timed) {
		const far = 400 * 24 * time.Hour
		now := w.clock.Now()
		keys := map[string]bool{}
		for _, role := range token.Due(nil, now, token.DefaultPolicy()) {
			k, err := token.NewKey(w.manager.Rand, role.Use, role.Alg, now.Add(far), now.Add(far), w.manager.Master)
			w.must(err)
			_, err = w.store.AddKey(w.t.Context(), k, now.Add(time.Hour), noAudit)
			w.must(err)
			keys[k.ID] = true
		}
		w.beat()
		w.wantActive(w.browser().signIn("client_id", "jwt").token(), true)
		w.restart()
		w.tend()
		w.wantNothingFromTheFuture()
		w.run(25 * time.Hour)
		infos, err := w.manager.Keys(w.t.Context())
		w.must(err)
		for _, k := range infos {
			if keys[k.ID] != (k.State == token.StateCurrent) {
				w.t.Errorf("after a day: %+v", k)
			}
		}
		w.wantActive(w.browser().signIn("client_id", "jwt").token(), true)
	})
}

// A clock that is behind at the start, as where a battery is empty, is served and does no harm that lasts.
func TestAClockThatIsBehindAtTheStart(t *testing.T) {
	onBothEngines(t, func(w *timed) {
		revoked, live := w.browser().signIn("client_id", "app").token(), w.browser().signIn("client_id", "app").token()
		w.revokeAs("app", revoked).wantStatus(200)
		w.tend()
		before := w.rows()
		w.jumpBoth(-50 * 365 * 24 * time.Hour)
		w.restart()
		w.wantTrust(clock.Settling)
		w.wantActive(revoked, false)
		w.wantActive(w.browser().signIn("client_id", "jwt").token(), true)
		w.run(30 * time.Minute)
		w.jumpBoth(50 * 365 * 24 * time.Hour)
		w.must(w.server.Ready(w.t.Context()))
		w.run(90 * time.Minute)
		w.wantTrust(clock.Trusted)
		w.wantActive(revoked, false)
		w.wantActive(live, true)
		if got := w.rows(); got[0] < before[0] || got[2] < before[2] {
			w.t.Errorf("sessions, records and keys: %v, were %v", got, before)
		}
	})
}

// What cannot be told apart from a wrong clock is served, and nothing is deleted for an hour.
func TestAStandstillOfSixtyDays(t *testing.T) {
	onBothEngines(t, func(w *timed) {
		w.browser().signIn("client_id", "app").token()
		before := w.rows()
		w.ran += 60 * 24 * time.Hour
		w.clock.pass(60 * 24 * time.Hour)
		w.tend()
		w.wantTrust(clock.Settling)
		w.must(w.server.Ready(w.t.Context()))
		w.run(50 * time.Minute)
		if got := w.rows(); got != before {
			w.t.Errorf("%v, was %v", got, before)
		}
		w.run(20 * time.Minute)
		if got := w.rows(); got[0] != 0 {
			w.t.Errorf("expired sessions are there still: %v", got)
		}
	})
}

func TestWrongClockRefuses(t *testing.T) {
	onBothEngines(t, func(w *timed) {
		options := w.options(w.manager.Master)
		options.Clock = w.server.Clock
		_, err := New(w.t.Context(), options)
		w.must(err)
		w.clock.pass(time.Minute)
		options = w.options(w.manager.Master)
		options.Clock = w.server.Clock
		if _, err := New(w.t.Context(), options); err == nil || !strings.Contains(err.Error(), "clock") {
			w.t.Errorf("a server with a wrong clock starts: %v", err)
		}
		w.wantMetrics(options.Registry, 0, 60)
		w.jump(-time.Minute)
		w.wantMetrics(options.Registry, 1, 0)
	})
}

func (w *timed) wantMetrics(reg *prometheus.Registry, trusted, off float64) {
	w.t.Helper()
	families, err := reg.Gather()
	w.must(err)
	got := map[string]float64{}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "usher_clock_") {
			got[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	if len(got) != 2 || got["usher_clock_trusted"] != trusted || math.Abs(got["usher_clock_offset_seconds"]-off) > 5 {
		w.t.Errorf("metrics are %v, want %v and %v", got, trusted, off)
	}
}

// The log hears of a change once, and of what lasts again after a while.
func TestTheLogHearsOfTheClock(t *testing.T) {
	onBothEngines(t, func(w *timed) {
		count := func() int { return strings.Count(w.log.String(), "the clock is wrong") }
		w.server.reportClock()
		w.jump(2 * time.Hour)
		for range 3 {
			w.server.reportClock()
		}
		if count() != 1 {
			w.t.Errorf("told %d times", count())
		}
		w.server.reported.at -= sayAgain
		w.server.reportClock()
		w.jump(-2 * time.Hour)
		w.server.reportClock()
		if count() != 2 || !strings.Contains(w.log.String(), "trusted again") {
			w.t.Errorf("told %d times: %s", count(), w.log.String())
		}
	})
}

// Whatever may be used once is refused where it expires before the horizon of its keys, and only then.
func TestSealedValuesBeforeTheHorizonAreRefused(t *testing.T) {
	onBothEngines(t, func(w *timed) {
		now := w.clock.Now()
		values := map[token.Kind]func(at time.Time) any{
			token.KindCode:       func(at time.Time) any { return &oauth.AuthorizationCode{Issued: at} },
			token.KindDeviceCode: func(at time.Time) any { return &oauth.DeviceCode{Expires: at.Add(oauth.DeviceLifetime)} },
			token.KindTicket:     func(at time.Time) any { return &oauth.Ticket{Issued: at} },
			token.KindRequest:    func(at time.Time) any { return &pushedRequest{Issued: at} },
			token.KindFlow:       func(at time.Time) any { return &oauth.Flow{Started: at} },
			token.KindRefresh:    func(at time.Time) any { return &oauth.RefreshToken{Expires: at} },
		}
		opens := func(kind token.Kind, text string) bool {
			return w.server.open(w.t.Context(), kind, text, values[kind](time.Time{})) == nil
		}
		old := map[token.Kind]string{}
		for kind, value := range values {
			text, failed := seal(w.server.current.Load(), kind, now, value(now))
			if failed != nil || !opens(kind, text) {
				w.t.Fatalf("%s: cannot be opened", kind)
			}
			old[kind] = text
		}
		nonce := w.nonce()
		w.must(w.store.RaiseHorizon(w.t.Context(), now.Add(time.Hour)))
		w.beat()
		for kind, value := range values {
			if opens(kind, old[kind]) != (kind == token.KindRefresh) {
				w.t.Errorf("%s, made before: opened %t", kind, kind == token.KindRefresh)
			}
			text, failed := seal(w.server.current.Load(), kind, now, value(now))
			if failed != nil || !opens(kind, text) {
				w.t.Errorf("%s, made in the new epoch: cannot be opened", kind)
			}
		}
		if w.server.freshNonce(w.t.Context(), nonce, now, time.Minute) || !w.server.freshNonce(w.t.Context(), w.nonce(), w.clock.Now(), time.Minute) {
			w.t.Error("nonces do not mind the horizon")
		}
	})
}

// A revocation is kept although the token has expired by this clock: another may show an earlier time.
func TestAnExpiredTokenIsRevokedToo(t *testing.T) {
	onBothEngines(t, func(w *timed) {
		text := w.browser().signIn("client_id", "app").token()
		w.ran += 2 * time.Hour // so that it counts as a standstill, not a jump
		w.clock.pass(40 * 24 * time.Hour)
		w.ran += 40*24*time.Hour - 2*time.Hour
		w.beat()
		w.revokeAs("app", text).wantStatus(200)
		w.ran -= 40 * 24 * time.Hour
		w.clock.pass(-40 * 24 * time.Hour)
		w.restart()
		w.wantActive(text, false)
	})
}
