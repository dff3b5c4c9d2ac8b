package manage

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// lastChange returns the newest change of something, with what it changed by field.
func lastChange(t *testing.T, m *Manager, f store.ChangeFilter) (store.Change, map[string]Difference) {
	t.Helper()
	page, err := m.Changes(t.Context(), f, "", 1)
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("changes: %v, %v", page.Items, err)
	}
	c, list, err := m.Change(t.Context(), page.Items[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]Difference{}
	for _, d := range list {
		fields[d.Field] = d
	}
	return c, fields
}

// mustCreate makes accounts without a password.
func mustCreate(t *testing.T, m *Manager, username string) oauth.Account {
	t.Helper()
	acc, err := m.CreateAccount(t.Context(), oauth.Account{Username: username, Name: "Somebody"}, "")
	if err != nil {
		t.Fatal(err)
	}
	return acc
}

func TestDiffIsByFieldAndByName(t *testing.T) {
	for name, tc := range map[string]struct {
		before, after string
		want          string
	}{
		"same":    {`{"a": 1, "b": [1, 2]}`, `{"b":[1,2],"a":1}`, `[]`},
		"changed": {`{"a":1,"b":"x"}`, `{"a":1,"b":"y"}`, `[{"field":"b","before":"x","after":"y"}]`},
		"added":   {`{}`, `{"z":1,"a":true}`, `[{"field":"a","after":true},{"field":"z","after":1}]`},
		"made":    {``, `{"a":1}`, `[{"field":"a","after":1}]`},
		"removed": {`{"a":1}`, ``, `[{"field":"a","before":1}]`},
		"neither": {``, ``, `[]`},
	} {
		got, err := json.Marshal(Diff(json.RawMessage(tc.before), json.RawMessage(tc.after)))
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
}

func TestClientsHaveAHistoryWithoutSecrets(t *testing.T) {
	m, now := newManager(t)
	c := webApp()
	c.AuthMethod = oauth.AuthSecretJWT
	secret, err := m.CreateConfidentialClient(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	of := store.ChangeFilter{Kind: store.KindClient, Subject: "web"}
	made, fields := lastChange(t, m, of)
	if made.Before != nil || made.Actor != "cli:test" || made.Event != store.EventClientChanged || string(fields["name"].After) != `"Web"` {
		t.Errorf("made: %+v", made)
	}
	*now = now.Add(time.Second)
	if _, _, err := m.ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.Name = "Other" }); err != nil {
		t.Fatal(err)
	}
	if _, fields := lastChange(t, m, of); len(fields) != 1 || string(fields["name"].Before) != `"Web"` || string(fields["name"].After) != `"Other"` {
		t.Errorf("changed: %v", fields)
	}
	*now = now.Add(time.Second)
	if _, err := m.ResetSecret(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if a := lastAudit(t, m); a.Detail != "changed, with a new secret" {
		t.Errorf("detail %q", a.Detail)
	}
	if _, fields := lastChange(t, m, of); len(fields) != 0 {
		t.Errorf("a new secret is shown as %v", fields)
	}
	*now = now.Add(time.Second)
	if err := m.RemoveClient(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	removed, _ := lastChange(t, m, of)
	if removed.After != nil || removed.Event != store.EventClientRemoved {
		t.Errorf("removed: %+v", removed)
	}
	page, err := m.Changes(t.Context(), of, "", 10)
	if err != nil || len(page.Items) != 4 {
		t.Fatalf("%d changes, %v", len(page.Items), err)
	}
	for _, one := range page.Items {
		c, _, err := m.Change(t.Context(), one.ID)
		for _, text := range []string{string(c.Before), string(c.After)} {
			if err != nil || strings.Contains(text, secret) || strings.Contains(text, "secret_hash") || strings.Contains(text, "wrapped") {
				t.Errorf("%v: %s", err, text)
			}
		}
	}
}

func TestRegistrationsHaveAHistory(t *testing.T) {
	m, now := newManager(t)
	self := *m
	self.Role, self.Actor = "", "registration"
	want := webApp()
	want.AuthMethod, want.ConsentRequired = oauth.AuthNone, true
	r, err := self.RegisterClient(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	*now = now.Add(time.Second)
	want.Name = "Other"
	if _, err := self.ReplaceRegistered(t.Context(), r.Client.ID, r.AccessToken, want); err != nil {
		t.Fatal(err)
	}
	c, fields := lastChange(t, m, store.ChangeFilter{Kind: store.KindClient, Subject: r.Client.ID})
	if c.Actor != "registration" || string(fields["name"].After) != `"Other"` || strings.Contains(string(c.After), "token_hash") {
		t.Errorf("%+v, %v", c, fields)
	}
}

func TestNothingChangedIsNothingWritten(t *testing.T) {
	m, _ := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	acc := mustCreate(t, m, "ann")
	before, err := m.Store.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, _, err1 := m.ChangeClient(t.Context(), "shop", func(c *oauth.Client) { c.RedirectURIs = []string{} })
	_, _, err2 := m.ChangeProfile(t.Context(), func(*oauth.Profile) error { return nil })
	_, _, err3 := m.ChangeAccount(t.Context(), acc.ID, func(*oauth.Account) {})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Error(err)
	}
	after, err := m.Store.Revision(t.Context())
	page, err2 := m.Changes(t.Context(), store.ChangeFilter{}, "", 10)
	if after != before || err != nil || err2 != nil || len(page.Items) != 2 {
		t.Errorf("revision %d, then %d; %d changes; %v, %v", before, after, len(page.Items), err, err2)
	}
}

func TestAccountsHaveAHistoryWithoutPasswords(t *testing.T) {
	m, now := newManager(t)
	acc, err := m.CreateAccount(t.Context(), oauth.Account{Username: "ann", Email: "ann@example.com"}, "three blind mice")
	if err != nil {
		t.Fatal(err)
	}
	of := store.ChangeFilter{Kind: store.KindAccount, Subject: acc.ID.String()}
	for _, step := range []struct {
		event         store.Event
		do            func() error
		field         string
		before, after string
	}{
		{store.EventAccountChanged, func() error {
			_, _, err := m.ChangeAccount(t.Context(), acc.ID, func(a *oauth.Account) { a.Email = "" })
			return err
		}, "email", `"ann@example.com"`, ""},
		{store.EventAccountLocked, func() error { return m.LockAccount(t.Context(), acc.ID) }, "locked", "false", "true"},
		{store.EventAccountUnlocked, func() error { return m.UnlockAccount(t.Context(), acc.ID) }, "locked", "true", "false"},
		{store.EventRoleChanged, func() error { return m.SetRole(t.Context(), acc.ID, oauth.RoleViewer) }, "role", "", `"viewer"`},
		{store.EventPasswordChanged, func() error { return m.SetPassword(t.Context(), acc.ID, "another few words") }, "", "", ""},
	} {
		*now = now.Add(time.Second)
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		c, fields := lastChange(t, m, of)
		want := map[string]Difference{}
		if step.field != "" {
			d := Difference{Field: step.field}
			if step.before != "" {
				d.Before = json.RawMessage(step.before)
			}
			if step.after != "" {
				d.After = json.RawMessage(step.after)
			}
			want[step.field] = d
		}
		if diff := cmp.Diff(want, fields); c.Event != step.event || diff != "" {
			t.Errorf("%s: %s: %s", step.event, c.Event, diff)
		}
		if text := string(c.Before) + string(c.After); strings.Contains(text, "argon2id") {
			t.Errorf("%s: %s", step.event, text)
		}
	}
}

func TestKeysHaveAHistoryOfEvents(t *testing.T) {
	m, now := newManager(t)
	*now = now.Add(time.Second)
	if _, err := m.RotateKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, _ := lastChange(t, m, store.ChangeFilter{Kind: store.KindKeys})
	if c.Event != store.EventKeyAdded || c.Before != nil || c.After != nil {
		t.Errorf("%+v", c)
	}
	if err := m.Undo(t.Context(), c.ID); !isInvalid(err, "id") {
		t.Errorf("undone: %v", err)
	}
}

func TestChangesComeInPages(t *testing.T) {
	m, now := newManager(t)
	for _, name := range []string{"ann", "bob", "cy"} {
		*now = now.Add(time.Second)
		mustCreate(t, m, name)
	}
	of := store.ChangeFilter{Kind: store.KindAccount}
	first, err := m.Changes(t.Context(), of, "", 2)
	if err != nil || len(first.Items) != 2 || first.Next == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := m.Changes(t.Context(), of, first.Next, 2)
	if err != nil || len(second.Items) != 1 || second.Next != "" || !second.Items[0].At.Before(first.Items[1].At) {
		t.Errorf("%+v, %v", second, err)
	}
	if _, err := m.Changes(t.Context(), of, "rubbish", 2); !isInvalid(err, "cursor") {
		t.Errorf("got %v", err)
	}
}
