package server

import (
	"net/http"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

// answerLogout answers once the session is over. Where clients are to hear of it in frames of their own, the page that
// shows these goes on by itself (OpenID Connect Front-Channel Logout §2); else the answer is there at once.
func (s *Server) answerLogout(w http.ResponseWriter, f *farewell, frames []oauth.LogoutFrame) {
	framed := !f.visit.origin.IsZero()
	switch {
	case framed && len(frames) == 0:
		web.WriteMessage(w, f.visit.origin, loggedOut{Status: "success", Type: "logout"})
	case !framed && len(frames) == 0 && f.target.String() != "":
		redirect(w, f.target)
	default:
		page := s.signedOut(f)
		page.Frames, page.Tells = frames, framed
		web.WritePage(w, s.Logger, http.StatusOK, f.visit.origin, page)
	}
}

// signedOut is the page that stays where there is nowhere to go back to; it leads to a new sign-in where the client
// has an address for that (OpenID Connect Core §4).
func (s *Server) signedOut(f *farewell) web.SignedOut {
	page := web.SignedOut{Next: f.target}
	if again, ok := f.visit.client.InitiateLogin(s.issuer, ""); ok {
		page.Again, page.Client = again, f.visit.client.DisplayName()
	}
	return page
}

// tellClients lets the clients of a session that just ended know: each by the back channel, where it has one, and by
// the frames that are returned.
func (s *Server) tellClients(snap *snapshot, session *oauth.Session, clientIDs []string) []oauth.LogoutFrame {
	var frames []oauth.LogoutFrame
	for _, id := range clientIDs {
		c, ok := snap.client(id)
		if !ok {
			continue
		}
		s.tellBackChannel(snap, session, c)
		if frame, ok := c.LogoutFrame(s.issuer, snap.profile.SessionID(c, session.ID).String()); ok {
			frames = append(frames, frame)
		}
	}
	return frames
}
