package manage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// notUndone are fields that a change makes and no undoing takes back: what was ended stays ended, and whether a client is
// confidential follows from its settings and its secret.
var notUndone = []string{"revoked_before", "confidential"}

// Undo gives every field that the change changed the value from before, as a change of its own. A *Conflict where one of
// these fields was changed since. What was removed comes back without its secret; what was made is removed.
func (m *Manager) Undo(ctx context.Context, id oauth.ID) error {
	c, differences, err := m.Change(ctx, id)
	if err != nil {
		return err
	}
	if len(differences) == 0 {
		return Invalid{{"id", "there is nothing to undo: passwords, secrets and keys are in no history"}}
	}
	undo := *m
	undo.note, undo.IfVersion = "undo of "+id.String(), 0
	switch c.Kind {
	case store.KindClient:
		return undo.undoClient(ctx, c, differences)
	case store.KindProfile:
		return undo.undoProfile(ctx, differences)
	case store.KindAccount:
		return undo.undoAccount(ctx, c, differences)
	}
	return Invalid{{"id", fmt.Sprintf("a change of %.50s cannot be undone", c.Kind)}}
}

// undone gives a document the values from before. A *Conflict, without the thing itself, names the fields that are not any
// more what the change made of them.
func undone(document json.RawMessage, differences []Difference) (json.RawMessage, error) {
	now := fields(document)
	var changed []string
	for _, d := range differences {
		switch {
		case slices.Contains(notUndone, d.Field):
			continue
		case !bytes.Equal(now[d.Field], d.After):
			changed = append(changed, d.Field)
		case d.Before == nil:
			delete(now, d.Field)
		default:
			now[d.Field] = d.Before
		}
	}
	if len(changed) > 0 {
		return nil, &Conflict{Fields: changed}
	}
	return documentOf(now), nil
}

// settingsOf leaves out that a file took something over: what it manages is for the file to say. Where a thing was given back
// to operators, and that is all, this can be undone.
func settingsOf(differences []Difference) []Difference {
	if len(differences) == 1 {
		return differences
	}
	return slices.DeleteFunc(differences, func(d Difference) bool { return d.Field == "managed_by" })
}

// on adds to a conflict what it is about.
func on(err error, current any) error {
	var conflict *Conflict
	if errors.As(err, &conflict) && conflict.Current == nil {
		conflict.Current = current
	}
	return err
}

func (m *Manager) undoClient(ctx context.Context, c store.Change, differences []Difference) error {
	differences = settingsOf(differences)
	switch {
	case c.Before == nil:
		return m.undoClientMade(ctx, c.Subject, differences)
	case c.After == nil:
		return m.undoClientRemoved(ctx, c)
	}
	secret := *m
	_, _, err := secret.changeClient(ctx, c.Subject, func(now *oauth.Client) error {
		text, err := undone(clientDocument(now), differences)
		if err != nil {
			return on(err, *now)
		}
		settings, err := ReadClient(text)
		if err != nil {
			return err
		}
		ReplaceSettings(now, &settings)
		now.TrialOrigin, now.TrialUntil, now.ManagedBy = settings.TrialOrigin, settings.TrialUntil, settings.ManagedBy
		secret.note = m.note
		return secret.undoSecret(now, differences)
	})
	return err
}

// undoSecret gives a client that is to be confidential again a secret that nobody knows, and takes one that the change
// gave: the former one is in no history.
func (m *Manager) undoSecret(c *oauth.Client, differences []Difference) error {
	i := slices.IndexFunc(differences, func(d Difference) bool { return d.Field == "confidential" })
	if i >= 0 && differences[i].Before == nil { // it was public
		c.SecretHash, c.WrappedSecret = nil, nil
		return nil
	}
	if i >= 0 && lacksSecret(c) || c.AuthMethod != "" && lacksSecret(c) {
		return m.unknownSecret(c)
	}
	return nil
}

// unknownSecret keeps a client that needs a secret from becoming a public one.
func (m *Manager) unknownSecret(c *oauth.Client) error {
	m.note += "; its secret has to be reset"
	_, err := m.giveSecret(c)
	return err
}

