package server

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/web"
)

// passwordPage is behind the one-time link with which a user sets a password. Looking uses nothing up: mail scanners
// look, too.
func (s *Server) passwordPage(w http.ResponseWriter, r *http.Request) {
	if s.tooManyLinks(w, r) {
		return
	}
	s.askNewPassword(w, r, http.StatusOK, r.URL.Query().Get("code"), "")
}

// askNewPassword shows the form, with whose password it is, and what was wrong before, if anything.
func (s *Server) askNewPassword(w http.ResponseWriter, r *http.Request, status int, code, problem string) {
	acc, err := s.byLink(r).OpenPasswordLink(r.Context(), code)
	if err != nil {
		s.linkFailed(w, err)
		return
	}
	web.WritePage(w, s.Logger, status, oauth.ValidOrigin{}, web.NewPassword{
		Code: code, Username: acc.Username, Error: problem, MayKeep: acc.PasswordHash != "",
	})
}

// setPassword sets the password and uses the link up. Every session of the account ends with it; who sets a password is
// not signed in by that: the link came by a way that others may see.
func (s *Server) setPassword(w http.ResponseWriter, r *http.Request) {
	if s.tooManyLinks(w, r) {
		return
	}
	if err := web.ParseForm(w, r); err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	code := r.PostForm.Get("code")
	if r.PostForm.Has("keep") {
		s.keepPassword(w, r, code)
		return
	}
	acc, err := s.byLink(r).UsePasswordLink(r.Context(), code, r.PostForm.Get("password"))
	var invalid manage.Invalid
	switch {
	case errors.As(err, &invalid):
		s.askNewPassword(w, r, http.StatusUnprocessableEntity, code, invalid[0].Problem)
	case err != nil:
		s.linkFailed(w, err)
	default:
		s.knowLinkBrowser(w, r, acc.ID)
		web.WritePage(w, s.Logger, http.StatusOK, oauth.ValidOrigin{}, web.Plain{
			Title: "Your password is set",
			Text:  "Open the app that you want to use, and sign in with it. You can close this page.",
		})
	}
}

// keepPassword uses the link up for this browser alone: guesses of others keep the user out of
// it no more.
func (s *Server) keepPassword(w http.ResponseWriter, r *http.Request, code string) {
	acc, err := s.byLink(r).KeepPassword(r.Context(), code)
	if err != nil {
		s.linkFailed(w, err)
		return
	}
	s.knowLinkBrowser(w, r, acc.ID)
	web.WritePage(w, s.Logger, http.StatusOK, oauth.ValidOrigin{}, web.Plain{
		Title: "You can sign in with this browser now",
		Text: "Open the app that you want to use in this browser, and sign in with your password. " +
			"You can close this page.",
	})
}

// knowLinkBrowser makes the browser that used a link one that the user is known in: the link
// came from an operator. Signing in still takes the password.
func (s *Server) knowLinkBrowser(w http.ResponseWriter, r *http.Request, account oauth.ID) {
	record := s.audit(r, store.EventBrowserKnown, nil, nil)
	record.AccountID = account
	d := authn.Device{ID: newID(), AccountID: account}
	s.knowBrowser(w, r, d, record, func(*authn.Throttle) {})
}

// byLink acts for whoever has a link.
func (s *Server) byLink(r *http.Request) *manage.Manager {
	m := s.registrar("link")
	m.Address, m.Issuer, m.BaseURL = s.proxies.ClientAddress(r).String(), s.issuer, s.BaseURL
	return m
}

func (s *Server) linkFailed(w http.ResponseWriter, err error) {
	if !errors.Is(err, manage.ErrLink) {
		web.WriteErrorPage(w, s.Logger, web.AsError(err))
		return
	}
	web.WritePage(w, s.Logger, http.StatusGone, oauth.ValidOrigin{}, web.Plain{
		Title: "This link is not good any more",
		Text:  "It works once, and not for long. Ask whoever sent it for another.",
	})
}

// tooManyLinks refuses an address that tries too many links. A code cannot be guessed; a flood costs queries.
func (s *Server) tooManyLinks(w http.ResponseWriter, r *http.Request) bool {
	ok, wait := s.addresses.Allow(s.proxies.ClientAddress(r), s.Now())
	if !ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		web.WritePage(w, s.Logger, http.StatusTooManyRequests, oauth.ValidOrigin{}, web.Plain{
			Title: "Too many attempts", Text: "Try again in " + inWords(wait) + ".",
		})
	}
	return !ok
}
