package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func (p *Pages) auditRoutes() []route.Route {
	return []route.Route{
		{Pattern: "GET /admin/audit", Op: manage.OpListAudit, Handle: p.listAudit},
		{Pattern: "GET /admin/audit/export", Op: manage.OpExportAudit, Handle: p.exportAudit},
	}
}

// auditView is a page of the audit log.
type auditView struct {
	Form   *form
	Events []option
	Rows   []auditRow
	Pager  pager
	// Follow shows new records as they come; Following is where that begins, Stop where it ends.
	Follow          bool
	Following, Stop string
	CSV, JSON       string
	MayExport       bool
	Filtered        bool
}

func (v auditView) refresh() int {
	if v.Follow {
		return 5
	}
	return 0
}

// auditRow is one record.
type auditRow struct {
	store.Audit
	What, Badge              string
	Account, Client, Session string // links
	AccountName              string
}

// auditFields are the filter's, and the parameters of the address.
var auditFields = []string{"event", "actor", "user", "client", "from", "to"}

func (p *Pages) listAudit(c *route.Call) error {
	q := c.R.URL.Query()
	f := newForm(url.Values{}, 0)
	for _, name := range auditFields {
		f.Set(name, q.Get(name))
	}
	v := auditView{Form: f, Events: eventOptions(), Follow: q.Get("follow") != "", MayExport: c.Caller.May(manage.OpExportAudit)}
	v.Following, v.Stop = withQuery(c.R.URL, "follow", "yes"), withQuery(c.R.URL, "follow", "")
	if v.Follow {
		q.Del("cursor") // what is new is on the first page
	}
	v.links(f)
	filter, err := p.auditFilter(c, f)
	if err != nil {
		return err
	}
	if len(f.Faults) > 0 {
		return p.render(c, http.StatusUnprocessableEntity, "audit.html", "Audit log", v)
	}
	page, err := c.Manage.Audits(c.R.Context(), filter, q.Get("cursor"), pageSize)
	if err != nil {
		return err
	}
	for _, a := range page.Items {
		v.Rows = append(v.Rows, auditRowOf(a))
	}
	if !v.Follow {
		v.Pager = newPager(c, page.Next)
	}
	return p.render(c, http.StatusOK, "audit.html", "Audit log", v)
}

// links keeps the filter in the addresses of the exports.
func (v *auditView) links(f *form) {
	q := url.Values{}
	for _, name := range auditFields {
		if text := f.text(name); text != "" {
			q.Set(name, text)
			v.Filtered = true
		}
	}
	q.Set("format", "csv")
	v.CSV = "/admin/audit/export?" + q.Encode()
	q.Set("format", "json")
	v.JSON = "/admin/audit/export?" + q.Encode()
}

// auditFilter reads the filter's fields; what is wrong with them is in the form's faults then.
func (p *Pages) auditFilter(c *route.Call, f *form) (store.AuditFilter, error) {
	event, err := store.ParseEvent(f.text("event"))
	if err != nil {
		f.fault("event", err.Error())
	}
	filter := store.AuditFilter{Event: event, Actor: f.text("actor"), ClientID: f.text("client")}
	filter.From = f.time("from")
	if filter.To = f.time("to"); !filter.To.IsZero() && len(f.text("to")) == len(time.DateOnly) {
		filter.To = filter.To.AddDate(0, 0, 1) // to the end of the day
	}
	user := f.text("user")
	if user == "" {
		return filter, nil
	}
	acc, err := c.Manage.AccountNamed(c.R.Context(), user)
	var invalid manage.Invalid
	switch {
	case errors.Is(err, store.ErrNotFound), errors.As(err, &invalid):
		// The record of who was removed has no name any more, but its ID. A name can look like one, so names come first.
		if filter.AccountID, err = oauth.ParseID(user); err == nil && !filter.AccountID.IsZero() {
			return filter, nil
		}
		f.fault("user", "there is no user of this name; the ID of an account finds those who were removed, too")
		return filter, nil
	case err != nil:
		return filter, err
	}
	filter.AccountID = acc.ID
	return filter, nil
}

