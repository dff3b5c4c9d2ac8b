package server

import (
	"net/http"
	"slices"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/web"
)

// consent takes the user's decision. It counts only if the user who saw the question is still
// signed in, the client looks as it did on that page, and the flow is at that step.
func (s *Server) consent(w http.ResponseWriter, r *http.Request) {
	v, err := s.resume(w, r)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	st, err := s.flowStanding(r, v)
	if err == nil && r.PostForm.Get("decision") == "deny" {
		if err = s.recordDenial(r, v, st); err == nil {
			s.deny(w, r, v, "The user did not agree.")
			return
		}
	}
	if err != nil {
		s.answerError(w, v, err)
		return
	}
	agreed := r.PostForm.Get("decision") == "allow" &&
		st != nil && r.PostForm.Get("user") == st.Account.ID.String() && v.flow.Shown == v.shown()
	if agreed && s.nextStep(v, st) == oauth.StepConsent {
		if st, err = s.recordConsent(r, v, st); err != nil {
			s.answerError(w, v, err)
			return
		}
	}
	s.advance(w, r, v, st)
}

func (s *Server) recordDenial(r *http.Request, v *visit, st *oauth.Standing) *oauth.Error {
	if st == nil {
		return nil // nobody was asked
	}
	audit := s.audit(r, store.EventConsentDenied, v, st)
	audit.Detail = oauth.JoinScope(v.scope)
	if err := s.Store.Record(r.Context(), audit); err != nil {
		return web.AsError(err)
	}
	return nil
}

func (s *Server) recordConsent(r *http.Request, v *visit, st *oauth.Standing) (*oauth.Standing, *oauth.Error) {
	given := oauth.Consent{
		AccountID: st.Account.ID, ClientID: v.client.ID, Scope: slices.Clone(v.consentScope()), Updated: s.Now(),
		Shown: v.client.Shown(),
	}
	audit := s.audit(r, store.EventConsentGiven, v, st)
	audit.Detail = oauth.JoinScope(v.consentScope())
	if err := s.Store.GrantConsent(r.Context(), given, v.client.ShownSince, audit); err != nil {
		return nil, web.AsError(err)
	}
	updated := *st
	if st.Consent != nil {
		given = st.Consent.With(given, v.client.ShownSince)
	}
	updated.Consent = &given
	return &updated, nil
}

// shown is the fingerprint of what the consent page of the flow shows.
func (v *visit) shown() string { return v.client.Shown(v.consentScope()...) }

// recipient is what the consent page says of where the answers go.
func (v *visit) recipient() web.Recipient {
	to := web.Recipient{Unverified: v.client.Unverified(), Others: v.client.AnswerHosts()}
	switch {
	case !v.origin.IsZero():
		to.Host = oauth.AnswerHost(v.origin.String())
	case !v.redirect.IsZero():
		to.Host = oauth.AnswerHost(v.redirect.String())
	}
	to.Others = slices.DeleteFunc(to.Others, func(host string) bool { return host == to.Host })
	return to
}
