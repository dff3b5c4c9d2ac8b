package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

func (a *API) listClients(c *route.Call) error {
	q := c.R.URL.Query()
	cursor, limit, err := paging(q)
	if err != nil {
		return err
	}
	page, err := c.Manage.ListClients(c.R.Context(), q.Get("search"), cursor, limit)
	if err != nil {
		return err
	}
	views := manage.Page[manage.ClientView]{Items: make([]manage.ClientView, len(page.Items)), Next: page.Next}
	for i := range page.Items {
		views.Items[i] = manage.ViewClient(&page.Items[i])
	}
	return answer(c, http.StatusOK, views)
}

func (a *API) createClient(c *route.Call) error {
	members, err := object(c, jsonTypes)
	if err != nil {
		return err
	}
	if faults := strange(members, fieldsOf(manage.ClientView{}), fixedOfClient.without("id", "confidential")); len(faults) > 0 {
		return faults
	}
	var asked struct{ Confidential bool }
	if err := typed(json.Unmarshal(orNull(members["confidential"]), &asked.Confidential)); err != nil {
		return manage.Invalid{{Field: "confidential", Problem: "it is true or false"}}
	}
	text, err := json.Marshal(members)
	if err != nil {
		return err
	}
	client, err := manage.ReadClient(text)
	if err != nil {
		return typed(err)
	}
	var secret string
	if asked.Confidential || slices.Contains(withSecret, client.AuthMethod) {
		secret, err = c.Manage.CreateConfidentialClient(c.R.Context(), client)
	} else {
		err = c.Manage.CreatePublicClient(c.R.Context(), client)
	}
	if err != nil {
		return err
	}
	c.W.Header().Set("Location", a.AdminURL+Prefix+"/clients/"+url.PathEscape(client.ID))
	return a.answerClient(c, http.StatusCreated, client.ID, secret)
}

// withSecret are the methods that say by themselves that a client has a secret.
var withSecret = []oauth.AuthMethod{oauth.AuthSecretBasic, oauth.AuthSecretPost, oauth.AuthSecretJWT}

func orNull(value json.RawMessage) json.RawMessage {
	if value == nil {
		return json.RawMessage("null")
	}
	return value
}

// answerClient shows a client as it is now, with the secret that was made a moment ago, if any.
func (a *API) answerClient(c *route.Call, status int, id, secret string) error {
	client, err := c.Manage.Client(c.R.Context(), id)
	if err != nil {
		return err
	}
	view := manage.ViewClient(&client)
	view.Secret = secret
	return answerVersion(c, status, client.Version, view)
}

func (a *API) showClient(c *route.Call) error {
	return a.answerClient(c, http.StatusOK, c.R.PathValue("id"), "")
}

func (a *API) changeClient(c *route.Call) error {
	id := c.R.PathValue("id")
	patch, err := object(c, patchTypes)
	if err != nil {
		return err
	}
	err = changing(c, readClient(c, id), func(m *manage.Manager, now oauth.Client) error {
		text, err := patched(manage.ViewClient(&now), patch, fixedOfClient)
		if err != nil {
			return err
		}
		want, err := manage.ReadClient(text)
		if err != nil {
			return typed(err)
		}
		_, _, err = m.ChangeClient(c.R.Context(), id, func(client *oauth.Client) { manage.ReplaceSettings(client, &want) })
		return err
	})
	if err != nil {
		return withDifference(c, err, patch, fixedOfClient)
	}
	return a.answerClient(c, http.StatusOK, id, "")
}

func (a *API) removeClient(c *route.Call) error {
	id := c.R.PathValue("id")
	err := changing(c, readClient(c, id), func(m *manage.Manager, _ oauth.Client) error {
		return m.RemoveClient(c.R.Context(), id)
	})
	if err != nil {
		return err
	}
	return done(c)
}

func readClient(c *route.Call, id string) func() (int64, oauth.Client, error) {
	return func() (int64, oauth.Client, error) {
		client, err := c.Manage.Client(c.R.Context(), id)
		return client.Version, client, err
	}
}

// withDifference adds to a conflict what the patch would change in the thing as it is now.
func withDifference(c *route.Call, err error, patch map[string]json.RawMessage, no fixed) error {
	if p := problemOf(c.R, err); p != nil && p.Type == typeConflict && p.Current != nil {
		p.Differences = wouldChange(p.Current, patch, no)
		return p
	}
	return err
}

func (a *API) releaseClient(c *route.Call) error {
	id := c.R.PathValue("id")
	if err := c.Manage.ReleaseClient(c.R.Context(), id); err != nil {
		return err
	}
	return a.answerClient(c, http.StatusOK, id, "")
}

func (a *API) resetClientSecret(c *route.Call) error {
	id := c.R.PathValue("id")
	secret, err := c.Manage.ResetSecret(c.R.Context(), id)
	if err != nil {
		return err
	}
	return a.answerClient(c, http.StatusOK, id, secret)
}

func (a *API) tryClient(c *route.Call) error {
	until, err := c.Manage.TryClient(c.R.Context(), c.R.PathValue("id"))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, struct {
		Origin string    `json:"origin"`
		Until  time.Time `json:"until"`
	}{a.origin(), until})
}

// items wraps a list that has no pages.
type items[T any] struct {
	Items []T `json:"items"`
}

// answerItems answers with the whole of a list.
func answerItems[T any](c *route.Call, list []T, err error) error {
	if err != nil {
		return err
	}
	if list == nil {
		list = []T{}
	}
	return answer(c, http.StatusOK, items[T]{list})
}

func (a *API) showSnippets(c *route.Call) error {
	list, err := c.Manage.Snippets(c.R.Context(), c.R.PathValue("id"))
	return answerItems(c, list, err)
}

// answerPage answers with one page of a list.
func answerPage[T any](c *route.Call, read func(ctx context.Context, cursor string, limit int) (manage.Page[T], error)) error {
	cursor, limit, err := paging(c.R.URL.Query())
	if err != nil {
		return err
	}
	page, err := read(c.R.Context(), cursor, limit)
	if err != nil {
		return err
	}
	if page.Items == nil {
		page.Items = []T{}
	}
	return answer(c, http.StatusOK, page)
}
