package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/store"
)

func auditFilter(c *route.Call, q url.Values) (f store.AuditFilter, err error) {
	f.Actor, f.ClientID = q.Get("actor"), q.Get("client_id")
	if f.Event, err = store.ParseEvent(q.Get("event")); err != nil {
		return f, badParameter("event", err.Error())
	}
	if f.AccountID, err = filterAccount(c, q); err != nil {
		return f, err
	}
	if f.From, err = moment(q, "from"); err != nil {
		return f, err
	}
	f.To, err = moment(q, "to")
	return f, err
}

func (a *API) listAudit(c *route.Call) error {
	q := c.R.URL.Query()
	f, err := auditFilter(c, q)
	if err != nil {
		return err
	}
	return answerPage(c, func(ctx context.Context, cursor string, limit int) (manage.Page[manage.AuditView], error) {
		var page manage.Page[store.Audit]
		if q.Has("after") {
			after, err := filterID(q, "after")
			if err != nil {
				return manage.Page[manage.AuditView]{}, err
			}
			if page.Items, err = c.Manage.Store.AuditsAfter(ctx, f, after, limit); err != nil {
				return manage.Page[manage.AuditView]{}, err
			}
		} else if page, err = c.Manage.Audits(ctx, f, cursor, limit); err != nil {
			return manage.Page[manage.AuditView]{}, err
		}
		list := manage.Page[manage.AuditView]{Items: make([]manage.AuditView, len(page.Items)), Next: page.Next}
		for i, one := range page.Items {
			list.Items[i] = manage.ViewAudit(one)
		}
		return list, nil
	})
}

// exportAudit writes every record that matches. When reading fails midway the connection is cut: what looks complete is
// complete.
func (a *API) exportAudit(c *route.Call) error {
	q := c.R.URL.Query()
	f, err := auditFilter(c, q)
	if err != nil {
		return err
	}
	format := "json"
	if q.Has("format") {
		format = q.Get("format")
	}
	if !slices.Contains(manage.AuditFormats, format) {
		return badParameter("format", "it is one of "+strings.Join(manage.AuditFormats, ", "))
	}
	w := &download{c: c, kind: "application/json", name: "audit." + format}
	if format == "csv" {
		w.kind = "text/csv; charset=utf-8; header=present"
	}
	if err := c.Manage.ExportAudit(c.R.Context(), w, f, format); err != nil {
		if !w.begun {
			return err
		}
		a.Logger.Error("audit export broken off", "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// patience is how long a client of a download may take nothing: the deadline of the server's answers is for short ones.
const patience = 30 * time.Second

// download is an answer of any length. Its headers are written with the first of it: until then it can be refused.
type download struct {
	c          *route.Call
	kind, name string
	begun      bool
}

func (d *download) Write(p []byte) (int, error) {
	if !d.begun {
		d.begun = true
		h := d.c.W.Header()
		h.Set("Content-Type", d.kind)
		h.Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	}
	_ = http.NewResponseController(d.c.W).SetWriteDeadline(time.Now().Add(patience)) // what knows no deadline has none
	return d.c.W.Write(p)
}

func (a *API) listChanges(c *route.Call) error {
	q := c.R.URL.Query()
	f := store.ChangeFilter{Kind: q.Get("kind"), Subject: q.Get("subject")}
	if q.Has("username") {
		id, err := filterAccount(c, q)
		if err != nil {
			return err
		}
		f = store.ChangeFilter{Kind: store.KindAccount, Subject: id.String()}
	}
	return answerPage(c, func(ctx context.Context, cursor string, limit int) (manage.Page[manage.ChangeView], error) {
		page, err := c.Manage.Changes(ctx, f, cursor, limit)
		list := manage.Page[manage.ChangeView]{Items: make([]manage.ChangeView, len(page.Items)), Next: page.Next}
		for i, one := range page.Items {
			list.Items[i] = manage.ViewChange(one, nil)
		}
		return list, err
	})
}

func (a *API) showChange(c *route.Call) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	one, differences, err := c.Manage.Change(c.R.Context(), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, manage.ViewChange(one, differences))
}

func (a *API) undoChange(c *route.Call) error { return withID(c, c.Manage.Undo) }
