package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/admin/pages"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

// The runtime's endpoints that a sign-in here uses.
const (
	authorizePath     = "/oauth/v2/oauth-authorize"
	tokenPath         = "/oauth/v2/oauth-token"
	runtimeLogoutPath = "/oauth/v2/oauth-session/logout"
)

// loginOther begins a sign-in by somebody else than who is signed in at the runtime.
const loginOther = loginPath + "?as=other"

// maxSignIn is how long a sign-in may take.
const maxSignIn = 10 * time.Minute

// maxReturn is the longest address that a sign-in leads back to: it is in a cookie, and browsers drop those beyond 4096 bytes.
const maxReturn = 1024

// flowCookie binds a sign-in under way to the browser that began it.
var flowCookie = web.Cookie{Name: "__Host-usher-admin-flow", SameSite: http.SameSiteLaxMode, Lifetime: maxSignIn}

// flow is what is sealed in that cookie.
type flow struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Return   string    `json:"r"`
	Expires  time.Time `json:"x"`
}

// login sends the browser to the runtime: the code flow with PKCE (RFC 7636), and a proof of who it is that is not older
// than a session here may be (OpenID Connect Core §3.1.2.1, max_age).
func (a *Admin) login(w http.ResponseWriter, r *http.Request) {
	f := flow{
		State: web.NewSecret(), Nonce: web.NewSecret(), Verifier: web.NewSecret(),
		Return: returnPath(r.URL.Query().Get("return")), Expires: a.now().Add(maxSignIn),
	}
	sealed, err := a.seal(token.KindAdminFlow, &f)
	if err != nil {
		a.fault(w, err)
		return
	}
	flowCookie.Set(w, sealed)
	challenge := sha256.Sum256([]byte(f.Verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {oauth.AdminClientID}, "redirect_uri": {a.Manager.AdminURL + callbackPath},
		"scope": {oauth.JoinScope([]string{"openid", oauth.ScopeAdmin, oauth.ScopeRead})},
		"state": {f.State}, "nonce": {f.Nonce}, "max_age": {strconv.Itoa(int(maxSession / time.Second))},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	if r.URL.Query().Get("as") == "other" { // who is signed in at the runtime may not be who is to come in here
		q.Set("prompt", "login")
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, a.Manager.BaseURL+authorizePath+"?"+q.Encode(), http.StatusSeeOther)
}

// returnPath is where a sign-in ends: a page below /admin, as it was asked for, or the overview. Anything that a browser
// could read as another place is not one.
func returnPath(asked string) string {
	u, err := url.Parse(asked)
	if err != nil || len(asked) > maxReturn || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || strings.ContainsAny(asked, "\\\t\r\n") {
		return homePath
	}
	own := []string{loginPath, callbackPath, logoutPath, manage.OperatorLinkPath}
	if path.Clean(u.Path) != u.Path || !below(u.Path, homePath) || slices.Contains(own, u.Path) {
		return homePath
	}
	return u.RequestURI()
}

// callback takes the runtime's answer and begins the session. Whoever it is comes in so far; the pages ask for a role.
func (a *Admin) callback(w http.ResponseWriter, r *http.Request) {
	var f flow
	ok, err := a.open(r.Context(), token.KindAdminFlow, flowCookie.Read(r), &f)
	if err != nil {
		a.fault(w, err)
		return
	}
	flowCookie.Clear(w)
	code, problem := "", "This sign-in was not begun in this browser, or took too long."
	if ok && a.now().Before(f.Expires) {
		code, problem = a.checkAnswer(r, &f)
	}
	if problem != "" {
		a.signInFailed(w, http.StatusBadRequest, problem)
		return
	}
	delegation, err := a.redeem(r, &f, code)
	if errors.Is(err, store.ErrUnavailable) {
		a.fault(w, err)
		return
	}
	if err != nil {
		a.Logger.Warn("an operator's sign-in failed", "error", err)
		a.signInFailed(w, http.StatusBadGateway, "The server did not accept the sign-in.")
		return
	}
	sealed, err := a.seal(token.KindAdminSession, &adminSession{Delegation: delegation, Issued: a.now()})
	if err != nil {
		a.fault(w, err)
		return
	}
	sessionCookie.Set(w, sealed)
	http.Redirect(w, r, f.Return, http.StatusSeeOther)
}

func (a *Admin) signInFailed(w http.ResponseWriter, status int, problem string) {
	a.pages.WriteNotice(w, status, pages.Notice{
		Title: "You are not signed in", Text: problem, Link: loginPath, LinkText: "Sign in",
	})
}

// checkAnswer holds an authorization response against what was asked: it is for this browser (state, RFC 6749 §10.12) and
// comes from this server (iss, RFC 9207 §2.4).
func (a *Admin) checkAnswer(r *http.Request, f *flow) (code, problem string) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	one := func(name string) string {
		if len(q[name]) != 1 {
			return ""
		}
		return q[name][0]
	}
	switch {
	case err != nil || subtle.ConstantTimeCompare([]byte(one("state")), []byte(f.State)) != 1:
		return "", "This sign-in was not begun in this browser, or another one was begun meanwhile."
	case one("iss") != a.Manager.Issuer:
		return "", "The answer does not come from this server."
	case one("error") == string(oauth.AccessDenied):
		return "", "The sign-in was cancelled."
	case one("error") != "":
		return "", fmt.Sprintf("The server refused the sign-in (%.60q).", one("error"))
	case one("code") == "":
		return "", "The answer has no code."
	}
	return one("code"), ""
}

// redeem trades the code at the runtime's token endpoint and tells what the tokens hang off. Their family is not it: it is
// over when they expire, and nobody uses them.
func (a *Admin) redeem(r *http.Request, f *flow, code string) (delegation oauth.ID, err error) {
	status, body := a.askRuntime(r, url.Values{
		"grant_type": {"authorization_code"}, "client_id": {oauth.AdminClientID}, "code": {code},
		"redirect_uri": {a.Manager.AdminURL + callbackPath}, "code_verifier": {f.Verifier},
	})
	var answer struct {
		oauth.TokenResponse
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return delegation, err
	}
	if status == http.StatusServiceUnavailable {
		return delegation, store.ErrUnavailable // the token endpoint's log line says why
	}
	if status != http.StatusOK {
		return delegation, fmt.Errorf("token endpoint: %d %s: %s", status, answer.Error, answer.Description)
	}
	if err := a.checkIDToken(answer.IDToken, f.Nonce); err != nil {
		return delegation, err
	}
	t, ok, err := a.openAccess(r.Context(), answer.AccessToken)
	if err == nil && (!ok || t.ClientID != oauth.AdminClientID || t.DelegationID.IsZero()) {
		err = errors.New("the access token is not one of these pages")
	}
	return t.DelegationID, err
}

// checkIDToken checks what a client has to (OpenID Connect Core §3.1.3.7); the signature need not be: the token came
// straight from the token endpoint.
func (a *Admin) checkIDToken(text, nonce string) error {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return errors.New("there is no ID token")
	}
	plain, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claims oauth.IDToken
	if err := json.Unmarshal(plain, &claims); err != nil {
		return err
	}
	if claims.Issuer != a.Manager.Issuer || claims.Audience != oauth.AdminClientID || claims.Nonce != nonce || claims.Expires <= a.now().Unix() {
		return errors.New("the ID token is not the one that was asked for")
	}
	return nil
}

