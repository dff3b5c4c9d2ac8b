package sqlstore

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/usher-id/usher/internal/store"
)

// postgresEngine is a pool for transactions beside two pipelines: one that reads and one that appends.
type postgresEngine struct {
	dial    *dialer
	pool    *pgxpool.Pool
	reads   *pipeline
	appends *pipeline
	stats   *counters
	log     *slog.Logger
}

const (
	// One pipeline connection would leave the database idle while its answers are decoded; more than two
	// make the batches smaller.
	readConnections   = 2
	appendConnections = 1
	// callLimit bounds a call whose context sets no other deadline: waiting for a connection, all statements
	// and all further attempts.
	callLimit = store.RequestLimit
	// idleAnswer is how long a connection that was idle may take to answer before another one is tried:
	// what lies in between may have dropped it without a word.
	idleAnswer = time.Second
	idleAfter  = time.Second
)

func openPostgres(ctx context.Context, url string, stats *counters, log *slog.Logger) (engine, error) {
	config, err := postgresConfig(url)
	if err != nil {
		return nil, errors.New(hidden(err.Error(), url))
	}
	e := &postgresEngine{dial: &dialer{config: config.ConnConfig}, stats: stats, log: log}
	if err := e.dial.inspect(ctx); err != nil {
		return nil, explainPostgres(err, url)
	}
	if err := migratePostgres(ctx, config.ConnConfig, e.dial.unnamed.Load()); err != nil {
		return nil, explainPostgres(err, url)
	}
	config.ShouldPing = noteIdle
	config.BeforeConnect = func(_ context.Context, cc *pgx.ConnConfig) error {
		e.dial.choose(cc)
		return nil
	}
	if e.pool, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), config); err != nil {
		return nil, explainPostgres(err, url)
	}
	e.reads = startPipeline(e.dial, readConnections, false, stats, log)
	e.appends = startPipeline(e.dial, appendConnections, true, stats, log)
	if mode, err := e.durability(ctx); err == nil && mode == "off" {
		log.Warn("PostgreSQL runs with synchronous_commit=off: a crash of the database can undo sign-ins and revocations; set it to on")
	}
	return e, nil
}

// patient is for calls that are long by nature. The deadline is its own, whatever the request's budget.
func patient(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(store.WithoutBudget(ctx), limit)
}

// migrationLock is how long a migration waits for a table that others use, such as a dump. While it
// waits, every request that needs the table waits behind it, so this is well below callLimit.
const migrationLock = time.Second

// migratePostgres migrates over a connection of its own, which ends with it. A pooler would refuse
// the setting for the wait, or keep it for others.
func migratePostgres(ctx context.Context, config *pgx.ConnConfig, pooled bool) error {
	config = config.Copy()
	if !pooled {
		config.RuntimeParams["lock_timeout"] = fmt.Sprint(migrationLock.Milliseconds())
	}
	// Each statement is parsed and run in one round trip: behind a pooler the next one may reach another connection.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	db := stdlib.OpenDB(*config)
	defer db.Close()
	read := func(ctx context.Context) (schema, error) { return postgresSchema(ctx, db) }
	return migrate(ctx, postgresDialect, db, read, postgresConflict)
}

// postgresSchema is the zero value for an empty database.
func postgresSchema(ctx context.Context, db *stdsql.DB) (found schema, err error) {
	err = db.QueryRowContext(ctx, "SELECT COALESCE(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&found.version)
	if postgresCode(err) == "42P01" { // undefined_table
		return schema{}, nil
	}
	if err != nil || found.version < minimumSince {
		return found, err
	}
	err = db.QueryRowContext(ctx, selectMinimum).Scan(&found.minimum)
	if errors.Is(err, stdsql.ErrNoRows) {
		err = nil
	}
	return found, err
}

// postgresConflict tells whether another node was migrating at the same time: what it creates is
// there already (42P07, 42710, 23505), or the two got into each other's way, or a table is in use
// (55P03).
func postgresConflict(err error) bool {
	switch postgresCode(err) {
	case "42P07", "42710", "42701", "23505", "55P03", "XX000":
		return true
	}
	return mayRetry(err)
}

func (e *postgresEngine) read(ctx context.Context, s *statement, scan func(row), args ...any) error {
	if !storable(args) {
		return nil
	}
	e.stats.count(s)
	ctx, done := store.Bounded(ctx)
	defer done()
	return e.reads.run(ctx, []call{{s, args, scan}})
}

// storable tells whether PostgreSQL takes the texts at all. What holds one that it does not is nowhere in it, so who looks for
// that finds nothing, as in SQLite, and without an error: that would close a connection that others share.
func storable(args []any) bool {
	return !slices.ContainsFunc(args, func(arg any) bool {
		text, is := arg.(string)
		return is && (!utf8.ValidString(text) || strings.ContainsRune(text, 0))
	})
}

func (e *postgresEngine) appending(ctx context.Context, verb func(tx) error) error {
	e.stats.verbs.Add(1)
	t := &recorder{stats: e.stats}
	if err := verb(t); err != nil || len(t.calls) == 0 {
		return err
	}
	ctx, done := store.Bounded(ctx)
	defer done()
	return e.appends.run(ctx, t.calls)
}

func (e *postgresEngine) view(ctx context.Context, verb func(tx) error) error {
	return e.retry(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", verb)
}

func (e *postgresEngine) write(ctx context.Context, verb func(tx) error) error {
	e.stats.verbs.Add(1)
	err := e.retry(ctx, "BEGIN", verb)
	if postgresCode(err) == "23505" { // unique_violation
		err = fmt.Errorf("%w: %w", store.ErrConflict, err)
	}
	return err
}

// retryLimit bounds how often a transaction is tried that others keep undoing.
const retryLimit = 50

// retry runs the verb until it is not undone for reasons that have nothing to do with it.
func (e *postgresEngine) retry(ctx context.Context, begin string, verb func(tx) error) error {
	ctx, done := store.Bounded(ctx)
	defer done()
	stale := 0
	for attempt := 1; ; attempt++ {
		again, err := e.attempt(ctx, begin, verb)
		if isStale(err) {
			stale++
			again = stale == 1 // what is refused on a fresh connection too is refused
		}
		if !again || attempt == retryLimit || pause(ctx, attempt) != nil {
			return unavailable(err, false)
		}
	}
}

// pause waits a random time, longer with each attempt, so that two who collided do not meet again.
func pause(ctx context.Context, attempt int) error {
	limit := min(100*time.Millisecond, time.Millisecond<<min(attempt, 7))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(rand.N(limit)):
		return nil
	}
}

// attempt runs the verb once. It may be run again where it lost against another transaction, and where
// the connection broke before the commit was under way.
func (e *postgresEngine) attempt(ctx context.Context, begin string, verb func(tx) error) (again bool, err error) {
	conn, err := e.acquire(ctx)
	if err != nil {
		return false, err
	}
	setDeadline(ctx, conn.Conn())
	t := &postgresTx{ctx: ctx, conn: conn.Conn(), begin: begin, stats: e.stats}
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("a verb of the store panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("the store panicked: %v", p)
		}
		if err != nil {
			again = mayRetry(err) || conn.Conn().IsClosed() && !t.committing
			t.rollback()
		}
		e.giveBack(conn, err)
	}()
	if err := verb(t); err != nil {
		return false, err
	}
	return false, t.commit()
}

