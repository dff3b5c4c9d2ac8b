package manage

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func isForbidden(err error) bool {
	var forbidden *Forbidden
	return errors.As(err, &forbidden)
}

func isManaged(err error, file string) bool {
	var managed *Managed
	return errors.As(err, &managed) && managed.File == file
}

// as is the manager for somebody with another role.
func as(m *Manager, role oauth.Role) *Manager {
	other := *m
	other.Role = role
	return &other
}

// manageBy lets a file manage a client, as applying it does.
func manageBy(t *testing.T, m *Manager, id, file string) oauth.Client {
	t.Helper()
	c, err := m.Client(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	c.ManagedBy = file
	if err := m.Store.PutClient(t.Context(), c, c.Version, store.Audit{}); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatAFileManagesIsNotChangedByAccident(t *testing.T) {
	m, now := newManager(t)
	if _, err := m.CreateConfidentialClient(t.Context(), webApp()); err != nil {
		t.Fatal(err)
	}
	manageBy(t, m, "web", "web.yaml")
	for name, do := range map[string]func() error{
		"change": func() error {
			_, _, err := m.ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.Name = "x" })
			return err
		},
		"disable and more": func() error {
			_, _, err := m.ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.Disabled, c.Name = true, "x" })
			return err
		},
		"secret": func() error { _, err := m.ResetSecret(t.Context(), "web"); return err },
		"disable with a new secret": func() error {
			_, _, err := m.ChangeClientAndSecret(t.Context(), "web", func(c *oauth.Client) { c.Disabled = true })
			return err
		},
		"remove": func() error { return m.RemoveClient(t.Context(), "web") },
		"registers": func() error {
			c, err := m.Client(t.Context(), "web")
			if err != nil {
				t.Fatal(err)
			}
			c.RegistrationTokenHash, c.RegistrationTokenExpires = HashSecret("own"), now.Add(time.Hour)
			if err := m.Store.PutClient(t.Context(), c, c.Version, store.Audit{}); err != nil {
				t.Fatal(err)
			}
			_, err = m.ReplaceRegistered(t.Context(), "web", "own", webApp())
			return err
		},
	} {
		if err := do(); !isManaged(err, "web.yaml") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, after, err := m.ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.Disabled = true }); err != nil || !after.RevokedBefore.Equal(*now) {
		t.Errorf("disabled in an emergency: %v", err)
	}
	if _, _, err := m.ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.Disabled = false }); !isManaged(err, "web.yaml") {
		t.Errorf("enabled, which the file may forbid: %v", err)
	}
	if err := m.ReleaseClient(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(time.Second)
	if _, _, err := m.ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.Disabled = false }); err != nil {
		t.Errorf("after its release: %v", err)
	}
}

