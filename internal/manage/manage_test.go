package manage

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
)

// newManager manages a fresh database; its clock stands still until the test moves it.
func newManager(t *testing.T) (*Manager, *time.Time) {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), sqlstore.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "usher.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	master, err := token.NewMaster(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := &Manager{
		Store: s, Master: master, Now: func() time.Time { return now }, Rand: rand.Reader, Actor: "cli:test", Role: oauth.RoleAdmin,
		Issuer: "https://id.example.com/oauth/v2/oauth-anonymous", BaseURL: "https://id.example.com", AdminURL: "https://admin.example.com",
	}
	if err := m.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m, &now
}

func spa() oauth.Client {
	return oauth.Client{
		ID: "shop", Name: "Shop", Capabilities: []oauth.Capability{oauth.CapAssistedToken},
		AllowedOrigins: []oauth.OriginPattern{"https://shop.example.com"}, Scope: []string{"openid", "read"},
	}
}

// lastAudit returns the newest record.
func lastAudit(t *testing.T, m *Manager) store.Audit {
	t.Helper()
	records, _, err := m.Store.Audits(t.Context(), store.AuditFilter{}, oauth.ID{}, 1)
	if err != nil || len(records) != 1 {
		t.Fatalf("audit: %v, %v", records, err)
	}
	return records[0]
}

func wantAudit(t *testing.T, m *Manager, event store.Event, clientID string) {
	t.Helper()
	a := lastAudit(t, m)
	if a.Event != event || a.Actor != "cli:test" || a.ClientID != clientID || !a.At.Equal(m.Now()) {
		t.Errorf("audit record %+v, want %s of client %q by cli:test", a, event, clientID)
	}
}

