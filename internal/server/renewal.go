package server

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const renewalPath = assistedPath + "/renewal"

// renewalNonceLife bounds how long a proof can be used: nothing remembers that it was.
const renewalNonceLife = time.Minute

// renew answers a page that renews its tokens where no cookie reaches a frame: by a renewal handle, and a proof of
// the key that this is bound to. It asks what a hidden frame asks, by the same parameters, costs one query and writes nothing.
// The proof is not remembered: without its key, which the page cannot give away, it yields only what its own sender got,
// and the nonce ages it in a minute.
func (s *Server) renew(w http.ResponseWriter, r *http.Request) {
	s.dpopNonce(w)
	if err := web.ParseForm(w, r); err != nil {
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	answer, err := s.renewed(w, r, r.PostForm)
	if err != nil {
		s.metrics.refused(err.Code)
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	web.WriteJSON(w, answer)
}

func (s *Server) renewed(w http.ResponseWriter, r *http.Request, form url.Values) (*oauth.AssistedSuccess, *oauth.Error) {
	v, err := s.arrive(r.Context(), form)
	if err != nil {
		return nil, err
	}
	allowClientOrigin(w, r, v.client)
	if r.Header.Get("Origin") != v.origin.String() {
		return nil, oauth.Errorf(oauth.InvalidRequest, "The request comes from another origin than for_origin names.")
	}
	if err := s.ask(v, form); err != nil {
		return nil, err
	}
	h, err := s.provedRenewal(r, v, form)
	if err != nil {
		return nil, err
	}
	st, err := s.live(r, func() (oauth.Standing, error) {
		return s.Store.StandingOf(r.Context(), h.SessionID, v.client.ID)
	})
	if err != nil {
		return nil, err
	}
	v.flow.JKT = h.JKT
	if step := s.nextStep(v, st); step != oauth.StepDone {
		return nil, v.flow.SilentError(step)
	}
	return s.issueAssisted(r, v, st)
}

// provedRenewal opens the handle and demands a proof of its key (RFC 9449 §4.3).
func (s *Server) provedRenewal(r *http.Request, v *visit, form url.Values) (*oauth.Renewal, *oauth.Error) {
	sealed, err := oauth.ParseRenewal(form)
	if err != nil {
		return nil, err
	}
	proof, err := s.dpopWithin(r, "", renewalNonceLife)
	if err == nil && proof.jkt == "" { // who has no fresh nonce asks so, and spares both sides a signature
		err = errNonce
	}
	if err != nil {
		return nil, err
	}
	var h oauth.Renewal
	if err := s.open(r.Context(), token.KindRenewal, sealed, &h); err != nil {
		if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnknownKey) {
			return nil, oauth.Errorf(oauth.InvalidGrant, "The renewal handle is none of this server.").Because(err)
		}
		return nil, web.AsError(err)
	}
	return &h, h.Check(v.client.ID, v.origin, proof.jkt)
}

// renewalHandle makes the handle for the page whose key the flow names; empty where it names none.
func (s *Server) renewalHandle(v *visit, st *oauth.Standing) (string, *oauth.Error) {
	if v.flow.JKT == "" {
		return "", nil
	}
	return seal(v.snap, token.KindRenewal, s.Now(), &oauth.Renewal{
		SessionID: st.Session.ID, ClientID: v.client.ID, Origin: v.origin.String(), JKT: v.flow.JKT,
	})
}
