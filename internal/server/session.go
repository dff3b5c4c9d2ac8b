package server

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/web"
)

// ssoCookie holds the secret of the SSO session.
var ssoCookie = web.Cookie{Name: "__Host-usher-session"}

// childCookie holds the secret of a child session. The browser keys partitioned cookies by scheme and site
// alone, so the name tells clients and origins of one site apart.
func childCookie(c *oauth.Client, origin oauth.ValidOrigin) web.Cookie {
	sum := sha256.Sum256([]byte(c.ID + " " + origin.String()))
	return web.Cookie{Name: "__Host-usher-child-" + hex.EncodeToString(sum[:6]), Partitioned: true}
}

// standing says who is there: by the SSO cookie, else by the child session that serves this client at this
// origin. nil means nobody. If both cookies arrive, the SSO session wins and a child of another ends.
func (s *Server) standing(w http.ResponseWriter, r *http.Request, v *visit) (*oauth.Standing, *oauth.Error) {
	st, err := s.ssoStanding(r, v)
	if err != nil {
		return nil, err
	}
	child, err := s.childStanding(r, v)
	if err != nil || st == nil || child == nil {
		return cmp.Or(st, child), err
	}
	if child.Session.ID == st.Session.ID { // a ticket's: it serves again where the SSO cookie does not arrive
		return st, nil
	}
	cookie := childCookie(v.client, v.origin)
	if err := s.Store.EndChild(r.Context(), web.HashSecret(cookie.Read(r))); err != nil {
		return nil, web.AsError(err)
	}
	cookie.Clear(w)
	return st, nil
}

// flowStanding says who is there for a step of a flow: by the SSO cookie where the flow is bound to the
// browser, else by the child session, else by the session that the flow itself made.
func (s *Server) flowStanding(r *http.Request, v *visit) (*oauth.Standing, *oauth.Error) {
	if v.bound {
		return s.ssoStanding(r, v)
	}
	st, err := s.childStanding(r, v)
	if st != nil || err != nil || v.flow.Session.IsZero() {
		return st, err
	}
	return s.live(r, func() (oauth.Standing, error) {
		return s.Store.StandingOf(r.Context(), v.flow.Session, v.client.ID)
	})
}

// childStanding says who is there by the child session's cookie alone.
func (s *Server) childStanding(r *http.Request, v *visit) (*oauth.Standing, *oauth.Error) {
	secret := childCookie(v.client, v.origin).Read(r)
	if secret == "" {
		return nil, nil
	}
	return s.live(r, func() (oauth.Standing, error) {
		return s.Store.ChildStanding(r.Context(), web.HashSecret(secret), v.client.ID, v.origin.String())
	})
}

// ssoStanding says who is there by the SSO cookie alone.
func (s *Server) ssoStanding(r *http.Request, v *visit) (*oauth.Standing, *oauth.Error) {
	secret := ssoCookie.Read(r)
	if secret == "" {
		return nil, nil
	}
	return s.live(r, func() (oauth.Standing, error) {
		return s.Store.Standing(r.Context(), web.HashSecret(secret), v.client.ID)
	})
}

// expired finds the session that the browser's cookies name though its time is over. Whoever signs out ends it
// all the same: another node's clock, or this one's once it is set right, may not take it for expired.
func (s *Server) expired(r *http.Request, v *visit) (*oauth.Standing, *oauth.Error) {
	if secret := ssoCookie.Read(r); secret != "" {
		return found(s.Store.Standing(r.Context(), web.HashSecret(secret), v.client.ID))
	}
	if secret := childCookie(v.client, v.origin).Read(r); secret != "" {
		return found(s.Store.ChildStanding(r.Context(), web.HashSecret(secret), v.client.ID, v.origin.String()))
	}
	return nil, nil
}

// found is nil where there is no such session.
func found(st oauth.Standing, err error) (*oauth.Standing, *oauth.Error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, web.AsError(err)
	}
	return &st, nil
}

// live reads a session and counts the read as a use of it; one that is over is as good as none.
func (s *Server) live(r *http.Request, read func() (oauth.Standing, error)) (*oauth.Standing, *oauth.Error) {
	st, refused := found(read())
	if st == nil {
		return nil, refused
	}
	now := s.Now()
	if !st.Session.Live(now) {
		return nil, nil
	}
	if st.Session.TouchDue(now) {
		if err := s.Store.TouchSession(r.Context(), st.Session.ID, now); err != nil {
			return nil, web.AsError(err)
		}
	}
	return st, nil
}

