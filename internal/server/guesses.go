package server

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/web"
)

// attempt is one guess at a password that may be judged: at whose, from which browser.
type attempt struct {
	account     oauth.Account // the zero Account where the name is unknown
	browser     string        // the ID in the device cookie, where it is the account's
	key         []byte        // of the guesses in the store
	reservation authn.Reservation
}

// admit reserves the guess before it is judged, so that guesses at the same moment all count.
// Without an attempt in the answer the guess is refused, and nothing was changed.
func (s *Server) admit(
	w http.ResponseWriter, r *http.Request, username string,
) (*attempt, authn.Verdict, *oauth.Error) {
	address := s.proxies.ClientAddress(r)
	if ok, wait := s.addresses.Allow(address, s.Now()); !ok {
		s.metrics.throttle("address")
		v := authn.Verdict{Cause: authn.CauseNetwork, Wait: wait}
		return nil, v, s.signInFailed(w, r, oauth.ID{}, reasonAddress)
	}
	acc, err := s.accountNamed(r, username)
	if err != nil {
		return nil, authn.Verdict{}, web.AsError(err)
	}
	a := &attempt{account: acc, key: authn.AccountKey(acc.ID)}
	if acc.ID.IsZero() {
		name := authn.NormalizeUsername(username)
		a.key = authn.ThrottleKey(s.bucketKey, authn.DomainUnknownName, name)
	}
	if d, err := authn.OpenDevice(s.current.Load().ring, deviceCookie.Read(r)); err == nil {
		a.browser = d.For(acc.ID)
	}
	v, err := s.reserve(r, a, authn.Network(address).String())
	if err != nil {
		return nil, v, web.AsError(err)
	}
	if v.Cause != authn.CauseNone {
		s.metrics.throttle(string(v.Cause))
		return nil, v, s.signInFailed(w, r, acc.ID, reasonThrottled)
	}
	a.reservation = v.Reservation
	return a, v, nil
}

// reserve also tells operators, once an hour, that networks together used up what they may guess
// at one user: that is no user's mistyping.
func (s *Server) reserve(r *http.Request, a *attempt, network string) (authn.Verdict, error) {
	id, now := newID().String(), s.Now()
	var v authn.Verdict
	tell := false
	err := s.changeGuesses(r.Context(), a.key, func(t *authn.Throttle) bool {
		v = t.ReserveSignIn(id, a.browser, network, now)
		tell = v.Cause == authn.CauseAccount && t.Tell(now)
		return v.Cause == authn.CauseNone || tell
	})
	if err == nil && tell && !a.account.ID.IsZero() {
		s.Logger.Warn("many networks guess at one user's password; new browsers are refused",
			"account", a.account.ID.String(), "username", a.account.Username, "wait", v.Wait)
	}
	return v, err
}

// countGuess counts a guess that was judged and was wrong, also where the browser hung up
// meanwhile.
func (s *Server) countGuess(r *http.Request, a *attempt) error {
	ctx, now := context.WithoutCancel(r.Context()), s.Now()
	return s.changeGuesses(ctx, a.key, func(t *authn.Throttle) bool {
		t.CountSignIn(a.reservation, now)
		return true
	})
}

// giveBack takes the reservation back. It would lapse within a minute anyway, so a failure is
// only logged.
func (s *Server) giveBack(r *http.Request, a *attempt) {
	ctx := context.WithoutCancel(r.Context())
	err := s.changeGuesses(ctx, a.key, func(t *authn.Throttle) bool {
		return t.GiveBack(a.reservation)
	})
	if err != nil {
		s.Logger.Warn("a sign-in that was not judged was not given back", "error", err)
	}
}

func (s *Server) changeGuesses(
	ctx context.Context, key []byte, change func(*authn.Throttle) bool,
) error {
	return manage.ChangeThrottle(ctx, s.Store, key, store.Audit{}, change)
}

// rememberDevice gives the reservation back and makes the browser one that the user is known in.
// Neither is worth failing a sign-in over.
func (s *Server) rememberDevice(w http.ResponseWriter, r *http.Request, a *attempt) {
	d := authn.Device{ID: newID(), AccountID: a.account.ID}
	if a.reservation.Known {
		d.ID, _ = oauth.ParseID(a.browser) // sealed again: its key may be about to go
	}
	s.knowBrowser(w, r, d, store.Audit{}, func(t *authn.Throttle) { t.GiveBack(a.reservation) })
}

// knowBrowser stores that the user is known in this browser, and gives it the device cookie.
func (s *Server) knowBrowser(
	w http.ResponseWriter, r *http.Request, d authn.Device, a store.Audit, also func(*authn.Throttle),
) {
	now := s.Now()
	sealed, err := authn.SealDevice(s.current.Load().ring, d, now)
	if err == nil {
		ctx := context.WithoutCancel(r.Context())
		key := authn.AccountKey(d.AccountID)
		err = manage.ChangeThrottle(ctx, s.Store, key, a, func(t *authn.Throttle) bool {
			also(t)
			t.Remember(d.ID.String(), now)
			return true
		})
	}
	if err != nil {
		s.Logger.Warn("a browser was not remembered", "error", err)
		return
	}
	deviceCookie.Set(w, sealed)
}

// tooManyAttempts says why a guess was refused and what the user can do. It says the same of
// unknown names.
func tooManyAttempts(v authn.Verdict) string {
	again := "Try again in " + inWords(v.Wait)
	switch {
	case v.Cause == authn.CauseAccount:
		return "Too many attempts to sign in as this user were made from other networks. " +
			"Use a browser that you signed in with before, or ask your administrator for a one-time link. " +
			"Or t" + again[1:] + "."
	case v.Cause == authn.CauseNetwork && v.Wait > 2*time.Minute:
		return "Too many attempts. " + again + ", use a browser that you signed in with before, " +
			"or ask your administrator for a one-time link."
	}
	return "Too many attempts. " + again + "."
}

func inWords(d time.Duration) string {
	switch {
	case d <= time.Minute:
		return fmt.Sprintf("%d seconds", max(1, int(math.Ceil(d.Seconds()))))
	case d <= 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(math.Ceil(d.Minutes())))
	}
	return fmt.Sprintf("%d hours", int(math.Ceil(d.Hours())))
}
