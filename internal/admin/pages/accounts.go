package pages

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func (p *Pages) accountRoutes() []route.Route {
	return []route.Route{
		{Pattern: "GET /admin/accounts", Op: manage.OpListAccounts, Handle: p.listAccounts},
		{Pattern: "GET /admin/accounts/new", Op: manage.OpCreateAccount, Handle: p.newAccount},
		{Pattern: "POST /admin/accounts/new", Op: manage.OpCreateAccount, Handle: p.createAccount},
		{Pattern: "GET /admin/accounts/{id}", Op: manage.OpShowAccount, Handle: p.showAccount},
		{Pattern: "GET /admin/accounts/{id}/edit", Op: manage.OpChangeAccount, Handle: p.editAccount},
		{Pattern: "GET /admin/accounts/{id}/sign-ins", Op: manage.OpShowSignIns, Handle: p.showSignIns},
		{Pattern: "POST /admin/accounts/{id}/edit", Op: manage.OpChangeAccount, Handle: p.changeAccount},
		{Pattern: "GET /admin/accounts/{id}/lock", Op: manage.OpLockAccount, Handle: p.askLockAccount},
		{Pattern: "POST /admin/accounts/{id}/lock", Op: manage.OpLockAccount, Handle: p.lockAccount},
		{Pattern: "POST /admin/accounts/{id}/unlock", Op: manage.OpUnlockAccount, Handle: p.unlockAccount},
		{Pattern: "GET /admin/accounts/{id}/throttle", Op: manage.OpShowThrottle, Handle: p.showThrottle},
		{
			Pattern: "POST /admin/accounts/{id}/release", Op: manage.OpReleaseThrottle,
			Handle: p.releaseThrottle,
		},
		{Pattern: "GET /admin/accounts/{id}/password", Op: manage.OpSetPassword, Handle: p.askPassword},
		{Pattern: "POST /admin/accounts/{id}/password", Op: manage.OpSetPassword, Handle: p.setPassword},
		{Pattern: "POST /admin/accounts/{id}/link", Op: manage.OpCreatePasswordLink, Handle: p.createPasswordLink},
		{Pattern: "GET /admin/accounts/{id}/signout", Op: manage.OpEndAccountSessions, Handle: p.askSignOutAccount},
		{Pattern: "POST /admin/accounts/{id}/signout", Op: manage.OpEndAccountSessions, Handle: p.signOutAccount},
		{Pattern: "GET /admin/accounts/{id}/remove", Op: manage.OpRemoveAccount, Handle: p.askRemoveAccount},
		{Pattern: "POST /admin/accounts/{id}/remove", Op: manage.OpRemoveAccount, Handle: p.removeAccount},
		{Pattern: "GET /admin/accounts/{id}/consents", Op: manage.OpListConsents, Handle: p.listConsents},
		{Pattern: "GET /admin/accounts/{id}/consents/{client}/withdraw", Op: manage.OpWithdrawConsent, Handle: p.askWithdrawConsent},
		{Pattern: "POST /admin/accounts/{id}/consents/{client}/withdraw", Op: manage.OpWithdrawConsent, Handle: p.withdrawConsent},
	}
}

// accountsView is a page of the list.
type accountsView struct {
	Search string
	Rows   []accountRow
	Pager  pager
	MayAdd bool
}

type accountRow struct {
	Username, Name, Email, Path string
	Badges                      []badge
}

// listAccounts costs one query.
func (p *Pages) listAccounts(c *route.Call) error {
	q := c.R.URL.Query()
	search := strings.TrimSpace(q.Get("q"))
	page, err := c.Manage.Accounts(c.R.Context(), search, q.Get("cursor"), pageSize)
	if err != nil {
		return err
	}
	v := accountsView{Search: search, Pager: newPager(c, page.Next), MayAdd: c.Caller.May(manage.OpCreateAccount)}
	for i := range page.Items {
		acc := &page.Items[i]
		v.Rows = append(v.Rows, accountRow{acc.Username, acc.Name, acc.Email, accountPath(acc.ID), accountBadges(acc)})
	}
	return p.render(c, http.StatusOK, "accounts.html", "Accounts", v)
}

func accountBadges(acc *oauth.Account) []badge {
	var list []badge
	if acc.Locked {
		list = append(list, badge{"bad", "locked"})
	}
	if acc.Role != "" {
		list = append(list, badge{"info", string(acc.Role)})
	}
	return list
}

// accountView is all there is to read about an account.
type accountView struct {
	Account     *oauth.Account
	Path        string
	Badges      []badge
	HasPassword bool
	// Claims are the further claims, as JSON.
	Claims      string
	SignIns     signInsView
	Sessions    sessionsView
	Delegations delegationsView
	Consents    consentsView
	Throttle    authn.ThrottleView
	// AllSessions and AllDelegations are lists of their own, where there are more than here.
	AllSessions, AllDelegations, History string
	May                                  accountRights
}

// accountRights are what the page offers.
type accountRights struct {
	Change, Lock, Unlock, Password, Link, SignOut, Remove, Operators, Release bool
}

// onAccountPage is how many sessions and delegations the page of an account shows.
const onAccountPage = 10

