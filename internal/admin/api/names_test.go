package api

import (
	"testing"

	"github.com/usher-id/usher/internal/manage"
)

// Lists name users, and are narrowed by a user's name as by an id.
func TestListsNameUsers(t *testing.T) {
	w := newWorld(t)
	id := w.ann.ID.String()
	w.must(w.m.LockAccount(t.Context(), w.ann.ID))
	w.must(w.m.UnlockAccount(t.Context(), w.ann.ID))
	for _, tt := range []struct {
		op         manage.Operation
		path, name string
	}{
		{manage.OpListAudit, "/audit?username=ann", "account_id"},
		{manage.OpListAudit, "/audit?account_id=" + id, "account_id"},
		{manage.OpListChanges, "/changes?username=ann", "subject"},
		{manage.OpListChanges, "/changes?kind=account&subject=" + id, "subject"},
	} {
		items := w.want(200, request{op: tt.op, path: tt.path})["items"].([]any)
		if len(items) < 2 {
			t.Errorf("%s: %d records", tt.path, len(items))
		}
		for _, one := range items {
			record := one.(map[string]any)
			if record[tt.name] != id || record["username"] != "ann" {
				t.Errorf("%s: %v", tt.path, record)
			}
		}
	}
	for _, bad := range []string{
		"/audit?username=nobody", "/audit?username=", "/audit?username=ann&account_id=" + id,
		"/sessions?username=nobody", "/delegations?username=%00", "/changes?username=nobody",
	} {
		op := map[byte]manage.Operation{
			'a': manage.OpListAudit, 's': manage.OpListSessions,
			'd': manage.OpListDelegations, 'c': manage.OpListChanges,
		}[bad[1]]
		w.want(400, request{op: op, path: bad})
	}
}