func TestBeforeBootstrapTheDatabaseIsNotSetUp(t *testing.T) {
	s, err := sqlstore.Open(t.Context(), sqlstore.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "usher.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := &Manager{Store: s, Now: time.Now, Rand: rand.Reader}
	if _, err := m.Client(t.Context(), "x"); !errors.Is(err, ErrNotSetUp) {
		t.Errorf("got %v", err)
	}
	if err := m.CreatePublicClient(t.Context(), spa()); !errors.Is(err, ErrNotSetUp) {
		t.Errorf("got %v", err)
	}
}

func TestClientLife(t *testing.T) {
	m, now := newManager(t)
	ctx := t.Context()
	if err := m.CreatePublicClient(ctx, spa()); err != nil {
		t.Fatal(err)
	}
	wantAudit(t, m, store.EventClientChanged, "shop")
	var invalid Invalid
	if err := m.CreatePublicClient(ctx, spa()); !errors.As(err, &invalid) || invalid[0].Field != "id" {
		t.Errorf("the same id twice: %v", err)
	}
	*now = now.Add(time.Second)
	before, after, err := m.ChangeClient(ctx, "shop", func(c *oauth.Client) { c.Scope = append(c.Scope, "payment"); c.ID = "other" })
	if err != nil || !slices.Equal(before.Scope, []string{"openid", "read"}) || !slices.Equal(after.Scope, []string{"openid", "read", "payment"}) {
		t.Fatalf("change: %v -> %v, %v", before.Scope, after.Scope, err)
	}
	got, err := m.Client(ctx, "shop")
	if err != nil || !slices.Equal(got.Scope, after.Scope) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, _, err := m.ChangeClient(ctx, "shop", func(c *oauth.Client) { c.Scope = []string{"nothing"} }); err == nil {
		t.Error("an unknown scope was accepted")
	}
	*now = now.Add(time.Second)
	if err := m.RemoveClient(ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	wantAudit(t, m, store.EventClientRemoved, "shop")
	if err := m.RemoveClient(ctx, "shop"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
}

func TestSecretsAre256BitsAndStoredHashed(t *testing.T) {
	m, _ := newManager(t)
	c := oauth.Client{ID: "api", Name: "API", Capabilities: []oauth.Capability{oauth.CapIntrospection}}
	secret, err := m.CreateConfidentialClient(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil || len(raw) != 32 {
		t.Errorf("secret %q", secret)
	}
	check := func(secret string) {
		t.Helper()
		got, err := m.Client(t.Context(), "api")
		if err != nil || !slices.Equal(got.SecretHash, HashSecret(secret)) {
			t.Errorf("stored %x, %v", got.SecretHash, err)
		}
	}
	check(secret)
	next, err := m.ResetSecret(t.Context(), "api")
	if err != nil || next == secret {
		t.Fatalf("reset: %v", err)
	}
	check(next)
}

func TestConcurrentChangesAreNotLost(t *testing.T) {
	m, _ := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, origin := range []oauth.OriginPattern{"https://a.example", "https://b.example", "https://c.example"} {
		wg.Go(func() {
			_, _, err := m.ChangeClient(context.Background(), "shop", func(c *oauth.Client) { c.AllowedOrigins = append(c.AllowedOrigins, origin) })
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c, err := m.Client(t.Context(), "shop")
	if err != nil || len(c.AllowedOrigins) != 4 {
		t.Errorf("got %v, %v", c.AllowedOrigins, err)
	}
}

func TestAccountLife(t *testing.T) {
	m, now := newManager(t)
	ctx := t.Context()
	acc, err := m.CreateAccount(ctx, oauth.Account{Username: " Ann ", Name: "Ann Archer", Email: "ann@example.com"}, "three blind mice")
	if err != nil || acc.Username != "Ann" {
		t.Fatalf("got %+v, %v", acc, err)
	}
	stored, err := m.AccountNamed(ctx, "ann")
	if err != nil || stored.ID != acc.ID {
		t.Fatalf("got %+v, %v", stored, err)
	}
	if ok, _, err := authn.VerifyPassword(stored.PasswordHash, "three blind mice"); !ok || err != nil {
		t.Errorf("the password does not fit: %v", err)
	}
	if _, err := m.CreateAccount(ctx, oauth.Account{Username: "ANN"}, "three blind mice"); !isInvalid(err, "username") {
		t.Errorf("the same name twice: %v", err)
	}
	bob, err := m.CreateAccount(ctx, oauth.Account{Username: "bob"}, "three blind mice")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.ChangeAccount(ctx, bob.ID, func(a *oauth.Account) { a.Username = "ann" }); !isInvalid(err, "username") {
		t.Errorf("renamed to a taken name: %v", err)
	}
	_, changed, err := m.ChangeAccount(ctx, acc.ID, func(a *oauth.Account) { a.Username, a.Email = "anna", "anna@example.com" })
	if err != nil || changed.ID != acc.ID {
		t.Fatalf("change: %+v, %v", changed, err)
	}
	for _, step := range []struct {
		event store.Event
		do    func() error
	}{
		{store.EventPasswordChanged, func() error { return m.SetPassword(ctx, acc.ID, "another few words") }},
		{store.EventAccountLocked, func() error { return m.LockAccount(ctx, acc.ID) }},
		{store.EventAccountUnlocked, func() error { return m.UnlockAccount(ctx, acc.ID) }},
		{store.EventAccountRemoved, func() error { return m.RemoveAccount(ctx, acc.ID) }},
	} {
		*now = now.Add(time.Second)
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		wantAudit(t, m, step.event, "")
	}
	if err := m.LockAccount(ctx, acc.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("locked a user that is gone: %v", err)
	}
	left, err := m.Accounts(ctx, "", "", 10)
	if err != nil || len(left.Items) != 1 || left.Items[0].Username != "bob" {
		t.Errorf("left: %v, %v", left, err)
	}
}

func isInvalid(err error, field string) bool {
	var invalid Invalid
	return errors.As(err, &invalid) && slices.ContainsFunc(invalid, func(f Fault) bool { return f.Field == field })
}

func TestAccountFaultsComeTogether(t *testing.T) {
	m, _ := newManager(t)
	_, err := m.CreateAccount(t.Context(), oauth.Account{Username: "", Name: "a\x00b", Email: "nobody"}, "short")
	for _, field := range []string{"username", "name", "email", "password"} {
		if !isInvalid(err, field) {
			t.Errorf("no fault for %s in: %v", field, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "short\"") {
		t.Error("the fault repeats the password")
	}
	if err := m.SetPassword(t.Context(), oauth.ID{1}, "three blind mice"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestWithdrawConsent(t *testing.T) {
	m, now := newManager(t)
	ctx := t.Context()
	acc, err := m.CreateAccount(ctx, oauth.Account{Username: "ann"}, "three blind mice")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.WithdrawConsent(ctx, acc.ID, "shop"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("client that is not there: %v", err)
	}
	if err := m.CreatePublicClient(ctx, spa()); err != nil {
		t.Fatal(err)
	}
	if err := m.Store.GrantConsent(ctx, oauth.Consent{AccountID: acc.ID, ClientID: "shop", Scope: []string{"read"}, Updated: *now}, time.Time{}, store.Audit{}); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(time.Second)
	if err := m.WithdrawConsent(ctx, acc.ID, "shop"); err != nil {
		t.Fatal(err)
	}
	wantAudit(t, m, store.EventConsentWithdrawn, "shop")
}

func TestInvalidSaysEverything(t *testing.T) {
	one := Invalid{{"id", "missing"}}
	two := Invalid{{"id", "missing"}, {"name", "missing"}}
	got := []string{one.Error(), two.Error()}
	if diff := cmp.Diff([]string{"id: missing", "2 things are wrong:\n  id: missing\n  name: missing"}, got); diff != "" {
		t.Error(diff)
	}
}
