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
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/usher-id/usher/internal/store"
)

// postgresEngine is a pool for transactions beside two pipelines: one that reads and one that appends.
type postgresEngine struct {
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
	// answerTimeout bounds the wait for a database that stopped answering.
	answerTimeout  = 15 * time.Second
	connectTimeout = 5 * time.Second
)

func openPostgres(ctx context.Context, url string, stats *counters, log *slog.Logger) (engine, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the URL is not understood: %s", oneLine(err))
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if _, named := config.ConnConfig.RuntimeParams["application_name"]; !named {
		config.ConnConfig.RuntimeParams["application_name"] = "usher"
	}
	if err := migratePostgres(ctx, config.ConnConfig); err != nil {
		return nil, explainPostgres(err)
	}
	e := &postgresEngine{stats: stats, log: log}
	if e.pool, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), config); err != nil {
		return nil, explainPostgres(err)
	}
	e.reads = startPipeline(config.ConnConfig, readConnections, false, stats, log)
	e.appends = startPipeline(config.ConnConfig, appendConnections, true, stats, log)
	if mode, err := e.durability(ctx); err == nil && mode == "off" {
		log.Warn("PostgreSQL runs with synchronous_commit=off: a crash of the database can undo sign-ins and revocations; set it to on")
	}
	return e, nil
}

// migratePostgres migrates over a connection of its own, which ends with it.
func migratePostgres(ctx context.Context, config *pgx.ConnConfig) error {
	db := stdlib.OpenDB(*config)
	defer db.Close()
	version := func(ctx context.Context) (int64, error) { return postgresSchema(ctx, db) }
	return migrate(ctx, postgresDialect, db, version, postgresConflict)
}

// postgresSchema is 0 for an empty database.
func postgresSchema(ctx context.Context, db *stdsql.DB) (version int64, err error) {
	err = db.QueryRowContext(ctx, "SELECT COALESCE(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&version)
	if postgresCode(err) == "42P01" { // undefined_table
		return 0, nil
	}
	return version, err
}

// postgresConflict tells whether another node was migrating at the same time: what it creates is there
// already (42P07, 42710, 23505), or the two got into each other's way.
func postgresConflict(err error) bool {
	switch postgresCode(err) {
	case "42P07", "42710", "42701", "23505", "XX000":
		return true
	}
	return mayRetry(err)
}

// postgresCode is the SQLSTATE of an error, empty where it has none.
func postgresCode(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// mayRetry tells whether the transaction was undone only because of another one.
func mayRetry(err error) bool {
	code := postgresCode(err)
	return code == "40001" || code == "40P01" // serialization_failure, deadlock_detected
}

// explainPostgres says what an operator can do about an error while opening.
func explainPostgres(err error) error {
	var newer *newerSchemaError
	if errors.As(err, &newer) {
		return err
	}
	switch postgresCode(err) {
	case "3D000":
		return fmt.Errorf("there is no such database: create it (createdb), or correct the URL (%s)", oneLine(err))
	case "28P01", "28000":
		return fmt.Errorf("the user may not sign in: correct user and password in the URL (%s)", oneLine(err))
	case "42501":
		return fmt.Errorf("the user may not create tables: grant it CREATE on the schema (%s)", oneLine(err))
	}
	var unreachable *pgconn.ConnectError
	if errors.As(err, &unreachable) {
		return fmt.Errorf("it cannot be reached: check that it runs and that the URL is right (%s)", oneLine(err))
	}
	return errors.New(oneLine(err))
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func (e *postgresEngine) read(ctx context.Context, s *statement, scan func(row), args ...any) error {
	if !storable(args) {
		return nil
	}
	e.stats.count(s)
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
	for attempt := 1; ; attempt++ {
		again, err := e.attempt(ctx, begin, verb)
		if !again || attempt == retryLimit {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
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
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	setDeadline(conn.Conn())
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
		clearDeadline(conn.Conn())
	}()
	if err := verb(t); err != nil {
		return false, err
	}
	return false, t.commit()
}

// setDeadline bounds all that happens on the connection until clearDeadline. It costs nothing, while
// a context with a deadline would cost a goroutine a statement.
func setDeadline(conn *pgx.Conn) {
	conn.PgConn().Conn().SetDeadline(time.Now().Add(answerTimeout))
}

func clearDeadline(conn *pgx.Conn) {
	if !conn.IsClosed() {
		conn.PgConn().Conn().SetDeadline(time.Time{})
	}
}

var (
	selectNow        = sql(`SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)`)
	selectDurability = sql(`SELECT current_setting('synchronous_commit')`)
)

func (e *postgresEngine) now(ctx context.Context) (now time.Time, err error) {
	var at time.Time
	if err := e.read(ctx, selectNow, func(r row) { at = timeAt(r, 0) }); err != nil {
		return time.Time{}, err
	}
	return at, nil
}

func (e *postgresEngine) durability(ctx context.Context) (string, error) {
	var value string
	if err := e.read(ctx, selectDurability, func(r row) { value = r.text(0) }); err != nil {
		return "", err
	}
	return value, nil
}

func (e *postgresEngine) analyze(ctx context.Context, tables ...string) error {
	_, err := e.pool.Exec(ctx, "ANALYZE "+strings.Join(tables, ", "))
	return err
}

func (e *postgresEngine) close() error {
	e.appends.close()
	e.reads.close()
	e.pool.Close()
	return nil
}
