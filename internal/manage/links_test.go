package manage

import (
	"crypto/rand"
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

const words = "three blind mice"

func codeOf(t *testing.T, l Link, err error, prefix string) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(l.URL)
	if err != nil || !strings.HasPrefix(l.URL, prefix+"?code=") {
		t.Fatalf("link %s, %v", l.URL, err)
	}
	return u.Query().Get("code")
}

func operatorCode(t *testing.T, m *Manager, role oauth.Role, username string) string {
	t.Helper()
	l, err := m.NewOperatorLink(t.Context(), role, username)
	return codeOf(t, l, err, "https://admin.example.com/admin/link")
}

func passwordCode(t *testing.T, m *Manager, id oauth.ID) string {
	t.Helper()
	l, err := m.NewPasswordLink(t.Context(), id)
	return codeOf(t, l, err, "https://id.example.com/authn/password")
}

func TestTheFirstAdminComesByALink(t *testing.T) {
	m, now := newManager(t)
	code := operatorCode(t, m, oauth.RoleAdmin, "")
	if a := lastAudit(t, m); a.Event != store.EventLinkMade || !strings.Contains(a.Detail, "admin") || strings.Contains(a.Detail, code) {
		t.Errorf("record %+v", a)
	}
	holder := as(m, "")
	holder.Actor = "link"
	if inv, err := holder.OpenOperatorLink(t.Context(), code); err != nil || inv.Role != oauth.RoleAdmin || inv.Username != "" {
		t.Fatalf("%+v, %v", inv, err)
	}
	given := oauth.Account{Username: "ann", Name: "Ann", ID: oauth.ID{1}, Locked: true}
	if err := holder.UseOperatorLink(t.Context(), code, given, "short"); !isInvalid(err, "password") {
		t.Fatalf("a bad password: %v", err)
	}
	*now = now.Add(time.Second)
	if err := holder.UseOperatorLink(t.Context(), code, given, words); err != nil {
		t.Fatalf("a bad password used the link up: %v", err)
	}
	acc, err := m.AccountNamed(t.Context(), "ann")
	if err != nil || acc.Role != oauth.RoleAdmin || acc.Name != "Ann" || acc.Locked || acc.ID == given.ID {
		t.Fatalf("%+v, %v", acc, err)
	}
	if ok, _, err := authn.VerifyPassword(acc.PasswordHash, words); !ok || err != nil {
		t.Errorf("the password does not fit: %v", err)
	}
	c, _ := lastChange(t, m, store.ChangeFilter{Kind: store.KindAccount})
	if c.Event != store.EventRoleChanged || c.Actor != "link" || c.Before != nil || strings.Contains(string(c.After), "argon2id") {
		t.Errorf("%+v", c)
	}
	given.Username = "eve"
	if err := holder.UseOperatorLink(t.Context(), code, given, words); !errors.Is(err, ErrLink) {
		t.Errorf("used twice: %v", err)
	}
}

func TestAnOperatorLinkForAnAccountGivesARoleAndANewPassword(t *testing.T) {
	m, _ := newManager(t)
	acc := mustCreate(t, m, "ann")
	if err := m.LockAccount(t.Context(), acc.ID); err != nil {
		t.Fatal(err)
	}
	code := operatorCode(t, m, oauth.RoleAdmin, "ANN")
	if inv, err := m.OpenOperatorLink(t.Context(), code); err != nil || inv.Username != "ann" {
		t.Fatalf("%+v, %v", inv, err)
	}
	if err := m.UseOperatorLink(t.Context(), code, oauth.Account{Username: "eve", Name: "Eve"}, words); err != nil {
		t.Fatal(err)
	}
	now, err := m.Account(t.Context(), acc.ID)
	if err != nil || now.Username != "ann" || now.Name != "Somebody" || now.Role != oauth.RoleAdmin || now.Locked || now.PasswordHash == "" {
		t.Errorf("%+v, %v", now, err)
	}
	if _, err := m.OpenOperatorLink(t.Context(), code); !errors.Is(err, ErrLink) {
		t.Errorf("opened after its use: %v", err)
	}
	if _, err := m.NewOperatorLink(t.Context(), oauth.RoleViewer, "ann"); !isInvalid(err, "role") {
		t.Errorf("a link that takes a role away: %v", err)
	}
}

func TestALinkForANewNameIsForThatName(t *testing.T) {
	m, _ := newManager(t)
	code := operatorCode(t, m, oauth.RoleViewer, "ann")
	other := operatorCode(t, m, oauth.RoleViewer, "ann")
	if err := m.UseOperatorLink(t.Context(), code, oauth.Account{Username: "eve"}, words); err != nil {
		t.Fatal(err)
	}
	if _, err := m.AccountNamed(t.Context(), "ann"); err != nil {
		t.Error(err)
	}
	if _, err := m.OpenOperatorLink(t.Context(), other); !errors.Is(err, ErrLink) {
		t.Errorf("the name is somebody's now: %v", err)
	}
	anybody := operatorCode(t, m, oauth.RoleViewer, "")
	if err := m.UseOperatorLink(t.Context(), anybody, oauth.Account{Username: "ANN"}, words); !isInvalid(err, "username") {
		t.Errorf("a name that is taken: %v", err)
	}
}

