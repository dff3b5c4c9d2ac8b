package server

import (
	"cmp"
	"errors"
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
// apart from a stranger's.
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
	a, verdict, err := s.admit(w, r, username)
	if err == nil && a != nil {
		err = s.authenticate(w, r, a, r.PostForm.Get("password"))
	}
	var st *oauth.Standing
	if err == nil && a != nil {
		if st, err = s.signedIn(w, r, v, &a.account); err != nil {
			s.giveBack(r, a)
		}
	}
	switch {
	case err != nil && errors.Is(err, oauth.ErrUnavailable):
		// What was typed is all that is lost.
		s.askAgain(w, v, username, verdict, web.Refused(w, s.Logger, err))
	case err != nil && err.Code != oauth.AccessDenied:
		s.answerError(w, v, err)
	case err != nil || a == nil:
		s.metrics.signIn("failed")
		s.askAgain(w, v, username, verdict, err)
	default:
		s.metrics.signIn("succeeded")
		s.tally.signIns.Add(1)
		s.rememberDevice(w, r, a)
		s.advance(w, r, v, st)
	}
}

// askAgain shows the form anew, with what was typed save the password.
func (s *Server) askAgain(
	w http.ResponseWriter, v *visit, username string, verdict authn.Verdict, problem *oauth.Error,
) {
	sealed, err := v.seal(s.Now())
	if err != nil {
		s.answerError(w, v, oauth.Internal(err))
		return
	}
	web.Claims(w, v.client.ID)
	status, text := http.StatusTooManyRequests, tooManyAttempts(verdict)
	switch {
	case problem != nil && problem.Code == oauth.TemporarilyUnavailable:
		status, text = http.StatusServiceUnavailable, problem.Description
	case problem != nil:
		status, text = http.StatusUnprocessableEntity, problem.Description
	default:
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(verdict.Wait.Seconds()))))
	}
	page := v.signInPage(sealed, username)
	page.Error, page.Fields = text, status == http.StatusUnprocessableEntity
	web.WritePage(w, s.Logger, status, v.frame(), page)
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
// A guess that was not judged is given back; one that was right stays reserved until the sign-in is complete.
func (s *Server) authenticate(
	w http.ResponseWriter, r *http.Request, a *attempt, password string,
) *oauth.Error {
	ok, outdated, err := s.passwords.Check(r.Context(), s.networkOf(r), a.account.PasswordHash, password)
	if err != nil {
		s.giveBack(r, a)
		return web.AsError(err)
	}
	if !ok || a.account.Locked {
		if err := s.countGuess(r, a); err != nil {
			return web.AsError(err)
		}
	}
	switch {
	case ok && a.account.Locked:
		return cmp.Or(s.signInFailed(w, r, a.account.ID, reasonLocked), lockedOut)
	case !ok:
		return cmp.Or(s.signInFailed(w, r, a.account.ID, a.reason()), wrongPassword)
	case outdated:
		s.rehash(r, &a.account, password)
	}
	return nil
}

// reason is why a password did not fit: the name is unknown, or the user has no password yet.
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
