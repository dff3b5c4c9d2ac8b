package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var familyRaces = map[string]func(*fixture){
	"race: Spend":                      raceSpend,
	"race: Spend in any order":         raceSpendOrder,
	"race: Redeem":                     raceRedeem,
	"race: Redeem with one proof":      raceRedeemProof,
	"race: RotateRefresh":              raceRotate,
	"race: RotateRefresh and proofs":   raceRotateProofs,
	"race: EndFamily":                  raceEndFamily,
	"race: Redeem and what ends it":    raceRedeemEnding,
	"race: Redeem offline and endings": raceRedeemOfflineEnding,
}

// errSpent stands for the *store.SpentError of the expected kind.
var errSpent = errors.New("used before")

func asSpent(err error, kind string) error {
	var spent *store.SpentError
	if errors.As(err, &spent) && spent.Kind == kind {
		return errSpent
	}
	return err
}

func raceSpend(f *fixture) {
	for range 4 {
		v := f.oneTime("proof")
		n := f.winners(race(racers, func(i int) error { return asSpent(f.st.Spend(f.Context(), v), "proof") }), errSpent)
		f.same("winners", n, 1)
	}
}

// raceSpendOrder: whoever names the same values in another order neither waits for ever nor wins half.
func raceSpendOrder(f *fixture) {
	for range 4 {
		a, b, c := f.oneTime("proof"), f.oneTime("proof"), f.oneTime("proof")
		orders := [][]store.OneTime{{a, b, c}, {c, b, a}, {b, c, a}, {a, c, b}}
		n := f.winners(race(racers, func(i int) error {
			return asSpent(f.st.Spend(f.Context(), orders[i%len(orders)]...), "proof")
		}), errSpent)
		f.same("winners", n, 1)
	}
}

// raceRedeem: one wins the code, and since the others are replays, what it won ends.
func raceRedeem(f *fixture) {
	s := f.session(f.account())
	d := f.delegation(s, f.client().ID)
	for range 4 {
		family, a := f.newFamily(s, d, false), f.audit(store.EventFamilyStarted)
		n := f.winners(race(racers, func(i int) error {
			proofs := []store.OneTime{f.oneTime("proof")}
			return asSpent(f.st.Redeem(f.Context(), f.codeOf(family), proofs, family, f.now, a), "code")
		}), errSpent)
		f.same("winners", n, 1)
		f.want("the family", f.familyError(family.ID), store.ErrNotFound)
		replay := a
		replay.Event = store.EventReplay
		f.same("recorded, and the replay", [2]bool{f.hasAudit(a), f.hasAudit(replay)}, [2]bool{true, true})
	}
}

// raceRedeemProof: one proof redeems one of many codes; the others are as good as before.
func raceRedeemProof(f *fixture) {
	s := f.session(f.account())
	d := f.delegation(s, f.client().ID)
	proof := f.oneTime("proof")
	families := make([]oauth.Family, racers)
	errs := race(racers, func(i int) error {
		families[i] = f.newFamily(s, d, false)
		return asSpent(f.st.Redeem(f.Context(), f.codeOf(families[i]), []store.OneTime{proof}, families[i], f.now, store.Audit{}), "proof")
	})
	f.same("winners", f.winners(errs, errSpent), 1)
	for i, err := range errs {
		if err == nil {
			f.want("the winner's family", f.familyError(families[i].ID), nil)
			continue
		}
		f.want("a loser's family", f.familyError(families[i].ID), store.ErrNotFound)
		f.want("a loser's code", f.redeem(families[i]), nil)
	}
}

func raceRotate(f *fixture) {
	s := f.session(f.account())
	family := f.family(s, f.delegation(s, f.client().ID), false)
	for generation := range 4 {
		n := f.winners(race(racers, func(i int) error {
			return f.st.RotateRefresh(f.Context(), family.ID, generation, f.now, nil)
		}), store.ErrConflict)
		f.same("winners", n, 1)
		got, err := f.st.FamilyStanding(f.Context(), family.ID)
		f.must(err)
		f.same("generation", got.Family.Generation, generation+1)
	}
}

// raceRotateProofs: who does not advance the family keeps the proof.
func raceRotateProofs(f *fixture) {
	s := f.session(f.account())
	family := f.family(s, f.delegation(s, f.client().ID), false)
	proofs := make([]store.OneTime, racers)
	errs := race(racers, func(i int) error {
		proofs[i] = f.oneTime("proof")
		return f.st.RotateRefresh(f.Context(), family.ID, 0, f.now, proofs[i:i+1])
	})
	f.same("winners", f.winners(errs, store.ErrConflict), 1)
	for i, err := range errs {
		again := f.st.Spend(f.Context(), proofs[i])
		if err == nil {
			f.wantSpent("the winner's proof", again, "proof")
		} else {
			f.want("a loser's proof", again, nil)
		}
	}
}

