package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/usher-id/usher/internal/store"
)

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

// isStale tells whether the statement was refused only because of the connection that it was sent on: the
// next connection may be to another server, and knows nothing of named statements.
func isStale(err error) bool {
	code := postgresCode(err)
	return code == "25006" || losesStatements(err)
}

// losesStatements tells whether a pooler swapped the connection behind this one: a statement that was
// prepared is not there (26000), or one that was not is there already (42P05).
func losesStatements(err error) bool {
	code := postgresCode(err)
	return code == "26000" || code == "42P05" ||
		code == "0A000" && strings.Contains(err.Error(), "cached plan")
}

// isAway tells whether the database serves nobody now, as opposed to one statement that it gave up for
// the sake of others.
func isAway(err error) bool {
	if !errors.Is(err, store.ErrUnavailable) {
		return false
	}
	switch postgresCode(err) {
	case "25P04", "40001", "40P01", "55P03", "57014":
		return false
	}
	return true
}

// troubles are the SQLSTATEs and their classes that pass by themselves, or when an operator acts.
var troubles = map[string]string{
	"08":    "connection lost",
	"25006": "read-only",
	"25P03": "connection lost", // idle_in_transaction_session_timeout
	"25P04": "overloaded",      // transaction_timeout
	"40003": "connection lost", // statement_completion_unknown
	"40001": "overloaded",      // only after many attempts
	"40P01": "overloaded",
	"53":    "out of resources",
	"53100": "disk full",
	"53300": "too many connections",
	"53400": "out of resources",
	"55P03": "overloaded", // lock_not_available: lock_timeout
	"57":    "shutting down or starting",
	"57014": "overloaded", // query_canceled: statement_timeout
	"58":    "input/output error",
}

// isLate tells whether the time was over before an answer came.
func isLate(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &network) && network.Timeout()
}

// unavailable makes an error of the driver a store.ErrUnavailable where it is about the database and not
// about what was asked: lost says that the connection is gone.
func unavailable(err error, lost bool) error {
	if err == nil || errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.Canceled) && !lost {
		return err
	}
	code := postgresCode(err)
	why := troubles[code]
	if why == "" && len(code) == 5 {
		why = troubles[code[:2]]
	}
	var connecting *pgconn.ConnectError
	switch {
	case why != "":
	case errors.As(err, &connecting):
		why = "cannot be reached"
	case isLate(err):
		why = "does not answer"
	case lost && code == "":
		why = "connection lost"
	default:
		return err
	}
	return &store.UnavailableError{Why: why, Cause: err}
}

// explainPostgres says what an operator can do about an error while opening.
func explainPostgres(err error, databaseURL string) error {
	var newer *newerSchemaError
	if errors.As(err, &newer) {
		return err
	}
	text := hidden(oneLine(err), databaseURL)
	switch postgresCode(err) {
	case "3D000":
		return fmt.Errorf("there is no such database: create it (createdb), or correct the URL (%s)", text)
	case "28P01", "28000":
		return fmt.Errorf("the user may not sign in: correct user and password in the URL (%s)", text)
	case "42501":
		return fmt.Errorf("the user may not create tables: grant it CREATE on the schema (%s)", text)
	case "25006":
		return fmt.Errorf("it is read-only: connect to the primary, or set default_transaction_read_only to off (%s)", text)
	case "55P03":
		return fmt.Errorf("another session, such as a dump, keeps a table that is to change: "+
			"start again when it has ended (%s)", text)
	case "53300":
		return fmt.Errorf("it has no connection left: raise max_connections, or lower pool_max_conns in the URL (%s)", text)
	}
	var unreachable *pgconn.ConnectError
	switch {
	case strings.Contains(text, "server is in standby mode"):
		return fmt.Errorf("it is a standby: list the primary in the URL (%s)", text)
	case errors.As(err, &unreachable):
		return fmt.Errorf("it cannot be reached: check that it runs and that the URL is right (%s)", text)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("it does not answer: check that it runs and what is between (%s)", text)
	}
	return errors.New(text)
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
