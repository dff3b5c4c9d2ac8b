package sqlstore

import (
	"context"
	stdsql "database/sql"
	"embed"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/pressly/goose/v3"
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

// newerSchemaError refuses a database that a newer usher has changed.
type newerSchemaError struct{ database, known int64 }

func (e *newerSchemaError) Error() string {
	return fmt.Sprintf("it was written by a newer usher (schema %d, this one knows %d): run that version, or restore a backup from before the upgrade",
		e.database, e.known)
}

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

// checkSchema tells whether the database's schema is the one this binary knows.
func checkSchema(d dialect, version int64) (current bool, err error) {
	known := latestSchema(d)
	if version > known {
		return false, &newerSchemaError{version, known}
	}
	return version == known, nil
}

// migrationPatience bounds how long a node waits for another one that migrates the same database.
const migrationPatience = 30 * time.Second

// migrate brings the schema up to date. Nodes that start at the same moment collide here: each migration
// is a transaction, so one of them wins and the others, told so by an error that conflict knows, look
// again. It needs no lock that only one of the databases has.
func migrate(ctx context.Context, d dialect, db *stdsql.DB, version func(context.Context) (int64, error), conflict func(error) bool) error {
	ctx, cancel := context.WithTimeout(ctx, migrationPatience)
	defer cancel()
	for {
		v, err := version(ctx)
		if err != nil {
			return err
		}
		if current, err := checkSchema(d, v); current || err != nil {
			return err
		}
		if err = up(ctx, d, db); err == nil {
			continue
		}
		if !conflict(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("bringing the schema up to date: %w", err)
		case <-time.After(time.Duration(10+rand.IntN(90)) * time.Millisecond):
		}
	}
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
	_, err = provider.Up(ctx)
	return err
}
