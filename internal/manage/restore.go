package manage

import (
	"context"

	"github.com/usher-id/usher/internal/store"
)

// CheckMaster is a token.ErrMaster where the master key does not open the keys of this database.
func (m *Manager) CheckMaster(ctx context.Context) error {
	_, err := m.openKeys(ctx)
	return err
}

// EndRestored does what is to be done after the database went back to an older state: it replaces every key, so that
// nothing that was sealed or signed is good any more, and ends every session with what apps were given, offline ones
// too. Users with their passwords, clients with their secrets, and consents stay as they are. Done twice, it does no
// harm. The old keys need not be opened: see CheckMaster.
func (m *Manager) EndRestored(ctx context.Context) (store.Restored, error) {
	snap, err := m.load(ctx)
	if err != nil {
		return store.Restored{}, err
	}
	now := m.Now()
	keys, err := m.firstKeys(now, snap.Horizon.Epoch)
	if err != nil {
		return store.Restored{}, err
	}
	a, err := m.eventAudit(store.EventRestored, store.KindKeys, "", "keys replaced, sessions and app access ended")
	if err != nil {
		return store.Restored{}, err
	}
	return m.Store.EndRestored(ctx, keys, now, a)
}

// KeepRestored records that the database was replaced and that nothing was ended.
func (m *Manager) KeepRestored(ctx context.Context) error {
	a, err := m.audit(store.EventRestored, func(a *store.Audit) { a.Detail = "keys and sessions kept" })
	if err != nil {
		return err
	}
	return m.Store.Record(ctx, a)
}
