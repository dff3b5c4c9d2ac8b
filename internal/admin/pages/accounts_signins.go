package pages

import (
	"net/http"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// signInsView answers why a user cannot sign in.
type signInsView struct {
	manage.SignIns
	Account *oauth.Account
	Path    string
	// Records and FailedOnes are the user's audit records.
	Records, FailedOnes string
}

func signInsOf(c *route.Call, acc *oauth.Account) (signInsView, error) {
	seen, err := c.Manage.SignIns(c.R.Context(), acc)
	return signInsView{
		SignIns: seen, Account: acc, Path: accountPath(acc.ID),
		Records: auditPath(acc.Username, ""), FailedOnes: auditPath(acc.Username,
			store.EventSignInFailed),
	}, err
}

// showSignIns is a page of its own, for links to it.
func (p *Pages) showSignIns(c *route.Call) error {
	acc, err := accountOf(c)
	if err != nil {
		return err
	}
	v, err := signInsOf(c, &acc)
	if err != nil {
		return err
	}
	return p.render(c, http.StatusOK, "accounts_signins.html", "Sign-ins of "+acc.Username, v)
}