// signedIn records that the account's user just proved who they are: their session is renewed, or a new one
// replaces whatever session this browser had.
func (s *Server) signedIn(w http.ResponseWriter, r *http.Request, v *visit, acc *oauth.Account) (*oauth.Standing, *oauth.Error) {
	former, refused := s.flowStanding(r, v)
	if refused != nil {
		return nil, refused
	}
	session := s.newSession(r, v, acc)
	audit := s.audit(r, store.EventSignIn, v, nil)
	again := former != nil && former.Account.ID == acc.ID
	if again {
		session.ID, audit.Detail = former.Session.ID, "again"
	} else if former != nil {
		// StartSession would end it as well, but only this tells which clients are to hear of it.
		if _, refused := s.endSession(r, v, former); refused != nil {
			return nil, refused
		}
	}
	audit.AccountID, audit.SessionID = acc.ID, session.ID
	save := s.saveSSO
	if !v.bound {
		save, v.flow.Session = s.saveChild, session.ID
	}
	err := save(w, r, v, signedInAs{session, acc.Version, again}, audit)
	if err == nil {
		var st oauth.Standing
		if st, err = s.Store.StandingOf(r.Context(), session.ID, v.client.ID); err == nil {
			return &st, nil
		}
	}
	if errors.Is(err, store.ErrEnded) {
		return nil, accountChanged
	}
	return nil, web.AsError(err)
}

// signedInAs is a session to save, and what it rests on.
type signedInAs struct {
	oauth.Session
	accountVersion int64 // when the password was checked
	again          bool  // the session is there already
}

func (s *Server) newSession(r *http.Request, v *visit, acc *oauth.Account) oauth.Session {
	now := s.Now()
	return oauth.Session{
		ID: newID(), AccountID: acc.ID, AuthTime: now, AMR: []string{oauth.AMRPassword}, ACR: oauth.ACRPassword,
		LastUsed: now, Created: now,
		Expires:     now.Add(time.Duration(v.snap.profile.SessionMaxSeconds) * time.Second),
		IdleTimeout: time.Duration(v.snap.profile.SessionIdleSeconds) * time.Second,
		UserAgent:   userAgent(r), Address: s.proxies.ClientAddress(r).String(),
	}
}

// userAgent is what the browser says of itself, bounded and printable.
func userAgent(r *http.Request) string { return web.LogText(r.UserAgent()) }

// saveSSO stores a session that the SSO cookie names. The secret is fresh for every sign-in, so that nobody can
// fix it beforehand.
func (s *Server) saveSSO(w http.ResponseWriter, r *http.Request, v *visit, in signedInAs, a store.Audit) error {
	secret := web.NewSecret()
	in.CookieHash = web.HashSecret(secret)
	var err error
	if in.again {
		err = s.Store.RenewSession(r.Context(), in.accountVersion, in.Session, nil, nil, a)
	} else {
		err = s.Store.StartSession(r.Context(), in.accountVersion, in.Session, nil, replaced(r, ssoCookie), a)
	}
	if err == nil {
		v.secret = secret
		ssoCookie.Set(w, secret)
		setLogin(w, loggedInStatus)
		setBrowserState(w, secret)
	}
	return err
}

// saveChild stores a session that no cookie names, with a child for this client at this origin: a sign-in in
// a frame that no flow cookie reaches must not yield a first-party session. The child's secret is fresh, too.
func (s *Server) saveChild(w http.ResponseWriter, r *http.Request, v *visit, in signedInAs, a store.Audit) error {
	cookie, secret := childCookie(v.client, v.origin), web.NewSecret()
	child := &oauth.ChildSession{
		ID: newID(), CookieHash: web.HashSecret(secret), ClientID: v.client.ID, Origin: v.origin.String(),
	}
	var err error
	if in.again {
		err = s.Store.RenewSession(r.Context(), in.accountVersion, in.Session, child, web.HashSecret(cookie.Read(r)), a)
	} else {
		err = s.Store.StartSession(r.Context(), in.accountVersion, in.Session, child, replaced(r, cookie), a)
	}
	if err == nil {
		cookie.Set(w, secret)
	}
	return err
}

// replaced lists the session that a cookie named before, which ends as the new one starts.
func replaced(r *http.Request, cookie web.Cookie) [][]byte {
	if old := cookie.Read(r); old != "" {
		return [][]byte{web.HashSecret(old)}
	}
	return nil
}
