package server

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const ticketPath = assistedPath + "/ticket"

// ticket makes one for the session of a page that is no frame; empty where the asking page bound none to itself.
func (s *Server) ticket(v *visit, st *oauth.Standing) (string, *oauth.Error) {
	if v.flow.Ticket == "" {
		return "", nil
	}
	return seal(v.snap, token.KindTicket, s.Now(), &oauth.Ticket{
		ID: newID(), SessionID: st.Session.ID, ClientID: v.client.ID, Origin: v.origin.String(),
		Challenge: v.flow.Ticket, Begun: v.flow.Started, Issued: s.Now(),
	})
}

// ticketPage is where the library redeems the ticket with which its page came back, or its window answered: a hidden frame,
// which takes ticket and verifier by message, so that they are in no address.
func (s *Server) ticketPage(w http.ResponseWriter, r *http.Request) {
	q, err := query(r)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	v, err := s.arrive(r.Context(), q)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	if err := s.ask(v, q); err != nil {
		s.answerError(w, v, err)
		return
	}
	v.flow.Framed, v.flow.Request.Prompt.None = true, true // nobody sees it
	sealed, failed := v.seal(s.Now())
	if failed != nil {
		s.answerError(w, v, oauth.Internal(failed))
		return
	}
	web.WritePage(w, s.Logger, http.StatusOK, v.origin, web.Ticket{Flow: sealed})
}

// admitted says who is there by the ticket that a frame brings. Its session becomes a child session of the frame, where the
// browser keeps that; the ticket is spent last, when all else was found right. here is whom the SSO cookie names.
func (s *Server) admitted(w http.ResponseWriter, r *http.Request, v *visit, here *oauth.Standing, sealed, verifier string) (*oauth.Standing, *oauth.Error) {
	t, err := s.openTicket(r, v, sealed, verifier)
	if err != nil {
		return nil, err
	}
	st, err := s.live(r, func() (oauth.Standing, error) {
		return s.Store.StandingOf(r.Context(), t.SessionID, v.client.ID)
	})
	if err != nil {
		return nil, err
	}
	if t.Begun.Before(v.flow.Started) {
		v.flow.Started = t.Begun
	}
	if step := s.nextStep(v, st); step != oauth.StepDone {
		return nil, v.flow.SilentError(step)
	}
	v.byTicket = true
	return st, s.admitChild(w, r, v, here, st, t)
}

func (s *Server) openTicket(r *http.Request, v *visit, sealed, verifier string) (*oauth.Ticket, *oauth.Error) {
	var t oauth.Ticket
	if err := s.open(r.Context(), token.KindTicket, sealed, &t); err != nil {
		if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnknownKey) {
			return nil, oauth.Errorf(oauth.InvalidRequest, "The ticket is none of this server.").Because(err)
		}
		return nil, web.AsError(err)
	}
	return &t, t.Check(v.client.ID, v.origin, verifier, s.Now())
}

// admitChild spends the ticket. No child is made where an SSO session reaches the frame itself, or where the frame keeps no cookie.
func (s *Server) admitChild(w http.ResponseWriter, r *http.Request, v *visit, here, st *oauth.Standing, t *oauth.Ticket) *oauth.Error {
	cookie, secret := childCookie(v.client, v.origin), web.NewSecret()
	var child *oauth.ChildSession
	if here == nil && (v.frameCookies == nil || *v.frameCookies) {
		child = &oauth.ChildSession{
			ID: newID(), CookieHash: web.HashSecret(secret), ClientID: v.client.ID, Origin: v.origin.String(),
		}
	}
	once := store.OneTime{Kind: string(token.KindTicket), Owner: v.client.ID, ID: t.ID.String(), Expires: t.Issued.Add(2 * oauth.TicketLifetime)}
	err := s.Store.AdmitChild(r.Context(), st.Session.ID, child, web.HashSecret(cookie.Read(r)), once, s.Now(), s.audit(r, store.EventAdmitted, v, st))
	var spent *store.SpentError
	switch {
	case errors.As(err, &spent), errors.Is(err, store.ErrEnded):
		return oauth.StaleTicket.Because(err)
	case err != nil:
		return web.AsError(err)
	case child != nil:
		cookie.Set(w, secret)
	}
	return nil
}

// kept is where the session of the answer is to be found by the app's page when it is loaded again.
func (v *visit) kept(r *http.Request) oauth.Kept {
	switch {
	case v.frameCookies == nil, *v.frameCookies && !v.snap.lists(v.origin.String()): // to such an origin no visit could come back
		return ""
	case *v.frameCookies, ssoCookie.Read(r) != "":
		return oauth.KeptInFrame
	case v.byTicket && v.snap.lists(v.origin.String()):
		return oauth.KeptAtServer
	}
	return oauth.KeptInTab
}

// handOver ends a window that the app itself opened: by a ticket for the page that opened it or, where the browser has cut
// the two apart (Cross-Origin-Opener-Policy), by going on to a page of the app's own.
func (s *Server) handOver(w http.ResponseWriter, v *visit, st *oauth.Standing) {
	ticket, err := s.ticket(v, st)
	if err != nil {
		s.answerError(w, v, err)
		return
	}
	web.WritePage(w, s.Logger, http.StatusOK, oauth.ValidOrigin{}, web.HandOver{
		Origin: v.origin.String(), Ticket: ticket, Return: v.returns(ticket).String(),
	})
}

// returns is where the window goes if nobody opened it; zero where the app named no place that it may go to.
func (v *visit) returns(ticket string) oauth.ValidRedirect {
	back, ok := v.ownPage(v.flow.Return)
	if !ok {
		return oauth.ValidRedirect{}
	}
	return back.WithTicket(ticket)
}

// ownPage validates an address of the app that asks: at the origin that is answered, if that is listed literally.
func (v *visit) ownPage(address string) (oauth.ValidRedirect, bool) {
	return oauth.ReturnAddress(address, func(origin string) bool {
		return origin == v.origin.String() && v.snap.lists(origin)
	})
}

// carryBack sends the whole page back to the app with a ticket, if the session needs nothing else for that; else with an empty
// one, by the same redirect, so that the app's page knows that it has been here.
func (s *Server) carryBack(w http.ResponseWriter, r *http.Request, q url.Values, back oauth.ValidRedirect) {
	v, err := s.arrive(r.Context(), q)
	if err != nil { // the client may be gone: the app's page is not to end here for that
		web.Refused(w, s.Logger, err)
		redirect(w, back.WithTicket(""))
		return
	}
	back, ok := v.ownPage(q.Get("return_to"))
	if !ok {
		s.noWayBack(w)
		return
	}
	ticket, err := s.carried(r, v, q)
	if err != nil {
		web.Refused(w, s.Logger, err)
	}
	redirect(w, back.WithTicket(ticket))
}

// carried is the ticket for the page that sent the browser here itself. Whoever else did chose the challenge, and where the app
// redirects to anywhere, the fragment would follow to them (RFC 9700 §4.11.1).
func (s *Server) carried(r *http.Request, v *visit, q url.Values) (string, *oauth.Error) {
	if !v.origin.Sent(r.Referer()) {
		return "", nil
	}
	if err := s.ask(v, q); err != nil {
		return "", err
	}
	st, err := s.ssoStanding(r, v)
	if err != nil || s.nextStep(v, st) != oauth.StepDone {
		return "", err
	}
	return s.ticket(v, st)
}
