package server

import (
	"net/http"
	"net/url"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

const assistedPath = "/oauth/v2/oauth-assisted-token"

// visit is one request of a flow: what was asked, of which client, for which origin, under which snapshot of
// the configuration.
type visit struct {
	snap   *snapshot
	client *oauth.Client
	origin oauth.ValidOrigin
	flow   oauth.Flow
	scope  []string // that the request gets
	// bound tells that the browser sent the cookie that the flow is bound to.
	bound bool
}

// assistedToken is the assisted token endpoint (draft-ideskog-assisted-token-05): a hidden frame gets a token
// or an error at once, a visible frame or window the pages on the way to it.
func (s *Server) assistedToken(w http.ResponseWriter, r *http.Request) {
	q, err := query(r)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	v, err := s.arrive(q)
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
	v.flow.Framed = r.Header.Get("Sec-Fetch-Dest") != "document"
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
		s.answerError(w, v, oauth.SilentError(step))
	default:
		v.flow.Binding = s.bindFlow(w, r)
		s.show(w, r, v, st, step)
	}
}

// arrive finds out to whom an answer may go; until then every error is for our own plain page.
func (s *Server) arrive(q url.Values) (*visit, *oauth.Error) {
	clientID, forOrigin, err := oauth.AssistedTarget(q)
	if err != nil {
		return nil, err
	}
	return s.visitOf(clientID, forOrigin)
}

func (s *Server) visitOf(clientID, forOrigin string) (*visit, *oauth.Error) {
	snap := s.current.Load()
	client, ok := snap.client(clientID)
	if !ok {
		return nil, oauth.Errorf(oauth.InvalidRequest, "There is no such client here.")
	}
	origin, err := oauth.AnswerOrigin(client, forOrigin)
	if err != nil {
		return nil, err
	}
	return &visit{snap: snap, client: client, origin: origin}, nil
}

// ask reads what is asked and holds it against what the client may have.
func (s *Server) ask(v *visit, q url.Values) *oauth.Error {
	if err := s.mayAsk(v); err != nil {
		return err
	}
	request, err := oauth.ParseAssisted(q)
	if err != nil {
		return err
	}
	if v.scope, err = oauth.GrantedScope(request.Scope, v.client, &v.snap.profile); err != nil {
		return err
	}
	v.flow = oauth.Flow{
		ClientID: v.client.ID, Origin: v.origin.String(), Ending: oauth.EndMessage, Request: request, Started: s.Now(),
	}
	return nil
}

// mayAsk demands the capability of the client and the profile both.
func (s *Server) mayAsk(v *visit) *oauth.Error {
	if v.client.Can(oauth.CapAssistedToken) && v.snap.profile.Can(oauth.CapAssistedToken) {
		return nil
	}
	return oauth.Errorf(oauth.UnauthorizedClient,
		"The assisted token flow has to be switched on for the client %s and for the token service profile.", v.client.ID)
}

func (s *Server) nextStep(v *visit, st *oauth.Standing) oauth.Step {
	return oauth.NextStep(&v.flow, st, v.scope, v.client, &v.snap.profile, s.Now())
}

// answerError posts an error to the app.
func (s *Server) answerError(w http.ResponseWriter, v *visit, e *oauth.Error) {
	if v.flow.Ending == oauth.EndDone { // a window of our own says nothing to the app
		web.WriteErrorPage(w, s.Logger, e)
		return
	}
	s.metrics.refused(e.Code)
	web.WriteMessage(w, v.origin, oauth.NewAssistedError(web.Logged(s.Logger, e)))
}
