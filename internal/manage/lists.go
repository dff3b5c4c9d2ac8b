package manage

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// Session is what operators see of a session.
type Session struct {
	ID        oauth.ID  `json:"id"`
	AccountID oauth.ID  `json:"account_id"`
	Username  string    `json:"username"`
	SignedIn  time.Time `json:"signed_in"`
	AMR       []string  `json:"amr"`
	Created   time.Time `json:"created"`
	LastUsed  time.Time `json:"last_used"`
	// Ends is when it ends without further use.
	Ends time.Time `json:"ends"`
	// Browser and Address are where the last sign-in came from; empty for sessions that are older than
	// this.
	Browser string `json:"browser,omitempty"`
	Address string `json:"address,omitempty"`
}

// Delegation is what operators see of a delegation.
type Delegation struct {
	ID        oauth.ID  `json:"id"`
	SessionID oauth.ID  `json:"session_id"`
	ClientID  string    `json:"client_id"`
	AccountID oauth.ID  `json:"account_id"`
	Username  string    `json:"username"`
	Scope     []string  `json:"scope"`
	Created   time.Time `json:"created"`
}

// Sessions lists live sessions, of the account or (zero) of all, newest first.
func (m *Manager) Sessions(ctx context.Context, account oauth.ID, cursor string, limit int) (Page[Session], error) {
	after, err := placeCursor(cursor)
	if err != nil {
		return Page[Session]{}, err
	}
	rows, err := m.Store.ListSessions(ctx, account, m.Now(), after, limit+1)
	list := make([]Session, len(rows))
	for i, r := range rows {
		ends := r.LastUsed.Add(r.IdleTimeout)
		if r.Expires.Before(ends) {
			ends = r.Expires
		}
		list[i] = Session{r.ID, r.AccountID, r.Username, r.AuthTime, r.AMR, r.Created, r.LastUsed, ends,
			BrowserName(r.UserAgent), r.Address}
	}
	return pageOf(list, limit, func(s Session) string { return place(s.Created, s.ID) }), err
}

// Session finds a live session; the error is a store.ErrNotFound where there is none.
func (m *Manager) Session(ctx context.Context, id oauth.ID) (Session, error) {
	st, err := m.Store.StandingOf(ctx, id, "")
	if err != nil {
		return Session{}, err
	}
	for cursor := ""; ; {
		page, err := m.Sessions(ctx, st.Account.ID, cursor, MaxPage)
		if err != nil {
			return Session{}, err
		}
		for _, s := range page.Items {
			if s.ID == id {
				return s, nil
			}
		}
		if cursor = page.Next; cursor == "" {
			return Session{}, store.ErrNotFound
		}
	}
}

// Delegation finds a delegation; the error is a store.ErrNotFound where there is none.
func (m *Manager) Delegation(ctx context.Context, id oauth.ID) (Delegation, error) {
	st, err := m.Store.TokenStanding(ctx, oauth.AccessToken{DelegationID: id})
	if err == nil && st.Delegation == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return Delegation{}, err
	}
	d := st.Delegation
	return Delegation{d.ID, d.SessionID, d.ClientID, d.AccountID, st.Account.Username, d.Scope,
		d.Created}, nil
}

// Delegations lists live delegations, newest first.
func (m *Manager) Delegations(ctx context.Context, f store.DelegationFilter, cursor string, limit int) (Page[Delegation], error) {
	after, err := placeCursor(cursor)
	if err != nil {
		return Page[Delegation]{}, err
	}
	rows, err := m.Store.ListDelegations(ctx, f, m.Now(), after, limit+1)
	list := make([]Delegation, len(rows))
	for i, r := range rows {
		list[i] = Delegation{r.ID, r.SessionID, r.ClientID, r.AccountID, r.Username, r.Scope, r.Created}
	}
	return pageOf(list, limit, func(d Delegation) string { return place(d.Created, d.ID) }), err
}

// EndSession ends a session and what hangs off it. Ending what is over is no error.
func (m *Manager) EndSession(ctx context.Context, id oauth.ID) error {
	st, err := m.Store.StandingOf(ctx, id, "")
	return m.end(ctx, st, err, store.EventSessionsEnded, func(a store.Audit) error {
		a.SessionID = id
		_, err := m.Store.EndSession(ctx, id, a)
		return err
	})
}

