package server

import (
	"cmp"
	"net/http"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

const checkSessionPath = "/oauth/v2/oauth-session/check"

// browserStateCookie holds what the check_session_iframe's script reads (OpenID Connect Session Management §3.2): a
// one-way hash of the SSO cookie's secret. The server never reads it.
var browserStateCookie = web.Cookie{Name: "__Host-usher-browser-state", Readable: true}

// checkSession is the check_session_iframe. It looks at no cookie: what it answers is the same for everybody.
func (s *Server) checkSession(w http.ResponseWriter, r *http.Request) {
	web.WriteCheckSession(w)
}

// setBrowserState follows a fresh SSO cookie.
func setBrowserState(w http.ResponseWriter, secret string) {
	browserStateCookie.Set(w, oauth.BrowserState(secret))
}

// sessionState is the session_state of an authorization response (OpenID Connect Session Management §2): of the SSO
// cookie that this answer sets, else of the one that came. It is empty for a client without a web origin.
func (s *Server) sessionState(r *http.Request, v *visit) string {
	origin := v.redirect.Origin()
	if origin == "" {
		return ""
	}
	state := ""
	if secret := cmp.Or(v.secret, ssoCookie.Read(r)); secret != "" {
		state = oauth.BrowserState(secret)
	}
	return oauth.SessionState(v.client.ID, origin, state, newID().String())
}

// forgetBrowser removes the SSO cookie, and with it the state that clients and the browser itself watch.
func forgetBrowser(w http.ResponseWriter, r *http.Request) {
	setLogin(w, loggedOutStatus)
	for _, cookie := range []web.Cookie{ssoCookie, browserStateCookie} {
		if cookie.Read(r) != "" {
			cookie.Clear(w)
		}
	}
}
