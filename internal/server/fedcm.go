package server

import (
	"net/http"
	"net/url"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/web"
)

// The endpoints by which the browser itself asks for a user (W3C Federated Credential Management). No script can ask like that:
// Sec-Fetch-Dest is the browser's to set. What a page gets in the end is a ticket, worth nothing without the page's own verifier.
const (
	webIdentityPath     = "/.well-known/web-identity"
	fedcmPath           = "/oauth/v2/oauth-fedcm"
	fedcmConfigPath     = fedcmPath + "/config"
	fedcmAccountsPath   = fedcmPath + "/accounts"
	fedcmClientPath     = fedcmPath + "/client-metadata"
	fedcmAssertionPath  = fedcmPath + "/assertion"
	fedcmDisconnectPath = fedcmPath + "/disconnect"
	loginPath           = "/authn/authentication/login"
)

// wellKnown is what the browser reads at the root of the registrable domain, so that no server can have a configuration for each
// app and so learn where its users are.
type wellKnown struct {
	ProviderURLs []string `json:"provider_urls"`
	Accounts     string   `json:"accounts_endpoint"`
	Login        string   `json:"login_url"`
}

func (s *Server) webIdentity(w http.ResponseWriter, r *http.Request) {
	web.WriteJSON(w, wellKnown{
		ProviderURLs: []string{s.BaseURL + fedcmConfigPath}, Accounts: s.BaseURL + fedcmAccountsPath, Login: s.BaseURL + loginPath,
	})
}

// fedcmConfig is where the browser finds the rest.
func (s *Server) fedcmConfig(w http.ResponseWriter, r *http.Request) {
	web.WriteJSON(w, map[string]any{
		"accounts_endpoint": s.BaseURL + fedcmAccountsPath, "client_metadata_endpoint": s.BaseURL + fedcmClientPath,
		"id_assertion_endpoint": s.BaseURL + fedcmAssertionPath, "disconnect_endpoint": s.BaseURL + fedcmDisconnectPath,
		"login_url": s.BaseURL + loginPath,
		"branding":  map[string]string{"background_color": "#2250c4", "color": "#ffffff"},
	})
}

// fedcmAccounts tells the browser who is signed in here. It does not know for which app: the browser does not say.
func (s *Server) fedcmAccounts(w http.ResponseWriter, r *http.Request) {
	st, err := s.ssoStanding(r, s.ownVisit(oauth.Flow{}))
	switch {
	case err != nil:
		web.WriteJSONError(w, s.Logger, err)
	case st == nil:
		setLogin(w, loggedOutStatus)
		web.WriteJSONStatus(w, http.StatusUnauthorized, map[string][]oauth.BrowserAccount{"accounts": {}})
	default:
		web.WriteJSON(w, map[string][]oauth.BrowserAccount{"accounts": {oauth.NewBrowserAccount(&st.Account)}})
	}
}

