package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

// The addresses that the steps of a flow post to. Steps never call each other: each ends in advance.
const (
	signInPath   = "/authn/authentication/password"
	consentPath  = "/authn/authentication/consent"
	continuePath = "/authn/authentication/continue"
	cancelPath   = "/authn/authentication/cancel"
	accountPath  = "/authn/authentication/account"
	windowPath   = "/authn/authentication/window"
)

// flowCookie binds flows to the browser in which they began.
var flowCookie = web.Cookie{Name: "__Host-usher-flow"}

// bindFlow returns what a new flow is bound to: the hash of the browser's flow cookie, which it gets if it has
// none. Where the browser drops it, the flow stays unbound.
func (s *Server) bindFlow(w http.ResponseWriter, r *http.Request) []byte {
	secret := flowCookie.Read(r)
	if len(secret) != secretLength {
		secret = web.NewSecret()
		flowCookie.Set(w, secret)
	}
	if r.Header.Get("Sec-Fetch-Dest") == "document" {
		visitedCookie.Set(w, "1")
	}
	return web.HashSecret(secret)
}

// secretLength is the length of web.NewSecret.
const secretLength = 43

// resume reads the sealed flow that a step posted. An error is for our own plain page: only a flow that is
// sound says where else an answer may go.
func (s *Server) resume(w http.ResponseWriter, r *http.Request) (*visit, *oauth.Error) {
	if err := web.ParseForm(w, r); err != nil {
		return nil, err
	}
	v, err := s.openFlow(r.Context(), r.PostForm.Get("flow"))
	if err != nil {
		return nil, err
	}
	v.storage = r.Header.Get("Sec-Fetch-Storage-Access")
	v.frameCookies = frameCookies(r.PostForm.Get("frame_cookies"))
	v.bound = len(v.flow.Binding) > 0 && bytes.Equal(web.HashSecret(flowCookie.Read(r)), v.flow.Binding)
	if !v.bound && !v.flow.Framed {
		return nil, oauth.Errorf(oauth.InvalidRequest,
			"This sign-in began in another browser, or its cookie is gone. Go back to the app and start again.")
	}
	return v, nil
}

// frameCookies reads what the script of our page found out: whether the frame that it is in keeps cookies of ours.
func frameCookies(found string) *bool {
	if found != "yes" && found != "no" {
		return nil
	}
	keeps := found == "yes"
	return &keeps
}

// openFlow opens a sealed flow and checks anew all that may have changed since it began.
func (s *Server) openFlow(ctx context.Context, sealed string) (*visit, *oauth.Error) {
	plain, epoch, err := s.current.Load().ring.OpenMade(token.KindFlow, sealed)
	if err != nil {
		return nil, staleFlow.Because(err)
	}
	var f oauth.Flow
	if err := json.Unmarshal(plain, &f); err != nil || f.Expired(s.Now()) || s.forgotten(&f, epoch) {
		return nil, staleFlow.Because(err)
	}
	return s.revisit(ctx, f)
}

var staleFlow = oauth.Errorf(oauth.InvalidRequest,
	"This page was open for too long, or its form is damaged. Go back to the app and start again.")

func (v *visit) seal(now time.Time) (string, error) {
	plain, err := json.Marshal(&v.flow)
	if err != nil {
		return "", err
	}
	return v.snap.ring.Seal(token.KindFlow, now, plain)
}

// advance is the dispatcher: whichever step posted, it asks the core what comes next, and shows that.
func (s *Server) advance(w http.ResponseWriter, r *http.Request, v *visit, st *oauth.Standing) {
	if step := s.nextStep(v, st); step != oauth.StepDone {
		s.show(w, r, v, st, step)
		return
	}
	s.finish(w, r, v, st)
}

