package admin

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/usher-id/usher/internal/admin/pages"
	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

// maxSession is how long an operator stays signed in, and how old the proof of who they are may be.
const maxSession = 12 * time.Hour

// sessionCookie names the delegation of a signed-in operator. SameSite=Lax: links from elsewhere open pages, and nothing
// else from elsewhere comes with it.
var sessionCookie = web.Cookie{Name: "__Host-usher-admin", SameSite: http.SameSiteLaxMode}

// adminSession is what is sealed in the cookie.
type adminSession struct {
	Delegation oauth.ID  `json:"d"`
	Issued     time.Time `json:"t"`
}

// adminClient is the client that the delegations belong to. Where an operator disabled it they are gone with it.
var adminClient = oauth.Client{ID: oauth.AdminClientID}

// operator is who is signed in.
type operator struct {
	account    oauth.Account // with its role, which may be none
	delegation oauth.ID
}

// signedIn reads who is signed in, in two queries; nil for nobody. The session that it hangs off is used by that, as by
// any silent renewal.
func (a *Admin) signedIn(r *http.Request) (*operator, error) {
	text := sessionCookie.Read(r)
	if text == "" {
		return nil, nil
	}
	var c adminSession
	if ok, err := a.open(r.Context(), token.KindAdminSession, text, &c); !ok {
		return nil, err
	}
	now := a.now()
	t := oauth.AccessToken{DelegationID: c.Delegation, ClientID: oauth.AdminClientID, Issued: c.Issued, Expires: c.Issued.Add(maxSession)}
	st, err := a.Manager.Store.TokenStanding(r.Context(), t)
	if err != nil {
		return nil, unlessGone(err)
	}
	tooOld := !now.Before(st.Session.AuthTime.Add(maxSession))
	if tooOld || !oauth.Active(&t, &st.Standing, st.Revoked, &adminClient, now) {
		return nil, nil
	}
	if st.Session.TouchDue(now) {
		if err := a.Manager.Store.TouchSession(r.Context(), st.Session.ID, now); err != nil {
			return nil, err
		}
	}
	acc, err := a.Manager.Store.Account(r.Context(), st.Account.ID)
	if err != nil || acc.Locked {
		return nil, unlessGone(err)
	}
	return &operator{acc, c.Delegation}, nil
}

// unlessGone drops the error that says that there is no such thing any more.
func unlessGone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// page guards one page or form: somebody is signed in and may do what it does.
func (a *Admin) page(rt route.Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, err := a.signedIn(r)
		switch {
		case err != nil:
			a.fault(w, err)
			return
		case who == nil:
			a.askToSignIn(w, r)
			return
		case !who.account.Role.AtLeast(oauth.RoleViewer):
			a.noOperator(w, who)
			return
		}
		c := &route.Call{
			W: w, R: r, Manage: a.acting(r, "operator:"+who.account.Username, who.account.Role),
			Caller: route.Caller{AccountID: who.account.ID, Username: who.account.Username, ClientID: oauth.AdminClientID, Role: who.account.Role},
		}
		c.Manage.AccountID = who.account.ID
		if !manage.Allowed(c.Caller.Role, rt.Op) {
			a.pages.WriteError(c, notAllowed(c.Caller.Role, rt.Op))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := rt.Handle(c); err != nil {
			a.pages.WriteError(c, err)
		}
	}
}

func notAllowed(role oauth.Role, op manage.Operation) error {
	why := "nobody may do this"
	if least, known := manage.Least(op); known {
		why = "this takes the role " + string(least) + "; yours is " + string(role)
	}
	return &manage.Forbidden{Why: why}
}

// askToSignIn sends a page's visitor to the sign-in and back. A form or script gets no redirect: what was sent would be
// lost on the way without a word.
func (a *Admin) askToSignIn(w http.ResponseWriter, r *http.Request) {
	script := r.Header.Get("Sec-Fetch-Dest") == "empty"
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && !script {
		http.Redirect(w, r, loginPath+"?"+url.Values{"return": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
		return
	}
	a.pages.WriteNotice(w, http.StatusUnauthorized, pages.Notice{
		Title: "You are signed out", Text: "Nothing was changed. Sign in, then go back and send the form again.",
		Link: loginPath, LinkText: "Sign in",
	})
}

// noOperator tells somebody who is signed in that they may not come in.
func (a *Admin) noOperator(w http.ResponseWriter, who *operator) {
	a.pages.WriteNotice(w, http.StatusForbidden, pages.Notice{
		Title: "This account is no operator",
		Text: "You are signed in as " + who.account.Username + ", who has no role here. An admin can give it one; " +
			"on the server itself, \"usher operator link\" prints a link that makes an operator.",
		Link: logoutPath, LinkText: "Sign out", Post: true,
	})
}