// fedcmClient is what the browser's dialog links to. It takes no cookie, so it learns the app and not the user.
func (s *Server) fedcmClient(w http.ResponseWriter, r *http.Request) {
	q, err := query(r)
	var id string
	if err == nil {
		id, err = oauth.RequestedClient(q)
	}
	var v *visit
	if err == nil {
		v, err = s.visitBy(r.Context(), id)
	}
	if err != nil {
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	links := map[string]string{}
	for name, address := range map[string]string{"privacy_policy_url": v.client.PolicyURI, "terms_of_service_url": v.client.TOSURI} {
		if address != "" {
			links[name] = address
		}
	}
	web.WriteJSON(w, links)
}

// fedcmAssertion is the identity assertion endpoint: the user chose an account in the browser's dialog. Where nothing else is
// needed the answer is a ticket, else the address of a window of ours, in which the user goes on.
func (s *Server) fedcmAssertion(w http.ResponseWriter, r *http.Request) {
	a, v, err := s.assertionFor(w, r)
	if err != nil {
		s.refuseBrowser(w, err)
		return
	}
	st, err := s.ssoStanding(r, v)
	switch {
	case err != nil:
	case st == nil || st.Account.ID.String() != a.AccountID:
		err = oauth.Errorf(oauth.AccessDenied, "The account that was chosen is not signed in here any more.")
	default:
		err = s.answerBrowser(w, v, st)
	}
	if err != nil {
		s.refuseBrowser(w, err)
	}
}

// assertionFor reads the request. The page that asks is known by Origin, which the browser sets: for_origin has to be the same.
func (s *Server) assertionFor(w http.ResponseWriter, r *http.Request) (a oauth.IdentityAssertion, v *visit, err *oauth.Error) {
	if err = web.ParseForm(w, r); err == nil {
		a, err = oauth.ParseIdentityAssertion(r.PostForm)
	}
	if err == nil {
		v, err = s.arrive(r.Context(), a.Query)
	}
	if err == nil {
		err = s.fromItsOrigin(w, r, v)
	}
	if err == nil {
		err = s.ask(v, a.Query)
	}
	if err == nil && v.flow.Ticket == "" {
		err = oauth.Errorf(oauth.InvalidRequest, "params lack ticket_challenge.")
	}
	if err != nil {
		return a, nil, err
	}
	v.flow.Ending, v.flow.Return = oauth.EndResolve, ""
	return a, v, nil
}

// fromItsOrigin holds Origin against the one that the answer is for, and lets the browser take that answer. Only here, and only
// for that origin, do answers carry Access-Control-Allow-Credentials: FedCM has the browser demand it of the two endpoints that
// are asked with the user's cookies on behalf of a page (identity assertion, disconnect).
func (s *Server) fromItsOrigin(w http.ResponseWriter, r *http.Request, v *visit) *oauth.Error {
	if r.Header.Get("Origin") != v.origin.String() {
		return oauth.Errorf(oauth.InvalidRequest, "The request comes from another origin than for_origin names.")
	}
	web.AllowOrigin(w, v.origin)
	w.Header().Set("Access-Control-Allow-Credentials", "true")
	return nil
}

// answerBrowser asks what a hidden frame asks. The choice in the browser's dialog proves nothing more than the session does, and
// is no consent to a scope.
func (s *Server) answerBrowser(w http.ResponseWriter, v *visit, st *oauth.Standing) *oauth.Error {
	step := s.nextStep(v, st)
	switch {
	case step == oauth.StepDone:
		ticket, err := s.ticket(v, st)
		if err == nil {
			web.WriteJSON(w, map[string]string{"token": ticket})
		}
		return err
	case v.flow.Request.Prompt.None:
		return v.flow.SilentError(step)
	}
	sealed, err := v.seal(s.Now())
	if err != nil {
		return oauth.Internal(err)
	}
	web.WriteJSON(w, map[string]string{"continue_on": s.BaseURL + windowAddress(sealed)})
	return nil
}

// browserError is an error in the form that the browser reads; it calls the code error, and earlier called it code.
type browserError struct {
	Error struct {
		Error oauth.Code `json:"error"`
		Code  oauth.Code `json:"code"`
	} `json:"error"`
}

func (s *Server) refuseBrowser(w http.ResponseWriter, err *oauth.Error) {
	err = web.Refused(w, s.Logger, err)
	s.metrics.refused(err.Code)
	var answer browserError
	answer.Error.Error, answer.Error.Code = err.Code, err.Code
	web.WriteJSONStatus(w, web.StatusOf(err.Code), answer)
}

// fedcmDisconnect is where a page parts with its user: what it was given within the session ends. Other sessions of the user,
// and their consent, stay.
func (s *Server) fedcmDisconnect(w http.ResponseWriter, r *http.Request) {
	v, hint, err := s.disconnects(w, r)
	if err != nil {
		s.refuseBrowser(w, err)
		return
	}
	st, err := s.ssoStanding(r, v)
	switch {
	case err != nil:
	case st == nil || !st.Account.KnownAs(hint, v.client, &v.snap.profile):
		err = oauth.Errorf(oauth.AccessDenied, "The account that is meant is not signed in here.")
	case st.Delegation != nil:
		if failed := s.Store.EndDelegation(r.Context(), st.Delegation.ID, s.audit(r, store.EventDelegationEnded, v, st)); failed != nil {
			err = web.AsError(failed)
		}
	}
	if err != nil {
		s.refuseBrowser(w, err)
		return
	}
	web.WriteJSON(w, map[string]string{"account_id": st.Account.ID.String()})
}

func (s *Server) disconnects(w http.ResponseWriter, r *http.Request) (v *visit, hint string, err *oauth.Error) {
	var id string
	if err = web.ParseForm(w, r); err == nil {
		id, hint, err = oauth.ParseDisconnect(r.PostForm)
	}
	if err == nil {
		v, err = s.arrive(r.Context(), url.Values{"client_id": {id}, "for_origin": {r.Header.Get("Origin")}})
	}
	if err == nil {
		err = s.fromItsOrigin(w, r, v)
	}
	if err == nil {
		err = mayAskAssisted(v)
	}
	return v, hint, err
}

// login is where the browser takes a user whom it thinks signed out (FedCM, login_url): the same sign-in as always, for no
// client, in a window that ends by itself.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	q, err := query(r)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	asked, err := oauth.ParseAssisted(url.Values{"login_hint": q["login_hint"]})
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	v := s.ownVisit(oauth.Flow{Ending: oauth.EndClose, Request: asked, Started: s.Now()})
	st, err := s.ssoStanding(r, v)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	v.flow.Binding = s.bindFlow(w, r)
	s.advance(w, r, v, st)
}

// finishResolve ends a window that the browser opened: with a ticket for the page that the browser asked on behalf of.
func (s *Server) finishResolve(w http.ResponseWriter, v *visit, st *oauth.Standing) {
	ticket, err := s.ticket(v, st)
	if err != nil {
		s.answerError(w, v, err)
		return
	}
	web.WritePage(w, s.Logger, http.StatusOK, oauth.ValidOrigin{}, web.Resolve{Ticket: ticket, Account: st.Account.ID.String()})
}

// finishClose ends the window at login_url. It tells the status also where nobody had to sign in: then the browser was wrong.
func (s *Server) finishClose(w http.ResponseWriter) {
	setLogin(w, loggedInStatus)
	web.WritePage(w, s.Logger, http.StatusOK, oauth.ValidOrigin{}, web.Resolve{})
}

// What the browser is told of whether somebody is signed in here (Login Status API §3). It believes that of a page, never of
// another site's frame.
const (
	loggedInStatus  = "logged-in"
	loggedOutStatus = "logged-out"
)

func setLogin(w http.ResponseWriter, status string) { w.Header().Set("Set-Login", status) }
