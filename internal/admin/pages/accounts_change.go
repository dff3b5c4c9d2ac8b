package pages

import (
	"context"
	"errors"
	"net/http"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// accountForm is the form of a new account (Account is nil) or of one that is there.
type accountForm struct {
	Account *oauth.Account
	Path    string
	Form    *form
	Claims  []drawnSetting
	// How a new user gets a password.
	How []option
}

// The ways to a first password.
const (
	byLink     = "link"
	byPassword = "password"
)

var passwordWays = []option{
	{Value: byLink, Label: "By a link", Help: "The next page shows a one-time link. The user opens it and sets a password that nobody else knows."},
	{Value: byPassword, Label: "I set one now", Help: "Type it below, and tell the user."},
}

func (p *Pages) newAccount(c *route.Call) error {
	f := newForm(nil, 0)
	f.Set("how", byLink)
	return p.writeAccountForm(c, http.StatusOK, nil, f)
}

func (p *Pages) writeAccountForm(c *route.Call, status int, acc *oauth.Account, f *form) error {
	f.Del("password") // a password is never shown, not even to who typed it
	placeFaults(f)
	v := accountForm{Account: acc, Form: f, Claims: drawClaims(f), How: passwordWays, Path: "/admin/accounts/new"}
	title := "New account"
	if acc != nil {
		v.Path, title = accountPath(acc.ID), "Edit "+acc.Username
	}
	return p.render(c, status, "accounts_form.html", title, v)
}

func (p *Pages) createAccount(c *route.Call) error {
	f, err := readForm(c)
	if err != nil {
		return err
	}
	var acc oauth.Account
	readAccount(f)(&acc)
	password := ""
	if f.text("how") == byPassword {
		if password = f.Get("password"); password == "" {
			f.fault("password", "type one, or choose the link")
		}
	}
	if len(f.Faults) == 0 {
		acc, err = c.Manage.CreateAccount(c.R.Context(), acc, password)
		if err != nil && !f.refused(err) {
			return err
		}
	}
	if len(f.Faults) > 0 {
		return p.writeAccountForm(c, http.StatusUnprocessableEntity, nil, f)
	}
	if password == "" && c.Caller.May(manage.OpCreatePasswordLink) {
		return p.showPasswordLink(c, &acc)
	}
	return redirect(c, accountPath(acc.ID), "created")
}

func (p *Pages) editAccount(c *route.Call) error {
	acc, err := accountOf(c)
	if err != nil {
		return err
	}
	return p.writeAccountForm(c, http.StatusOK, &acc, newForm(accountValues(&acc), acc.Version))
}

func (p *Pages) changeAccount(c *route.Call) error {
	acc, err := accountOf(c)
	if err != nil {
		return err
	}
	f, err := readForm(c)
	if err != nil {
		return err
	}
	change := readAccount(f)
	if f.Version == 0 {
		f.fault("form", "it does not say which version it changes: open it anew")
	}
	if len(f.Faults) > 0 {
		return p.writeAccountForm(c, http.StatusUnprocessableEntity, &acc, f)
	}
	m := *c.Manage
	m.IfVersion = f.Version
	_, _, err = m.ChangeAccount(c.R.Context(), acc.ID, change)
	if conflict, ok := asConflict(err); ok {
		return p.accountConflict(c, conflict, f)
	}
	if f.refused(err) {
		return p.writeAccountForm(c, http.StatusUnprocessableEntity, &acc, f)
	}
	if err != nil {
		return err
	}
	return redirect(c, accountPath(acc.ID), "saved")
}

func (p *Pages) accountConflict(c *route.Call, conflict *manage.Conflict, f *form) error {
	theirs, ok := conflict.Current.(oauth.Account)
	if !ok {
		return conflict
	}
	path := accountPath(theirs.ID)
	return p.conflict(c, f, accountValues(&theirs), theirs.Version, collision{
		What: "The account", Subject: theirs.Username, Look: path, Action: path + "/edit",
	})
}

// askAboutAccount asks before something happens to an account; the answer counts for the version that was looked at.
func (p *Pages) askAboutAccount(c *route.Call, v confirmation) error {
	acc, err := accountOf(c)
	if err != nil {
		return err
	}
	v.Subject, v.Back, v.Action, v.Hidden = acc.Username, accountPath(acc.ID), c.R.URL.EscapedPath(), versionField(acc.Version)
	return p.confirm(c, v)
}

// doAccount does something to the account that the address names, and leads on with what was done.
func (p *Pages) doAccount(c *route.Call, code string, do func(*manage.Manager, context.Context, oauth.ID) error) error {
	id, err := idOf(c)
	if err != nil {
		return err
	}
	m, err := decided(c)
	if err != nil {
		return err
	}
	if err := do(m, c.R.Context(), id); err != nil {
		return err
	}
	return redirect(c, accountPath(id), code)
}

func (p *Pages) askLockAccount(c *route.Call) error {
	return p.askAboutAccount(c, confirmation{
		Title: "Lock this account?", Button: "Lock the account", Text: "The user cannot sign in until somebody unlocks the account.",
		Ends: []string{"every session of the user", "what every client was given for the user", "refresh tokens, those that outlive sessions too"},
	})
}

func (p *Pages) lockAccount(c *route.Call) error {
	return p.doAccount(c, "locked", (*manage.Manager).LockAccount)
}

func (p *Pages) unlockAccount(c *route.Call) error {
	return p.doAccount(c, "unlocked", (*manage.Manager).UnlockAccount)
}

func (p *Pages) releaseThrottle(c *route.Call) error {
	return p.doAccount(c, "throttle-released", (*manage.Manager).ReleaseThrottle)
}

func (p *Pages) askSignOutAccount(c *route.Call) error {
	return p.askAboutAccount(c, confirmation{
		Title: "Sign this user out everywhere?", Button: "Sign out everywhere", Text: "The user can sign in again at once, with the same password.",
		Ends: []string{"every session of the user", "what every client was given for the user", "refresh tokens, those that outlive sessions too"},
	})
}

func (p *Pages) signOutAccount(c *route.Call) error {
	return p.doAccount(c, "sessions-ended", (*manage.Manager).EndAccountSessions)
}

func (p *Pages) askRemoveAccount(c *route.Call) error {
	return p.askAboutAccount(c, confirmation{
		Title: "Remove this account?", Button: "Remove the account", Text: "To keep the user out for a while, lock the account instead. A removed account can be brought back from the history, without its password.",
		Ends: []string{"the account itself, with its password and its claims", "every session of the user", "what every client was given for the user, and what the user agreed to"},
	})
}

func (p *Pages) removeAccount(c *route.Call) error {
	id, err := idOf(c)
	if err != nil {
		return err
	}
	m, err := decided(c)
	if err != nil {
		return err
	}
	if err := m.RemoveAccount(c.R.Context(), id); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return redirect(c, "/admin/accounts", "removed")
}

// askPassword is a form with one field.
func (p *Pages) askPassword(c *route.Call) error {
	acc, err := accountOf(c)
	if err != nil {
		return err
	}
	return p.writePasswordForm(c, http.StatusOK, &acc, newForm(nil, acc.Version))
}

func (p *Pages) writePasswordForm(c *route.Call, status int, acc *oauth.Account, f *form) error {
	f.Del("password")
	return p.render(c, status, "accounts_password.html", "Set a password", accountForm{Account: acc, Path: accountPath(acc.ID), Form: f})
}

func (p *Pages) setPassword(c *route.Call) error {
	acc, err := accountOf(c)
	if err != nil {
		return err
	}
	f, err := readForm(c)
	if err != nil {
		return err
	}
	m := *c.Manage
	m.IfVersion = f.Version
	err = m.SetPassword(c.R.Context(), acc.ID, f.Get("password"))
	if f.refused(err) {
		return p.writePasswordForm(c, http.StatusUnprocessableEntity, &acc, f)
	}
	if err != nil {
		return err
	}
	return redirect(c, accountPath(acc.ID), "password")
}

func (p *Pages) createPasswordLink(c *route.Call) error {
	acc, err := accountOf(c)
	if err != nil {
		return err
	}
	return p.showPasswordLink(c, &acc)
}

// passwordLinkView shows a one-time link, this once.
type passwordLinkView struct {
	Account *oauth.Account
	Path    string
	Link    manage.Link
}

func (p *Pages) showPasswordLink(c *route.Call, acc *oauth.Account) error {
	link, err := c.Manage.NewPasswordLink(c.R.Context(), acc.ID)
	if err != nil {
		return err
	}
	return p.render(c, http.StatusOK, "accounts_link.html", "A link to set a password", passwordLinkView{acc, accountPath(acc.ID), link})
}
