package pages

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func (p *Pages) changeRoutes() []route.Route {
	return []route.Route{
		{Pattern: "GET /admin/changes", Op: manage.OpListChanges, Handle: p.listChanges},
		{Pattern: "GET /admin/changes/{id}", Op: manage.OpShowChange, Handle: p.showChange},
		{Pattern: "GET /admin/changes/{id}/undo", Op: manage.OpUndoChange, Handle: p.askUndo},
		{Pattern: "POST /admin/changes/{id}/undo", Op: manage.OpUndoChange, Handle: p.undo},
	}
}

// changesView is a page of the history.
type changesView struct {
	Form  *form
	Kinds []option
	Rows  []changeRow
	Pager pager
	// Subject is the one thing whose history it is, and Back leads to it.
	Subject, Back string
}

// changeRow is one change.
type changeRow struct {
	store.Change
	What, Kind      string
	Path, About     string
	SubjectName     string
	Differences     []manage.Difference
	MayUndo, Undoes bool
}

func changeRowOf(c store.Change) changeRow {
	row := changeRow{Change: c, What: eventName(c.Event), Kind: kindName(c.Kind), Path: changePath(c.ID), About: subjectPath(c.Kind, c.Subject)}
	row.SubjectName = c.Subject
	if c.Kind == store.KindAccount {
		row.SubjectName = nameOr(c.Username, c.Subject)
	}
	return row
}

func (p *Pages) listChanges(c *route.Call) error {
	q := c.R.URL.Query()
	filter := store.ChangeFilter{Kind: q.Get("kind"), Subject: strings.TrimSpace(q.Get("subject"))}
	typed := filter.Subject
	if err := subjectByName(c, &filter); err != nil {
		return err
	}
	page, err := c.Manage.Changes(c.R.Context(), filter, q.Get("cursor"), pageSize)
	if err != nil {
		return err
	}
	v := changesView{
		Form:  newForm(url.Values{"kind": {filter.Kind}, "subject": {typed}}, 0),
		Kinds: []option{{Value: "", Label: "Everything"}},
		Pager: newPager(c, page.Next), Subject: typed,
	}
	for _, kind := range []string{store.KindClient, store.KindAccount, store.KindProfile, store.KindKeys} {
		v.Kinds = append(v.Kinds, option{Value: kind, Label: kindName(kind)})
	}
	if filter.Subject != "" {
		v.Back = subjectPath(filter.Kind, filter.Subject)
	}
	for _, change := range page.Items {
		v.Rows = append(v.Rows, changeRowOf(change))
	}
	return p.render(c, http.StatusOK, "changes.html", "History", v)
}

// subjectByName finds the account of a user name that was typed for a subject. A client of that id
// comes first unless the kind says that a user is meant.
func subjectByName(c *route.Call, f *store.ChangeFilter) error {
	if f.Subject == "" || f.Kind != "" && f.Kind != store.KindAccount {
		return nil
	}
	if f.Kind == "" {
		_, err := c.Manage.Store.Client(c.R.Context(), f.Subject)
		switch {
		case err == nil:
			f.Kind = store.KindClient
			return nil
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
	}
	acc, err := c.Manage.AccountNamed(c.R.Context(), f.Subject)
	var invalid manage.Invalid
	switch {
	case err == nil:
		f.Kind, f.Subject = store.KindAccount, acc.ID.String()
	case errors.Is(err, store.ErrNotFound), errors.As(err,
		&invalid): // the ID of a user, removed perhaps
		f.Kind = store.KindAccount
	default:
		return err
	}
	return nil
}

// changeAt reads the change that the address names.
func changeAt(c *route.Call) (changeRow, error) {
	id, err := oauth.ParseID(c.R.PathValue("id"))
	if err != nil {
		return changeRow{}, fmt.Errorf("change: %w", store.ErrNotFound)
	}
	change, differences, err := c.Manage.Change(c.R.Context(), id)
	row := changeRowOf(change)
	row.Differences = differences
	row.Undoes = change.Kind != store.KindKeys && change.Kind != ""
	row.MayUndo = row.Undoes && c.Caller.May(manage.OpUndoChange)
	return row, err
}

func (p *Pages) showChange(c *route.Call) error {
	row, err := changeAt(c)
	if err != nil {
		return err
	}
	return p.render(c, http.StatusOK, "change.html", row.What, row)
}

func (p *Pages) askUndo(c *route.Call) error {
	row, err := changeAt(c)
	if err != nil {
		return err
	}
	v := confirmation{
		Title: "Undo a change", Subject: strings.TrimSpace(row.Kind + " " +
			row.SubjectName), Calm: true, Action: c.R.URL.Path, Button: "Undo", Back: row.Path,
		Text: "Every field that it changed gets the value from before. What was changed since in other fields stays.",
	}
	switch {
	case len(row.Before) == 0:
		v.Calm, v.Text, v.Ends = false, "It was made by this change, so it is removed.", []string{"it, and everything that hangs off it"}
	case len(row.After) == 0:
		v.Text = "It was removed by this change, so it comes back: with its settings, without its secret or password. What had hung off it stays gone."
	}
	return p.confirm(c, v)
}

func (p *Pages) undo(c *route.Call) error {
	row, err := changeAt(c)
	if err != nil {
		return err
	}
	if err := c.Manage.Undo(c.R.Context(), row.ID); err != nil {
		return err
	}
	return redirect(c, historyPath(row.Change.Kind, row.Subject), "undone")
}