func (p *Pages) showAccount(c *route.Call) error {
	acc, err := accountOf(c)
	if err != nil {
		return err
	}
	v := accountView{
		Account: &acc, Path: accountPath(acc.ID), Badges: accountBadges(&acc), HasPassword: acc.PasswordHash != "",
		Claims: indented(acc.Attributes), History: historyPath(store.KindAccount, acc.ID.String()), May: rightsOver(c, &acc),
	}
	if v.SignIns, err = signInsOf(c, &acc); err != nil {
		return err
	}
	ctx := c.R.Context()
	if v.Throttle, err = c.Manage.Throttle(ctx, acc.ID); err != nil {
		return err
	}
	sessions, err := c.Manage.Sessions(ctx, acc.ID, "", onAccountPage)
	if err != nil {
		return err
	}
	v.Sessions = sessionsView{Rows: sessions.Items, MayEnd: c.Caller.May(manage.OpEndSession), Back: v.Path}
	if sessions.Next != "" {
		v.AllSessions = sessionsPath(acc.Username)
	}
	delegations, err := c.Manage.Delegations(ctx, store.DelegationFilter{AccountID: acc.ID}, "", onAccountPage)
	if err != nil {
		return err
	}
	v.Delegations = delegationsView{Rows: delegations.Items, MayEnd: c.Caller.May(manage.OpEndDelegation), Back: v.Path}
	if delegations.Next != "" {
		v.AllDelegations = delegationsPath("", acc.Username)
	}
	if v.Consents, err = consentsOf(c, &acc); err != nil {
		return err
	}
	return p.render(c, http.StatusOK, "accounts_show.html", acc.Username, v)
}

// throttleView is which networks guessed at a user's password.
type throttleView struct {
	Username, Path string
	Throttle       authn.ThrottleView
}

func (p *Pages) showThrottle(c *route.Call) error {
	acc, err := accountOf(c)
	if err != nil {
		return err
	}
	throttle, err := c.Manage.Throttle(c.R.Context(), acc.ID)
	if err != nil {
		return err
	}
	v := throttleView{acc.Username, accountPath(acc.ID), throttle}
	return p.render(c, http.StatusOK, "accounts_throttle.html", "Wrong passwords of "+acc.Username, v)
}

// accountOf reads the account that the address names.
func accountOf(c *route.Call) (oauth.Account, error) {
	id, err := idOf(c)
	if err != nil {
		return oauth.Account{}, err
	}
	return c.Manage.Account(c.R.Context(), id)
}

// rightsOver is what the caller may do to the account: to operators' accounts only admins do anything.
func rightsOver(c *route.Call, acc *oauth.Account) accountRights {
	may := func(op manage.Operation) bool {
		return c.Caller.May(op) && (acc.Role == "" || c.Caller.Role.AtLeast(oauth.RoleAdmin))
	}
	return accountRights{
		Change: may(manage.OpChangeAccount), Lock: may(manage.OpLockAccount) && !acc.Locked, Unlock: may(manage.OpUnlockAccount) && acc.Locked,
		Password: may(manage.OpSetPassword), Link: may(manage.OpCreatePasswordLink), SignOut: may(manage.OpEndAccountSessions),
		Remove: may(manage.OpRemoveAccount), Operators: c.Caller.May(manage.OpListOperators),
		Release: may(manage.OpReleaseThrottle),
	}
}

// consentsView is what a user agreed to.
type consentsView struct {
	Account *oauth.Account
	Path    string
	Rows    []consentRow
}

type consentRow struct {
	oauth.Consent
	// Withdraw leads to the question; empty for who may not.
	Withdraw string
}

func consentsOf(c *route.Call, acc *oauth.Account) (consentsView, error) {
	v := consentsView{Account: acc, Path: accountPath(acc.ID)}
	list, err := c.Manage.Consents(c.R.Context(), acc.ID)
	for _, consent := range list {
		row := consentRow{Consent: consent}
		if c.Caller.May(manage.OpWithdrawConsent) {
			row.Withdraw = v.Path + "/consents/" + url.PathEscape(consent.ClientID) + "/withdraw"
		}
		v.Rows = append(v.Rows, row)
	}
	return v, err
}

func (p *Pages) listConsents(c *route.Call) error {
	acc, err := accountOf(c)
	if err != nil {
		return err
	}
	v, err := consentsOf(c, &acc)
	if err != nil {
		return err
	}
	return p.render(c, http.StatusOK, "accounts_consents.html", "Consents of "+acc.Username, v)
}

func (p *Pages) askWithdrawConsent(c *route.Call) error {
	acc, err := accountOf(c)
	if err != nil {
		return err
	}
	return p.confirm(c, confirmation{
		Title: "Withdraw this consent?", Subject: acc.Username + " → " + c.R.PathValue("client"), Button: "Withdraw it",
		Action: c.R.URL.EscapedPath(), Back: accountPath(acc.ID),
		Text: "The user is asked again when the client wants something the next time.",
		Ends: []string{"what the user agreed to for this client", "what the client was given for the user, in every session", "its refresh tokens for the user, those that outlive sessions too"},
	})
}

func (p *Pages) withdrawConsent(c *route.Call) error {
	acc, err := accountOf(c)
	if err != nil {
		return err
	}
	if err := c.Manage.WithdrawConsent(c.R.Context(), acc.ID, c.R.PathValue("client")); err != nil {
		return err
	}
	return redirect(c, accountPath(acc.ID), "consent-withdrawn")
}