// show writes the page of a step. Where the client's pages must not be framed, the frame gets the offer to go
// on in a window instead.
func (s *Server) show(w http.ResponseWriter, r *http.Request, v *visit, st *oauth.Standing, step oauth.Step) {
	v.flow.Shown = ""
	if step == oauth.StepConsent {
		v.flow.Shown = v.shown()
	}
	sealed, err := v.seal(s.Now())
	if err != nil {
		s.answerError(w, v, oauth.Internal(err))
		return
	}
	var view web.View
	switch {
	case v.flow.Framed && !v.client.MayBeFramed():
		web.WritePage(w, s.Logger, http.StatusOK, v.origin, web.Window{
			Flow: sealed, Client: v.client.DisplayName(), Open: windowAddress(sealed),
		})
		return
	case step == oauth.StepConsent && v.flow.Ending == oauth.EndDevice:
		view = v.deviceConsent(sealed, st)
	case step == oauth.StepConsent:
		view = web.Consent{
			Flow: sealed, Client: v.client.DisplayName(), ClientID: v.client.ID,
			User: st.Account.Username, Subject: st.Account.ID.String(), Scopes: v.snap.describe(v.consentScope()),
			About: about(v.client), Target: v.redirect, Recipient: v.recipient(),
		}
	case step == oauth.StepSelectAccount:
		view = web.SelectAccount{
			Flow: sealed, Client: v.client.DisplayName(), User: st.Account.Username, Subject: st.Account.ID.String(), Target: v.redirect,
		}
	case step == oauth.StepAuthenticate:
		view = v.signInPage(sealed, v.flow.Request.LoginHint)
	default:
		web.WriteErrorPage(w, s.Logger, oauth.Internal(fmt.Errorf("no page shows step %d", step)))
		return
	}
	web.WritePage(w, s.Logger, http.StatusOK, v.frame(), view)
}

func windowAddress(sealed string) string { return windowPath + "?flow=" + url.QueryEscape(sealed) }

// signInPage asks for user name and password; in a frame it can offer to go on in a window, where our cookies are first-party.
func (v *visit) signInPage(sealed, username string) web.SignIn {
	page := web.SignIn{
		Flow: sealed, Client: v.client.DisplayName(), Username: username, About: about(v.client), Target: v.redirect,
	}
	if v.flow.Framed && v.flow.Ending == oauth.EndMessage {
		page.Open, page.StorageAccess = windowAddress(sealed), v.storage
	}
	if !v.flow.Framed && v.flow.Ending == oauth.EndMessage && v.flow.Ticket != "" {
		page.Opener = v.origin.String()
	}
	return page
}

// about is what the client tells of itself (OpenID Connect Registration §2). Its logo is not shown: our pages load
// nothing from elsewhere.
func about(c *oauth.Client) web.About {
	return web.About{Home: c.ClientURI, Policy: c.PolicyURI, Terms: c.TOSURI}
}

// frame is the origin that may frame the flow's interactive pages.
func (v *visit) frame() oauth.ValidOrigin {
	if v.origin.IsZero() || v.flow.Ending != oauth.EndMessage || !v.client.MayBeFramed() {
		return oauth.ValidOrigin{}
	}
	return v.origin
}

func (snap *snapshot) describe(scope []string) []oauth.Scope {
	described := make([]oauth.Scope, 0, len(scope))
	for _, name := range scope {
		sc, _ := snap.profile.ScopeNamed(name)
		described = append(described, sc)
	}
	return described
}

// finish ends the flow: by the answer to the app, or, in a window of our own, by telling the frame that opened
// it.
func (s *Server) finish(w http.ResponseWriter, r *http.Request, v *visit, st *oauth.Standing) {
	switch v.flow.Ending {
	case oauth.EndDone:
		s.finishWindow(w, v, st)
	case oauth.EndRedirect:
		s.finishAuthorization(w, r, v, st)
	case oauth.EndDevice:
		s.finishDevice(w, r, v, st)
	case oauth.EndResolve:
		s.finishResolve(w, v, st)
	case oauth.EndClose:
		s.finishClose(w)
	case oauth.EndMessage:
		s.finishMessage(w, r, v, st)
	default:
		web.WriteErrorPage(w, s.Logger, unknownEnding(v.flow.Ending))
	}
}

func unknownEnding(e oauth.Ending) *oauth.Error {
	return oauth.Internal(fmt.Errorf("a flow cannot end as %v", e))
}

// finishMessage answers the page that framed or opened this one.
func (s *Server) finishMessage(w http.ResponseWriter, r *http.Request, v *visit, st *oauth.Standing) {
	if !v.flow.Framed && v.flow.Ticket != "" {
		s.handOver(w, v, st)
		return
	}
	answer, err := s.issueAssisted(r, v, st)
	if err != nil {
		s.answerError(w, v, err)
		return
	}
	web.WriteTokens(w, v.origin, *answer)
}

