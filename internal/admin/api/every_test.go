package api

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/store/storetest"
)

func TestEveryOperationSucceeds(t *testing.T) {
	for _, op := range manage.Operations() {
		t.Run(string(op), func(t *testing.T) {
			w := newWorld(t)
			one, there := w.good()[op]
			if !there {
				t.Fatal("no request tries this operation")
			}
			w.want(one.status, one.request)
		})
	}
}

func TestNothingWithoutATokenThatMay(t *testing.T) {
	w := newWorld(t)
	for op, one := range w.good() {
		one.bearer = "-"
		w.want(401, one.request)
		for _, role := range []oauth.Role{"nobody", oauth.RoleViewer, oauth.RoleOperator} {
			if !manage.Allowed(role, op) {
				one.bearer = string(role)
				if v := w.want(403, one.request); v["type"] != typeForbidden {
					t.Errorf("%s: %v", op, v)
				}
			}
		}
	}
}

func TestFaultsOfTheServerHaveALogID(t *testing.T) {
	w := newWorld(t)
	all := w.good()
	if err := w.m.Store.Close(); err != nil {
		t.Fatal(err)
	}
	for op, one := range all {
		if _, reads := neverExercised[string(op)+" 500"]; reads {
			continue
		}
		v := w.want(500, one.request)
		if v["type"] != typeFault || v["log_id"] == "" || strings.Contains(v["detail"].(string), "closed") {
			t.Errorf("%s: %v", op, v)
		}
	}
}

// TestDatabaseAway: while the database is away every operation says so, and when to come back.
func TestDatabaseAway(t *testing.T) {
	w := newWorld(t)
	all := w.good()
	proxy := storetest.NewProxy(t, storetest.Postgres(t))
	st, err := sqlstore.Open(t.Context(), sqlstore.Options{URL: proxy.URL, Logger: slog.New(slog.DiscardHandler)})
	w.must(err)
	t.Cleanup(func() { w.must(st.Close()) })
	proxy.Cut()
	w.must(w.m.Store.Close())
	w.m.Store = st
	for op, one := range all {
		if _, reads := neverExercised[string(op)+" 503"]; reads {
			continue
		}
		v := w.want(503, one.request)
		if v["type"] != typeUnavailable || strings.Contains(v["detail"].(string), "refused") {
			t.Errorf("%s: %v", op, v)
		}
	}
}

// documents tells whether the document has the answer.
func documents(op manage.Operation, status string) bool {
	d := theDocument()
	answer, _ := d.at(d.pointer(op) + "/responses/" + status)
	return answer != nil
}

func TestBodiesAreCheckedBeforeAnythingElse(t *testing.T) {
	w := newWorld(t)
	for op, one := range w.good() {
		if one.body == "" {
			continue
		}
		q := one.request
		q.kind = "text/plain"
		w.want(415, q)
		q = one.request
		q.body = strings.Repeat(" ", 17<<20)
		w.want(413, q)
		if !documents(op, "400") || strings.Contains(q.kind, "yaml") || strings.Contains(q.kind, "xml") {
			continue
		}
		for _, broken := range []string{"{", "[]", "null", `"x"`, `{"a":1}{}`, `{"a":1,"a":2}`, `{"a":{"b":1,"b":2}}`, strings.Repeat("[", 100) + strings.Repeat("]", 100)} {
			q.body = broken
			if v := w.want(400, q); v["type"] != typeMalformed {
				t.Errorf("%s with %s: %v", op, broken, v)
			}
		}
		q.body = `{"no_such_member":1}`
		if v := w.want(422, q); !strings.Contains(v["detail"].(string), "no_such_member") {
			t.Errorf("%s: %v", op, v)
		}
	}
}

func TestUnknownThingsAreNotFound(t *testing.T) {
	w := newWorld(t)
	d := theDocument()
	for op, one := range w.good() {
		if !documents(op, "404") {
			continue
		}
		template := d.operations()[op][1]
		if op == manage.OpWithdrawConsent {
			q := one.request
			q.path = strings.Replace(q.path, "/shop", "/nothing", 1)
			w.want(404, q)
		}
		for _, id := range []string{"x", newID().String(), strings.Repeat("A", 5000), "%2e%2e", "a%2Fb"} {
			if len(id) == 22 && (op == manage.OpEndSession || op == manage.OpEndDelegation) {
				continue // to end what is over is no error
			}
			q := one.request
			q.path = strings.NewReplacer("{id}", id, "{client_id}", "shop").Replace(template)
			w.want(404, q)
		}
	}
}

func TestPagesAndParametersAreBounded(t *testing.T) {
	w := newWorld(t)
	for _, op := range []manage.Operation{manage.OpListClients, manage.OpListAccounts, manage.OpListSessions, manage.OpListDelegations, manage.OpListAudit, manage.OpListChanges} {
		path, _, _ := strings.Cut(w.good()[op].path, "?")
		for _, query := range []string{"limit=0", "limit=501", "limit=-1", "limit=x", "limit=", "cursor=!!", "cursor=%00"} {
			if v := w.want(400, request{op: op, path: path + "?" + query}); v["type"] != typeParameter {
				t.Errorf("%s?%s: %v", path, query, v)
			}
		}
		w.want(200, request{op: op, path: path + "?limit=500"})
	}
	for op, query := range map[manage.Operation][]string{
		manage.OpShowOverview:    {"hours=0", "hours=99999"},
		manage.OpListSessions:    {"account_id=x"},
		manage.OpListDelegations: {"account_id=x", "session_id="},
		manage.OpListAudit:       {"from=yesterday", "to=1", "account_id=x", "after=x", "event=sign_in_failure"},
		manage.OpExportAudit:     {"format=xls", "format=", "from=x"},
	} {
		path, _, _ := strings.Cut(w.good()[op].path, "?")
		for _, one := range query {
			w.want(400, request{op: op, path: path + "?" + one})
		}
	}
	for _, op := range []manage.Operation{manage.OpApply, manage.OpImportCurity} {
		q := w.good()[op].request
		q.path = strings.Replace(q.path, "dry_run=true", "dry_run=yes", 1)
		w.want(400, q)
	}
}

func TestListsGoOnWhereAPageEnded(t *testing.T) {
	w := newWorld(t)
	for op, path := range map[manage.Operation]string{manage.OpListClients: "/clients", manage.OpListAccounts: "/accounts", manage.OpListAudit: "/audit", manage.OpListChanges: "/changes"} {
		whole := w.want(200, request{op: op, path: path})["items"].([]any)
		var ids []string
		for cursor := ""; ; {
			page := w.want(200, request{op: op, path: path + "?limit=1" + cursor})
			for _, one := range page["items"].([]any) {
				ids = append(ids, one.(map[string]any)["id"].(string))
			}
			next, more := page["next"].(string)
			if !more {
				break
			}
			cursor = "&cursor=" + next
		}
		distinct := map[string]bool{}
		for _, id := range ids {
			distinct[id] = true
		}
		if len(whole) < 2 || len(ids) != len(whole) || len(slices.Collect(maps.Keys(distinct))) != len(ids) {
			t.Errorf("%s: %d at once, %d one by one: %v", path, len(whole), len(ids), ids)
		}
	}
}
