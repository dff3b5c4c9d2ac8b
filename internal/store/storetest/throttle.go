package storetest

import (
	"errors"
	"strconv"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// guess adds one to the number that stands in the place of guesses.
func (f *fixture) guess(key []byte) error {
	return f.st.ChangeGuesses(f.Context(), key, store.Audit{}, func(g *store.Guesses) (bool, error) {
		n, _ := strconv.Atoi(string(g.Tries))
		g.Tries = []byte(strconv.Itoa(n + 1))
		return true, nil
	})
}

func (f *fixture) guesses(key []byte) (tries, browsers string) {
	f.Helper()
	g, err := f.st.Guesses(f.Context(), key)
	f.must(err)
	return string(g.Tries), string(g.Browsers)
}

func testGuesses(f *fixture) {
	ctx, key, other := f.Context(), []byte("guesses"), []byte("guesses\x00")
	a := f.audit(store.EventThrottleReleased)
	f.must(f.st.ChangeGuesses(ctx, key, a, func(g *store.Guesses) (bool, error) {
		f.same("at first", string(g.Tries)+string(g.Browsers), "")
		g.Tries, g.Browsers = []byte("tries"), []byte("browsers")
		return false, nil
	}))
	tries, _ := f.guesses(key)
	f.same("what was not to be written", tries, "")
	if f.hasAudit(a) {
		f.Error("what was not written was recorded")
	}
	failed := errors.New("change failed")
	f.want("an error of change", f.st.ChangeGuesses(ctx, key, a, func(g *store.Guesses) (bool, error) {
		g.Tries = []byte("tries")
		return true, failed
	}), failed)
	for _, text := range []string{"first", "second"} {
		f.must(f.st.ChangeGuesses(ctx, key, a, func(g *store.Guesses) (bool, error) {
			g.Tries, g.Browsers = []byte(text), []byte("browsers of "+text)
			return true, nil
		}))
		tries, browsers := f.guesses(key)
		f.same("written", tries+", "+browsers, text+", browsers of "+text)
	}
	if !f.hasAudit(a) {
		f.Error("it was not recorded")
	}
	tries, _ = f.guesses(other)
	f.same("under another key", tries, "")
}

// testKnownBrowsers: what ends every session of an account makes its browsers unknown ones.
func testKnownBrowsers(f *fixture) {
	ctx := f.Context()
	known := func() oauth.Account {
		acc := f.account()
		f.must(f.st.ChangeGuesses(ctx, acc.ID[:], store.Audit{}, func(g *store.Guesses) (bool, error) {
			g.Tries, g.Browsers = []byte("tries"), []byte("browsers")
			return true, nil
		}))
		return acc
	}
	kept := known()
	for name, end := range map[string]func(acc oauth.Account) error{
		"SetPassword": func(acc oauth.Account) error {
			return f.st.SetPassword(ctx, acc.ID, 0, "hash", oauth.ID{}, store.Audit{})
		},
		"SetLocked": func(acc oauth.Account) error {
			return f.st.SetLocked(ctx, acc.ID, 0, true, store.Audit{})
		},
		"EndSessions": func(acc oauth.Account) error {
			_, err := f.st.EndSessions(ctx, acc.ID, store.Audit{})
			return err
		},
		"AdmitOperator": func(acc oauth.Account) error {
			acc.Role = oauth.RoleViewer
			return f.st.AdmitOperator(ctx, acc, 1, f.oneTime("link"), store.Audit{})
		},
	} {
		acc := known()
		f.must(end(acc))
		tries, browsers := f.guesses(acc.ID[:])
		f.same("after "+name, tries+", "+browsers, "tries, ")
	}
	for name, change := range map[string]func() error{
		"SetRole": func() error { return f.st.SetRole(ctx, kept.ID, 0, oauth.RoleViewer, store.Audit{}) },
		"unlock":  func() error { return f.st.SetLocked(ctx, kept.ID, 0, false, store.Audit{}) },
		"another hash": func() error {
			return f.st.UpgradePasswordHash(ctx, kept.ID, kept.PasswordHash, "another")
		},
	} {
		f.must(change())
		_, browsers := f.guesses(kept.ID[:])
		f.same("after "+name, browsers, "browsers")
	}
	f.must(f.st.RemoveAccount(ctx, kept.ID, 0, store.Audit{}))
	tries, _ := f.guesses(kept.ID[:])
	f.same("after RemoveAccount", tries, "")
}

// raceChangeGuesses: no guess is lost, and where a limit stands in change, no more get in than
// it says.
func raceChangeGuesses(f *fixture) {
	const each, limit = 2, 5
	all, few := []byte("race of guesses"), []byte("race for few places")
	f.same("winners", f.winners(race(racers, func(int) error {
		for range each {
			if err := f.guess(all); err != nil {
				return err
			}
		}
		return nil
	})), racers)
	tries, _ := f.guesses(all)
	f.same("guesses", tries, strconv.Itoa(racers*each))

	refused := errors.New("no place")
	f.same("places", f.winners(race(racers, func(int) error {
		return f.st.ChangeGuesses(f.Context(), few, store.Audit{}, func(g *store.Guesses) (bool, error) {
			n, _ := strconv.Atoi(string(g.Tries))
			if n == limit {
				return false, refused
			}
			g.Tries = []byte(strconv.Itoa(n + 1))
			return true, nil
		})
	}), refused), limit)
}
