package server

import (
	"context"
	"net/http"
	"net/url"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

const assistedPath = "/oauth/v2/oauth-assisted-token"

// assistedToken is the assisted token endpoint (draft-ideskog-assisted-token-05): a hidden frame gets a token
// or an error at once, a visible frame or window the pages on the way to it.
func (s *Server) assistedToken(w http.ResponseWriter, r *http.Request) {
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
	if r.Header.Get("Origin") != "" {
		allowClientOrigin(w, r, v.client)
	}
	if err := s.ask(v, q); err != nil {
		s.answerError(w, v, err)
		return
	}
	v.flow.Framed = framed(r, &v.flow)
	if back := q.Get("return_to"); v.origin.Sent(r.Referer()) && len(back) <= maxReturn { // see carried
		v.flow.Return = back
	}
	v.readStorageAccess(w, r)
	st, err := s.standing(w, r, v)
	if err != nil {
		s.answerError(w, v, err)
		return
	}
	step := s.nextStep(v, st)
	switch {
	case step == oauth.StepDone:
		s.finish(w, r, v, st)
	case v.flow.Request.Prompt.None:
		s.answerError(w, v, v.flow.SilentError(step))
	default:
		v.flow.Binding = s.bindFlow(w, r)
		s.show(w, r, v, st, step)
	}
}

// framed tells whether the request did not verifiably begin as a page of its own. An agent that does not say so is believed
// where a ticket is asked for, as only windows do: its flow is then worth nothing without the browser's flow cookie.
func framed(r *http.Request, f *oauth.Flow) bool {
	dest := r.Header.Get("Sec-Fetch-Dest")
	return dest != "document" && (dest != "" || f.Ticket == "")
}

// maxReturn bounds what is sealed into the flow, and so comes back with every form.
const maxReturn = 2048

// arrive finds out to whom an answer may go; until then every error is for our own plain page.
func (s *Server) arrive(ctx context.Context, q url.Values) (*visit, *oauth.Error) {
	clientID, forOrigin, err := oauth.AssistedTarget(q)
	if err != nil {
		return nil, err
	}
	v, err := s.visitBy(ctx, clientID)
	if err != nil {
		return nil, err
	}
	v.origin, err = oauth.AnswerOrigin(v.client, forOrigin)
	return v, err
}

// ask reads what is asked and holds it against what the client may have.
func (s *Server) ask(v *visit, q url.Values) *oauth.Error {
	if err := mayAskAssisted(v); err != nil {
		return err
	}
	request, err := oauth.ParseAssisted(q)
	if err != nil {
		return err
	}
	jkt, err := oauth.ParseRenewalKey(q)
	if err != nil {
		return err
	}
	ticket, err := oauth.ParseTicketChallenge(q)
	if err != nil {
		return err
	}
	if v.scope, err = oauth.GrantedScope(request.Scope, v.client, &v.snap.profile); err != nil {
		return err
	}
	v.flow = oauth.Flow{
		ClientID: v.client.ID, Origin: v.origin.String(), Ending: oauth.EndMessage, Request: request, JKT: jkt,
		Ticket: ticket, Started: s.Now(),
	}
	return nil
}

// readStorageAccess reads what the browser says of the cookies that this frame may see. Where the user allowed ours and they
// were only not sent, the browser is asked to send the request again with them (Storage Access Headers §3.2).
func (v *visit) readStorageAccess(w http.ResponseWriter, r *http.Request) {
	v.storage = r.Header.Get("Sec-Fetch-Storage-Access")
	if v.storage == "inactive" {
		w.Header().Set("Activate-Storage-Access", `retry; allowed-origin="`+v.origin.String()+`"`)
	}
}

// mayAskAssisted demands the capability of the client and the profile both.
func mayAskAssisted(v *visit) *oauth.Error {
	if v.snap.profile.Allows(v.client, oauth.CapAssistedToken) {
		return nil
	}
	return oauth.Errorf(oauth.UnauthorizedClient,
		"The assisted token flow has to be switched on for the client %s and for the token service profile.", v.client.ID)
}
