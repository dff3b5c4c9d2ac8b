package storetest

import (
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var loadTests = map[string]func(*fixture){
	"128 callers": testManyCallers,
}

// testManyCallers has 128 callers sign in, delegate, read, revoke, lock and sign out at once, many of them
// on the same rows: no error, no dead-lock, whatever the pool's size.
func testManyCallers(f *fixture) {
	ctx := f.Context()
	const callers, rounds = 128, 2
	accounts := make([]oauth.Account, 8)
	for i := range accounts {
		accounts[i] = f.account()
	}
	clients := []oauth.Client{f.client(), f.client()}
	f.winners(race(callers, func(i int) error {
		acc, c := accounts[i%len(accounts)], clients[i%len(clients)]
		for round := range rounds {
			if err := visit(f, acc, c, i+round); err != nil {
				return err
			}
			switch i {
			case 0, 1:
				if err := f.st.SetLocked(ctx, acc.ID, 0, round%2 == 0, store.Audit{}); err != nil {
					return err
				}
			case 2:
				if err := f.st.SetPassword(ctx, acc.ID, 0, "new", oauth.ID{}, store.Audit{}); err != nil {
					return err
				}
			case 3:
				if err := f.st.WithdrawConsent(ctx, acc.ID, c.ID, store.Audit{}); err != nil {
					return err
				}
			case 4:
				if _, err := f.st.Purge(ctx, f.now.Add(-time.Hour), 24*time.Hour, 10); err != nil {
					return err
				}
			case 5:
				c.Disabled = round%2 == 0
				if err := f.st.PutClient(ctx, c, int64(round+1), store.Audit{}); err != nil {
					return err
				}
			}
		}
		return nil
	}), store.ErrEnded, store.ErrNotFound)
}

// visit is what one user does.
func visit(f *fixture, acc oauth.Account, c oauth.Client, bucket int) error {
	ctx := f.Context()
	if err := f.guess([]byte{100, byte(bucket % 3)}); err != nil {
		return err
	}
	s := f.newSession(acc)
	if err := f.st.StartSession(ctx, 1, s, f.newChild(c.ID), nil, f.audit(store.EventSignIn)); err != nil {
		return ignoreEnded(err)
	}
	consent := oauth.Consent{AccountID: acc.ID, ClientID: c.ID, Scope: []string{"read"}, Updated: f.now}
	if err := f.st.GrantConsent(ctx, consent, time.Time{}, store.Audit{}); err != nil {
		return ignoreEnded(err)
	}
	d, err := f.st.Delegate(ctx, f.newDelegation(s, c.ID, "read"), f.now, f.audit(store.EventDelegated))
	if err != nil {
		return ignoreEnded(err)
	}
	family := f.newFamily(s, d, bucket%2 == 0)
	if err := f.st.Redeem(ctx, f.codeOf(family), []store.OneTime{f.oneTime("proof")}, family, f.now, f.audit(store.EventFamilyStarted)); err != nil {
		return ignoreEnded(err)
	}
	if err := f.st.RotateRefresh(ctx, family.ID, 0, f.now, nil); err != nil {
		return ignoreEnded(err)
	}
	for range 4 {
		if _, err := f.st.Standing(ctx, s.CookieHash, c.ID); err != nil {
			return ignoreEnded(err)
		}
	}
	if err := f.st.TouchSession(ctx, s.ID, f.now.Add(time.Minute)); err != nil {
		return err
	}
	if err := f.st.RevokeToken(ctx, newID(), f.now.Add(time.Hour), f.audit(store.EventTokenRevoked)); err != nil {
		return err
	}
	if _, err := f.tokenStanding(d.ID, newID()); err != nil {
		return ignoreEnded(err)
	}
	_, err = f.st.EndSession(ctx, s.ID, f.audit(store.EventSignOut))
	return err
}

// ignoreEnded passes over what another caller's lock or change makes normal.
func ignoreEnded(err error) error {
	if isOneOf(err, []error{store.ErrEnded, store.ErrNotFound}) {
		return nil
	}
	return err
}
