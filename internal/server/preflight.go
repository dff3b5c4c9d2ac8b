package server

import (
	"net/http"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

const preflightPath = "/authn/anonymous/preflight"

// visitedCookie is set only while the server is the page itself, never in a frame: if it arrives in a frame,
// the browser lets first-party cookies through.
var visitedCookie = web.Cookie{Name: "__Host-usher-visited", Lifetime: deviceCookie.Lifetime}

// cookieReport is what the preflight script asks for.
type cookieReport struct {
	Type    string `json:"type"`
	Cookies bool   `json:"cookies"`
}

// preflightCheck tells the app's page, by message, whether this server's first-party cookies survive in its
// frame. Browsers that send Sec-Fetch-Storage-Access say so themselves.
func (s *Server) preflightCheck(w http.ResponseWriter, r *http.Request) {
	origin := s.current.Load().literalOrigin(r.URL.Query().Get("for_origin"))
	if origin.IsZero() {
		web.WriteErrorPage(w, s.Logger, oauth.Errorf(oauth.InvalidRequest,
			"The origin of this page is not listed literally by any client. Add it to the client's allowed origins."))
		return
	}
	survives := visitedCookie.Read(r) != "" || r.Header.Get("Sec-Fetch-Storage-Access") == "active"
	web.WriteMessage(w, origin, cookieReport{Type: "preflight", Cookies: survives})
}

// preflightRedirect takes the whole page through this server once, which makes its cookies first-party, and
// back to where it came from if that is an origin that an enabled client lists literally. The library names its client as
// well, and a challenge, and gets a ticket.
func (s *Server) preflightRedirect(w http.ResponseWriter, r *http.Request) {
	q, err := query(r)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	snap := s.current.Load()
	back, ok := oauth.ReturnAddress(q.Get("return_to"), snap.lists)
	if !ok {
		s.noWayBack(w)
		return
	}
	topLevel := r.Header.Get("Sec-Fetch-Dest") != "iframe"
	if topLevel {
		visitedCookie.Set(w, "1")
	}
	if topLevel && q.Has("client_id") {
		s.carryBack(w, r, q, back)
		return
	}
	redirect(w, back)
}

func (s *Server) noWayBack(w http.ResponseWriter) {
	web.WritePage(w, s.Logger, http.StatusBadRequest, oauth.ValidOrigin{}, web.Plain{
		Title: "There is no way back from here",
		Text:  "The page that sent you here belongs to no app that this server knows. Use your browser's back button.",
	})
}
