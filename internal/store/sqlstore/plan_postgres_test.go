package sqlstore

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/storetest"
)

const (
	planRows  = 20_000
	planPage  = 50
	planEdge  = 1000
	planBound = planEdge + 1
)

// page is a statement that reads a page of a list.
type page struct {
	q    *statement
	args []any
}

func pages() []page {
	account, session := storetest.SeedAccount(7), storetest.SeedSession(7)
	place := placeArgs(time.Now(), store.Place{}, planPage)
	from, before := beginning("seed")
	mail, after := beginning("seed@")
	rare, none := auditFilter(store.AuditFilter{Event: store.EventReplay}), auditFilter(store.AuditFilter{})
	return []page{
		{selectAccounts, []any{nameKey("seed-5"), planPage}},
		{searchAccounts, []any{from, before, []byte{}, []byte{}, planPage}},
		{searchAccounts, []any{mail, after, after, nameKey("seed-5"), planPage}},
		{selectAccountByExternalID, []any{"E1"}},
		{selectOperators, []any{}},
		{selectOtherAdmin, []any{account[:]}},
		{selectSessions, place},
		{selectSessionsOfAccount, append(place[:4:4], account[:])},
		{selectDelegations, place},
		{selectDelegationsOfAccount, append(place[:4:4], account[:], "")},
		{selectDelegationsOfClient, append(place[:4:4], "app")},
		{selectDelegationsOfSession, append(place[:4:4], nil, "", session[:])},
		{selectClientsPage, []any{"client-5", planPage}},
		{selectAudits, []any{lastID[:], planPage}},
		{selectMatches, append([]any{lastID[:], []byte{}, planPage}, append(rare, planEdge)...)},
		{selectAuditsAfter, append([]any{account[:6], lastID[:], planPage}, none...)},
		{selectChanges, []any{lastID[:], planPage}},
		{selectChangesOfKind, []any{lastID[:], planPage, store.KindClient}},
		{selectChangesOfSubject, []any{lastID[:], planPage, store.KindClient, "app"}},
	}
}

var planNumbers = regexp.MustCompile(`actual rows=(\d+)|Rows Removed by (?:Join )?Filter: (\d+)`)

// TestPagesAreCheap has PostgreSQL tell what it looked at to read a page of each list, with the arguments known when it
// made its plan and without: a few rows out of many.
func TestPagesAreCheap(t *testing.T) {
	url := postgresURL(t)
	fillLists(t, openURL(t, url))
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	run := func(text string) (lines []string) {
		t.Helper()
		results, err := conn.PgConn().Exec(t.Context(), text).ReadAll()
		if err != nil {
			t.Fatal(err, text)
		}
		for _, row := range results[0].Rows {
			lines = append(lines, string(row[0]))
		}
		return lines
	}
	run("ANALYZE")
	for _, p := range pages() {
		run("PREPARE page AS " + p.q.postgres)
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			run("SET plan_cache_mode = " + mode)
			plan := strings.Join(run("EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) EXECUTE page"+literals(p.args)), "\n")
			for _, found := range planNumbers.FindAllStringSubmatch(plan, -1) {
				if n, _ := strconv.Atoi(found[1] + found[2]); n > planBound {
					t.Errorf("%s, %s:\n%s", p.q.postgres, mode, plan)
					break
				}
			}
		}
		run("DEALLOCATE page")
	}
}

// literals is the arguments as a prepared statement takes them.
func literals(args []any) string {
	var list []string
	for _, arg := range args {
		switch v := arg.(type) {
		case nil:
			list = append(list, "NULL")
		case []byte:
			list = append(list, fmt.Sprintf(`'\x%x'`, v))
		default:
			list = append(list, fmt.Sprintf("'%v'", v))
		}
	}
	if list == nil {
		return ""
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// fillLists makes many of everything that is listed.
func fillLists(t *testing.T, s *Store) {
	t.Helper()
	clients := []oauth.Client{{ID: "app"}}
	for i := range planRows / 10 {
		clients = append(clients, oauth.Client{ID: fmt.Sprintf("client-%d", i), Name: fmt.Sprintf("The client %d", i)})
	}
	if err := s.FillClients(t.Context(), clients); err != nil {
		t.Fatal(err)
	}
	if err := storetest.Seed(t.Context(), s, planRows, "app", []string{"read"}, benchCookie); err != nil {
		t.Fatal(err)
	}
	err := s.db.write(t.Context(), func(t tx) error {
		for i := range planRows {
			record(t, store.Audit{
				At: time.Now().Add(time.Duration(i) * time.Millisecond), Event: store.EventClientChanged,
				Change: &store.Change{Kind: store.KindClient, Subject: clients[i%len(clients)].ID},
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
