package manage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// Difference is one field that a change gave another value. A value is empty where there was or is none.
type Difference struct {
	Field  string          `json:"field"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// Changes lists changes, newest first, without their documents.
func (m *Manager) Changes(ctx context.Context, f store.ChangeFilter, cursor string, limit int) (Page[store.Change], error) {
	before, err := idCursor(cursor)
	if err != nil {
		return Page[store.Change]{}, err
	}
	list, err := m.Store.Changes(ctx, f, before, limit+1)
	if err == nil {
		err = m.nameAccounts(ctx, list)
	}
	return pageOf(list, limit, func(c store.Change) string { return c.ID.String() }), err
}

// Change reads one change with what it changed.
func (m *Manager) Change(ctx context.Context, id oauth.ID) (store.Change, []Difference, error) {
	c, err := m.Store.Change(ctx, id)
	if err != nil {
		return c, nil, err
	}
	list := []store.Change{c}
	err = m.nameAccounts(ctx, list)
	return list[0], Diff(c.Before, c.After), err
}

// nameAccounts gives changes of accounts the names that these have now, each account read once.
func (m *Manager) nameAccounts(ctx context.Context, list []store.Change) error {
	names := map[string]string{}
	for i, c := range list {
		if c.Kind != store.KindAccount {
			continue
		}
		name, known := names[c.Subject]
		if id, err := oauth.ParseID(c.Subject); err == nil && !known {
			acc, err := m.Store.Account(ctx, id)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			name = acc.Username
		}
		names[c.Subject], list[i].Username = name, name
	}
	return nil
}

// Diff compares two documents field by field, by name. Either may be empty.
func Diff(before, after json.RawMessage) []Difference {
	was, is := fields(before), fields(after)
	names := slices.Collect(maps.Keys(was))
	for name := range is {
		if _, both := was[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	list := []Difference{} // so that JSON has a list
	for _, name := range names {
		if !bytes.Equal(was[name], is[name]) {
			list = append(list, Difference{name, was[name], is[name]})
		}
	}
	return list
}

// fields reads a document by its fields, each in compact form. One that is no object has none.
func fields(document json.RawMessage) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	if len(document) == 0 || json.Unmarshal(document, &all) != nil {
		return nil
	}
	for name, value := range all {
		var compact bytes.Buffer
		if json.Compact(&compact, value) == nil {
			all[name] = compact.Bytes()
		}
	}
	return all
}

// clientDocument is a client in the history: what ReadClient reads, without its version, and without what its secrets are
// checked by. That it has a secret, or another proof of who it is, stays: a client that comes back must not be a public one.
func clientDocument(c *oauth.Client) json.RawMessage {
	if c == nil {
		return nil
	}
	return documentOf(struct {
		oauth.Client
		SecretHash            *struct{} `json:"secret_hash,omitempty"`
		WrappedSecret         *struct{} `json:"wrapped_secret,omitempty"`
		RegistrationTokenHash *struct{} `json:"registration_token_hash,omitempty"`
		RegistrationExpires   *struct{} `json:"registration_token_expires,omitempty"`
		PreviousTokenHash     *struct{} `json:"previous_registration_token_hash,omitempty"`
		PreviousTokenExpires  *struct{} `json:"previous_registration_token_expires,omitempty"`
		ShownSince            *struct{} `json:"shown_since,omitempty"`
		Version               *struct{} `json:"version,omitempty"`
		Confidential          bool      `json:"confidential,omitempty"`
	}{Client: *c, Confidential: !c.IsPublic()})
}

// profileDocument is the profile in the history: what ReadProfile reads, without its version.
func profileDocument(p *oauth.Profile) json.RawMessage {
	if p == nil {
		return nil
	}
	return documentOf(struct {
		oauth.Profile
		PairwiseSalt *struct{} `json:"pairwise_salt,omitempty"`
		Version      *struct{} `json:"version,omitempty"`
	}{Profile: *p})
}

// accountDocument is an account in the history, without its version; the password's hash is never in its JSON.
func accountDocument(acc *oauth.Account) json.RawMessage {
	if acc == nil {
		return nil
	}
	shown := *acc
	shown.Created = acc.Created.UTC().Truncate(time.Millisecond) // as it is stored, so that documents can be compared
	return documentOf(struct {
		oauth.Account
		Version *struct{} `json:"version,omitempty"`
	}{Account: shown})
}

// documentOf is the JSON of something that was validated, or read from the store, and so has one.
func documentOf(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic("manage: " + err.Error())
	}
	return text
}

// clientAudit records what became of a client: before is nil where it was made, after where it was removed.
func (m *Manager) clientAudit(event store.Event, before, after *oauth.Client, detail string) (store.Audit, error) {
	return m.audit(event, func(a *store.Audit) {
		a.Detail = detail
		if after != nil {
			a.ClientID = after.ID
		} else {
			a.ClientID = before.ID
		}
		a.Change = &store.Change{
			Kind: store.KindClient, Subject: a.ClientID, Before: clientDocument(before), After: clientDocument(after),
		}
	})
}

// profileAudit records a change of the profile.
func (m *Manager) profileAudit(before, after *oauth.Profile, detail string) (store.Audit, error) {
	return m.audit(store.EventProfileChanged, func(a *store.Audit) {
		a.Detail = detail
		a.Change = &store.Change{Kind: store.KindProfile, Before: profileDocument(before), After: profileDocument(after)}
	})
}

// accountAudit records what became of an account, as clientAudit does.
func (m *Manager) accountAudit(event store.Event, before, after *oauth.Account, detail string) (store.Audit, error) {
	return m.audit(event, func(a *store.Audit) {
		a.Detail = detail
		if after != nil {
			a.AccountID = after.ID
		} else {
			a.AccountID = before.ID
		}
		a.Change = &store.Change{
			Kind: store.KindAccount, Subject: a.AccountID.String(), Before: accountDocument(before), After: accountDocument(after),
		}
	})
}

// eventAudit records a change of something that has no document to show: a password, or keys.
func (m *Manager) eventAudit(event store.Event, kind, subject, detail string) (store.Audit, error) {
	return m.audit(event, func(a *store.Audit) {
		a.Detail = detail
		a.Change = &store.Change{Kind: kind, Subject: subject}
	})
}