func (m *Manager) undoClientMade(ctx context.Context, id string, differences []Difference) error {
	now, err := m.Client(ctx, id)
	if err != nil {
		return err
	}
	if _, err := undone(clientDocument(&now), differences); err != nil {
		return on(err, now)
	}
	m.IfVersion = now.Version
	return m.RemoveClient(ctx, id)
}

// undoClientRemoved makes the client again: what hung off it is gone, and its tokens without a user must not come back.
func (m *Manager) undoClientRemoved(ctx context.Context, c store.Change) error {
	switch now, err := m.Store.Client(ctx, c.Subject); {
	case err == nil:
		return &Conflict{Current: now, Fields: []string{"id"}}
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	client, err := ReadClient(c.Before)
	if err != nil {
		return err
	}
	keepServers(&client, &oauth.Client{ClientRegistration: oauth.ClientRegistration{Registered: client.Registered}})
	client.RevokedBefore = m.Now()
	var was struct {
		Confidential bool `json:"confidential"`
	}
	if err := json.Unmarshal(c.Before, &was); err != nil {
		return err
	}
	if was.Confidential && usesSecret(client.AuthMethod) {
		if err := m.unknownSecret(&client); err != nil {
			return err
		}
	}
	return m.create(ctx, &client)
}

func (m *Manager) undoProfile(ctx context.Context, differences []Difference) error {
	differences = settingsOf(differences)
	_, _, err := m.changeProfile(ctx, func(now *oauth.Profile) error {
		text, err := undone(profileDocument(now), differences)
		if err != nil {
			return on(err, *now)
		}
		*now, err = ReadProfile(text) // salt and version are kept
		return err
	})
	return err
}

func (m *Manager) undoAccount(ctx context.Context, c store.Change, differences []Difference) error {
	id, err := oauth.ParseID(c.Subject)
	if err != nil {
		return err
	}
	if c.After == nil {
		return m.undoAccountRemoved(ctx, c)
	}
	now, err := m.Account(ctx, id)
	if err != nil {
		return err
	}
	text, err := undone(accountDocument(&now), differences)
	if err != nil {
		return on(err, now)
	}
	m.IfVersion = now.Version
	if c.Before == nil {
		return m.RemoveAccount(ctx, id)
	}
	var want oauth.Account
	if err := json.Unmarshal(text, &want); err != nil {
		return err
	}
	return m.restoreAccount(ctx, &now, &want)
}

// restoreAccount makes an account what it was. A change is of its settings, of its role, or of its lock; only an operator's
// link changes the last two at once, and these are then two changes.
func (m *Manager) restoreAccount(ctx context.Context, now, want *oauth.Account) error {
	if now.Role != want.Role {
		if err := m.setRole(ctx, now.ID, want.Role); err != nil {
			return err
		}
		m.IfVersion = 0
	}
	switch {
	case now.Locked && !want.Locked:
		return m.UnlockAccount(ctx, now.ID)
	case !now.Locked && want.Locked:
		return m.LockAccount(ctx, now.ID)
	case now.Role != want.Role:
		return nil
	}
	_, _, err := m.ChangeAccount(ctx, now.ID, func(acc *oauth.Account) { *acc = *want })
	return err
}

// undoAccountRemoved makes the account again under its own ID, since the ID is its subject everywhere. It has no password; a
// role comes back where an admin undoes.
func (m *Manager) undoAccountRemoved(ctx context.Context, c store.Change) error {
	var acc oauth.Account
	if err := json.Unmarshal(c.Before, &acc); err != nil {
		return err
	}
	if err := m.mayTouch(&acc); err != nil {
		return err
	}
	switch now, err := m.Store.Account(ctx, acc.ID); {
	case err == nil:
		return &Conflict{Current: now, Fields: []string{"id"}}
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	role := acc.Role
	acc.Role = ""
	var f faults
	validateAccount(&f, &acc)
	if err := f.err(); err != nil {
		return err
	}
	if err := m.createAccount(ctx, acc, "without a password"); err != nil || role == "" {
		return err
	}
	return m.setRole(ctx, acc.ID, role)
}
