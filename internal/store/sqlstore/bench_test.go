package sqlstore

import (
	"context"
	"encoding/binary"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/storetest"
)

const (
	benchSessions   = 100_000
	benchGoroutines = 32
)

func benchCookie(i int) []byte {
	hash := make([]byte, 32)
	binary.BigEndian.PutUint64(hash, uint64(i+1)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(hash[24:], uint64(i))
	return hash
}

// BenchmarkStore measures the hot verbs with 32 callers and 100,000 sessions.
func BenchmarkStore(b *testing.B) {
	for _, database := range []string{"sqlite", "postgres"} {
		b.Run(database, func(b *testing.B) {
			url := sqliteURL(b)
			if database == "postgres" {
				url = storetest.Postgres(b)
			}
			s := openURL(b, url)
			if err := s.PutClient(b.Context(), oauth.Client{ID: "app"}, 0, store.Audit{}); err != nil {
				b.Fatal(err)
			}
			start := time.Now()
			if err := storetest.Seed(b.Context(), s, benchSessions, "app", []string{"read"}, benchCookie); err != nil {
				b.Fatal(err)
			}
			b.Logf("seeding took %v", time.Since(start).Round(time.Millisecond))
			b.Run("Standing", func(b *testing.B) { benchVerb(b, s, benchStanding) })
			b.Run("TokenStanding", func(b *testing.B) { benchVerb(b, s, benchTokenStanding) })
			b.Run("RevokeToken", func(b *testing.B) { benchVerb(b, s, benchRevoke) })
			b.Run("StartSession", func(b *testing.B) { benchVerb(b, s, benchStart) })
			if database == "postgres" {
				b.Run("two rows in savepoints", func(b *testing.B) { benchSavepoints(b, url) })
			} else {
				b.Run("two rows in savepoints", func(b *testing.B) { benchVerb(b, s, benchTwoRows) })
			}
		})
	}
}

// benchVerb runs the verb from 32 goroutines whatever the number of processors.
func benchVerb(b *testing.B, s *Store, verb func(ctx context.Context, s *Store, i int) error) {
	// A context that can end, as a request's can.
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var n atomic.Int64
	b.SetParallelism((benchGoroutines + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	before, cpu := s.Stats().Commits, cpuTime()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := verb(ctx, s, int(n.Add(1)*7919)%benchSessions); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-us/op")
	if commits := s.Stats().Commits - before; commits > 0 {
		b.ReportMetric(float64(b.N)/float64(commits), "op/commit")
	}
}

// cpuTime is what this process has used: on a busy machine it tells more than the clock.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func benchStanding(ctx context.Context, s *Store, i int) error {
	_, err := s.Standing(ctx, benchCookie(i), "app")
	return err
}

func benchTokenStanding(ctx context.Context, s *Store, i int) error {
	_, err := s.TokenStanding(ctx, oauth.AccessToken{ID: newID(), DelegationID: storetest.SeedDelegation(i)})
	return err
}

func benchRevoke(ctx context.Context, s *Store, i int) error {
	return s.RevokeToken(ctx, newID(), time.Now().Add(time.Hour), store.Audit{
		At: time.Now(), Event: store.EventTokenRevoked, Actor: "user", ClientID: "app", AccountID: storetest.SeedAccount(i), Address: "192.0.2.1",
	})
}

func benchStart(ctx context.Context, s *Store, i int) error {
	now := time.Now()
	return s.StartSession(ctx, 1, oauth.Session{
		ID: newID(), AccountID: storetest.SeedAccount(i), LastUsed: now, IdleTimeout: time.Hour, Expires: now.Add(time.Hour), Created: now,
	}, nil, nil, store.Audit{At: now, Event: store.EventSignIn, AccountID: storetest.SeedAccount(i)})
}

// benchTwoRows writes the rows of a revocation and nothing else.
func benchTwoRows(ctx context.Context, s *Store, i int) error {
	id, audit := newID(), auditID(time.Now())
	return s.db.write(ctx, func(t tx) error {
		t.do(insertRevocation, id[:], int64(i))
		t.do(insertAudit, audit[:], int64(i), "token_revoked", "user", id[:], "app", nil, "192.0.2.1", "", 1)
		return nil
	})
}

// benchSavepoints is what RevokeToken on PostgreSQL is held against: callers gathered into one transaction
// over one connection, the two rows of each in a savepoint.
func benchSavepoints(b *testing.B, url string) {
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	jobs := newQueue[chan error](roundLimit)
	done := make(chan struct{})
	go func() {
		defer close(done)
		space := make([]chan error, 0, roundLimit)
		for {
			batch := jobs.next(space)
			if batch == nil {
				return
			}
			err := commitSavepoints(conn, len(batch))
			for _, answer := range batch {
				answer <- err
			}
		}
	}()
	b.SetParallelism((benchGoroutines + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	cpu := cpuTime()
	b.RunParallel(func(pb *testing.PB) {
		answer := make(chan error, 1)
		for pb.Next() {
			if err := jobs.put(context.Background(), answer); err != nil {
				b.Error(err)
				return
			}
			if err := <-answer; err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-us/op")
	jobs.close()
	<-done
}

func commitSavepoints(conn *pgx.Conn, n int) error {
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	for range n {
		id, audit := newID(), auditID(time.Now())
		batch.Queue("SAVEPOINT s")
		batch.Queue(insertRevocation.postgres, id[:], int64(1))
		batch.Queue(insertAudit.postgres, audit[:], int64(1), "token_revoked", "user", id[:], "app", nil, "192.0.2.1", "", 1)
		batch.Queue("RELEASE s")
	}
	batch.Queue("COMMIT")
	return conn.SendBatch(context.Background(), batch).Close()
}
