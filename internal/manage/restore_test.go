package manage

import (
	"errors"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// TestEndRestored: no old key is left, what is wrapped under the master key itself still opens, and one record tells of it.
func TestEndRestored(t *testing.T) {
	m, _ := newManager(t)
	if err := m.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	old, err := m.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	jwt := oauth.Client{ID: "jwt", Name: "JWT", Capabilities: []oauth.Capability{oauth.CapIntrospection}}
	jwt.AuthMethod = oauth.AuthSecretJWT
	secret, err := m.CreateConfidentialClient(t.Context(), jwt)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CheckMaster(t.Context()); err != nil {
		t.Error(err)
	}
	ended, err := m.EndRestored(t.Context())
	if err != nil || ended.Keys != int64(len(old)) {
		t.Errorf("%+v, %v", ended, err)
	}
	wantStates(t, m, 0, 3, 0)
	fresh, err := m.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range fresh {
		for _, o := range old {
			if k.ID == o.ID {
				t.Errorf("the key %s is still there", k.ID)
			}
		}
	}
	c, err := m.Store.Client(t.Context(), "jwt")
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := m.Master.OpenSecret(c.ID, c.WrappedSecret); err != nil || opened != secret {
		t.Errorf("the client's secret: %v", err)
	}
	list, _, err := m.Store.Audits(t.Context(), store.AuditFilter{Event: store.EventRestored}, oauth.ID{}, 10)
	if err != nil || len(list) != 1 {
		t.Errorf("%d records, %v", len(list), err)
	}

	// The old keys need not be opened: their master key may be lost.
	m.Master[0] ^= 1
	if err := m.CheckMaster(t.Context()); !errors.Is(err, token.ErrMaster) {
		t.Errorf("another master key: %v", err)
	}
	if _, err := m.EndRestored(t.Context()); err != nil {
		t.Error(err)
	}
	if err := m.CheckMaster(t.Context()); err != nil {
		t.Error(err)
	}
}
