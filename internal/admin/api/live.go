package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func (a *API) listSessions(c *route.Call) error {
	account, err := filterAccount(c, c.R.URL.Query())
	if err != nil {
		return err
	}
	return answerPage(c, func(ctx context.Context, cursor string, limit int) (manage.Page[manage.Session], error) {
		page, err := c.Manage.Sessions(ctx, account, cursor, limit)
		for i := range page.Items {
			page.Items[i].AMR = listOf(page.Items[i].AMR)
		}
		return page, err
	})
}

func (a *API) endSession(c *route.Call) error { return withID(c, c.Manage.EndSession) }

func (a *API) listDelegations(c *route.Call) error {
	q := c.R.URL.Query()
	account, err := filterAccount(c, q)
	session, err2 := filterID(q, "session_id")
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	f := store.DelegationFilter{AccountID: account, SessionID: session, ClientID: q.Get("client_id")}
	return answerPage(c, func(ctx context.Context, cursor string, limit int) (manage.Page[manage.Delegation], error) {
		page, err := c.Manage.Delegations(ctx, f, cursor, limit)
		for i := range page.Items {
			page.Items[i].Scope = listOf(page.Items[i].Scope)
		}
		return page, err
	})
}

func (a *API) endDelegation(c *route.Call) error { return withID(c, c.Manage.EndDelegation) }

func (a *API) listOperators(c *route.Call) error {
	list, err := c.Manage.Operators(c.R.Context())
	return answerItems(c, list, err)
}

func (a *API) setRole(c *route.Call) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	var asked struct {
		Role oauth.Role `json:"role"`
	}
	if err := decode(c, &asked); err != nil {
		return err
	}
	if err := c.Manage.SetRole(c.R.Context(), id, asked.Role); err != nil {
		return err
	}
	return answerAccount(c, id)
}

func (a *API) removeOperator(c *route.Call) error { return withID(c, c.Manage.RemoveOperator) }

func (a *API) createOperatorLink(c *route.Call) error {
	var asked struct {
		Role     oauth.Role `json:"role"`
		Username string     `json:"username"`
	}
	if err := decode(c, &asked); err != nil {
		return err
	}
	link, err := c.Manage.NewOperatorLink(c.R.Context(), asked.Role, asked.Username)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, link)
}
