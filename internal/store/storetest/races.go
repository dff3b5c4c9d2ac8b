package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// racers is how many goroutines meet in each race.
const racers = 32

var raceTests = map[string]func(*fixture){
	"race: Delegate":                   raceDelegate,
	"race: Delegate and EndSession":    raceDelegateEndSession,
	"race: Delegate and EndDelegation": raceDelegateEndDelegation,
	"race: Delegate and client":        raceDelegateClient,
	"race: StartSession and SetLocked": raceStartSessionLock,
	"race: CreateAccount":              raceCreateAccount,
	"race: UpdateAccount":              raceUpdateAccount,
	"race: PutClient":                  racePutClient,
	"race: AddKey":                     raceAddKey,
	"race: ReplaceKeys":                raceReplaceKeys,
	"race: ChangeGuesses":              raceChangeGuesses,
	"race: GrantConsent":               raceGrantConsent,
	"race: RevokeToken":                raceRevokeToken,
	"race: Purge":                      racePurge,
	"race: callers that hang up":       raceHangUp,
	"race: AdmitOperator":              raceAdmitOperator,
	"race: SetPassword by link":        raceSetPassword,
	"race: Apply":                      raceApply,
}

// race runs f in many goroutines that start together and returns their errors.
func race(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			errs[i] = f(i)
		})
	}
	start.Done()
	done.Wait()
	return errs
}

// winners counts those without an error; the others must have failed with one of want.
func (f *fixture) winners(errs []error, want ...error) (n int) {
	f.Helper()
	for _, err := range errs {
		if err == nil {
			n++
			continue
		}
		if !isOneOf(err, want) {
			f.Fatalf("error %v, want one of %v", err, want)
		}
	}
	return n
}

