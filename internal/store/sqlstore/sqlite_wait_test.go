package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const (
	// mostWait is what any caller may wait for while the database cannot serve, and recovery how soon it serves again.
	mostWait = 5 * time.Second
	recovery = 3 * time.Second
)

// beside opens a connection to the store's file, as another process has one.
func beside(t *testing.T, url string) *sqlite.Conn {
	t.Helper()
	conn, err := sqlite.OpenConn(strings.TrimPrefix(url, "sqlite:"), sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func run(t *testing.T, conn *sqlite.Conn, text string) {
	t.Helper()
	if err := sqliteRun(conn, text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, within time.Duration, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// writeLarge writes audit records, of 64 KiB each, and returns how long the slowest took.
func writeLarge(t *testing.T, s *Store, records int) (slowest time.Duration) {
	t.Helper()
	detail := strings.Repeat("x", 64<<10)
	for range records {
		begin := time.Now()
		if err := s.Record(t.Context(), store.Audit{At: begin, Event: store.EventSignIn, Detail: detail}); err != nil {
			t.Fatal(err)
		}
		slowest = max(slowest, time.Since(begin))
	}
	return slowest
}

// smallWrites changes enough rows to wake the checkpointer.
func smallWrites(t *testing.T, s *Store) {
	t.Helper()
	err := s.db.write(t.Context(), func(t tx) error {
		for range checkpointRows {
			t.do(raiseProbe)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLongReaderStopsNoWriter: while somebody reads an old state the log grows and writes go on; the log shrinks once
// that read has ended.
func TestLongReaderStopsNoWriter(t *testing.T) {
	var logged safeBuffer
	url := sqliteURL(t)
	s, err := Open(t.Context(), Options{URL: url, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	reader := beside(t, url)
	run(t, reader, "BEGIN")
	if _, err := sqlitePragma(reader, "user_version"); err != nil { // which is its first read
		t.Fatal(err)
	}
	size := s.db.(*sqliteEngine).checkpoints.size
	for size() < logLimit+logLimit/4 {
		if slowest := writeLarge(t, s, 50); slowest > 2*time.Second {
			t.Fatalf("a write took %v beside a long read", slowest)
		}
		smallWrites(t, s)
	}
	eventually(t, "a warning", mostWait, func() bool { return strings.Contains(logged.String(), "a long read keeps") })
	if size() < logLimit {
		t.Error("the log shrank under the reader")
	}
	run(t, reader, "ROLLBACK")
	eventually(t, "the log shrinks", 20*time.Second, func() bool { return size() < logLimit/2 })
	if n := strings.Count(logged.String(), "a long read keeps"); n != 1 {
		t.Errorf("%d warnings within a minute", n)
	}
}

// TestLogIsBoundedUnderReads: the store's own readers, which never pause, do not keep the log from beginning anew.
func TestLogIsBoundedUnderReads(t *testing.T) {
	s := openURL(t, sqliteURL(t))
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.Settings(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrNotFound) {
					t.Error(err)
				}
			}
		})
	}
	largest := int64(0)
	for range 24 { // 150 MB in all
		writeLarge(t, s, 100)
		smallWrites(t, s)
		largest = max(largest, s.db.(*sqliteEngine).checkpoints.size())
	}
	cancel()
	all.Wait()
	if largest > logLimit {
		t.Errorf("the log grew to %d MB", largest>>20)
	}
}

// safeBuffer is written to by a logger and read by a test.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestLockHeldElsewhere: another process holds the write lock. However many callers there are, each learns within the bound
// that the database is unavailable; reads go on; writes go on once the lock is free.
func TestLockHeldElsewhere(t *testing.T) {
	url := sqliteURL(t)
	s := openURL(t, url)
	other := beside(t, url)
	for _, callers := range []int{1, 1000} {
		run(t, other, "BEGIN IMMEDIATE")
		var slowest atomic.Int64
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				begin := time.Now()
				if err := s.RevokeToken(t.Context(), newID(), begin, store.Audit{}); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("error %v, want %v", err, store.ErrUnavailable)
				}
				if took := int64(time.Since(begin)); took > slowest.Load() {
					slowest.Store(took) // the order does not matter for a bound
				}
			})
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("reading: %v", err)
		}
		all.Wait()
		if took := time.Duration(slowest.Load()); took > mostWait {
			t.Errorf("one of %d callers waited %v", callers, took)
		}
		run(t, other, "ROLLBACK")
		eventually(t, "a write", recovery, func() bool { return s.Writable(t.Context()) == nil })
	}
}

// TestLockHeldBriefly: callers that wait for less than the bound notice nothing.
func TestLockHeldBriefly(t *testing.T) {
	url := sqliteURL(t)
	s := openURL(t, url)
	other := beside(t, url)
	run(t, other, "BEGIN IMMEDIATE")
	written := make(chan error, 1)
	go func() { written <- s.Writable(t.Context()) }()
	select {
	case err := <-written:
		t.Fatalf("written under another's lock: %v", err)
	case <-time.After(time.Second):
	}
	run(t, other, "ROLLBACK")
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// TestWaitEndsWithItsContext: who gives up before their turn has changed nothing; a deadline says that the database is
// unavailable, hanging up says just that.
func TestWaitEndsWithItsContext(t *testing.T) {
	url := sqliteURL(t)
	s := openURL(t, url)
	other := beside(t, url)
	run(t, other, "BEGIN IMMEDIATE")
	readers := make([]*sqlite.Conn, readerCount())
	e := s.db.(*sqliteEngine)
	for i := range readers {
		readers[i] = <-e.readers
	}
	id := newID()
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	hungUp, hangUp := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, hangUp)
	for ctx, want := range map[context.Context]error{short: store.ErrUnavailable, hungUp: context.Canceled} {
		begin := time.Now()
		if err := s.RevokeToken(ctx, id, begin, store.Audit{}); !errors.Is(err, want) {
			t.Errorf("writing: error %v, want %v", err, want)
		}
		if err := s.Ping(ctx); !errors.Is(err, want) {
			t.Errorf("reading: error %v, want %v", err, want)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it took %v", took)
		}
	}
	begin := time.Now()
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) || time.Since(begin) > mostWait {
		t.Errorf("without a reader: error %v after %v", err, time.Since(begin))
	}
	for _, conn := range readers {
		e.readers <- conn
	}
	run(t, other, "ROLLBACK")
	if err := s.Writable(t.Context()); err != nil {
		t.Error(err)
	}
	if isRevoked(t, s, id) {
		t.Error("a write whose caller gave up was done")
	}
}

// TestWritesRefused: a full disk and a read-only file stop writes alone, and only for as long as they last.
func TestWritesRefused(t *testing.T) {
	for name, setting := range map[string][2]string{
		"full":      {"max_page_count = 1", "max_page_count = 1073741823"}, // it is never below the size that there is
		"read-only": {"query_only = 1", "query_only = 0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openURL(t, sqliteURL(t))
			w := s.db.(*sqliteEngine).writer
			set := func(pragma string) {
				w.turn.Lock()
				defer w.turn.Unlock()
				if _, err := sqlitePragma(w.conn, pragma); err != nil {
					t.Fatal(err)
				}
			}
			set(setting[0])
			var err error
			for range 100 { // until no page has room
				if err = s.Record(t.Context(), store.Audit{At: time.Now(), Detail: strings.Repeat("x", 4096)}); err != nil {
					break
				}
			}
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("error %v, want %v", err, store.ErrUnavailable)
			}
			if err := s.Ping(t.Context()); err != nil {
				t.Errorf("reading: %v", err)
			}
			set(setting[1])
			use(t, s)
		})
	}
}

