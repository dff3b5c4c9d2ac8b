package server

import (
	"net/http"
	"net/url"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

const authorizePath = "/oauth/v2/oauth-authorize"

// authorize is the authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3), by GET and by POST.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q, err := s.authorizationQuery(w, r)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	v, err := s.beginAuthorization(r, q)
	switch {
	case err != nil && (v == nil || v.redirect.IsZero()):
		web.WriteErrorPage(w, s.Logger, err)
		return
	case err != nil:
		s.answerError(w, v, err)
		return
	}
	st, err := s.ssoStanding(r, v)
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

func (s *Server) authorizationQuery(w http.ResponseWriter, r *http.Request) (url.Values, *oauth.Error) {
	if r.Method != http.MethodPost {
		return query(r)
	}
	err := web.ParseForm(w, r)
	return r.PostForm, err
}

// beginAuthorization reads what is asked. With an error comes, if at all, a visit whose redirect says where it may go.
func (s *Server) beginAuthorization(r *http.Request, q url.Values) (*visit, *oauth.Error) {
	clientID, err := oauth.RequestedClient(q)
	if err != nil {
		return nil, err
	}
	v, err := s.visitBy(r.Context(), clientID)
	if err != nil {
		return nil, err
	}
	parameters, pushed, err := s.resolveRequest(r, v, q)
	if err != nil {
		if v.aim(q) == nil { // a bad request object is told to who sent it (Core §6.1)
			_ = v.flow.Redirect.ParseAnswer(q)
		}
		return v, err
	}
	return v, s.askAuthorization(v, parameters, pushed)
}

// resolveRequest finds the parameters that count: those pushed before, of a request object, or as they are.
func (s *Server) resolveRequest(r *http.Request, v *visit, q url.Values) (url.Values, oauth.ID, *oauth.Error) {
	if uri := q.Get("request_uri"); isPushed(uri) && len(q["request_uri"]) == 1 {
		return s.openPushed(r.Context(), v, uri)
	}
	if v.client.RequirePushed {
		return nil, oauth.ID{}, oauth.Errorf(oauth.InvalidRequest, "The client %s has to push its authorization requests (RFC 9126).", v.client.ID)
	}
	if q.Get("request_uri") != "" { // anybody can make this server ask the client's
		if ok, _ := s.addresses.Allow(s.proxies.ClientAddress(r), s.Now()); !ok {
			return nil, oauth.ID{}, oauth.Errorf(oauth.TemporarilyUnavailable, "Too many requests come from your address.")
		}
	}
	parameters, err := s.requestParameters(r.Context(), v.snap, v.client, q)
	return parameters, oauth.ID{}, err
}

// askAuthorization begins the flow.
func (s *Server) askAuthorization(v *visit, q url.Values, pushed oauth.ID) *oauth.Error {
	if err := v.aim(q); err != nil {
		return err
	}
	v.flow.Started, v.flow.Redirect.Pushed = s.Now(), pushed
	if err := v.flow.Redirect.ParseAnswer(q); err != nil {
		return err
	}
	request, err := oauth.ParseAuthorization(q, v.flow.Redirect, v.client, &v.snap.profile)
	if err != nil {
		return err
	}
	v.flow.Request = request
	if err := s.readHint(v, q.Get("id_token_hint")); err != nil {
		return err
	}
	v.scope, err = oauth.OfferedScope(request.Scope, v.flow.Redirect.Type, v.client, &v.snap.profile)
	return err
}

// aim finds out where the answer goes.
func (v *visit) aim(q url.Values) *oauth.Error {
	target, to, err := oauth.AuthorizationTarget(q, v.client)
	if err != nil {
		return err
	}
	v.redirect = to
	v.flow = oauth.Flow{ClientID: v.client.ID, Ending: oauth.EndRedirect, Redirect: &target}
	return nil
}

// readHint takes the user whom an id_token_hint names for the only one that the answer may be about (OpenID Connect Core
// §3.1.2.1).
func (s *Server) readHint(v *visit, text string) *oauth.Error {
	if text == "" {
		return nil
	}
	hint := s.hint(v.snap, text)
	if hint == nil || v.flow.Request.Subject != "" && v.flow.Request.Subject != hint.Subject {
		return oauth.Errorf(oauth.InvalidRequest, "The id_token_hint is no ID token of this server, or contradicts the claims parameter.")
	}
	v.flow.Request.Subject = hint.Subject
	return nil
}

// checkRedirect checks a flow under way anew.
func (v *visit) checkRedirect() *oauth.Error {
	to, ok := v.client.Redirect(v.flow.Redirect.URI)
	if !ok {
		return oauth.Errorf(oauth.InvalidRequest, "The redirect_uri is not registered any more.")
	}
	v.redirect = to
	if !v.snap.profile.AllowsResponse(v.client, v.flow.Redirect.Type) {
		return oauth.Errorf(oauth.UnauthorizedClient, "The client %s may not do this any more.", v.client.ID)
	}
	var err *oauth.Error
	v.scope, err = oauth.OfferedScope(v.flow.Request.Scope, v.flow.Redirect.Type, v.client, &v.snap.profile)
	return err
}

// finishAuthorization answers the client: with a code, tokens, or both.
func (s *Server) finishAuthorization(w http.ResponseWriter, r *http.Request, v *visit, st *oauth.Standing) {
	answer, err := s.authorizationResponse(r, v, st)
	if err != nil {
		s.answerError(w, v, err)
		return
	}
	answer.SessionState = s.sessionState(r, v)
	s.sendBack(w, v, answer.Values(v.flow.Redirect.State, s.issuer))
}

// sendBack brings an answer to the client, in the mode that it asked for.
func (s *Server) sendBack(w http.ResponseWriter, v *visit, parameters url.Values) {
	if v.flow.Redirect.Mode == oauth.ModeFormPost {
		web.WritePage(w, s.Logger, http.StatusOK, oauth.ValidOrigin{}, web.FormPost{Target: v.redirect, Fields: parameters})
		return
	}
	redirect(w, v.redirect.Answer(v.flow.Redirect.Mode, parameters))
}
