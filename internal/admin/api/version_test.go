package api

import (
	"net/http/httptest"
	"testing"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/store"
)

// TestAChangeIsOfTheVersionThatWasMatched: between the look and the change somebody else may be faster.
func TestAChangeIsOfTheVersionThatWasMatched(t *testing.T) {
	for match, wantRuns := range map[string]int{`"7"`: 1, "*": 3} {
		r := httptest.NewRequest("PATCH", "/x", nil)
		r.Header.Set("If-Match", match)
		c := &route.Call{R: r, Manage: &manage.Manager{}}
		version, runs := int64(6), 0
		err := changing(c, func() (int64, string, error) { version++; return version, "", nil }, func(m *manage.Manager, _ string) error {
			if runs++; m.IfVersion != version {
				t.Errorf("%s: changes version %d, not %d", match, m.IfVersion, version)
			}
			if runs == 3 {
				return store.ErrNotFound
			}
			return &manage.Conflict{}
		})
		if runs != wantRuns || c.Manage.IfVersion != 0 {
			t.Errorf("%s: %d runs, %v", match, runs, err)
		}
	}
}