// TestFileCannotGrow has the operating system refuse to let any file grow, in a process of its own.
func TestFileCannotGrow(t *testing.T) {
	if out, err := startable("limited", sqliteURL(t)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestSQLiteErrors: what passes by itself is told from what does not.
func TestSQLiteErrors(t *testing.T) {
	for code, passes := range map[sqlite.ResultCode]bool{
		sqlite.ResultFull: true, sqlite.ResultReadOnly: true, sqlite.ResultReadOnlyDBMoved: true, sqlite.ResultIOErrWrite: true,
		sqlite.ResultIOErrFsync: true, sqlite.ResultCantOpen: true, sqlite.ResultBusy: true, sqlite.ResultBusySnapshot: true,
		sqlite.ResultLocked: true, sqlite.ResultCorrupt: false, sqlite.ResultNotADB: false, sqlite.ResultConstraintUnique: false,
		sqlite.ResultMisuse: false,
	} {
		if got := errors.Is(sqliteError(code.ToError()), store.ErrUnavailable); got != passes {
			t.Errorf("%v: unavailable is %v, want %v", code, got, passes)
		}
	}
	if err := sqliteError(os.ErrNotExist); err != os.ErrNotExist {
		t.Errorf("another error became %v", err)
	}
}

// A request whose write has begun is answered though the disk hangs; other work waits for the outcome.
func TestARequestDoesNotWaitForAHungDisk(t *testing.T) {
	s := openURL(t, sqliteURL(t))
	ctx := store.WithBudget(t.Context())
	store.BudgetOf(ctx).Spend(store.RequestLimit - 100*time.Millisecond)
	release := make(chan struct{})
	hang := func(tx) error { <-release; return nil }
	err := s.db.write(ctx, hang)
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, errOutcomeUnknown) {
		t.Errorf("the request got %v", err)
	}
	if err := s.db.write(ctx, hang); !errors.Is(err, store.ErrUnavailable) || store.BudgetOf(ctx).Left() > 0 {
		t.Errorf("the request's next write got %v", err)
	}
	background := make(chan error)
	go func() { background <- s.db.write(t.Context(), func(tx) error { return nil }) }()
	close(release)
	if err := <-background; err != nil {
		t.Error(err)
	}
}

// TestReadinessDoesNotWaitForAHungDisk: the probe is in the batch that hangs, and is no request.
func TestReadinessDoesNotWaitForAHungDisk(t *testing.T) {
	s := openURL(t, sqliteURL(t))
	begun, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	waiting := s.db.(*sqliteEngine).writer.jobs.items
	go s.db.write(t.Context(), func(tx) error {
		close(begun)
		both := func() bool { return len(waiting) == 2 }
		eventually(t, "a hung verb and the probe wait", 5*time.Second, both)
		return nil
	})
	<-begun
	go s.db.write(t.Context(), func(tx) error { <-release; return nil })
	answer := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	go func() { answer <- s.Writable(ctx) }()
	select {
	case err := <-answer:
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for ever")
	}
}

// What could not be taken back alone is not committed with the others.
func TestAVerbWithoutItsSavepointTakesAllBack(t *testing.T) {
	s := openURL(t, sqliteURL(t))
	begun, first := make(chan struct{}), make(chan error)
	go func() {
		first <- s.db.write(t.Context(), func(tx) error {
			close(begun)
			eventually(t, "the others wait", time.Second, func() bool { return len(s.db.(*sqliteEngine).writer.jobs.items) == 2 })
			return nil
		})
	}()
	<-begun
	outcomes := make(chan error)
	go func() { outcomes <- s.Record(t.Context(), store.Audit{At: time.Now(), Event: store.EventSignIn}) }()
	go func() {
		outcomes <- s.db.write(t.Context(), func(t tx) error {
			record(t, store.Audit{At: time.Now(), Event: store.EventSignOut})
			// As an error of the disk may: the savepoint is gone, the transaction goes on.
			_ = sqliteRun(t.(*sqliteTx).conn, "RELEASE verb")
			return errors.New("failed")
		})
	}()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	failed := 0
	for range 2 {
		if <-outcomes != nil {
			failed++
		}
	}
	audits, _, err := s.Audits(t.Context(), store.AuditFilter{}, oauth.ID{}, 10)
	if err != nil || len(audits) != 2-failed {
		t.Errorf("%d failed and %d records are there, %v", failed, len(audits), err)
	}
}
