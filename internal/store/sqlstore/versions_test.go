package sqlstore

import (
	stdsql "database/sql"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/storetest"
)

// future migrates a database as a later version would: by this version's migrations and one more.
func future(t *testing.T, url, statements string) {
	t.Helper()
	d, name := sqliteDialect, goose.DialectSQLite3
	var db *stdsql.DB
	if path, is := strings.CutPrefix(url, "sqlite:"); is {
		var err error
		db, err = stdsql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(5000)")
		must(t, err)
	} else {
		config, err := pgx.ParseConfig(url)
		must(t, err)
		d, name = postgresDialect, goose.DialectPostgres
		db = stdlib.OpenDB(*config)
	}
	defer db.Close()
	files := fstest.MapFS{"00099_future.sql": {Data: []byte("-- +goose Up\n" + statements)}}
	must(t, fs.WalkDir(migrationFiles(d), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrationFiles(d), path)
		files[path] = &fstest.MapFile{Data: text}
		return err
	}))
	provider, err := goose.NewProvider(name, db, files)
	must(t, err)
	_, err = provider.Up(t.Context())
	must(t, err)
}

// works demands that a store can change and read what a later version's columns stand beside.
func works(t *testing.T, s *Store) {
	t.Helper()
	acc := oauth.Account{ID: newID(), Username: newID().String()}
	must(t, s.CreateAccount(t.Context(), acc, store.Audit{}))
	got, err := s.Account(t.Context(), acc.ID)
	must(t, err)
	must(t, s.UpdateAccount(t.Context(), got, got.Version, store.Audit{}))
	must(t, s.PutClient(t.Context(), oauth.Client{ID: newID().String()}, 0, store.Audit{}))
	_, err = s.Load(t.Context())
	must(t, err)
	_, err = s.ListAccounts(t.Context(), "", "", 10)
	must(t, err)
}

const addColumns = `
	ALTER TABLE account ADD COLUMN future TEXT NOT NULL DEFAULT '';
	ALTER TABLE client ADD COLUMN future TEXT;
	ALTER TABLE config ADD COLUMN future TEXT NOT NULL DEFAULT '';
	CREATE TABLE future (id TEXT PRIMARY KEY);
`

// TestVersionsSideBySide: a node goes on while a later version adds to the schema, and starts on it, as long as the database
// does not say that it must not. What refuses is one line that names the version to use.
func TestVersionsSideBySide(t *testing.T) {
	for _, c := range []struct{ name, statements, refusal string }{
		{"additions", addColumns, ""},
		{"the minimum is this version", addColumns + `UPDATE compatibility SET minimum = '0.1.0';`, ""},
		{"an earlier minimum", addColumns + `UPDATE compatibility SET minimum = '0.0.9';`, ""},
		{"a later minimum", addColumns + `UPDATE compatibility SET minimum = '0.3.0';`, "needs usher 0.3.0 or later; this is 0.1.0"},
		{"a later one by ten", addColumns + `UPDATE compatibility SET minimum = '0.10.0';`, "needs usher 0.10.0 or later"},
		{"no additions, a later minimum", `UPDATE compatibility SET minimum = '0.1.1';`, "needs usher 0.1.1 or later"},
		{"what is no version", `UPDATE compatibility SET minimum = 'next';`, "needs usher next or later"},
		{"no minimum at all", `DELETE FROM compatibility;`, "does not say which versions"},
	} {
		for name, fresh := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": storetest.Postgres} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				url := fresh(t)
				running := openURL(t, url)
				must(t, running.Bootstrap(t.Context(), oauth.DefaultProfile(), nil))
				works(t, running)
				future(t, url, c.statements)
				works(t, running)
				if c.refusal != "" {
					openError(t, url, c.refusal, "restore a backup")
					return
				}
				works(t, openURL(t, url))
			})
		}
	}
}

// TestRaisedMinimumWithoutMigration: versions with the same schema are told apart, too.
func TestRaisedMinimumWithoutMigration(t *testing.T) {
	url := sqliteURL(t)
	raw(t, openURL(t, url), `UPDATE compatibility SET minimum = '0.2.0'`)
	openError(t, url, "needs usher 0.2.0 or later; this is 0.1.0")
}

var (
	comments = regexp.MustCompile(`--[^\n]*`)
	// breaking is what a version that does not know of it could trip over.
	breaking = regexp.MustCompile(`\b(DROP|RENAME)\b|\bALTER COLUMN\b|\bTYPE\b|\bALTER TABLE \S+ ADD (CONSTRAINT|UNIQUE|PRIMARY|CHECK|FOREIGN)\b`)
	addition = regexp.MustCompile(`\bADD COLUMN\b`)
)

// breaks says which statement of a migration breaks versions that do not know it; empty where none does.
func breaks(text string) string {
	text = strings.ToUpper(comments.ReplaceAllString(text, ""))
	for statement := range strings.SplitSeq(text, ";") {
		statement = strings.Join(strings.Fields(statement), " ")
		needsDefault := addition.MatchString(statement) && strings.Contains(statement, "NOT NULL") && !strings.Contains(statement, "DEFAULT")
		uniqueIndex := strings.HasPrefix(statement, "CREATE UNIQUE INDEX")
		if breaking.MatchString(statement) || needsDefault || uniqueIndex {
			return statement
		}
	}
	return ""
}

// TestMigrationsOnlyAdd from 0.1.0 to 0.2.0.
func TestMigrationsOnlyAdd(t *testing.T) {
	for bad, statement := range map[string]string{
		"drops a table":         "DROP TABLE client",
		"drops a column":        "ALTER TABLE client DROP COLUMN doc",
		"drops an index":        "drop index session_account",
		"renames":               "ALTER TABLE client\n RENAME COLUMN doc TO document",
		"changes a type":        "ALTER TABLE client ALTER COLUMN version TYPE TEXT",
		"demands a value":       "ALTER TABLE client ALTER version SET NOT NULL; ALTER TABLE client ALTER COLUMN doc SET NOT NULL",
		"adds without default":  "ALTER TABLE client ADD COLUMN x TEXT NOT NULL",
		"adds a constraint":     "ALTER TABLE client ADD CONSTRAINT c CHECK (version > 0)",
		"adds a unique index":   "CREATE UNIQUE INDEX c ON client (doc)",
		"behind a good one":     "CREATE TABLE x (id TEXT); DROP TABLE client",
		"behind a comment":      "-- it only adds\nDROP TABLE client",
		"in the middle of text": "CREATE TABLE x (id TEXT);ALTER TABLE client RENAME TO clients;",
	} {
		if breaks(statement) == "" {
			t.Errorf("what %s passes: %s", bad, statement)
		}
	}
	for _, d := range []dialect{sqliteDialect, postgresDialect} {
		files, err := fs.Glob(migrationFiles(d), "*.sql")
		must(t, err)
		for _, file := range files {
			if file < "00004" {
				continue // before 0.1.0
			}
			text, err := fs.ReadFile(migrationFiles(d), file)
			must(t, err)
			if statement := breaks(string(text)); statement != "" {
				t.Errorf("%s: %s", file, statement)
			}
		}
	}
}