// raceEndFamily: however many end a family and rotate it, it is recorded once and over.
func raceEndFamily(f *fixture) {
	s := f.session(f.account())
	family := f.family(s, f.delegation(s, f.client().ID), false)
	records := make([]store.Audit, racers)
	f.winners(race(racers, func(i int) error {
		if i%2 == 0 {
			return f.st.RotateRefresh(f.Context(), family.ID, 0, f.now, nil)
		}
		records[i] = f.audit(store.EventFamilyEnded)
		return f.st.EndFamily(f.Context(), family.ID, records[i])
	}), store.ErrConflict, store.ErrEnded)
	f.want("the family", f.familyError(family.ID), store.ErrNotFound)
	recorded := 0
	for i, a := range records {
		if i%2 == 1 && f.hasAudit(a) {
			recorded++
		}
	}
	f.same("records", recorded, 1)
}

// ending ends and undoes what can be undone: a family that was left behind would show.
type ending func(s oauth.Session, c oauth.Client) error

func (f *fixture) endings() map[string]ending {
	ctx := f.Context()
	return map[string]ending{
		"SetLocked": func(s oauth.Session, _ oauth.Client) error {
			if err := f.st.SetLocked(ctx, s.AccountID, 0, true, store.Audit{}); err != nil {
				return err
			}
			return f.st.SetLocked(ctx, s.AccountID, 0, false, store.Audit{})
		},
		"SetPassword": func(s oauth.Session, _ oauth.Client) error {
			return f.st.SetPassword(ctx, s.AccountID, 0, "new", oauth.ID{}, store.Audit{})
		},
		"WithdrawConsent": func(s oauth.Session, c oauth.Client) error {
			return f.st.WithdrawConsent(ctx, s.AccountID, c.ID, store.Audit{})
		},
		"PutClient": func(_ oauth.Session, c oauth.Client) error {
			for version := range int64(2) {
				c.Disabled = version == 0
				if err := f.st.PutClient(ctx, c, version+1, store.Audit{}); err != nil {
					return err
				}
			}
			return nil
		},
		"RemoveClient": func(_ oauth.Session, c oauth.Client) error {
			if err := f.st.RemoveClient(ctx, c.ID, store.Audit{}); err != nil {
				return err
			}
			return f.st.PutClient(ctx, c, 0, store.Audit{})
		},
	}
}

// raceEnding redeems many codes while something ends what they hang off: none begins a family that survives.
func (f *fixture) raceEnding(name string, offline bool, end ending) {
	f.Helper()
	for round := range 2 {
		s, c := f.session(f.account()), f.client()
		f.consent(s.AccountID, c.ID)
		d := f.delegation(s, c.ID)
		families := make([]oauth.Family, racers)
		for i := range families {
			families[i] = f.newFamily(s, d, offline)
		}
		f.winners(race(racers, func(i int) error {
			if i == racers/2 {
				return end(s, c)
			}
			return f.redeem(families[i])
		}), store.ErrEnded)
		f.consent(s.AccountID, c.ID)
		for i, family := range families {
			f.want(fmt.Sprintf("%s, round %d, family %d", name, round, i), f.familyError(family.ID), store.ErrNotFound)
		}
	}
}

func raceRedeemEnding(f *fixture) {
	ctx := f.Context()
	all := f.endings()
	all["EndSession"] = func(s oauth.Session, _ oauth.Client) error { return f.endSession(s.ID) }
	all["EndDelegation"] = func(s oauth.Session, c oauth.Client) error {
		st, err := f.st.StandingOf(ctx, s.ID, c.ID)
		if err != nil {
			return err
		}
		return f.st.EndDelegation(ctx, st.Delegation.ID, store.Audit{})
	}
	all["RemoveAccount"] = func(s oauth.Session, _ oauth.Client) error {
		acc, err := f.st.Account(ctx, s.AccountID)
		if err != nil {
			return err
		}
		if err := f.st.RemoveAccount(ctx, acc.ID, 0, store.Audit{}); err != nil {
			return err
		}
		return f.st.CreateAccount(ctx, acc, store.Audit{})
	}
	all["Purge"] = func(s oauth.Session, _ oauth.Client) error {
		_, err := f.st.Purge(ctx, s.LastUsed.Add(s.IdleTimeout), 1000*time.Hour, 1000)
		return err
	}
	for name, end := range all {
		f.raceEnding(name, false, end)
	}
}

func raceRedeemOfflineEnding(f *fixture) {
	for name, end := range f.endings() {
		f.raceEnding(name, true, end)
	}
}
