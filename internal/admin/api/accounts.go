package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

func (a *API) listAccounts(c *route.Call) error {
	search := c.R.URL.Query().Get("search")
	return answerPage(c, func(ctx context.Context, cursor string, limit int) (manage.Page[oauth.Account], error) {
		return c.Manage.Accounts(ctx, search, cursor, limit)
	})
}

func (a *API) createAccount(c *route.Call) error {
	members, err := object(c, jsonTypes)
	if err != nil {
		return err
	}
	var password string
	if err := json.Unmarshal(orNull(members["password"]), &password); err != nil {
		return manage.Invalid{{Field: "password", Problem: "it is a text"}}
	}
	delete(members, "password")
	if faults := strange(members, fieldsOf(oauth.Account{}), fixedOfAccount); len(faults) > 0 {
		return faults
	}
	text, err := json.Marshal(members)
	if err != nil {
		return err
	}
	var acc oauth.Account
	if err := typed(json.Unmarshal(text, &acc)); err != nil {
		return err
	}
	if acc, err = c.Manage.CreateAccount(c.R.Context(), acc, password); err != nil {
		return err
	}
	c.W.Header().Set("Location", a.AdminURL+Prefix+"/accounts/"+acc.ID.String())
	return answerVersion(c, http.StatusCreated, acc.Version, acc)
}

// answerAccount shows an account as it is now.
func answerAccount(c *route.Call, id oauth.ID) error {
	acc, err := c.Manage.Account(c.R.Context(), id)
	if err != nil {
		return err
	}
	return answerVersion(c, http.StatusOK, acc.Version, acc)
}

func (a *API) showAccount(c *route.Call) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	return answerAccount(c, id)
}

func (a *API) showSignIns(c *route.Call) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	acc, err := c.Manage.Account(c.R.Context(), id)
	if err != nil {
		return err
	}
	seen, err := c.Manage.SignIns(c.R.Context(), &acc)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, seen)
}

func (a *API) changeAccount(c *route.Call) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	patch, err := object(c, patchTypes)
	if err != nil {
		return err
	}
	err = changing(c, readAccount(c, id), func(m *manage.Manager, now oauth.Account) error {
		text, err := patched(now, patch, fixedOfAccount)
		if err != nil {
			return err
		}
		var want oauth.Account
		if err := typed(json.Unmarshal(text, &want)); err != nil {
			return err
		}
		_, _, err = m.ChangeAccount(c.R.Context(), id, func(acc *oauth.Account) {
			acc.Username, acc.Name, acc.Email = want.Username, want.Name, want.Email
			acc.ExternalID, acc.Attributes = want.ExternalID, want.Attributes
		})
		return err
	})
	if err != nil {
		return withDifference(c, err, patch, fixedOfAccount)
	}
	return answerAccount(c, id)
}

func (a *API) removeAccount(c *route.Call) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	err = changing(c, readAccount(c, id), func(m *manage.Manager, _ oauth.Account) error {
		return m.RemoveAccount(c.R.Context(), id)
	})
	if err != nil {
		return err
	}
	return done(c)
}

func readAccount(c *route.Call, id oauth.ID) func() (int64, oauth.Account, error) {
	return func() (int64, oauth.Account, error) {
		acc, err := c.Manage.Account(c.R.Context(), id)
		return acc.Version, acc, err
	}
}

// withAccount does something to the account in the path and shows it after.
func withAccount(c *route.Call, do func(context.Context, oauth.ID) error) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := do(c.R.Context(), id); err != nil {
		return err
	}
	return answerAccount(c, id)
}

func (a *API) lockAccount(c *route.Call) error   { return withAccount(c, c.Manage.LockAccount) }
func (a *API) unlockAccount(c *route.Call) error { return withAccount(c, c.Manage.UnlockAccount) }

// withID does something to what the path names and answers that it is done.
func withID(c *route.Call, do func(context.Context, oauth.ID) error) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := do(c.R.Context(), id); err != nil {
		return err
	}
	return done(c)
}

func (a *API) endAccountSessions(c *route.Call) error {
	return withID(c, c.Manage.EndAccountSessions)
}

func (a *API) showThrottle(c *route.Call) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	v, err := c.Manage.Throttle(c.R.Context(), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, v)
}

func (a *API) releaseThrottle(c *route.Call) error { return withID(c, c.Manage.ReleaseThrottle) }

func (a *API) setPassword(c *route.Call) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	var sent struct {
		Password string `json:"password"`
	}
	if err := decode(c, &sent); err != nil {
		return err
	}
	if err := c.Manage.SetPassword(c.R.Context(), id, sent.Password); err != nil {
		return err
	}
	return done(c)
}

func (a *API) createPasswordLink(c *route.Call) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	link, err := c.Manage.NewPasswordLink(c.R.Context(), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, link)
}

// consent is what a user agreed to, for one client.
type consent struct {
	AccountID oauth.ID  `json:"account_id"`
	Username  string    `json:"username"`
	ClientID  string    `json:"client_id"`
	Scope     []string  `json:"scope"`
	Updated   time.Time `json:"updated"`
}

func (a *API) listConsents(c *route.Call) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	acc, err := c.Manage.Account(c.R.Context(), id)
	if err != nil {
		return err
	}
	rows, err := c.Manage.Consents(c.R.Context(), id)
	list := make([]consent, len(rows))
	for i, r := range rows {
		list[i] = consent{id, acc.Username, r.ClientID, listOf(r.Scope), r.Updated}
	}
	return answerItems(c, list, err)
}

// listOf makes a list in JSON of what may be nil.
func listOf(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func (a *API) withdrawConsent(c *route.Call) error {
	return withID(c, func(ctx context.Context, id oauth.ID) error {
		return c.Manage.WithdrawConsent(ctx, id, c.R.PathValue("client_id"))
	})
}
