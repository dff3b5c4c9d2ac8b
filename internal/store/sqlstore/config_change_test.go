package sqlstore

import (
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/storetest"
)

// TestUnknownChanges: where a revision does not say what it changed, or says what this version does not know, or is
// too old, the store does not pretend to know.
func TestUnknownChanges(t *testing.T) {
	remove := `DELETE FROM config_change WHERE revision = (SELECT revision FROM config)`
	for _, c := range []struct {
		name, statement string
		then            int // changes that are recorded follow
	}{
		{"an older version wrote", `UPDATE config SET revision = revision + 1 WHERE id = 1`, 0},
		{"an older version wrote before this one", `UPDATE config SET revision = revision + 1 WHERE id = 1`, 2},
		{"the only row is gone", remove, 0},
		{"one of several rows is gone", remove, 2},
		{"a kind that is not known", `UPDATE config_change SET kind = 'future'`, 1},
		{"a restore to an older revision", `UPDATE config SET revision = 1`, 0},
		{"too far behind", `UPDATE config SET revision = revision + 1000`, 1},
	} {
		for name, fresh := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": storetest.Postgres} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				s := openURL(t, fresh(t))
				must(t, s.Bootstrap(t.Context(), oauth.DefaultProfile(), nil))
				put := func() {
					t.Helper()
					must(t, s.PutClient(t.Context(), oauth.Client{ID: newID().String()}, 0, store.Audit{}))
				}
				put()
				since, err := s.Revision(t.Context())
				must(t, err)
				put()
				if _, known, err := s.LoadSince(t.Context(), since); err != nil || !known {
					t.Fatalf("before: known %v, error %v", known, err)
				}
				raw(t, s, c.statement)
				for range c.then {
					put()
				}
				if _, known, err := s.LoadSince(t.Context(), since); err != nil || known {
					t.Errorf("known %v, error %v", known, err)
				}
			})
		}
	}
}

// TestOldChangesAreTrimmed by the changes themselves.
func TestOldChangesAreTrimmed(t *testing.T) {
	s := openURL(t, sqliteURL(t))
	must(t, s.Bootstrap(t.Context(), oauth.DefaultProfile(), nil))
	raw(t, s, `UPDATE config SET revision = 5000`)
	must(t, s.PutClient(t.Context(), oauth.Client{ID: "a"}, 0, store.Audit{}))
	count := raw(t, s, `SELECT count(*) FROM config_change`)
	if count != 1 {
		t.Errorf("%d rows are left", count)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// raw runs a statement that is no verb's; it returns the first column of its last row.
func raw(t *testing.T, s *Store, text string) (value int64) {
	t.Helper()
	statement := sql(text)
	statements = statements[:len(statements)-1]
	must(t, s.db.write(t.Context(), func(t tx) error {
		return t.query(statement, func(r row) { value = r.int(0) })
	}))
	return value
}