func TestAReleaseCanBeUndone(t *testing.T) {
	m, now := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	manageBy(t, m, "shop", "shop.yaml")
	*now = now.Add(time.Second)
	if err := m.ReleaseClient(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if err := undoLast(t, m, now, shop); err != nil {
		t.Fatal(err)
	}
	if c, err := m.Client(t.Context(), "shop"); err != nil || c.ManagedBy != "shop.yaml" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAManagedProfileIsReleasedFirst(t *testing.T) {
	m, _ := newManager(t)
	p, err := m.Profile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.ManagedBy = "usher.yaml"
	if err := m.Store.PutProfile(t.Context(), p, p.Version, store.Audit{}); err != nil {
		t.Fatal(err)
	}
	change := func(p *oauth.Profile) error { p.IDTokenSeconds, p.ManagedBy = 60, ""; return nil }
	if _, _, err := m.ChangeProfile(t.Context(), change); !isManaged(err, "usher.yaml") {
		t.Errorf("got %v", err)
	}
	c := webApp()
	c.SubjectType = oauth.SubjectPairwise
	if _, err := m.CreateConfidentialClient(t.Context(), c); err != nil {
		t.Errorf("the salt could not be made: %v", err)
	}
	if err := m.ReleaseProfile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, after, err := m.ChangeProfile(t.Context(), change); err != nil || after.IDTokenSeconds != 60 {
		t.Errorf("after its release: %v", err)
	}
}

func TestOperatorScopesComeFromAdminsAlone(t *testing.T) {
	m, _ := newManager(t)
	c := webApp()
	c.Scope = []string{"openid", oauth.ScopeRead}
	for _, role := range []oauth.Role{"", oauth.RoleViewer, oauth.RoleOperator} {
		if _, err := as(m, role).CreateConfidentialClient(t.Context(), c); !isInvalid(err, "scope") {
			t.Errorf("%q: %v", role, err)
		}
	}
	if _, err := as(m, "").RegisterClient(t.Context(), c); !isInvalid(err, "scope") {
		t.Errorf("registered: %v", err)
	}
	if _, err := m.CreateConfidentialClient(t.Context(), c); err != nil {
		t.Errorf("admin: %v", err)
	}
	c.ID, c.Scope = "web2", []string{"usher.root"}
	if _, err := m.CreateConfidentialClient(t.Context(), c); !isInvalid(err, "scope") {
		t.Errorf("unknown: %v", err)
	}
	for name, change := range map[string]func(*oauth.Profile) error{
		"default_scope": func(p *oauth.Profile) error { p.DefaultScope = []string{"openid", oauth.ScopeAdmin}; return nil },
		"scopes": func(p *oauth.Profile) error {
			p.Scopes = append(p.Scopes, oauth.Scope{Name: "usher.x", Description: "X"})
			return nil
		},
	} {
		if _, _, err := m.ChangeProfile(t.Context(), change); !isInvalid(err, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWarningsOfTokensThatAdministerInBrowsers(t *testing.T) {
	c := spa()
	c.Scope = []string{oauth.ScopeRead}
	if w := Warnings(&c); len(w) != 1 || !strings.HasPrefix(w[0], "scope usher.*") {
		t.Errorf("assisted: %v", w)
	}
	web := webApp()
	web.Scope = []string{oauth.ScopeRead}
	if w := Warnings(&web); len(w) != 0 {
		t.Errorf("without a browser: %v", w)
	}
}

func TestWarningsOfClientsHeldToFAPI(t *testing.T) {
	for _, tc := range []struct {
		method oauth.AuthMethod
		warned bool
	}{
		{"", true}, {oauth.AuthNone, true}, {oauth.AuthSecretBasic, true}, {oauth.AuthSecretJWT, true}, {oauth.AuthPrivateKeyJWT, false}, {oauth.AuthTLS, false},
	} {
		c := webApp()
		c.AuthMethod, c.RequirePushed, c.DPoPBound = tc.method, true, true
		if w := Warnings(&c); (len(w) == 1) != tc.warned || tc.warned && !strings.Contains(w[0], "FAPI 2.0") {
			t.Errorf("%q: %v", tc.method, w)
		}
		c.RequirePushed = false
		if w := Warnings(&c); len(w) != 0 {
			t.Errorf("%q, not held to it: %v", tc.method, w)
		}
	}
}

func TestTheServersOwnClientsAreNobodyElses(t *testing.T) {
	m, _ := newManager(t)
	if err := m.EnsureAdminClient(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := spa()
	c.ID = "usher-shop"
	for name, do := range map[string]func() error{
		"create": func() error { return m.CreatePublicClient(t.Context(), c) },
		"create with a secret": func() error {
			_, err := m.CreateConfidentialClient(t.Context(), c)
			return err
		},
		"change": func() error {
			_, _, err := m.ChangeClient(t.Context(), oauth.AdminClientID, func(c *oauth.Client) { c.RedirectURIs = []string{"https://evil.example/"} })
			return err
		},
		"secret":  func() error { _, err := m.ResetSecret(t.Context(), oauth.AdminClientID); return err },
		"remove":  func() error { return m.RemoveClient(t.Context(), oauth.AdminClientID) },
		"try":     func() error { _, err := m.TryClient(t.Context(), oauth.AdminClientID); return err },
		"release": func() error { return m.ReleaseClient(t.Context(), oauth.AdminClientID) },
		"undo": func() error {
			made, _ := lastChange(t, m, store.ChangeFilter{Kind: store.KindClient})
			return m.Undo(t.Context(), made.ID)
		},
	} {
		if err := do(); !isForbidden(err) || !strings.Contains(err.Error(), "reserved") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheScopesThatOperatorsSignInWithStay(t *testing.T) {
	m, _ := newManager(t)
	if err := m.EnsureAdminClient(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, _, err := m.ChangeProfile(t.Context(), func(p *oauth.Profile) error {
		p.Scopes = slices.DeleteFunc(p.Scopes, func(s oauth.Scope) bool { return s.Name == "profile" })
		return nil
	})
	if !isInvalid(err, "scopes") || !strings.Contains(err.Error(), "operators sign in with it") {
		t.Errorf("got %v", err)
	}
}

func TestAnOperatorCannotBecomeAnAdminThroughAnAccount(t *testing.T) {
	m, now := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	acc := mustCreate(t, m, "viv")
	if err := m.SetRole(t.Context(), acc.ID, oauth.RoleViewer); err != nil {
		t.Fatal(err)
	}
	session, delegation := startSession(t, m, acc.ID, *now)
	operator := as(m, oauth.RoleOperator)
	attempts := map[string]func(*Manager) error{
		"change": func(m *Manager) error {
			_, _, err := m.ChangeAccount(t.Context(), acc.ID, func(a *oauth.Account) { a.Email = "mine@example.com" })
			return err
		},
		"unlock":           func(m *Manager) error { return m.UnlockAccount(t.Context(), acc.ID) },
		"password":         func(m *Manager) error { return m.SetPassword(t.Context(), acc.ID, "another few words") },
		"link":             func(m *Manager) error { _, err := m.NewPasswordLink(t.Context(), acc.ID); return err },
		"consent":          func(m *Manager) error { return m.WithdrawConsent(t.Context(), acc.ID, "shop") },
		"delegation":       func(m *Manager) error { return m.EndDelegation(t.Context(), delegation) },
		"session":          func(m *Manager) error { return m.EndSession(t.Context(), session) },
		"sessions":         func(m *Manager) error { return m.EndAccountSessions(t.Context(), acc.ID) },
		"role":             func(m *Manager) error { return m.SetRole(t.Context(), acc.ID, oauth.RoleAdmin) },
		"no role":          func(m *Manager) error { return m.RemoveOperator(t.Context(), acc.ID) },
		"invite":           func(m *Manager) error { _, err := m.NewOperatorLink(t.Context(), oauth.RoleViewer, ""); return err },
		"lock":             func(m *Manager) error { return m.LockAccount(t.Context(), acc.ID) },
		"release":          func(m *Manager) error { return m.ReleaseThrottle(t.Context(), acc.ID) },
		"undo of the role": func(m *Manager) error { return undoLast(t, m, now, store.ChangeFilter{Kind: store.KindAccount}) },
	}
	for name, do := range attempts {
		if err := do(operator); !isForbidden(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := operator.RemoveAccount(t.Context(), acc.ID); !isForbidden(err) {
		t.Errorf("remove: %v", err)
	}
	if st, err := m.Store.StandingOf(t.Context(), session, "shop"); err != nil || st.Delegation == nil {
		t.Errorf("the session was ended all the same: %v", err)
	}
	for _, name := range []string{
		"change", "link", "consent", "delegation", "session", "sessions", "password", "lock", "unlock",
		"release",
	} {
		if err := attempts[name](m); err != nil {
			t.Errorf("admin, %s: %v", name, err)
		}
	}
}

// startSession signs an account in, and gives the client shop a delegation.
func startSession(t *testing.T, m *Manager, account oauth.ID, now time.Time) (session, delegation oauth.ID) {
	t.Helper()
	acc, err := m.Account(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	s := oauth.Session{CookieHash: []byte(account.String()), AccountID: acc.ID, AuthTime: now, Created: now, LastUsed: now, IdleTimeout: time.Hour, Expires: now.Add(time.Hour)}
	d := oauth.Delegation{ClientID: "shop", AccountID: acc.ID, Scope: []string{"read"}, Created: now}
	s.ID, _ = m.newID()
	d.ID, _ = m.newID()
	d.SessionID = s.ID
	if err := m.Store.StartSession(t.Context(), acc.Version, s, nil, nil, store.Audit{}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Store.Delegate(t.Context(), d, now, store.Audit{}); err != nil {
		t.Fatal(err)
	}
	return s.ID, d.ID
}

func TestAnOperatorEndsSessionsOfUsers(t *testing.T) {
	m, now := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	acc := mustCreate(t, m, "ann")
	session, delegation := startSession(t, m, acc.ID, *now)
	operator := as(m, oauth.RoleOperator)
	*now = now.Add(time.Second)
	if err := operator.EndDelegation(t.Context(), delegation); err != nil {
		t.Fatal(err)
	}
	if a := lastAudit(t, m); a.Event != store.EventDelegationEnded || a.AccountID != acc.ID || a.ClientID != "shop" || a.SessionID != session {
		t.Errorf("record %+v", a)
	}
	*now = now.Add(time.Second)
	if err := operator.EndSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	if a := lastAudit(t, m); a.Event != store.EventSessionsEnded || a.AccountID != acc.ID || a.SessionID != session {
		t.Errorf("record %+v", a)
	}
	if _, err := m.Store.StandingOf(t.Context(), session, "shop"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the session is there: %v", err)
	}
	for _, again := range []error{operator.EndSession(t.Context(), session), m.EndSession(t.Context(), session), operator.EndDelegation(t.Context(), delegation)} {
		if again != nil {
			t.Errorf("ended twice: %v", again)
		}
	}
}

func TestAnOperatorCannotEndAnAdminsSessionByItsChild(t *testing.T) {
	m, now := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	id := mustCreate(t, m, "root").ID
	if err := m.SetRole(t.Context(), id, oauth.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	acc, err := m.Account(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	s := oauth.Session{ID: oauth.ID{1}, AccountID: id, AuthTime: *now, Created: *now, LastUsed: *now, IdleTimeout: time.Hour, Expires: now.Add(time.Hour)}
	child := oauth.ChildSession{ID: oauth.ID{2}, CookieHash: []byte("child"), ClientID: "shop", Origin: "https://shop.example.com"}
	if err := m.Store.StartSession(t.Context(), acc.Version, s, &child, nil, store.Audit{}); err != nil {
		t.Fatal(err)
	}
	_ = as(m, oauth.RoleOperator).EndSession(t.Context(), child.ID)
	if _, err := m.Store.StandingOf(t.Context(), s.ID, ""); err != nil {
		t.Errorf("the session is over: %v", err)
	}
	if err := m.EndSession(t.Context(), child.ID); err != nil {
		t.Error(err)
	}
	if _, err := m.Store.StandingOf(t.Context(), s.ID, ""); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an admin's word did not count: %v", err)
	}
}

func TestMassAssignment(t *testing.T) {
	m, _ := newManager(t)
	acc, err := m.CreateAccount(t.Context(), oauth.Account{Username: "ann", ID: oauth.ID{1}, Role: oauth.RoleAdmin, PasswordHash: "x"}, "")
	if err != nil || acc.Role != "" || acc.PasswordHash != "" || acc.ID == (oauth.ID{1}) {
		t.Fatalf("created %+v, %v", acc, err)
	}
	_, _, err = m.ChangeAccount(t.Context(), acc.ID, func(a *oauth.Account) {
		a.ID, a.Role, a.Locked, a.PasswordHash, a.Created, a.Version = oauth.ID{2}, oauth.RoleAdmin, true, "x", a.Created.AddDate(1, 0, 0), 9
		a.Name = "Ann"
	})
	stored, err2 := m.Account(t.Context(), acc.ID)
	if err != nil || err2 != nil || stored.Name != "Ann" || stored.Role != "" || stored.Locked || stored.PasswordHash != "" || !stored.Created.Equal(acc.Created) {
		t.Errorf("changed to %+v, %v, %v", stored, err, err2)
	}
	_, p, err := m.ChangeProfile(t.Context(), func(p *oauth.Profile) error { p.IDTokenSeconds, p.ManagedBy = 60, "x"; return nil })
	if err != nil || p.IDTokenSeconds != 60 || p.ManagedBy != "" {
		t.Errorf("%+v, %v", p, err)
	}
	c := spa()
	c.TrialOrigin, c.TrialUntil, c.ManagedBy, c.Registered, c.RegistrationTokenHash = "https://evil.example", m.Now().AddDate(1, 0, 0), "x", m.Now(), []byte("x")
	if err := m.CreatePublicClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	_, after, err := m.ChangeClient(t.Context(), "shop", func(into *oauth.Client) { *into = c; into.Name = "Other" })
	if err != nil || after.Name != "Other" || after.TrialOrigin != "" || after.ManagedBy != "" || !after.Registered.IsZero() || after.RegistrationTokenHash != nil {
		t.Errorf("%+v, %v", after, err)
	}
}

// noLoad is a store whose whole configuration nobody may read.
type noLoad struct{ store.Store }

func (noLoad) Load(context.Context) (store.Snapshot, error) {
	return store.Snapshot{}, errors.New("all clients were read")
}

func TestAChangeCostsTheSameHoweverManyClientsThereAre(t *testing.T) {
	m, _ := newManager(t)
	m.Store = noLoad{m.Store}
	if _, err := m.CreateConfidentialClient(t.Context(), webApp()); err != nil {
		t.Error(err)
	}
	if _, _, err := m.ChangeClient(t.Context(), "web", func(c *oauth.Client) { c.Name = "x" }); err != nil {
		t.Error(err)
	}
	if _, err := m.ResetSecret(t.Context(), "web"); err != nil {
		t.Error(err)
	}
	if _, err := m.Client(t.Context(), "web"); err != nil {
		t.Error(err)
	}
	if _, err := m.Profile(t.Context()); err != nil {
		t.Error(err)
	}
	if err := m.RemoveClient(t.Context(), "web"); err != nil {
		t.Error(err)
	}
	if err := m.EnsureAdminClient(t.Context()); err != nil {
		t.Error(err)
	}
}
