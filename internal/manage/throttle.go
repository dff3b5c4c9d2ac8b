package manage

import (
	"context"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// ChangeThrottle lets change edit what the store remembers of the guesses at one secret; where
// change returns true, that is written, with the record. It may run more than once.
func ChangeThrottle(
	ctx context.Context, st store.Throttle, key []byte, a store.Audit,
	change func(*authn.Throttle) bool,
) error {
	return st.ChangeGuesses(ctx, key, a, func(g *store.Guesses) (bool, error) {
		t, err := authn.ReadThrottle(g.Tries, g.Browsers)
		if err != nil || !change(&t) {
			return false, err
		}
		g.Tries, g.Browsers, err = t.Encode()
		return true, err
	})
}

// Throttle tells which networks guessed at a user's password, and whether new browsers are refused.
func (m *Manager) Throttle(ctx context.Context, id oauth.ID) (authn.ThrottleView, error) {
	if _, err := m.Account(ctx, id); err != nil {
		return authn.ThrottleView{}, err
	}
	g, err := m.Store.Guesses(ctx, authn.AccountKey(id))
	if err != nil {
		return authn.ThrottleView{}, err
	}
	t, err := authn.ReadThrottle(g.Tries, g.Browsers)
	return t.View(m.Now()), err
}

// ReleaseThrottle forgets the wrong guesses at a user's password, so that new browsers may try
// again.
func (m *Manager) ReleaseThrottle(ctx context.Context, id oauth.ID) error {
	acc, err := m.Account(ctx, id)
	if err == nil {
		err = m.mayTouch(&acc)
	}
	if err != nil {
		return err
	}
	a, err := m.auditAccount(store.EventThrottleReleased, acc, "")
	if err != nil {
		return err
	}
	return ChangeThrottle(ctx, m.Store, authn.AccountKey(id), a, func(t *authn.Throttle) bool {
		t.Release()
		return true
	})
}

// KeepPassword uses a password link up without setting a password, and returns whose it is: the
// browser that opened it may count as the user's. ErrLink where the link is invalid, or there is
// no password to keep.
func (m *Manager) KeepPassword(ctx context.Context, code string) (oauth.Account, error) {
	l, acc, err := m.openPasswordLink(ctx, code)
	if err == nil && acc.PasswordHash == "" {
		err = ErrLink
	}
	if err != nil {
		return acc, err
	}
	return acc, orErrLink(m.Store.Spend(ctx, l.oneTime(token.KindPasswordLink)))
}