// EndDelegation ends what a client was given within one session: its tokens are worth nothing from then on.
func (m *Manager) EndDelegation(ctx context.Context, id oauth.ID) error {
	st, err := m.Store.TokenStanding(ctx, oauth.AccessToken{DelegationID: id})
	return m.end(ctx, st.Standing, err, store.EventDelegationEnded, func(a store.Audit) error {
		a.Detail, a.SessionID = id.String(), st.Session.ID
		if st.Delegation != nil {
			a.ClientID = st.Delegation.ClientID
		}
		return m.Store.EndDelegation(ctx, id, a)
	})
}

// end ends what belongs to the account of a standing, given how reading that went: an operator's belongs to admins. What
// is not there is over; an admin's word goes to the store all the same, whatever a read says.
func (m *Manager) end(ctx context.Context, st oauth.Standing, err error, event store.Event, end func(store.Audit) error) error {
	acc := st.Account
	if err == nil {
		acc, err = m.Store.Account(ctx, acc.ID) // with its role, which a standing leaves out
	}
	switch {
	case errors.Is(err, store.ErrNotFound) && !m.Role.AtLeast(oauth.RoleAdmin):
		return nil
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	}
	if err := m.mayTouch(&acc); err != nil {
		return err
	}
	a, err := m.audit(event, func(a *store.Audit) { a.AccountID = acc.ID })
	if err != nil {
		return err
	}
	return end(a)
}

// EndAccountSessions signs a user out everywhere: every session, delegation and refresh token ends.
func (m *Manager) EndAccountSessions(ctx context.Context, id oauth.ID) error {
	acc, err := m.Account(ctx, id)
	if err != nil {
		return err
	}
	if err := m.mayTouch(&acc); err != nil {
		return err
	}
	a, err := m.auditAccount(store.EventSessionsEnded, acc, "all")
	if err == nil {
		_, err = m.Store.EndSessions(ctx, id, a)
	}
	return err
}

// Consents lists what a user agreed to.
func (m *Manager) Consents(ctx context.Context, account oauth.ID) ([]oauth.Consent, error) {
	if _, err := m.Account(ctx, account); err != nil {
		return nil, err
	}
	return m.Store.Consents(ctx, account)
}

// Audits lists audit records, newest first. A page may hold fewer than limit, even none, and yet have a next one: so many
// records were looked at.
func (m *Manager) Audits(ctx context.Context, f store.AuditFilter, cursor string, limit int) (Page[store.Audit], error) {
	before, err := idCursor(cursor)
	if err != nil {
		return Page[store.Audit]{}, err
	}
	list, next, err := m.Store.Audits(ctx, f, before, min(limit, MaxPage))
	p := Page[store.Audit]{Items: list}
	if !next.IsZero() {
		p.Next = next.String()
	}
	return p, err
}

// pageOf cuts a list that was read with one more than limit, to know whether there is more.
func pageOf[T any](list []T, limit int, cursor func(T) string) Page[T] {
	p := Page[T]{Items: list}
	if len(list) > limit {
		p.Items = list[:limit]
		p.Next = cursor(list[limit-1])
	}
	if p.Items == nil {
		p.Items = []T{} // so that JSON has a list
	}
	return p
}

// errCursor refuses what is no cursor of ours.
var errCursor = Invalid{{"cursor", "this is no cursor that a page ended with: begin at the first page"}}

func textPlace(last string) string { return base64.RawURLEncoding.EncodeToString([]byte(last)) }

func textCursor(cursor string) (string, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return "", errCursor
	}
	return string(b), nil
}

func place(at time.Time, id oauth.ID) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))
	return base64.RawURLEncoding.EncodeToString(append(b, id[:]...))
}

func placeCursor(cursor string) (p store.Place, err error) {
	if cursor == "" {
		return p, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) != 8+len(p.ID) {
		return p, errCursor
	}
	return store.Place{At: time.UnixMilli(int64(binary.BigEndian.Uint64(b))), ID: oauth.ID(b[8:])}, nil
}

func idCursor(cursor string) (oauth.ID, error) {
	if cursor == "" {
		return oauth.ID{}, nil
	}
	id, err := oauth.ParseID(cursor)
	if err != nil {
		return id, errCursor
	}
	return id, nil
}
