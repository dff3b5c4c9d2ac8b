package sqlstore

import (
	"context"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/storetest"
)

// expired fills a store with sessions that ended at the given time, each with delegations for as many clients.
func expired(t *testing.T, s *Store, ended time.Time, sessions, delegations int) {
	t.Helper()
	acc := oauth.Account{ID: newID(), Username: newID().String(), Created: ended}
	var all []oauth.Session
	var given []oauth.Delegation
	for range sessions {
		ss := oauth.Session{
			ID: newID(), CookieHash: []byte(newID().String()), AccountID: acc.ID, AuthTime: ended, LastUsed: ended.Add(-time.Hour),
			IdleTimeout: time.Hour, Expires: ended.Add(time.Hour), Created: ended.Add(-time.Hour),
		}
		all = append(all, ss)
		for range delegations {
			given = append(given, oauth.Delegation{
				ID: newID(), SessionID: ss.ID, ClientID: newID().String(), AccountID: acc.ID, Created: ended,
			})
		}
	}
	if err := s.Fill(t.Context(), []oauth.Account{acc}, all, given); err != nil {
		t.Fatal(err)
	}
}

func countRows(t *testing.T, s *Store, table string) (n int) {
	t.Helper()
	count := &statement{postgres: "SELECT count(*) FROM " + table, sqlite: "SELECT count(*) FROM " + table, reads: true}
	if err := s.db.read(t.Context(), count, func(r row) { n = int(r.int(0)) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPurgeOfSessionsWithMuch: no transaction deletes more rows than its limit, and all go in the end.
func TestPurgeOfSessionsWithMuch(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store, _ string) {
		const sessions, delegations, limit = 3, 5000, 500
		now := time.Now()
		expired(t, s, now.Add(-time.Hour), sessions, delegations)
		for total := 0; ; {
			p, err := s.Purge(t.Context(), now, 1000*time.Hour, limit)
			if err != nil || p.Rows > limit {
				t.Fatalf("%d rows at once, %v", p.Rows, err)
			}
			if total += p.Rows; !p.More {
				if total != sessions*(1+delegations) || countRows(t, s, "session")+countRows(t, s, "delegation") != 0 {
					t.Errorf("%d rows went", total)
				}
				return
			}
		}
	})
}

// TestPurgeUnderStaleStatistics: PostgreSQL believes that each table has one row, and obeys the limit none the less. (It
// then plans a DELETE with a LIMIT in a subquery as a nested loop that begins the subquery anew for each row.)
func TestPurgeUnderStaleStatistics(t *testing.T) {
	url := storetest.Postgres(t)
	s := openURL(t, url)
	db := s.db.(*postgresEngine).pool
	kinds := []string{"session", "revocation", "spent", "refresh_family", "device_request"}
	for _, table := range kinds {
		if _, err := db.Exec(t.Context(), "ALTER TABLE "+table+" SET (autovacuum_enabled = off)"); err != nil {
			t.Fatal(err)
		}
	}
	const rows, limit = 3000, 20
	now := time.Now()
	ended := now.Add(-10 * time.Hour)
	for _, text := range []string{
		`INSERT INTO session (id, account_id, auth_time, amr, acr, last_used, idle_ms, expires, created, ends)
			SELECT decode(md5(i::text), 'hex'), decode(md5('a'), 'hex'), 0, '', '', 0, 0, $1, 0, $1 FROM generate_series(1, 3000) i`,
		`INSERT INTO revocation (token_id, expires) SELECT decode(md5(i::text), 'hex'), $1 FROM generate_series(1, 3000) i`,
		`INSERT INTO spent (hash, expires) SELECT decode(md5(i::text), 'hex'), $1 FROM generate_series(1, 3000) i`,
		`INSERT INTO refresh_family (id, delegation_id, session_id, account_id, client_id, offline, generation, auth_time, amr, acr,
			created, expires) SELECT decode(md5(i::text), 'hex'), '', '', '', '', 0, 0, 0, '', '', 0, $1 FROM generate_series(1, 3000) i`,
		`INSERT INTO device_request (user_code_hash, client_id, scope, created, expires, decision)
			SELECT decode(md5(i::text), 'hex'), '', '', 0, $1, '' FROM generate_series(1, 3000) i`,
	} {
		if _, err := db.Exec(t.Context(), text, millis(ended)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := db.Exec(t.Context(), "UPDATE pg_class SET reltuples = 1, relpages = 1000 WHERE relname = ANY($1)", kinds)
	if err != nil {
		t.Fatal(err)
	}
	for round := 1; round <= 3; round++ {
		p, err := s.Purge(t.Context(), now, 1000*time.Hour, limit)
		if err != nil || p.Rows != limit*len(kinds) || !p.More {
			t.Fatalf("%d rows, more %v, error %v", p.Rows, p.More, err)
		}
		for _, table := range kinds {
			if n := countRows(t, s, table); n != rows-round*limit {
				t.Errorf("%d of %s left after %d rounds", n, table, round)
			}
		}
	}
}

// TestPurgeKnowsWhetherItIsAlone: any verb that writes between two calls counts.
func TestPurgeKnowsWhetherItIsAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store, _ string) {
		_, single := s.db.(*sqliteEngine) // other nodes may write to PostgreSQL, so nobody is alone there
		alone := func() bool {
			p, err := s.Purge(t.Context(), time.Now(), time.Hour, 10)
			if err != nil {
				t.Fatal(err)
			}
			return p.Alone
		}
		alone()
		if alone() != single {
			t.Error("nobody else wrote")
		}
		for name, verb := range map[string]func(context.Context) error{
			"appending":   func(ctx context.Context) error { return s.Record(ctx, store.Audit{At: time.Now()}) },
			"transaction": func(ctx context.Context) error { return s.EndChild(ctx, []byte("x")) },
		} {
			if err := verb(t.Context()); err != nil {
				t.Fatal(err)
			}
			if alone() {
				t.Errorf("%s went unseen", name)
			}
		}
		if alone() != single {
			t.Error("nobody else wrote any more")
		}
	})
}
