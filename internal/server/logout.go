package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const logoutPath = "/oauth/v2/oauth-session/logout"

// farewell is a request to log out, with what was found out about it.
type farewell struct {
	request oauth.LogoutRequest
	visit   *visit // with client and origin where the request names them
	hint    *oauth.IDToken
	target  oauth.ValidRedirect
}

// logoutAsk is the logout endpoint asked by GET (OpenID Connect RP-Initiated Logout §2), which by itself ends
// nothing: any page could cause it.
func (s *Server) logoutAsk(w http.ResponseWriter, r *http.Request) {
	q, err := query(r)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	request, err := oauth.ParseLogout(q)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	s.showLogout(w, r, request)
}

// logout is the same by POST: from another site it is treated exactly as a GET, and only the form of our own
// page ends the session.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	if err := web.ParseForm(w, r); err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	request, err := oauth.ParseLogout(r.PostForm)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	if s.guard.Check(r) != nil || r.PostForm.Get("confirm") == "" {
		s.showLogout(w, r, request)
		return
	}
	f, err := s.understand(r.Context(), request)
	var frames []oauth.LogoutFrame
	if err == nil {
		frames, err = s.endSessions(w, r, f)
	}
	switch {
	case err != nil && (f == nil || f.visit.origin.IsZero()):
		web.WriteErrorPage(w, s.Logger, err)
	case err != nil:
		s.answerError(w, f.visit, err)
	default:
		s.answerLogout(w, f, frames)
	}
}

// loggedOut tells the library that the session is over.
type loggedOut struct {
	Status string `json:"status"`
	Type   string `json:"type"`
}

// understand validates what a logout request names.
func (s *Server) understand(ctx context.Context, request oauth.LogoutRequest) (*farewell, *oauth.Error) {
	snap := s.current.Load()
	f := &farewell{request: request, visit: &visit{snap: snap, client: &oauth.Client{}}, hint: s.hint(snap, request.IDTokenHint)}
	id := request.ClientID
	if f.hint != nil {
		if id != "" && id != f.hint.Audience {
			return nil, oauth.Errorf(oauth.InvalidRequest, "client_id and id_token_hint name different clients.")
		}
		id = f.hint.Audience
	}
	if id != "" {
		c, ok, err := s.client(ctx, snap, id)
		switch {
		case err != nil:
			return nil, err
		case !ok:
			return nil, oauth.Errorf(oauth.InvalidRequest,
				"There is no such client here.").Because(errUnknownClient)
		}
		f.visit.client = c
	}
	if request.ForOrigin != "" {
		origin, err := oauth.AnswerOrigin(f.visit.client, request.ForOrigin)
		if err != nil {
			return nil, err
		}
		f.visit.origin = origin
	}
	if request.PostLogoutRedirectURI != "" {
		target, ok := f.visit.client.PostLogoutRedirect(request.PostLogoutRedirectURI, request.State)
		if !ok {
			return nil, oauth.Errorf(oauth.InvalidRequest, "post_logout_redirect_uri is not registered for this client.")
		}
		f.target = target
	}
	return f, nil
}

// hint reads an ID token that we issued, expired or not (RP-Initiated Logout §2); any other is as good as none.
func (s *Server) hint(snap *snapshot, text string) *oauth.IDToken {
	if text == "" {
		return nil
	}
	claims, _, err := snap.ring.Verify(text, typIDToken)
	if err != nil {
		return nil
	}
	var t oauth.IDToken
	if json.Unmarshal(claims, &t) != nil || t.Issuer != s.issuer {
		return nil
	}
	return &t
}

// showLogout writes the page that asks, or submits by its own script where a hint names this browser's session;
// in an app's frame it waits for the library's word.
func (s *Server) showLogout(w http.ResponseWriter, r *http.Request, request oauth.LogoutRequest) {
	f, err := s.understand(r.Context(), request)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	if f.visit.origin.IsZero() && r.Header.Get("Sec-Fetch-Dest") == "iframe" {
		// Before the session is read: a stranger who frames this must not learn from the answer who is signed in.
		web.WriteErrorPage(w, s.Logger, oauth.Errorf(oauth.InvalidRequest, "In a frame this needs for_origin, the app's own origin."))
		return
	}
	page := web.Logout{AwaitsToken: !f.visit.origin.IsZero(), Fields: logoutFields(request), Target: f.target}
	if !page.AwaitsToken {
		st, err := s.ssoStanding(r, f.visit)
		switch {
		case err != nil:
			web.WriteErrorPage(w, s.Logger, err)
			return
		case st == nil:
			forgetBrowser(w, r)
			s.answerNobody(w, r, f)
			return
		}
		st.Session.ID = f.visit.snap.profile.SessionID(f.visit.client, st.Session.ID) // as the client knows it
		page.Auto = f.hint != nil && f.hint.HintNames(&st.Session)
	}
	web.WritePage(w, s.Logger, http.StatusOK, f.visit.origin, page)
}

