package sqlstore

import (
	"context"
	stdsql "database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/usher-id/usher/internal/release"
)

//go:embed migrations
var migrations embed.FS

// migrationFiles are those of one dialect.
func migrationFiles(d dialect) fs.FS {
	name := "migrations/sqlite"
	if d == postgresDialect {
		name = "migrations/postgres"
	}
	files, err := fs.Sub(migrations, name)
	if err != nil {
		panic(err) // the name is a constant
	}
	return files
}

// schema is what a database says of itself. Between one version that may use it and another nothing has to be stopped: each
// statement names its columns, and migrations only add. So until 0.2.0 no migration drops, renames or changes what is
// there, and a new column is nullable or has a default. A migration that breaks this, or a change of settings that older
// versions would not enforce, raises compatibility.minimum in its own transaction.
type schema struct {
	version int64  // of the last migration; 0 for an empty database
	minimum string // the oldest usher that may use it; empty before 0.1.0
}

// newerSchemaError refuses a database that this version may not use.
type newerSchemaError struct{ minimum string }

func (e *newerSchemaError) Error() string {
	if e.minimum == "" {
		return "this database does not say which versions of usher may use it (compatibility is empty): restore a backup"
	}
	return fmt.Sprintf("this database needs usher %s or later; this is %s: run that version, or restore a backup from before the upgrade",
		e.minimum, release.Version)
}

// selectMinimum is run where the schema has the table.
const (
	selectMinimum = "SELECT minimum FROM compatibility WHERE id = 1"
	minimumSince  = 4
)

// latestSchema is the newest version that this binary knows.
func latestSchema(d dialect) int64 {
	files, err := fs.Glob(migrationFiles(d), "*.sql")
	if err != nil || len(files) == 0 {
		panic("no migrations are embedded")
	}
	version, err := goose.NumericComponent(files[len(files)-1])
	if err != nil {
		panic(err)
	}
	return version
}

// check tells whether the schema is one that this version, which knows migrations up to known, can work with. An older one
// has to be brought up to date.
func (s schema) check(known int64) (current bool, err error) {
	if s.version >= minimumSince && !release.Meets(release.Version, s.minimum) {
		return false, &newerSchemaError{s.minimum}
	}
	return s.version >= known, nil
}

const (
	// migrationPatience bounds how long a node waits for others: one that migrates the same
	// database, or a session that keeps a table, as a dump does.
	migrationPatience = 30 * time.Second
	// migrationLimit bounds its own work. An index on a big table takes minutes.
	migrationLimit = 30 * time.Minute
)

// migrate brings the schema up to date. Nodes that start at the same moment collide here: each migration
// is a transaction, so one of them wins and the others, told so by an error that conflict knows, look
// again. It needs no lock that only one of the databases has.
func migrate(ctx context.Context, d dialect, db *stdsql.DB, read func(context.Context) (schema, error), conflict func(error) bool) error {
	deadline := time.Now().Add(migrationPatience)
	for done := false; ; {
		found, err := lookAt(ctx, read)
		if err != nil {
			return err
		}
		if current, err := found.check(latestSchema(d)); current || err != nil {
			return err
		}
		if done {
			return errors.New("the schema is not up to date after all migrations")
		}
		if err = up(ctx, d, db); err == nil {
			done = true
			continue
		}
		if !conflict(err) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("bringing the schema up to date: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(10+rand.IntN(90)) * time.Millisecond):
		}
	}
}

func lookAt(ctx context.Context, read func(context.Context) (schema, error)) (schema, error) {
	ctx, cancel := context.WithTimeout(ctx, migrationPatience)
	defer cancel()
	return read(ctx)
}

func up(ctx context.Context, d dialect, db *stdsql.DB) error {
	name := goose.DialectSQLite3
	if d == postgresDialect {
		name = goose.DialectPostgres
	}
	// A new provider each time: it remembers whether it has seen its table of versions.
	provider, err := goose.NewProvider(name, db, migrationFiles(d))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, migrationLimit)
	defer cancel()
	_, err = provider.Up(ctx)
	return err
}
