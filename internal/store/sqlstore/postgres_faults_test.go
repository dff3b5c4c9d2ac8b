package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/storetest"
)

// callAll makes every kind of call from n callers at once and hands each outcome to check.
func callAll(t *testing.T, s *Store, n int, check func(*testing.T, time.Time, error)) {
	t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			began := time.Now()
			var err error
			switch i % 5 {
			case 0:
				err = s.Ping(t.Context())
			case 1:
				err = s.RevokeToken(t.Context(), newID(), time.Now(), store.Audit{})
			case 2:
				err = s.EndDelegation(t.Context(), newID(), store.Audit{})
			case 3:
				_, err = s.Operators(t.Context())
			case 4:
				err = s.Writable(t.Context())
			}
			check(t, began, err)
		})
	}
	all.Wait()
}

func served(t *testing.T, _ time.Time, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("error %v", err)
	}
}

// recovers waits until the database serves again, which it does within 3 s; a machine under load gets more.
func recovers(t *testing.T, s *Store) {
	t.Helper()
	began := time.Now()
	for {
		errs := make(chan error, 3)
		go func() { errs <- s.Ping(t.Context()) }()
		go func() { errs <- s.RevokeToken(t.Context(), newID(), time.Now(), store.Audit{}) }()
		go func() { errs <- s.Writable(t.Context()) }()
		if err := errors.Join(<-errs, <-errs, <-errs); err == nil {
			break
		} else if time.Since(began) > 10*time.Second {
			t.Fatalf("it does not recover: %v", err)
		}
	}
	t.Logf("recovered after %s", time.Since(began))
	callAll(t, s, 20, served)
}

// TestDatabaseAway: whatever happens to the way to the database, 1 and 300 callers get the one error
// within the bound, and are served again when it is back.
func TestDatabaseAway(t *testing.T) {
	for name, fault := range map[string]func(*storetest.Proxy){
		"silent":             (*storetest.Proxy).Silence,
		"cut":                (*storetest.Proxy).Cut,
		"silent after bytes": func(p *storetest.Proxy) { p.Cut(); p.Heal(); p.SilenceAfter(20) },
		"silent mid-answer":  func(p *storetest.Proxy) { p.SilenceAfter(1) },
		"cut, then silent":   func(p *storetest.Proxy) { p.Cut(); p.Heal(); p.Silence() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := storetest.NewProxy(t, postgresURL(t))
			s := openURL(t, proxy.URL)
			callAll(t, s, 20, served)
			for _, callers := range []int{1, 300} {
				fault(proxy)
				callAll(t, s, callers, unserved)
				proxy.Heal()
				recovers(t, s)
			}
		})
	}
}

// TestForgottenConnections: a firewall drops what is connected without a word, while idle and while in use.
func TestForgottenConnections(t *testing.T) {
	proxy := storetest.NewProxy(t, postgresURL(t))
	s := openURL(t, proxy.URL)
	callAll(t, s, 40, served)
	// Idle connections are found by who takes them next, without an error.
	s.db.(*postgresEngine).idleFor(t, idleAfter)
	proxy.Forget()
	began := time.Now()
	callAll(t, s, 40, served)
	t.Logf("served after %s", time.Since(began))
	proxy.Forget()
	callAll(t, s, 40, func(t *testing.T, began time.Time, err error) {
		if err != nil {
			unserved(t, began, err)
		}
	})
	recovers(t, s)
}

// idleFor waits until every connection was idle for that long.
func (e *postgresEngine) idleFor(t *testing.T, d time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(d + 100*time.Millisecond); time.Now().Before(deadline); {
		<-time.After(10 * time.Millisecond)
	}
}

// TestUnreachableAtStart: opening says in one line, within the bound, that there is no answer.
func TestUnreachableAtStart(t *testing.T) {
	silent := storetest.NewProxy(t, postgresURL(t))
	silent.Silence()
	for _, url := range []string{"postgres://usher:secret@" + storetest.Unreachable(t) + "/db", silent.URL, "postgres://usher@127.0.0.1:1/db"} {
		began := time.Now()
		openError(t, url, "it cannot be reached")
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s took %s", url, took)
		}
	}
}

