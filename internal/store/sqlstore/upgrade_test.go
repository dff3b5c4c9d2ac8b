package sqlstore

import (
	"context"
	stdsql "database/sql"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/storetest"
)

// TestUpgrade: nodes of this version that start together on a database of the first schema bring it up to date,
// and what was in it is there.
func TestUpgrade(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		url := sqliteURL(t)
		db, err := stdsql.Open("sqlite", strings.TrimPrefix(url, "sqlite:"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		testUpgrade(t, url, sqliteDialect, goose.DialectSQLite3, db)
	})
	t.Run("postgres", func(t *testing.T) {
		url := storetest.Postgres(t)
		config, err := pgx.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		db := stdlib.OpenDB(*config)
		defer db.Close()
		testUpgrade(t, url, postgresDialect, goose.DialectPostgres, db)
	})
}

func testUpgrade(t *testing.T, url string, d dialect, name goose.Dialect, db *stdsql.DB) {
	id := firstSchema(t, d, name, db)
	testUpgraded(t, url, id)
}

// TestMigrationBesideADump: a dump keeps every table until it ends. A migration that waits for one
// of them lets the requests of other nodes pass in between.
func TestMigrationBesideADump(t *testing.T) {
	url := storetest.Postgres(t)
	config, err := pgx.ParseConfig(url)
	must(t, err)
	firstSchema(t, postgresDialect, goose.DialectPostgres, stdlib.OpenDB(*config))
	dump, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer dump.Close(context.Background())
	_, err = dump.Exec(t.Context(), "BEGIN; LOCK TABLE account IN ACCESS SHARE MODE")
	must(t, err)
	opened := make(chan error, 1)
	go func() {
		s, err := Open(t.Context(), Options{URL: url})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	other, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer other.Close(context.Background())
	for range 3 {
		until(t, func() (waits bool) {
			must(t, other.QueryRow(t.Context(), `SELECT count(*) > 0 FROM pg_locks
				WHERE relation = 'account'::regclass AND NOT granted`).Scan(&waits))
			return waits
		})
		ctx, cancel := context.WithTimeout(t.Context(), callLimit)
		_, err = other.Exec(ctx, "SELECT id FROM account")
		cancel()
		must(t, err)
	}
	_, err = dump.Exec(t.Context(), "ROLLBACK")
	must(t, err)
	must(t, <-opened)
}

// older makes a database of the first schema.
func older(t *testing.T, path string) {
	t.Helper()
	db, err := stdsql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	firstSchema(t, sqliteDialect, goose.DialectSQLite3, db)
}

// firstSchema fills a database of the first schema, closes it, and returns the account in it.
func firstSchema(t *testing.T, d dialect, name goose.Dialect, db *stdsql.DB) oauth.ID {
	t.Helper()
	provider, err := goose.NewProvider(name, db, migrationFiles(d))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	id := newID()
	if _, err := db.ExecContext(t.Context(), `INSERT INTO account
		(id, username, username_key, name, email, locked, password_hash, created, version)
		VALUES ($1, 'jane', $2, 'Jane', 'Doe@example.com', 0, '', 0, 1)`, id[:], nameKey("jane")); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO client (id, doc, version, disabled)
		VALUES ('App', '{"id":"App","name":"The Shop"}', 1, 0), ('bare', '{"id":"bare"}', 1, 0)`); err != nil {
		t.Fatal(err)
	}
	insertFolded(t, db, id)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return id
}

func testUpgraded(t *testing.T, url string, id oauth.ID) {
	t.Helper()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := Open(t.Context(), Options{URL: url})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			acc, err := s.AccountByName(t.Context(), "JANE")
			if err != nil || acc.ID != id || acc.Attributes != nil {
				t.Errorf("account %+v, error %v", acc, err)
			}
		})
	}
	all.Wait()
	s := openURL(t, url)
	acc := oauth.Account{ID: id, Username: "jane", Attributes: []byte(`{"locale":"sv"}`)}
	checkFound(t, s, id)
	checkInOrder(t, s, id)
	if err := s.UpdateAccount(t.Context(), acc, 1, store.Audit{}); err != nil {
		t.Error(err)
	}
}

// Two records of the first schema: failed sign-ins from 10:00 on, of which the last was at 10:50,
// and something between these.
var hourOfFailures = time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)

func insertFolded(t *testing.T, db *stdsql.DB, account oauth.ID) {
	t.Helper()
	for _, a := range []struct {
		event             string
		stamped, happened time.Duration
		times             int
	}{{"sign_in_failed", 0, 50 * time.Minute, 12}, {"sign_in", 20 * time.Minute, 20 * time.Minute,
		1}} {
		id := auditID(hourOfFailures.Add(a.stamped))
		if _, err := db.ExecContext(t.Context(), `INSERT INTO audit
			(id, happened, event, actor, account_id, client_id, address, detail, times)
			VALUES ($1, $2, $3, 'user', $4, '', '', '', $5)`,
			id[:], hourOfFailures.Add(a.happened).UnixMilli(), a.event, account[:], a.times); err != nil {
			t.Fatal(err)
		}
	}
}

// checkInOrder: records of an older version stand where their time says, and keep what they tell.
func checkInOrder(t *testing.T, s *Store, account oauth.ID) {
	t.Helper()
	list, _, err := s.Audits(t.Context(), store.AuditFilter{AccountID: account}, oauth.ID{}, 10)
	if err != nil || len(list) != 2 || list[0].Event != store.EventSignInFailed ||
		list[0].Count != 12 ||
		list[0].Username != "jane" || !list[0].At.Equal(hourOfFailures.Add(50*time.Minute)) {
		t.Errorf("records %+v, error %v", list, err)
	}
	failed, err := s.AccountAudits(t.Context(), account, store.EventSignInFailed, 1)
	if err != nil || len(failed) != 1 {
		t.Errorf("failed sign-ins %+v, error %v", failed, err)
	}
}

// checkFound searches for what was there before anybody could search.
func checkFound(t *testing.T, s *Store, account oauth.ID) {
	t.Helper()
	accounts, err := s.ListAccounts(t.Context(), "dOE@", "", 10)
	if err != nil || len(accounts) != 1 || accounts[0].ID != account || accounts[0].Role != "" {
		t.Errorf("accounts found %v, error %v", accounts, err)
	}
	for text, want := range map[string]string{"e sHop": "App", "APP": "App", "bare": "bare"} {
		clients, err := s.ListClients(t.Context(), text, "", 10)
		if err != nil || len(clients) != 1 || clients[0].ID != want {
			t.Errorf("clients found by %q: %v, error %v", text, clients, err)
		}
	}
}