// acquire takes a connection from the pool. One that was idle has to answer first: whatever lies between
// may have dropped it without a word, and then the others, too.
func (e *postgresEngine) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	for {
		conn, err := e.pool.Acquire(ctx)
		if err != nil {
			return nil, unavailable(err, ctx.Err() == nil)
		}
		data := conn.Conn().PgConn().CustomData()
		if data[wasIdle] != true {
			return conn, nil
		}
		conn.Conn().PgConn().Conn().SetDeadline(time.Now().Add(idleAnswer))
		if conn.Conn().Ping(context.Background()) == nil {
			delete(data, wasIdle)
			return conn, nil
		}
		e.drop(conn)
	}
}

// wasIdle marks a connection that has to prove that it still is one.
const wasIdle = "idle"

// noteIdle is the pool's question whether to ping. The pool's own ping would keep the place of a
// connection that does not answer for many seconds.
func noteIdle(_ context.Context, p pgxpool.ShouldPingParams) bool {
	if p.IdleDuration > idleAfter {
		p.Conn.PgConn().CustomData()[wasIdle] = true
	}
	return false
}

// giveBack returns a connection to the pool. Where the error says that the database is in trouble, it is
// thrown away: what is connected afresh finds the database as it then is.
func (e *postgresEngine) giveBack(conn *pgxpool.Conn, err error) {
	if losesStatements(err) && !e.dial.unnamed.Swap(true) {
		e.log.Info("a pooler is between usher and PostgreSQL: statements are sent without names from now on")
	}
	switch {
	case isLate(err):
		// It may have waited for a row that another session holds. If the way to the database is
		// dead, the others show it by themselves: they have to answer before they are used.
		closeNow(conn.Hijack())
	case conn.Conn().IsClosed() || isStale(err) || isAway(err):
		e.drop(conn)
	default:
		clearDeadline(conn.Conn())
		conn.Release()
	}
}

// drop throws a connection away, and all that are idle. Its place in the pool is free at once.
func (e *postgresEngine) drop(conn *pgxpool.Conn) {
	closeNow(conn.Hijack())
	e.pool.Reset()
}

// setDeadline bounds all that happens on the connection until clearDeadline. It costs nothing, while
// watching the context would cost a goroutine a statement.
func setDeadline(ctx context.Context, conn *pgx.Conn) {
	at, _ := ctx.Deadline() // Bounded has seen to it that there is one
	conn.PgConn().Conn().SetDeadline(at)
}

func clearDeadline(conn *pgx.Conn) {
	if !conn.IsClosed() {
		conn.PgConn().Conn().SetDeadline(time.Time{})
	}
}

// closeNow closes a connection without waiting for the other side.
func closeNow(conn *pgx.Conn) {
	if !conn.IsClosed() {
		conn.PgConn().Conn().SetDeadline(time.Now().Add(100 * time.Millisecond))
		conn.Close(context.Background())
	}
}

var selectDurability = sql(`SELECT current_setting('synchronous_commit')`)

func (e *postgresEngine) durability(ctx context.Context) (string, error) {
	var value string
	if err := e.read(ctx, selectDurability, func(r row) { value = r.text(0) }); err != nil {
		return "", err
	}
	return value, nil
}

// analyzeLimit is long enough for big tables; nobody waits for it.
const analyzeLimit = time.Minute

func (e *postgresEngine) analyze(ctx context.Context, tables ...string) error {
	ctx, cancel := patient(ctx, analyzeLimit)
	defer cancel()
	_, err := e.pool.Exec(ctx, "ANALYZE "+strings.Join(tables, ", "))
	return unavailable(err, false)
}

// closeLimit bounds the wait for connections that do not hear that they are to end.
const closeLimit = callLimit + time.Second

func (e *postgresEngine) close() error {
	closed := make(chan struct{})
	go func() {
		e.appends.close()
		e.reads.close()
		e.pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(closeLimit):
	}
	return nil
}
