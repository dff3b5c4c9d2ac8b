package sqlstore

import (
	"slices"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/storetest"
)

// TestConsentOfAnEarlierVersion: version 0.1.0 writes consents without what was shown; and the upgrade from it is noted.
func TestConsentOfAnEarlierVersion(t *testing.T) {
	for name, fresh := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			s := openURL(t, fresh(t))
			must(t, s.Bootstrap(t.Context(), oauth.DefaultProfile(), nil))
			loaded, err := s.Load(t.Context())
			must(t, err)
			if age := time.Since(loaded.Upgraded); age < -time.Hour || age > time.Hour {
				t.Errorf("upgraded at %s", loaded.Upgraded)
			}
			acc := oauth.Account{ID: newID(), Username: "ann"}
			must(t, s.CreateAccount(t.Context(), acc, store.Audit{}))
			must(t, s.PutClient(t.Context(), oauth.Client{ID: "shop"}, 0, store.Audit{}))
			given := oauth.Consent{AccountID: acc.ID, ClientID: "shop", Scope: []string{"read"}, Updated: time.UnixMilli(1000).UTC()}
			raw(t, s, `INSERT INTO consent (account_id, client_id, scope, updated)
				SELECT id, 'shop', 'read', 1000 FROM account`)
			list, err := s.Consents(t.Context(), acc.ID)
			must(t, err)
			if len(list) != 1 || list[0].Shown != "" || !slices.Equal(list[0].Scope, given.Scope) {
				t.Fatalf("%+v", list)
			}
			given.Scope, given.Shown = []string{"email"}, "a page"
			must(t, s.GrantConsent(t.Context(), given, time.Time{}, store.Audit{}))
			list, err = s.Consents(t.Context(), acc.ID)
			must(t, err)
			if list[0].Shown != "a page" || !slices.Equal(list[0].Scope, []string{"read", "email"}) {
				t.Errorf("%+v", list)
			}
		})
	}
}
