package sqlstore

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// statement is one SQL statement in the words of both dialects.
type statement struct {
	postgres, sqlite string
	reads            bool
}

// statements lists every statement that sql made, so that a test can ask SQLite for their plans.
var statements []*statement

var (
	placeholder = regexp.MustCompile(`\$(\d+)`)
	// SQLite has one writer at a time: whatever a verb reads cannot change before it commits.
	rowLock = regexp.MustCompile(` FOR (SHARE|UPDATE)( OF \w+(, \w+)*)?( SKIP LOCKED)?`)
)

// sqliteParameter is ?n behind a plus that does nothing. While SQLite plans a join it looks at the value of a
// bare parameter that is compared for equality (might it be a common small integer?) and then plans anew
// whenever that parameter is bound: five times the cost of the query itself. It does not look behind
// the plus. (Its option for that, the query planner stability guarantee, is not within the driver's reach.)
const sqliteParameter = "+?$1"

// databaseClock is the database's clock in milliseconds; SQLite, whose clock is this machine's, answers NULL.
const databaseClock = `CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)`

// sql prepares a statement that is written for PostgreSQL. It is for package variables only.
func sql(text string) *statement {
	text = strings.Join(strings.Fields(text), " ")
	s := &statement{
		postgres: text,
		sqlite:   sqliteText(text),
		reads:    strings.HasPrefix(text, "SELECT") || strings.HasPrefix(text, "WITH"),
	}
	statements = append(statements, s)
	return s
}

func sqliteText(text string) string {
	text = strings.ReplaceAll(rowLock.ReplaceAllString(text, ""), databaseClock, "NULL")
	return placeholder.ReplaceAllString(text, sqliteParameter)
}

// row is one row of a result. Its bytes may be kept.
type row interface {
	int(column int) int64
	float(column int) float64
	text(column int) string
	bytes(column int) []byte
	// read copies the bytes of a column to where there is room.
	read(column int, to []byte)
	null(column int) bool
}

// list runs a statement that reads a list, and makes something of each row.
func list[T any](ctx context.Context, s *Store, q *statement, make func(row) T, args ...any) ([]T, error) {
	var all []T
	err := s.db.view(ctx, func(t tx) error {
		all = nil
		return t.last(q, func(r row) { all = append(all, make(r)) }, args...)
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// millis is the stored form of a time.
func millis(t time.Time) int64 { return t.UnixMilli() }

func timeAt(r row, column int) time.Time { return time.UnixMilli(r.int(column)).UTC() }

func idAt(r row, column int) (id oauth.ID) {
	r.read(column, id[:])
	return id
}

// orNull is the stored form of an identifier that may be missing.
func orNull(id oauth.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

// millisOrNull is the stored form of a time that may be missing.
func millisOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return millis(t)
}

func timeOrZero(r row, column int) time.Time {
	if r.null(column) {
		return time.Time{}
	}
	return timeAt(r, column)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// words is the stored form of a list of values without spaces, such as a scope.
func words(list []string) string { return strings.Join(list, " ") }

func wordsAt(r row, column int) []string {
	text := r.text(column)
	if text == "" {
		return nil
	}
	return strings.Split(text, " ")
}
