package storetest

import (
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

func raceBootstrap(f *fixture) {
	f.winners(race(racers, func(i int) error {
		return f.st.Bootstrap(f.Context(), oauth.DefaultProfile(), []token.WrappedKey{f.key(f.now)})
	}))
	got := f.load()
	f.same("keys", len(got.Keys), 1)
	f.same("revision", got.Revision, int64(1))
}

func racePutClient(f *fixture) {
	c := f.client()
	for was := int64(1); was < 4; was++ {
		n := f.winners(race(racers, func(i int) error {
			return f.st.PutClient(f.Context(), c, was, store.Audit{})
		}), store.ErrConflict)
		f.same("winners", n, 1)
	}
	c.ID = newID().String()
	n := f.winners(race(racers, func(i int) error {
		return f.st.PutClient(f.Context(), c, 0, store.Audit{})
	}), store.ErrConflict)
	f.same("creators", n, 1)
}

// raceAddKey rotates on many nodes at once.
func raceAddKey(f *fixture) {
	activates := f.now.Add(1000 * time.Hour)
	stored := make([]bool, racers)
	f.winners(race(racers, func(i int) (err error) {
		stored[i], err = f.st.AddKey(f.Context(), f.key(activates.Add(time.Duration(i))), activates, store.Audit{})
		return err
	}))
	n := 0
	for _, b := range stored {
		if b {
			n++
		}
	}
	f.same("keys stored", n, 1)
}

func raceReplaceKeys(f *fixture) {
	old := f.key(f.now.Add(-time.Hour))
	f.must(f.st.ReplaceKeys(f.Context(), nil, []token.WrappedKey{old}, store.Audit{}))
	n := f.winners(race(racers, func(i int) error {
		return f.st.ReplaceKeys(f.Context(), []string{old.ID}, []token.WrappedKey{f.key(f.now.Add(-time.Minute))}, store.Audit{})
	}), store.ErrConflict)
	f.same("winners", n, 1)
}

func raceCreateAccount(f *fixture) {
	name := "raced-" + newID().String()
	n := f.winners(race(racers, func(i int) error {
		return f.st.CreateAccount(f.Context(), oauth.Account{ID: newID(), Username: name, Created: f.now}, store.Audit{})
	}), store.ErrConflict)
	f.same("winners", n, 1)
}

func raceUpdateAccount(f *fixture) {
	acc := f.account()
	n := f.winners(race(racers, func(i int) error {
		return f.st.UpdateAccount(f.Context(), acc, 1, store.Audit{})
	}), store.ErrConflict)
	f.same("winners", n, 1)

	// One name for many accounts.
	accounts := make([]oauth.Account, racers)
	name := "wanted-" + newID().String()
	for i := range accounts {
		accounts[i] = f.account()
		accounts[i].Username = name
	}
	n = f.winners(race(racers, func(i int) error {
		return f.st.UpdateAccount(f.Context(), accounts[i], 1, store.Audit{})
	}), store.ErrConflict)
	f.same("winners of the name", n, 1)
}
