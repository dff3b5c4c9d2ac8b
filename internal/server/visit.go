package server

import (
	"context"
	"net/http"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

// visit is one request of a flow: what was asked, of which client, to whom the answer goes, under which snapshot of
// the configuration.
type visit struct {
	snap   *snapshot
	client *oauth.Client
	// origin or redirect is where the answer goes, by the flow's ending.
	origin   oauth.ValidOrigin
	redirect oauth.ValidRedirect
	flow     oauth.Flow
	scope    []string // that the request gets
	// bound tells that the browser sent the cookie that the flow is bound to.
	bound bool
	// secret is the SSO cookie's value where this very answer sets it.
	secret string
	// storage is what the browser says of the cookies that the frame may see (Sec-Fetch-Storage-Access), frameCookies what the
	// frame's own script found out about those that it keeps; nil where it says nothing.
	storage      string
	frameCookies *bool
	// byTicket tells that a ticket brought the session here.
	byTicket bool
}

// visitBy begins a visit for an enabled client.
func (s *Server) visitBy(ctx context.Context, clientID string) (*visit, *oauth.Error) {
	client, ok, err := s.client(ctx, s.current.Load(), clientID)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, oauth.Errorf(oauth.InvalidRequest,
			"There is no such client here.").Because(errUnknownClient)
	}
	// The snapshot that knows the client may be a newer one, and have what goes with it: the first pairwise salt, for one.
	return &visit{snap: s.current.Load(), client: client}, nil
}

// ownVisit is one that no client asked for.
func (s *Server) ownVisit(f oauth.Flow) *visit {
	return &visit{snap: s.current.Load(), client: &oauth.Client{}, flow: f}
}

// revisit checks anew all that may have changed since the flow began.
func (s *Server) revisit(ctx context.Context, f oauth.Flow) (*visit, *oauth.Error) {
	if f.Ending == oauth.EndClose {
		return s.ownVisit(f), nil
	}
	v, err := s.visitBy(ctx, f.ClientID)
	if err != nil {
		return nil, err
	}
	v.flow = f
	switch f.Ending {
	case oauth.EndRedirect:
		err = v.checkRedirect()
	case oauth.EndDevice:
		err = v.checkDevice()
	case oauth.EndMessage, oauth.EndDone, oauth.EndResolve:
		err = v.checkAssisted()
	default:
		err = unknownEnding(f.Ending)
	}
	return v, err
}

func (v *visit) checkAssisted() (err *oauth.Error) {
	if v.origin, err = oauth.AnswerOrigin(v.client, v.flow.Origin); err != nil {
		return err
	}
	if err = mayAskAssisted(v); err != nil {
		return err
	}
	v.scope, err = oauth.GrantedScope(v.flow.Request.Scope, v.client, &v.snap.profile)
	return err
}

func (s *Server) nextStep(v *visit, st *oauth.Standing) oauth.Step {
	return oauth.NextStep(&v.flow, st, v.consentScope(), v.client, &v.snap.profile, s.Now())
}

// consentScope is what the user is asked to agree to: the scope, and that of the claims that are asked for beside it.
func (v *visit) consentScope() []string {
	asked := v.flow.Request.Claims
	if len(asked.UserInfo)+len(asked.IDToken) == 0 {
		return v.scope
	}
	return oauth.Union(v.scope, asked.Scope(v.client, &v.snap.profile))
}

// answerError brings an error to whoever the answer goes to.
func (s *Server) answerError(w http.ResponseWriter, v *visit, e *oauth.Error) {
	web.Claims(w, v.client.ID)
	switch v.flow.Ending {
	case oauth.EndDone, oauth.EndDevice, oauth.EndResolve, oauth.EndClose: // a window of our own says nothing to the app
		web.WriteErrorPage(w, s.Logger, e)
		return
	case oauth.EndRedirect:
		e = web.Refused(w, s.Logger, e)
		s.metrics.refused(e.Code)
		s.sendBack(w, v, oauth.AuthorizationError(e, v.flow.Redirect.State, s.issuer))
		return
	}
	s.metrics.refused(e.Code)
	answer := oauth.NewAssistedError(web.Refused(w, s.Logger, e))
	switch {
	case !v.flow.Framed && v.flow.Ticket != "":
		web.WritePage(w, s.Logger, web.StatusOf(e.Code), oauth.ValidOrigin{}, web.HandOver{
			Origin: v.origin.String(), Error: &answer,
		})
	case v.flow.JKT != "" && v.flow.Framed && (e.Code == oauth.InteractionRequired || e.Code == oauth.ConsentRequired):
		answer.Reason = oauth.SilentReason(v.storage)
		web.WriteReason(w, v.origin, answer)
	default:
		web.WriteMessage(w, v.origin, answer)
	}
}
