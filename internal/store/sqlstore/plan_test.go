package sqlstore

import (
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
)

// TestNoVerbScans asks SQLite how it would run each statement: every table is reached through a key. The exceptions
// are the two small tables that are loaded whole, the count of all accounts, an index of operators alone, and what a
// statement itself put together, which is a page at most. Nor is anything sorted but what one session has, or a page.
func TestNoVerbScans(t *testing.T) {
	s := openURL(t, sqliteURL(t))
	whole := []*statement{selectClients, selectKeys, insertKeyUnless, countAccounts}
	small := []string{"SCAN CONSTANT ROW", "SCAN account USING INDEX account_operator", "SCAN named", "SCAN mailed", "SCAN edge", "SCAN t"}
	sorts := []*statement{selectKeys, selectDelegationsOfSession, searchAccounts, searchClients, yieldDevice}
	conn := <-s.db.(*sqliteEngine).readers
	defer func() { s.db.(*sqliteEngine).readers <- conn }()
	for _, statement := range statements {
		if statement == selectDurability {
			continue // PostgreSQL's alone
		}
		for _, step := range plan(t, conn, statement) {
			if strings.Contains(step, "SCAN") && !slices.Contains(small, step) && !slices.Contains(whole, statement) {
				t.Errorf("%s\n\t%s", statement.sqlite, step)
			}
			if strings.Contains(step, "AUTOMATIC") || strings.Contains(step, "TEMP B-TREE") && !slices.Contains(sorts, statement) {
				t.Errorf("%s\n\t%s", statement.sqlite, step)
			}
		}
	}
}

// TestHotReadsUseUniqueKeys: at most one row of each table is looked at.
func TestHotReadsUseUniqueKeys(t *testing.T) {
	s := openURL(t, sqliteURL(t))
	conn := <-s.db.(*sqliteEngine).readers
	defer func() { s.db.(*sqliteEngine).readers <- conn }()
	for _, statement := range []*statement{standingByCookie, standingByID, standingByChild, tokenStanding, tokenStandingOfFamily, familyStanding, selectRevocation, selectDevice} {
		for _, step := range plan(t, conn, statement) {
			unique := strings.Contains(step, "PRIMARY KEY") || strings.Contains(step, "sqlite_autoindex")
			if !strings.HasPrefix(step, "SEARCH") || !unique {
				t.Errorf("%s\n\t%s", statement.sqlite, step)
			}
		}
	}
}

func plan(t *testing.T, conn *sqlite.Conn, s *statement) (steps []string) {
	t.Helper()
	stmt, _, err := conn.PrepareTransient("EXPLAIN QUERY PLAN " + s.sqlite)
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Finalize()
	for {
		found, err := stmt.Step()
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			return steps
		}
		steps = append(steps, stmt.ColumnText(3))
	}
}

// TestPreparedOnce: running a statement again does not make SQLite plan it again. The authorizer is
// asked only while a statement is being prepared.
func TestPreparedOnce(t *testing.T) {
	s := openURL(t, sqliteURL(t))
	conn := <-s.db.(*sqliteEngine).readers
	defer func() { s.db.(*sqliteEngine).readers <- conn }()
	prepared := 0
	err := conn.SetAuthorizer(sqlite.AuthorizeFunc(func(sqlite.Action) sqlite.AuthResult {
		prepared++
		return sqlite.AuthResultOK
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if statement == selectDurability {
			continue
		}
		stmt, err := conn.Prepare(statement.sqlite)
		if err != nil {
			t.Fatal(err)
		}
		for run := range 3 {
			args := make([]any, stmt.BindParamCount())
			for i := range args {
				args[i] = int64(run)
			}
			if run == 1 {
				prepared = 0
			}
			// Most of these fail on a constraint or change nothing; what counts is how they are run.
			sqliteQuery(conn, statement, nil, args)
		}
		if prepared > 0 {
			t.Errorf("prepared again: %s", statement.sqlite)
		}
	}
}