// time reads a time of UTC: 2026-01-02, or 2026-01-02T15:04 as the browser's own field writes it.
func (f *form) time(name string) time.Time {
	text := f.text(name)
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	f.fault(name, "this is no time: write it as 2026-01-02 or 2026-01-02 15:04 (UTC)")
	return time.Time{}
}

func auditRowOf(a store.Audit) auditRow {
	row := auditRow{Audit: a, What: eventName(a.Event), Badge: eventBadge(a.Event)}
	if !a.AccountID.IsZero() {
		row.Account, row.AccountName = accountPath(a.AccountID), nameOr(a.Username, a.AccountID.String())
	}
	if a.ClientID != "" {
		row.Client = clientPath(a.ClientID)
	}
	return row
}

// nameOr is a user's name, or what tells a user who was removed from others.
func nameOr(username, id string) string {
	if username != "" {
		return username
	}
	return "removed user " + id[:min(8, len(id))] + "…"
}

// auditPath lists the records about a user; with an event, those of it alone.
func auditPath(username string, event store.Event) string {
	q := url.Values{"user": {username}}
	if event != "" {
		q.Set("event", string(event))
	}
	return "/admin/audit?" + q.Encode()
}

// exportAudit streams what the filter finds. A fault after the first byte can only cut it off.
func (p *Pages) exportAudit(c *route.Call) error {
	q := c.R.URL.Query()
	f := newForm(url.Values{}, 0)
	for _, name := range auditFields {
		f.Set(name, q.Get(name))
	}
	filter, err := p.auditFilter(c, f)
	if err != nil {
		return err
	}
	if len(f.Faults) > 0 {
		return f.Faults
	}
	if c.R.Method == http.MethodHead {
		return nil // its length is known only at the end of the whole log
	}
	format := q.Get("format")
	w := &lateWriter{w: c.W, begin: func(h http.Header) {
		types := map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/json"}
		h.Set("Content-Type", types[format])
		h.Set("Content-Disposition", `attachment; filename="audit-`+p.Now().UTC().Format("20060102-1504")+"."+format+`"`)
		h.Set("Cache-Control", "no-store")
	}}
	err = c.Manage.ExportAudit(c.R.Context(), w, filter, format)
	if err != nil && w.begun {
		p.Logger.Error("audit export ended early", "error", err)
		panic(http.ErrAbortHandler) // the only way to tell that the rest is missing
	}
	return err
}

// lateWriter sets headers with the first byte, so that a fault before it can still be a page.
type lateWriter struct {
	w     http.ResponseWriter
	begin func(http.Header)
	begun bool
}

// patience is how long a browser may take nothing of a download: the deadline of the server's answers is for short ones.
const patience = 30 * time.Second

func (l *lateWriter) Write(b []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.begin(l.w.Header())
	}
	_ = http.NewResponseController(l.w).SetWriteDeadline(time.Now().Add(patience)) // what knows no deadline has none
	return l.w.Write(b)
}

// eventName is an event for people.
func eventName(e store.Event) string {
	switch e {
	case store.EventFamilyStarted:
		return "Refresh tokens began"
	case store.EventFamilyEnded:
		return "Refresh tokens ended"
	case store.EventReplay:
		return "Code or token used twice"
	}
	text := strings.ReplaceAll(string(e), "_", " ")
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// eventBadge colours what somebody who looks for trouble looks for.
func eventBadge(e store.Event) string {
	switch e {
	case store.EventSignInFailed, store.EventReplay, store.EventConsentDenied:
		return "bad"
	case store.EventSignIn, store.EventConsentGiven, store.EventDelegated:
		return "good"
	}
	return ""
}

func eventOptions() []option {
	list := []option{{Value: "", Label: "Any"}}
	for _, e := range store.Events {
		list = append(list, option{Value: string(e), Label: eventName(e)})
	}
	return list
}
