package manage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// KeyInfo is what may be shown of a key.
type KeyInfo struct {
	ID        string         `json:"id"`
	Use       token.Use      `json:"use"`
	Alg       oauth.Alg      `json:"alg,omitempty"`
	State     token.KeyState `json:"state"`
	Created   time.Time      `json:"created"`
	Activates time.Time      `json:"activates"`
}

// Keys lists the keys by use and algorithm, in the order in which they come into force.
func (m *Manager) Keys(ctx context.Context) ([]KeyInfo, error) {
	snap, err := m.settings(ctx)
	if err != nil {
		return nil, err
	}
	now := m.Now()
	infos := make([]KeyInfo, 0, len(snap.Keys))
	for _, k := range snap.Keys {
		infos = append(infos, KeyInfo{k.ID, k.Use, k.Alg, token.State(snap.Keys, k, now), k.Created, k.Activates})
	}
	slices.SortFunc(infos, func(a, b KeyInfo) int {
		return cmp.Or(cmp.Compare(a.Use, b.Use), cmp.Compare(a.Alg, b.Alg), a.Activates.Compare(b.Activates))
	})
	return infos, nil
}

// RotateKeys makes a successor of every current key that has none yet. Each is published first and comes
// into force when everybody who caches the JWKS knows it; the old one goes on being good for what it made.
func (m *Manager) RotateKeys(ctx context.Context) (made []token.WrappedKey, err error) {
	snap, err := m.openKeys(ctx)
	if err != nil {
		return nil, err
	}
	now := m.Now()
	for _, role := range token.Due(nil, now, token.DefaultPolicy()) {
		role.Activates = now.Add(token.DefaultPolicy().Publish)
		k, stored, err := m.addKey(ctx, snap, role, now)
		if err != nil {
			return made, err
		}
		if stored {
			made = append(made, k)
		}
	}
	return made, nil
}

// addKey makes a key unless another came into force, or is waiting to, since the given keys were read. So
// nodes that rotate at the same moment make one key.
func (m *Manager) addKey(ctx context.Context, snap store.Snapshot, need token.Need, now time.Time) (token.WrappedKey, bool, error) {
	var unlessAfter time.Time
	for _, k := range snap.Keys {
		if k.Use != need.Use || k.Alg != need.Alg || k.Epoch < snap.Horizon.Epoch {
			continue
		}
		if token.State(snap.Keys, k, now) == token.StateNext {
			return token.WrappedKey{}, false, nil
		}
		if after := k.Activates.Add(time.Millisecond); after.After(unlessAfter) {
			unlessAfter = after
		}
	}
	k, err := m.newKey(need, now, snap.Horizon.Epoch)
	if err != nil {
		return k, false, err
	}
	a, err := m.eventAudit(store.EventKeyAdded, store.KindKeys, "", DescribeKey(k))
	if err != nil {
		return k, false, err
	}
	stored, err := m.Store.AddKey(ctx, k, unlessAfter, a)
	return k, stored, err
}

// newKey makes a key of the epoch.
func (m *Manager) newKey(need token.Need, now time.Time, epoch int64) (token.WrappedKey, error) {
	k, err := token.NewKey(m.Rand, need.Use, need.Alg, now, need.Activates, m.Master)
	k.Epoch = epoch
	return k, err
}

// RevokeKey removes a compromised key at once: all that was made with it is worth nothing. A current
// key is replaced in the same transaction.
func (m *Manager) RevokeKey(ctx context.Context, id string) (replacement *token.WrappedKey, err error) {
	err = retry(ctx, func() error {
		snap, err := m.openKeys(ctx)
		if err != nil {
			return err
		}
		keys := snap.Keys
		i := slices.IndexFunc(keys, func(k token.WrappedKey) bool { return k.ID == id })
		if i < 0 {
			return fmt.Errorf("key %q: %w", id, store.ErrNotFound)
		}
		var add []token.WrappedKey
		replacement = nil
		if now := m.Now(); token.State(keys, keys[i], now) == token.StateCurrent {
			k, err := m.newKey(token.Need{Use: keys[i].Use, Alg: keys[i].Alg, Activates: now}, now, snap.Horizon.Epoch)
			if err != nil {
				return err
			}
			add, replacement = []token.WrappedKey{k}, &k
		}
		return m.replaceKeys(ctx, []string{id}, add, "revoked "+DescribeKey(keys[i]))
	})
	return replacement, err
}

