package admin

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

// Two reads know the operator; the list is one more, however long it is.
func TestListPagesCostOneQuery(t *testing.T) {
	w := newWorld(t)
	for i := range 120 {
		id := fmt.Sprintf("client-%03d", i)
		w.must(w.store.PutClient(t.Context(), oauth.Client{ID: id, Name: id}, 0, noAudit))
	}
	cookie := sessionCookie.Name + "=" + w.cookie("ada")
	for _, page := range []string{
		"/admin/clients", "/admin/clients?q=client-1", "/admin/accounts", "/admin/accounts?q=v", "/admin/sessions",
		"/admin/delegations", "/admin/audit", "/admin/changes",
	} {
		before := w.store.Stats()
		r := w.answer(w.request("GET", page, nil, "Cookie", cookie))
		after := w.store.Stats()
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", page, r.StatusCode)
		}
		if reads, writes := after.Reads-before.Reads, after.Writes-before.Writes; reads > 3 || writes > 0 {
			t.Errorf("%s: %d reads, %d writes", page, reads, writes)
		}
	}
}