func TestAPasswordLinkIsForOneVersionOfTheAccount(t *testing.T) {
	m, now := newManager(t)
	acc := mustCreate(t, m, "ann")
	for name, change := range map[string]func() error{
		"renamed": func() error {
			_, _, err := m.ChangeAccount(t.Context(), acc.ID, func(a *oauth.Account) { a.Name = "Ann" })
			return err
		},
		"password": func() error { return m.SetPassword(t.Context(), acc.ID, "another few words") },
		"locked":   func() error { return m.LockAccount(t.Context(), acc.ID) },
		"operator": func() error { return m.SetRole(t.Context(), acc.ID, oauth.RoleViewer) },
		"used":     func() error { return usePasswordLink(t, m, passwordCode(t, m, acc.ID), words) },
	} {
		code := passwordCode(t, m, acc.ID)
		if got, err := m.OpenPasswordLink(t.Context(), code); err != nil || got.ID != acc.ID {
			t.Fatalf("%+v, %v", got, err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if _, err := m.OpenPasswordLink(t.Context(), code); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v", name, err)
		}
		if err := usePasswordLink(t, m, code, words); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
	code := passwordCode(t, m, acc.ID)
	*now = now.Add(LinkLifetime)
	if err := usePasswordLink(t, m, code, words); !errors.Is(err, ErrLink) {
		t.Errorf("expired: %v", err)
	}
	gone := passwordCode(t, m, acc.ID)
	if err := m.RemoveAccount(t.Context(), acc.ID); err != nil {
		t.Fatal(err)
	}
	if err := usePasswordLink(t, m, gone, words); !errors.Is(err, ErrLink) {
		t.Errorf("the account is gone: %v", err)
	}
}

func TestTheHolderOfAPasswordLinkSetsAPasswordWithoutARole(t *testing.T) {
	m, now := newManager(t)
	acc := mustCreate(t, m, "ann")
	if err := m.SetRole(t.Context(), acc.ID, oauth.RoleViewer); err != nil {
		t.Fatal(err)
	}
	code := passwordCode(t, m, acc.ID)
	holder := as(m, "")
	*now = now.Add(time.Second)
	if err := usePasswordLink(t, holder, code, "short"); !isInvalid(err, "password") {
		t.Errorf("got %v", err)
	}
	if err := usePasswordLink(t, holder, code, words); err != nil {
		t.Fatal(err)
	}
	if a := lastAudit(t, m); a.Event != store.EventPasswordChanged || a.Detail != "by a one-time link" || a.AccountID != acc.ID {
		t.Errorf("%+v", a)
	}
}

func TestALinkIsUsedOnce(t *testing.T) {
	m, _ := newManager(t)
	code := operatorCode(t, m, oauth.RoleAdmin, "")
	var won atomic.Int32
	var wg sync.WaitGroup
	for _, name := range []string{"a1", "b2", "c3", "d4"} {
		wg.Go(func() {
			err := m.UseOperatorLink(t.Context(), code, oauth.Account{Username: name}, words)
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, ErrLink) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, err := m.Operators(t.Context())
	if won.Load() != 1 || err != nil || len(list) != 1 {
		t.Errorf("%d won, %d operators, %v", won.Load(), len(list), err)
	}
}

func TestLinksAreOfTheirKindAndServer(t *testing.T) {
	m, _ := newManager(t)
	acc := mustCreate(t, m, "ann")
	operator, password := operatorCode(t, m, oauth.RoleAdmin, "ann"), passwordCode(t, m, acc.ID)
	elsewhere := *m
	elsewhere.Issuer = "https://other.example.com"
	for name, err := range map[string]error{
		"password as operator": second(m.OpenOperatorLink(t.Context(), password)),
		"operator as password": second(m.OpenPasswordLink(t.Context(), operator)),
		"another issuer":       second(elsewhere.OpenPasswordLink(t.Context(), password)),
		"rubbish":              second(m.OpenPasswordLink(t.Context(), "usher_pl_AAAA")),
		"empty":                second(m.OpenOperatorLink(t.Context(), "")),
	} {
		if !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestLinksSayWhatTheyLack(t *testing.T) {
	m, _ := newManager(t)
	acc := mustCreate(t, m, "ann")
	for want, lack := range map[string]func(*Manager){
		"master key": func(m *Manager) { m.Master = token.Master{} },
		"issuer":     func(m *Manager) { m.Issuer = "" },
		"address":    func(m *Manager) { m.BaseURL = "" },
	} {
		lacks := *m
		lack(&lacks)
		if _, err := lacks.NewPasswordLink(t.Context(), acc.ID); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	other := *m
	other.Master, _ = token.NewMaster(rand.Reader)
	if _, err := other.NewPasswordLink(t.Context(), acc.ID); !errors.Is(err, token.ErrMaster) {
		t.Errorf("another master key: %v", err)
	}
}

func usePasswordLink(t *testing.T, m *Manager, code, password string) error {
	t.Helper()
	_, err := m.UsePasswordLink(t.Context(), code, password)
	return err
}