// answerNobody answers where nobody is signed in. Who is signed in is asked, and stays here: a stranger's window must not tell
// the two apart, so it goes on by itself only for a page of the client's own. A hint is no proof of that: a stranger has one too.
func (s *Server) answerNobody(w http.ResponseWriter, r *http.Request, f *farewell) {
	if f.target.IsZero() || f.target.Sent(r.Referer()) {
		s.answerLogout(w, f, nil)
		return
	}
	page := s.signedOut(f)
	page.Stays = true
	web.WritePage(w, s.Logger, http.StatusOK, oauth.ValidOrigin{}, page)
}

func logoutFields(request oauth.LogoutRequest) map[string]string {
	fields := map[string]string{}
	for name, value := range map[string]string{
		"client_id": request.ClientID, "for_origin": request.ForOrigin, "id_token_hint": request.IDTokenHint,
		"post_logout_redirect_uri": request.PostLogoutRedirectURI, "state": request.State,
	} {
		if value != "" {
			fields[name] = value
		}
	}
	return fields
}

// endSessions ends the session of this browser and, where no cookie arrives, the one that the client's token
// hangs off. It returns the frames by which clients are to hear of it.
func (s *Server) endSessions(w http.ResponseWriter, r *http.Request, f *farewell) (frames []oauth.LogoutFrame, err *oauth.Error) {
	st, err := s.standing(w, r, f.visit)
	if err == nil && st == nil {
		st, err = s.expired(r, f.visit)
	}
	if err != nil {
		return nil, err
	}
	if st != nil {
		if frames, err = s.endSession(r, f.visit, st); err != nil {
			return nil, err
		}
	}
	named, err := s.sessionOfToken(r, f.visit.client, r.PostForm.Get("access_token"))
	if err != nil {
		return nil, err
	}
	if named != nil && (st == nil || named.Session.ID != st.Session.ID) {
		more, err := s.endSession(r, f.visit, named)
		if err != nil {
			return nil, err
		}
		frames = append(frames, more...)
	}
	forgetBrowser(w, r)
	if cookie := childCookie(f.visit.client, f.visit.origin); cookie.Read(r) != "" {
		cookie.Clear(w)
	}
	return frames, nil
}

func (s *Server) endSession(r *http.Request, v *visit, st *oauth.Standing) ([]oauth.LogoutFrame, *oauth.Error) {
	clientIDs, err := s.Store.EndSession(r.Context(), st.Session.ID, s.audit(r, store.EventSignOut, v, st))
	if err != nil {
		return nil, web.AsError(err)
	}
	return s.tellClients(v.snap, &st.Session, clientIDs), nil
}

// sessionOfToken finds the session that the client's access token belongs to, be it revoked or expired. A token that the
// client got in exchange for another's (RFC 8693) is not its own in this: no session of its own is behind it.
func (s *Server) sessionOfToken(r *http.Request, c *oauth.Client, text string) (*oauth.Standing, *oauth.Error) {
	if text == "" {
		return nil, nil
	}
	t, err := s.openAccess(r.Context(), text)
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnknownKey) || err == nil && t.ClientID != c.ID {
		return nil, nil
	}
	if err != nil {
		return nil, web.AsError(err)
	}
	if t.Actor != "" {
		return nil, nil
	}
	st, err := s.Store.TokenStanding(r.Context(), t)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, web.AsError(err)
	}
	return &st.Standing, nil
}

// redirect sends the browser on; 303, so that it asks by GET (RFC 9700 §4.12).
func redirect(w http.ResponseWriter, to oauth.ValidRedirect) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Location", to.String())
	w.WriteHeader(http.StatusSeeOther)
}
