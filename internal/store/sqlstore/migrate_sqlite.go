package sqlstore

import (
	"context"
	stdsql "database/sql"
	"errors"
	"net/url"
	"strings"

	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
	"zombiezen.com/go/sqlite"
)

// migrateSQLite reads the version over conn and, where it is old, migrates over database/sql. The path is
// absolute.
func migrateSQLite(ctx context.Context, conn *sqlite.Conn, path string) error {
	source := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)"}
	db, err := stdsql.Open("sqlite", source.String())
	if err != nil {
		return err
	}
	defer db.Close()
	read := func(context.Context) (found schema, err error) {
		err = whileBusy(func() error {
			found, err = sqliteSchema(conn)
			return err
		})
		return found, err
	}
	return migrate(ctx, sqliteDialect, db, read, sqliteConflict)
}

// sqliteSchema is the zero value for an empty database.
func sqliteSchema(conn *sqlite.Conn) (found schema, err error) {
	stmt, _, err := conn.PrepareTransient("SELECT max(version_id) FROM goose_db_version WHERE is_applied")
	if err != nil {
		if strings.Contains(err.Error(), "no such table") {
			return schema{}, nil
		}
		return schema{}, err
	}
	defer stmt.Finalize()
	if _, err := stmt.Step(); err != nil {
		return schema{}, err
	}
	if found.version = stmt.ColumnInt64(0); found.version < minimumSince {
		return found, nil
	}
	minimum, _, err := conn.PrepareTransient(selectMinimum)
	if err != nil {
		return schema{}, err
	}
	defer minimum.Finalize()
	if is, err := minimum.Step(); err != nil || !is {
		return found, err
	}
	found.minimum = minimum.ColumnText(0)
	return found, nil
}

// sqliteConflict tells whether another process was migrating at the same time.
func sqliteConflict(err error) bool {
	var e *modernc.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_SCHEMA:
			return true
		}
	}
	text := err.Error()
	return strings.Contains(text, "already exists") || strings.Contains(text, "duplicate column name")
}