// finishWindow ends a window of our own: the frame that opened it hears that it is done, and gets the ticket that it bound to
// itself.
func (s *Server) finishWindow(w http.ResponseWriter, v *visit, st *oauth.Standing) {
	ticket, err := s.ticket(v, st)
	if err != nil {
		s.answerError(w, v, err)
		return
	}
	web.WritePage(w, s.Logger, http.StatusOK, oauth.ValidOrigin{}, web.Done{Ticket: ticket, Return: v.returns(ticket).String()})
}

// window begins the same flow again in a window of our own, which a framed page of ours offered, or the browser opened for a
// page (FedCM, continue_on): top-level, bound to the browser, and ending in nothing but "done", or in a ticket for that page.
func (s *Server) window(w http.ResponseWriter, r *http.Request) {
	q, err := query(r)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	v, err := s.openFlow(r.Context(), q.Get("flow"))
	switch {
	case err != nil:
	case v.flow.Ending == oauth.EndResolve: // the browser's own: its ticket goes to the page that asked, by that page's challenge
	case v.flow.Ending == oauth.EndMessage:
		v.flow.Ending = oauth.EndDone
		v.flow.Ticket, err = oauth.ParseTicketChallenge(q)
		if !s.sentByUs(r) { // anybody can have had this flow sealed: only our own framed page opens a window that goes on by itself
			v.flow.Return = ""
		}
	default:
		err = staleFlow
	}
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	v.flow.Framed, v.flow.Session = false, oauth.ID{}
	st, err := s.ssoStanding(r, v)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	v.flow.Binding = s.bindFlow(w, r)
	s.advance(w, r, v, st)
}

// goOn is where the frame repeats its request once the window is done, or with a ticket: by that it goes on where no cookie
// reaches it.
func (s *Server) goOn(w http.ResponseWriter, r *http.Request) {
	v, err := s.resume(w, r)
	if err == nil && (!v.flow.Framed || v.flow.Ending != oauth.EndMessage) {
		err = staleFlow
	}
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	ticket, verifier, err := oauth.ParseTicket(r.PostForm)
	var st *oauth.Standing
	if err == nil {
		st, err = s.ssoStanding(r, v)
	}
	// The SSO cookie wins, as it will with the next silent request: a ticket is for where it does not reach.
	if err == nil && ticket != "" && s.nextStep(v, st) != oauth.StepDone {
		st, err = s.admitted(w, r, v, st, ticket, verifier)
	}
	if err != nil && ticket != "" && err.Code == oauth.InvalidRequest && !v.flow.Request.Prompt.None {
		s.show(w, r, v, nil, oauth.StepAuthenticate) // another tab's ticket ends nobody's sign-in
		return
	}
	if err == nil && s.nextStep(v, st) != oauth.StepDone {
		err = oauth.Errorf(oauth.InteractionRequired,
			"The sign-in in the window does not reach this frame, since the browser keeps its cookies from it.")
	}
	if err != nil {
		s.answerError(w, v, err)
		return
	}
	s.finish(w, r, v, st)
}

// cancel is the user's own no.
func (s *Server) cancel(w http.ResponseWriter, r *http.Request) {
	v, err := s.resume(w, r)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	s.deny(w, r, v, "The user closed the sign-in.")
}

func (s *Server) deny(w http.ResponseWriter, r *http.Request, v *visit, description string) {
	switch v.flow.Ending {
	case oauth.EndDevice:
		s.denyDevice(w, r, v)
		return
	case oauth.EndDone:
		web.WritePage(w, s.Logger, http.StatusOK, oauth.ValidOrigin{}, web.Plain{
			Title: "Cancelled", Text: "You can close this window and go back to the app.",
		})
		return
	case oauth.EndResolve, oauth.EndClose:
		web.WritePage(w, s.Logger, http.StatusOK, oauth.ValidOrigin{}, web.Resolve{})
		return
	}
	s.answerError(w, v, oauth.Errorf(oauth.AccessDenied, "%s", description))
}

// account takes the user's choice of the account to go on with. Another one means a new sign-in.
func (s *Server) account(w http.ResponseWriter, r *http.Request) {
	v, err := s.resume(w, r)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	st, err := s.flowStanding(r, v)
	if err != nil {
		s.answerError(w, v, err)
		return
	}
	switch {
	case r.PostForm.Get("decision") == "other":
		v.flow.Request.Prompt.Login, v.flow.Request.LoginHint = true, ""
	case st != nil && r.PostForm.Get("user") == st.Account.ID.String():
		v.flow.Selected = st.Account.ID
	}
	s.advance(w, r, v, st)
}