// ResetKeys replaces every key, and needs none of the old ones opened: it is the way out when the master
// key is lost. Sessions live on; every token and every sign-in under way is worth nothing.
func (m *Manager) ResetKeys(ctx context.Context) error {
	return retry(ctx, func() error {
		snap, err := m.settings(ctx)
		if err != nil {
			return err
		}
		fresh, err := m.firstKeys(m.Now(), snap.Horizon.Epoch)
		if err != nil {
			return err
		}
		return m.replaceKeys(ctx, ids(snap.Keys), fresh, "reset")
	})
}

// ChangeMaster wraps every key, and every client secret that is kept, under another master key. They stay what they
// are, so nothing ends; nodes have to be restarted with the new master key before they can read them again.
//
// Client secrets go first, one by one, and the keys last, at once: until then the old master key is the one in force,
// and a change that was interrupted is finished by asking for it again. Then comes what a node wrapped meanwhile.
func (m *Manager) ChangeMaster(ctx context.Context, to token.Master) error {
	if _, err := m.openKeys(ctx); err != nil {
		return err
	}
	if err := m.rewrapSecrets(ctx, to); err != nil {
		return err
	}
	err := retry(ctx, func() error {
		snap, err := m.openKeys(ctx)
		if err != nil {
			return err
		}
		rewrapped, err := token.Rewrap(snap.Keys, m.Master, to)
		if err != nil {
			return err
		}
		return m.replaceKeys(ctx, ids(snap.Keys), rewrapped, "master key changed")
	})
	if err != nil {
		return err
	}
	return m.rewrapSecrets(ctx, to)
}

// openKeys reads the keys and makes sure that the master key opens them: a key that is added under
// another would stop every node.
func (m *Manager) openKeys(ctx context.Context) (store.Snapshot, error) {
	snap, err := m.settings(ctx)
	if err == nil {
		_, err = token.NewRing(snap.Keys, m.Master, "")
	}
	return snap, err
}

func (m *Manager) replaceKeys(ctx context.Context, remove []string, add []token.WrappedKey, detail string) error {
	a, err := m.eventAudit(store.EventKeysReplaced, store.KindKeys, "", detail)
	if err != nil {
		return err
	}
	return m.Store.ReplaceKeys(ctx, remove, add, a)
}

// firstKeys makes the first keys of an epoch; they activate at once.
func (m *Manager) firstKeys(now time.Time, epoch int64) ([]token.WrappedKey, error) {
	var keys []token.WrappedKey
	for _, need := range token.Due(nil, now, token.DefaultPolicy()) {
		k, err := m.newKey(need, now, epoch)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// Bootstrap gives an empty store its profile and first keys. Where there are some it makes sure that the
// master key opens them; where another node is faster, that node's stay.
func (m *Manager) Bootstrap(ctx context.Context) error {
	_, err := m.openKeys(ctx)
	if !errors.Is(err, ErrNotSetUp) {
		return err
	}
	keys, err := m.firstKeys(m.Now(), 0)
	if err != nil {
		return err
	}
	if err := m.Store.Bootstrap(ctx, oauth.DefaultProfile(), keys); err != nil {
		return err
	}
	_, err = m.openKeys(ctx)
	return err
}

func ids(keys []token.WrappedKey) []string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = k.ID
	}
	return list
}

// DescribeKey names a key for people.
func DescribeKey(k token.WrappedKey) string {
	if k.Alg == "" {
		return string(k.Use) + " " + k.ID
	}
	return string(k.Use) + " " + string(k.Alg) + " " + k.ID
}