func isOneOf(err error, list []error) bool {
	for _, e := range list {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func raceDelegate(f *fixture) {
	c := f.client()
	s := f.session(f.account())
	ids := make([]oauth.ID, racers)
	var all []string
	for i := range racers {
		all = append(all, fmt.Sprintf("scope%d", i))
	}
	f.winners(race(racers, func(i int) error {
		d, err := f.st.Delegate(f.Context(), f.newDelegation(s, c.ID, all[i]), f.now, store.Audit{})
		ids[i] = d.ID
		return err
	}))
	got, err := f.st.StandingOf(f.Context(), s.ID, c.ID)
	f.must(err)
	for _, id := range ids {
		f.same("delegation", id, got.Delegation.ID)
	}
	if len(got.Delegation.Scope) != racers || !oauth.Subset(all, got.Delegation.Scope) {
		f.Errorf("a scope was lost: %v", got.Delegation.Scope)
	}
}

func raceDelegateEndSession(f *fixture) {
	clients := make([]oauth.Client, racers)
	for i := range clients {
		clients[i] = f.client()
	}
	for range 2 {
		s := f.session(f.account())
		ids := make([]oauth.ID, racers)
		f.winners(race(racers, func(i int) error {
			if i%8 == 3 {
				return f.endSession(s.ID)
			}
			d, err := f.st.Delegate(f.Context(), f.newDelegation(s, clients[i].ID, "read"), f.now, store.Audit{})
			ids[i] = d.ID
			return err
		}), store.ErrEnded)
		// With the session's ID back in place, a delegation that was left behind would show.
		f.must(f.st.StartSession(f.Context(), 1, s, nil, nil, store.Audit{}))
		for i := range clients {
			got, err := f.st.StandingOf(f.Context(), s.ID, clients[i].ID)
			f.must(err)
			if got.Delegation != nil {
				f.Fatal("a delegation survived its session")
			}
			if !ids[i].IsZero() {
				f.want("token", f.tokenError(ids[i]), store.ErrNotFound)
			}
		}
	}
}

// raceDelegateEndDelegation: a session that lives never answers that it ended.
func raceDelegateEndDelegation(f *fixture) {
	c := f.client()
	s := f.session(f.account())
	f.winners(race(racers, func(i int) error {
		d, err := f.st.Delegate(f.Context(), f.newDelegation(s, c.ID, "read"), f.now, store.Audit{})
		if err != nil || i%4 != 0 {
			return err
		}
		return f.st.EndDelegation(f.Context(), d.ID, store.Audit{})
	}))
}

// raceDelegateClient disables and removes a client that is being used.
func raceDelegateClient(f *fixture) {
	sessions := make([]oauth.Session, racers)
	for i := range sessions {
		sessions[i] = f.session(f.account())
	}
	for _, remove := range []bool{false, true} {
		c := f.client()
		f.winners(race(racers, func(i int) error {
			if i != racers/2 {
				_, err := f.st.Delegate(f.Context(), f.newDelegation(sessions[i], c.ID, "read"), f.now, store.Audit{})
				return err
			}
			if remove {
				return f.st.RemoveClient(f.Context(), c.ID, store.Audit{})
			}
			c.Disabled = true
			return f.st.PutClient(f.Context(), c, 1, store.Audit{})
		}), store.ErrEnded)
		for _, s := range sessions {
			got, err := f.st.StandingOf(f.Context(), s.ID, c.ID)
			f.must(err)
			if got.Delegation != nil {
				f.Fatal("a delegation survived its client")
			}
		}
	}
}

func raceStartSessionLock(f *fixture) {
	for range 4 {
		acc := f.account()
		ids := make([]oauth.ID, racers)
		f.winners(race(racers, func(i int) error {
			if i == racers/2 {
				return f.st.SetLocked(f.Context(), acc.ID, 0, true, store.Audit{})
			}
			s := f.newSession(acc)
			ids[i] = s.ID
			return f.st.StartSession(f.Context(), 1, s, nil, nil, store.Audit{})
		}), store.ErrEnded)
		// A session that was left behind would be there again with the account.
		f.must(f.st.SetLocked(f.Context(), acc.ID, 0, false, store.Audit{}))
		for _, id := range ids {
			f.want("session", f.sessionError(id), store.ErrNotFound)
		}
	}
}

func raceGrantConsent(f *fixture) {
	c := f.client()
	s := f.session(f.account())
	f.winners(race(racers, func(i int) error {
		return f.st.GrantConsent(f.Context(), oauth.Consent{
			AccountID: s.AccountID, ClientID: c.ID, Scope: []string{fmt.Sprintf("scope%d", i)}, Updated: f.now,
		}, time.Time{}, store.Audit{})
	}))
	got, err := f.st.StandingOf(f.Context(), s.ID, c.ID)
	f.must(err)
	f.same("scopes agreed to", len(got.Consent.Scope), racers)
}

func raceRevokeToken(f *fixture) {
	d := f.delegation(f.session(f.account()), f.client().ID)
	f.winners(race(racers, func(i int) error {
		for range 10 {
			id := newID()
			if err := f.st.RevokeToken(f.Context(), id, f.now.Add(time.Hour), f.audit(store.EventTokenRevoked)); err != nil {
				return err
			}
			got, err := f.tokenStanding(d.ID, id)
			if err != nil {
				return err
			}
			if !got.Revoked {
				return errors.New("a revoked token is good on the next read")
			}
		}
		return nil
	}))
}

// racePurge: nodes that purge at once count each row once.
func racePurge(f *fixture) {
	const rows = 200
	past := f.now.Add(-1000 * time.Hour)
	f.winners(race(racers, func(i int) error {
		for n := i; n < rows; n += racers {
			if err := f.st.RevokeToken(f.Context(), newID(), past, store.Audit{}); err != nil {
				return err
			}
		}
		return nil
	}))
	counts := make([]int, racers)
	f.winners(race(racers, func(i int) error {
		for {
			p, err := f.st.Purge(f.Context(), past, time.Hour, 20)
			if err != nil || p.Rows == 0 {
				return err
			}
			counts[i] += p.Rows
		}
	}))
	total := 0
	for _, n := range counts {
		total += n
	}
	f.same("rows purged", total, rows)
}

// raceHangUp: half of the callers hang up at any moment; the other half never notices, and what was
// left is done wholly or not at all.
func raceHangUp(f *fixture) {
	acc, c := f.account(), f.client()
	for range 4 {
		sessions := make([]oauth.Session, racers)
		children := make([]*oauth.ChildSession, racers)
		errs := race(racers, func(i int) error {
			ctx, cancel := context.WithCancel(f.Context())
			defer cancel()
			sessions[i], children[i] = f.newSession(acc), f.newChild(c.ID)
			if i%2 == 0 {
				go cancel()
			}
			if _, err := f.st.Standing(ctx, sessions[i].CookieHash, c.ID); i%2 == 1 && !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("a read that nobody cancelled: %w", err)
			}
			err := f.st.StartSession(ctx, 1, sessions[i], children[i], nil, store.Audit{})
			if err == nil {
				err = f.st.RevokeToken(ctx, sessions[i].ID, f.now, store.Audit{})
			}
			return err
		})
		for i, err := range errs {
			if i%2 == 1 {
				f.want("a caller that stayed", err, nil)
			} else if err != nil {
				f.want("a caller that hung up", err, context.Canceled)
			}
			session := f.sessionError(sessions[i].ID)
			_, child := f.st.ChildStanding(f.Context(), children[i].CookieHash, c.ID, children[i].Origin)
			if (session == nil) != (child == nil) {
				f.Errorf("half a verb was done: session %v, child %v", session, child)
			}
		}
	}
}
