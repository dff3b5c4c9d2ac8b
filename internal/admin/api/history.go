package api

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// record is an audit record.
type record struct {
	ID        oauth.ID    `json:"id"`
	At        time.Time   `json:"at"`
	Event     store.Event `json:"event"`
	Actor     string      `json:"actor"`
	AccountID oauth.ID    `json:"account_id,omitzero"`
	ClientID  string      `json:"client_id,omitempty"`
	SessionID oauth.ID    `json:"session_id,omitzero"`
	Address   string      `json:"address,omitempty"`
	Detail    string      `json:"detail,omitempty"`
	Count     int         `json:"count"`
}

func recordOf(a store.Audit) record {
	return record{a.ID, a.At, a.Event, a.Actor, a.AccountID, a.ClientID, a.SessionID, a.Address, a.Detail, max(a.Count, 1)}
}

func auditFilter(q url.Values) (f store.AuditFilter, err error) {
	f.Event, f.Actor, f.ClientID = store.Event(q.Get("event")), q.Get("actor"), q.Get("client_id")
	if f.AccountID, err = filterID(q, "account_id"); err != nil {
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
	f, err := auditFilter(q)
	if err != nil {
		return err
	}
	return answerPage(c, func(ctx context.Context, cursor string, limit int) (manage.Page[record], error) {
		var page manage.Page[store.Audit]
		if q.Has("after") {
			after, err := filterID(q, "after")
			if err != nil {
				return manage.Page[record]{}, err
			}
			if page.Items, err = c.Manage.Store.AuditsAfter(ctx, f, after, limit); err != nil {
				return manage.Page[record]{}, err
			}
		} else if page, err = c.Manage.Audits(ctx, f, cursor, limit); err != nil {
			return manage.Page[record]{}, err
		}
		list := manage.Page[record]{Items: make([]record, len(page.Items)), Next: page.Next}
		for i, one := range page.Items {
			list.Items[i] = recordOf(one)
		}
		return list, nil
	})
}

// exportAudit writes every record that matches, a page at a time, so that an export of years needs no more memory than
// one of a day. When reading fails midway the connection is cut: what looks complete is complete.
func (a *API) exportAudit(c *route.Call) error {
	q := c.R.URL.Query()
	f, err := auditFilter(q)
	if err != nil {
		return err
	}
	var w recordWriter
	switch format := q.Get("format"); format {
	case "csv":
		w = &csvWriter{w: csv.NewWriter(c.W)}
		c.W.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	case "json", "":
		w = &jsonWriter{w: c.W}
		c.W.Header().Set("Content-Type", "application/json")
	default:
		return badParameter("format", "it is csv or json")
	}
	page, err := c.Manage.Audits(c.R.Context(), f, "", manage.MaxPage)
	if err != nil {
		return err
	}
	c.W.Header().Set("Content-Disposition", `attachment; filename="audit.`+w.extension()+`"`)
	w.begin()
	for {
		// The deadline of the server's answers is for short ones; a client that takes nothing for so long has gone.
		_ = http.NewResponseController(c.W).SetWriteDeadline(time.Now().Add(30 * time.Second))
		for _, one := range page.Items {
			w.record(recordOf(one))
		}
		if err := w.flush(); err != nil {
			return hungUp(err)
		}
		if page.Next == "" {
			return hungUp(w.end())
		}
		if page, err = c.Manage.Audits(c.R.Context(), f, page.Next, manage.MaxPage); err != nil {
			a.Logger.Error("audit export broken off", "error", err)
			panic(http.ErrAbortHandler)
		}
	}
}

// recordWriter writes records in one format. Its errors come with flush and end.
type recordWriter interface {
	extension() string
	begin()
	record(record)
	flush() error
	end() error
}

type csvWriter struct{ w *csv.Writer }

func (*csvWriter) extension() string { return "csv" }

func (c *csvWriter) begin() {
	c.w.Write([]string{"id", "at", "event", "actor", "account_id", "client_id", "session_id", "address", "detail", "count"})
}

func (c *csvWriter) record(r record) {
	cells := []string{
		r.ID.String(), r.At.UTC().Format(time.RFC3339Nano), string(r.Event), r.Actor, idText(r.AccountID), r.ClientID,
		idText(r.SessionID), r.Address, r.Detail, strconv.Itoa(r.Count),
	}
	for i := range cells {
		cells[i] = defused(cells[i])
	}
	c.w.Write(cells)
}

func (c *csvWriter) flush() error {
	c.w.Flush()
	return c.w.Error()
}

func (c *csvWriter) end() error { return c.flush() }

// defused keeps a cell that somebody else chose (a user name, a client's id) from being a formula in a spreadsheet.
func defused(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func idText(id oauth.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

type jsonWriter struct {
	w    io.Writer
	more bool
	err  error
}

func (*jsonWriter) extension() string { return "json" }

func (j *jsonWriter) begin() { j.write("[") }

func (j *jsonWriter) record(r record) {
	text, err := json.Marshal(r)
	if err != nil && j.err == nil {
		j.err = err
	}
	if j.more {
		j.write(",")
	}
	j.more = true
	j.write("\n" + string(text))
}

func (j *jsonWriter) write(text string) {
	if j.err == nil {
		_, j.err = io.WriteString(j.w, text)
	}
}

func (j *jsonWriter) flush() error { return j.err }

func (j *jsonWriter) end() error {
	j.write("\n]\n")
	return j.err
}

// change is one change of something that operators set.
type change struct {
	ID          oauth.ID            `json:"id"`
	At          time.Time           `json:"at"`
	Actor       string              `json:"actor"`
	Event       store.Event         `json:"event"`
	Kind        string              `json:"kind"`
	Subject     string              `json:"subject,omitempty"`
	Before      json.RawMessage     `json:"before,omitempty"`
	After       json.RawMessage     `json:"after,omitempty"`
	Differences []manage.Difference `json:"differences,omitempty"`
}

func changeOf(c store.Change, d []manage.Difference) change {
	return change{c.ID, c.At, c.Actor, c.Event, c.Kind, c.Subject, c.Before, c.After, d}
}

func (a *API) listChanges(c *route.Call) error {
	q := c.R.URL.Query()
	f := store.ChangeFilter{Kind: q.Get("kind"), Subject: q.Get("subject")}
	return answerPage(c, func(ctx context.Context, cursor string, limit int) (manage.Page[change], error) {
		page, err := c.Manage.Changes(ctx, f, cursor, limit)
		list := manage.Page[change]{Items: make([]change, len(page.Items)), Next: page.Next}
		for i, one := range page.Items {
			list.Items[i] = changeOf(one, nil)
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
	return answer(c, http.StatusOK, changeOf(one, differences))
}

func (a *API) undoChange(c *route.Call) error { return withID(c, c.Manage.Undo) }