// askRuntime posts a form to the token endpoint within this process: there is no network on the way whose certificate
// would have to be trusted. The operator's address goes along, for the audit log.
func (a *Admin) askRuntime(r *http.Request, form url.Values) (status int, body []byte) {
	ctx := context.WithoutCancel(r.Context()) // a code is used up, so what follows is not given up halfway
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.Manager.BaseURL+tokenPath, strings.NewReader(form.Encode()))
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.RequestURI, request.TLS = tokenPath, &tls.ConnectionState{}
	request.RemoteAddr = net.JoinHostPort(a.proxies.ClientAddress(r).String(), "0")
	var answer recorder
	a.Runtime.ServeHTTP(&answer, request)
	return answer.status, answer.body.Bytes()
}

// logout ends the delegation, and with it the session here in every window; the SSO session is the user's.
func (a *Admin) logout(w http.ResponseWriter, r *http.Request) {
	who, err := a.signedIn(r)
	if err == nil && who != nil {
		err = a.Manager.Store.EndDelegation(r.Context(), who.delegation, store.Audit{
			At: a.now(), Event: store.EventDelegationEnded, Actor: "operator:" + who.account.Username, AccountID: who.account.ID,
			ClientID: oauth.AdminClientID, Address: a.proxies.ClientAddress(r).String(), Detail: "signed out of the admin pages", Count: 1,
		})
	}
	if err != nil {
		a.fault(w, err)
		return
	}
	sessionCookie.Clear(w)
	if who != nil && who.account.Role == "" {
		a.pages.WriteNotice(w, http.StatusOK, pages.Notice{
			Title: "You are signed out", Text: "Sign in with an account that has a role here.", Link: loginOther, LinkText: "Sign in as somebody else",
		})
		return
	}
	a.pages.WriteNotice(w, http.StatusOK, pages.Notice{
		Title: "You are signed out", Text: "You are signed out of the admin pages. Your sign-in at the server itself goes on, for the apps that you use.",
		Link: a.Manager.BaseURL + runtimeLogoutPath, LinkText: "Sign out there too",
	})
}
