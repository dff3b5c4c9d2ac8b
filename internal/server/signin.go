package server

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/web"
)

// deviceCookie remembers that an account signed in with this browser before, so that its guesses are counted
// apart from a stranger's: nobody can lock out somebody else.
var deviceCookie = web.Cookie{Name: "__Host-usher-device", Lifetime: 365 * 24 * time.Hour}

var (
	wrongPassword = oauth.Errorf(oauth.AccessDenied, "User name or password is wrong. Check both and try again.")
	// accountChanged: between the check and the session somebody locked, changed or removed the account.
	accountChanged = oauth.Errorf(oauth.AccessDenied, "This account was changed just now. Try again, or ask whoever runs this service.")
	lockedOut      = oauth.Errorf(oauth.AccessDenied, "This account is locked. Ask whoever runs this service.")
)

// signIn is the password authenticator's form. An unknown name and a wrong password get the same answer after
// the same time.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	v, err := s.resume(w, r)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	username := r.PostForm.Get("username")
	a, wait, err := s.admit(w, r, username)
	if err == nil && wait == 0 {
		err = s.authenticate(w, r, a, r.PostForm.Get("password"))
	}
	var st *oauth.Standing
	if err == nil && wait == 0 {
		st, err = s.signedIn(w, r, v, &a.account)
	}
	switch {
	case err != nil && errors.Is(err, oauth.ErrUnavailable):
		s.askAgain(w, v, username, 0, web.Refused(w, s.Logger, err)) // what was typed is all that is lost
	case err != nil && err.Code != oauth.AccessDenied:
		s.answerError(w, v, err)
	case err != nil || wait > 0:
		s.metrics.signIn("failed")
		s.askAgain(w, v, username, wait, err)
	default:
		s.metrics.signIn("succeeded")
		s.tally.signIns.Add(1)
		s.rememberDevice(w, r, v, a)
		s.advance(w, r, v, st)
	}
}

// askAgain shows the form anew, with what was typed save the password.
func (s *Server) askAgain(w http.ResponseWriter, v *visit, username string, wait time.Duration, problem *oauth.Error) {
	sealed, err := v.seal(s.Now())
	if err != nil {
		s.answerError(w, v, oauth.Internal(err))
		return
	}
	web.Claims(w, v.client.ID)
	status, text := http.StatusTooManyRequests, fmt.Sprintf("Too many attempts. Try again in %s.", inWords(wait))
	switch {
	case problem != nil && problem.Code == oauth.TemporarilyUnavailable:
		status, text = http.StatusServiceUnavailable, problem.Description
	case problem != nil:
		status, text = http.StatusUnprocessableEntity, problem.Description
	default:
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	page := v.signInPage(sealed, username)
	page.Error, page.Fields = text, status == http.StatusUnprocessableEntity
	web.WritePage(w, s.Logger, status, v.frame(), page)
}

func inWords(d time.Duration) string {
	if d <= time.Minute {
		return fmt.Sprintf("%d seconds", max(1, int(math.Ceil(d.Seconds()))))
	}
	return fmt.Sprintf("%d minutes", int(math.Ceil(d.Minutes())))
}

// attempt is one guess at a password: at whose, from which browser, and in which bucket it counts.
type attempt struct {
	account oauth.Account // the zero Account where nobody has the name
	device  authn.Device  // the zero Device where nobody signed in with the browser before
	bucket  int
}

// admit counts the guess before it is judged, so that guesses at the same moment all count. It answers how
// long to wait where there were too many.
func (s *Server) admit(
	w http.ResponseWriter, r *http.Request, username string,
) (*attempt, time.Duration, *oauth.Error) {
	now := s.Now()
	if ok, wait := s.addresses.Allow(s.proxies.ClientAddress(r), now); !ok {
		return nil, wait, s.signInFailed(w, r, oauth.ID{}, reasonAddress)
	}
	acc, err := s.accountNamed(r, username)
	if err != nil {
		return nil, 0, web.AsError(err)
	}
	a := &attempt{account: acc}
	if d, err := authn.OpenDevice(s.current.Load().ring, deviceCookie.Read(r)); err == nil {
		a.device = d
	}
	a.bucket = authn.BucketFor(s.bucketKey, username, a.device.For(acc.ID))
	before, err := s.Store.CountAttempt(r.Context(), a.bucket, authn.LeakPerSecond, authn.MaxLevel, now)
	if err != nil {
		return nil, 0, web.AsError(err)
	}
	if ok, wait := authn.Allowed(before); !ok {
		return nil, wait, s.signInFailed(w, r, acc.ID, reasonThrottled)
	}
	return a, 0, nil
}

// accountNamed finds who a user name, as typed, belongs to; the zero Account stands for nobody.
func (s *Server) accountNamed(r *http.Request, username string) (oauth.Account, error) {
	name, err := authn.CleanUsername(username)
	if err != nil { // nobody has such a name
		return oauth.Account{}, nil
	}
	acc, err := s.Store.AccountByName(r.Context(), name)
	if errors.Is(err, store.ErrNotFound) {
		return oauth.Account{}, nil
	}
	return acc, err
}

// authenticate checks the password; access_denied is the answer to a wrong one and to an unknown name.
func (s *Server) authenticate(
	w http.ResponseWriter, r *http.Request, a *attempt, password string,
) *oauth.Error {
	ok, outdated, err := s.passwords.Check(r.Context(), s.networkOf(r), a.account.PasswordHash, password)
	switch {
	case err != nil:
		return web.AsError(err)
	case ok && a.account.Locked:
		return cmp.Or(s.signInFailed(w, r, a.account.ID, reasonLocked), lockedOut)
	case !ok:
		return cmp.Or(s.signInFailed(w, r, a.account.ID, a.reason()), wrongPassword)
	case outdated:
		s.rehash(r, &a.account, password)
	}
	return nil
}

// reason is why a password did not fit: nobody has the name, or the user has no password yet.
func (a *attempt) reason() string {
	switch {
	case a.account.ID.IsZero():
		return reasonUnknown
	case a.account.PasswordHash == "":
		return reasonNone
	}
	return reasonWrong
}

// rehash brings a stored hash up to today's parameters while the password is at hand.
func (s *Server) rehash(r *http.Request, acc *oauth.Account, password string) {
	hash, err := s.passwords.Hash(r.Context(), s.networkOf(r), password)
	if err == nil {
		err = s.Store.UpgradePasswordHash(r.Context(), acc.ID, acc.PasswordHash, hash)
	}
	if err != nil {
		s.Logger.Warn("a password hash was not brought up to date", "account", acc.ID.String(), "error", err)
	}
}

// rememberDevice forgives the browser its earlier guesses and gives it a device cookie for the
// account. Neither is worth failing a sign-in over.
func (s *Server) rememberDevice(w http.ResponseWriter, r *http.Request, v *visit, a *attempt) {
	if err := s.Store.ForgiveAttempts(r.Context(), a.bucket); err != nil {
		s.Logger.Warn("attempts were not forgiven", "error", err)
	}
	d := authn.Device{ID: newID(), AccountID: a.account.ID}
	if a.device.AccountID == a.account.ID {
		d = a.device // sealed anew: its key may be about to go
	}
	sealed, err := authn.SealDevice(v.snap.ring, d, s.Now())
	if err != nil {
		s.Logger.Warn("no device cookie could be made", "error", err)
		return
	}
	deviceCookie.Set(w, sealed)
}
