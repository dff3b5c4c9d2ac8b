package manage

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// AuditView is an audit record as operators see it.
type AuditView struct {
	ID        oauth.ID    `json:"id"`
	At        time.Time   `json:"at"`
	Event     store.Event `json:"event"`
	Actor     string      `json:"actor"`
	AccountID oauth.ID    `json:"account_id,omitzero"`
	Username  string      `json:"username,omitempty"`
	ClientID  string      `json:"client_id,omitempty"`
	SessionID oauth.ID    `json:"session_id,omitzero"`
	Address   string      `json:"address,omitempty"`
	Detail    string      `json:"detail,omitempty"`
	Count     int         `json:"count"`
	// First and Last are when the first and the last of several attempts were.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
}

// ViewAudit shows an audit record.
func ViewAudit(a store.Audit) AuditView {
	v := AuditView{
		ID: a.ID, At: a.At, Event: a.Event, Actor: a.Actor, AccountID: a.AccountID, Username: a.Username,
		ClientID: a.ClientID, SessionID: a.SessionID, Address: a.Address, Detail: a.Detail,
		Count: max(a.Count, 1),
	}
	if v.Count > 1 {
		v.First, v.Last = a.First, a.Last
	}
	return v
}

// AuditFormats are the formats of ExportAudit.
var AuditFormats = []string{"csv", "json"}

// ExportAudit writes every audit record that matches, newest first, a page at a time, so that an export of years needs no
// more memory than one of a day. Nothing was written where the error is Invalid.
func (m *Manager) ExportAudit(ctx context.Context, w io.Writer, f store.AuditFilter, format string) error {
	buffer := bufio.NewWriter(w)
	var out auditWriter
	switch format {
	case "csv":
		out = &auditCSV{csv.NewWriter(buffer)}
	case "json":
		out = &auditJSON{w: buffer}
	default:
		return Invalid{{"format", fmt.Sprintf("%.100q is none; there are: %s", format, strings.Join(AuditFormats, ", "))}}
	}
	if err := out.begin(); err != nil {
		return err
	}
	for cursor := ""; ; {
		page, err := m.Audits(ctx, f, cursor, MaxPage)
		if err != nil {
			return err
		}
		for _, a := range page.Items {
			if err := out.record(ViewAudit(a)); err != nil {
				return err
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if err := out.end(); err != nil {
		return err
	}
	return buffer.Flush()
}

// auditWriter writes records in one format.
type auditWriter interface {
	begin() error
	record(AuditView) error
	end() error
}

func timeOrNothing(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

type auditCSV struct{ w *csv.Writer }

func (c *auditCSV) begin() error {
	return c.w.Write([]string{"id", "at", "event", "actor", "account_id", "client_id", "session_id",
		"address", "detail", "count",
		"username", "first", "last"})
}

func (c *auditCSV) record(a AuditView) error {
	cells := []string{
		a.ID.String(), a.At.UTC().Format(time.RFC3339Nano), string(a.Event), a.Actor, idOrNothing(a.AccountID), a.ClientID,
		idOrNothing(a.SessionID), a.Address, a.Detail, strconv.Itoa(a.Count),
		a.Username, timeOrNothing(a.First), timeOrNothing(a.Last),
	}
	for i := range cells {
		cells[i] = noFormula(cells[i])
	}
	return c.w.Write(cells)
}

func (c *auditCSV) end() error {
	c.w.Flush()
	return c.w.Error()
}

// noFormula keeps text that somebody else chose (a client's id, a user name) from being a formula in a spreadsheet.
func noFormula(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func idOrNothing(id oauth.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

// auditJSON writes one array, a record a line.
type auditJSON struct {
	w    io.Writer
	more bool
}

func (j *auditJSON) begin() error {
	_, err := io.WriteString(j.w, "[")
	return err
}

func (j *auditJSON) record(a AuditView) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	between := "\n"
	if j.more {
		between = ",\n"
	}
	j.more = true
	_, err = io.WriteString(j.w, between+string(text))
	return err
}

func (j *auditJSON) end() error {
	_, err := io.WriteString(j.w, "\n]\n")
	return err
}