// folder is one that PostgreSQL's own user may reach.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "usher-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestHungDatabase stops every process of PostgreSQL that serves us, as an overloaded machine seems to.
func TestHungDatabase(t *testing.T) {
	dir := folder(t)
	url, stop, err := storetest.StartPostgres(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	s := openURL(t, url)
	callAll(t, s, 20, served)
	for _, callers := range []int{1, 300} {
		resume := storetest.Hang(t, dir)
		callAll(t, s, callers, unserved)
		resume()
		recovers(t, s)
	}
}

// on runs a statement as the database's owner.
func on(t *testing.T, url, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "SET default_transaction_read_only = off; SET transaction_read_only = off; "+statement); err != nil {
		t.Fatal(err)
	}
}

// TestReadOnlyLater: the database becomes read-only under open connections, and writable again for new
// ones alone: reads go on, writes get the one error, and afterwards no stale connection is left.
func TestReadOnlyLater(t *testing.T) {
	database := postgresURL(t)
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	name := pgx.Identifier{strings.TrimPrefix(u.Path, "/")}.Sanitize()
	s := openURL(t, database)
	callAll(t, s, 40, served)
	on(t, database, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	s.db.(*postgresEngine).pool.Reset() // as a failover does: connections from now on are read-only
	began := time.Now()
	err = s.Writable(t.Context())
	unserved(t, began, err)
	if why := store.WhyUnavailable(err); why != "read-only" {
		t.Errorf("the reason is %q", why)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("reading: %v", err)
	}
	for range 10 {
		unserved(t, time.Now(), s.EndDelegation(t.Context(), newID(), store.Audit{}))
	}
	on(t, database, "ALTER DATABASE "+name+" RESET default_transaction_read_only")
	callAll(t, s, 40, served) // the stale ones are found without an error
}

// TestOutOfConnections: others hold every connection of the database.
func TestOutOfConnections(t *testing.T) {
	database := postgresURL(t)
	u, _ := url.Parse(database)
	name := pgx.Identifier{strings.TrimPrefix(u.Path, "/")}.Sanitize()
	on(t, database, "CREATE ROLE worker LOGIN")
	on(t, database, "GRANT ALL ON ALL TABLES IN SCHEMA public TO worker")
	s := openURL(t, strings.Replace(database, "usher@", "worker@", 1))
	callAll(t, s, 20, served)
	on(t, database, "ALTER DATABASE "+name+" CONNECTION LIMIT 0")
	on(t, database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'worker'")
	callAll(t, s, 40, unserved)
	on(t, database, "ALTER DATABASE "+name+" CONNECTION LIMIT -1")
	recovers(t, s)
}

// TestLockedRow: one row that somebody holds delays nobody but who asks for it.
func TestLockedRow(t *testing.T) {
	database := postgresURL(t)
	s := openURL(t, database)
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "BEGIN; UPDATE probe SET writes = 0"); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	began := time.Now()
	go func() { waiting <- s.Writable(t.Context()) }()
	for range 20 {
		use(t, s)
	}
	unserved(t, began, <-waiting)
	pool := s.db.(*postgresEngine).pool
	made := pool.Stat().NewConnsCount()
	for range 20 {
		use(t, s)
	}
	if more := pool.Stat().NewConnsCount() - made; more > 0 {
		t.Errorf("the one that waited cost %d other connections", more)
	}
	if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	recovers(t, s)
}

// TestEndingMuchTakesItsTime: millions of rows are deleted in one transaction, which takes longer
// than a request may.
func TestEndingMuchTakesItsTime(t *testing.T) {
	spa := oauth.Client{ID: "spa"}
	disabled := oauth.Client{ID: "spa", Disabled: true}
	remove := store.ClientChange{Client: spa, Was: 1, Remove: true}
	for name, end := range map[string]func(*Store) error{
		"restored": func(s *Store) error {
			_, err := s.EndRestored(t.Context(), nil, time.Now(), store.Audit{})
			return err
		},
		"disabled": func(s *Store) error {
			return s.PutClient(t.Context(), disabled, 1, store.Audit{})
		},
		"removed": func(s *Store) error {
			return s.RemoveClient(t.Context(), "spa", store.Audit{})
		},
		"applied": func(s *Store) error {
			return s.Apply(t.Context(), store.Changeset{Clients: []store.ClientChange{remove}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endsMuch(t, end)
		})
	}
}

// endsMuch holds a table for longer than a request may wait.
func endsMuch(t *testing.T, end func(*Store) error) {
	database := postgresURL(t)
	s := openURL(t, database)
	must(t, s.Bootstrap(t.Context(), oauth.DefaultProfile(), nil))
	must(t, s.PutClient(t.Context(), oauth.Client{ID: "spa"}, 0, store.Audit{}))
	on(t, database, fmt.Sprintf(`INSERT INTO delegation
		(session_id, client_id, id, account_id, scope, created)
		SELECT id, 'spa', id, id, '', 0
		FROM (SELECT decode(md5(g::text), 'hex') AS id FROM generate_series(1, %d) g) t`,
		endingRows))
	conn, err := pgx.Connect(t.Context(), database)
	must(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "BEGIN; LOCK TABLE delegation IN SHARE MODE")
	must(t, err)
	ended := make(chan error, 1)
	go func() { ended <- end(s) }()
	const waiting = `SELECT count(*) > 0 FROM pg_stat_activity
		WHERE wait_event_type = 'Lock' AND datname = current_database()
		AND clock_timestamp() - query_start > $1 * interval '1 s'`
	long := (callLimit + time.Second/2).Seconds()
	until(t, func() bool {
		waits := false
		must(t, conn.QueryRow(t.Context(), waiting, long).Scan(&waits))
		return waits || len(ended) > 0
	})
	_, err = conn.Exec(t.Context(), "ROLLBACK")
	must(t, err)
	must(t, <-ended)
}

// TestBudget: the calls of one request share one limit, and other waits do not count.
func TestBudget(t *testing.T) {
	proxy := storetest.NewProxy(t, postgresURL(t))
	s := openURL(t, proxy.URL)
	proxy.Silence()
	ctx := store.WithBudget(t.Context())
	began := time.Now()
	for range 3 {
		unserved(t, began, s.Ping(ctx))
		unserved(t, began, s.Writable(ctx))
	}
	if _, err := s.Load(ctx); true {
		unserved(t, began, err)
	}
	if left := store.BudgetOf(ctx).Left(); left > 0 {
		t.Errorf("%s are left", left)
	}
}

// TestStandby follows a primary to its standby: the standby alone is refused, and once it is promoted the
// URL that lists both leads to it.
func TestStandby(t *testing.T) {
	primaryDir, standbyDir := folder(t), folder(t)
	primary, stop, err := storetest.StartPostgres(primaryDir)
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			stop()
		}
	})
	openURL(t, primary) // makes the schema
	standby, promote := storetest.StartStandby(t, primaryDir, standbyDir)
	openError(t, standby, "it is a standby")
	a, b := storetest.NewProxy(t, primary), storetest.NewProxy(t, standby)
	_, rest, _ := strings.Cut(b.URL, "://usher@")
	host, _, _ := strings.Cut(strings.TrimPrefix(a.URL, "postgres://usher@"), "/")
	s := openURL(t, "postgres://usher@"+host+","+rest+"&target_session_attrs=read-write")
	callAll(t, s, 20, served)
	stop()
	stopped = true
	a.Cut()
	callAll(t, s, 20, unserved)
	promote()
	recovers(t, s)
}
