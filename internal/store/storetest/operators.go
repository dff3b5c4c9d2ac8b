package storetest

import (
	"strings"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var operatorTests = map[string]func(*fixture){
	"roles":                testRoles,
	"no role by the way":   testNoRoleByTheWay,
	"admit a new operator": testAdmitNew,
	"admit an account":     testAdmitAccount,
	"password by link":     testPasswordByLink,
	"external IDs":         testExternalIDs,
	"end sessions":         testEndSessions,
	"consents":             testConsents,
	"tallies":              testTallies,
}

// admin is an account with the role.
func (f *fixture) admin() oauth.Account {
	f.Helper()
	acc := f.account()
	f.must(f.st.SetRole(f.Context(), acc.ID, 0, oauth.RoleAdmin, store.Audit{}))
	acc.Role, acc.Version = oauth.RoleAdmin, 2
	return acc
}

func (f *fixture) stored(id oauth.ID) oauth.Account {
	f.Helper()
	acc, err := f.st.Account(f.Context(), id)
	f.must(err)
	return acc
}

func testRoles(f *fixture) {
	ctx := f.Context()
	f.admin()
	acc := f.account()
	a := f.audit(store.EventRoleChanged)
	f.must(f.st.SetRole(ctx, acc.ID, 0, oauth.RoleViewer, a))
	if !f.hasAudit(a) {
		f.Error("the role was not recorded")
	}
	acc.Role, acc.Version = oauth.RoleViewer, 2
	f.same("account", f.stored(acc.ID), acc)
	got, err := f.st.AccountByName(ctx, acc.Username)
	f.must(err)
	f.same("account by name", got, acc)
	f.same("is an operator", f.isOperator(acc.ID), true)
	f.must(f.st.SetRole(ctx, acc.ID, 0, "", store.Audit{}))
	f.same("is an operator without a role", f.isOperator(acc.ID), false)
	for _, role := range oauth.Roles {
		f.want("unknown account", f.st.SetRole(ctx, newID(), 0, role, store.Audit{}), store.ErrNotFound)
	}
}

func (f *fixture) isOperator(id oauth.ID) bool {
	f.Helper()
	list, err := f.st.Operators(f.Context())
	f.must(err)
	for i, acc := range list {
		if acc.ID == id {
			return true
		}
		if acc.Role == "" || i > 0 && strings.ToLower(list[i-1].Username) > strings.ToLower(acc.Username) {
			f.Errorf("operator %s at place %d", acc.Username, i)
		}
	}
	return false
}

// testNoRoleByTheWay: only verbs that are about roles give one.
func testNoRoleByTheWay(f *fixture) {
	ctx := f.Context()
	acc := oauth.Account{ID: newID(), Username: newID().String(), Created: f.now, Role: oauth.RoleAdmin}
	f.must(f.st.CreateAccount(ctx, acc, store.Audit{}))
	f.same("role of a new account", f.stored(acc.ID).Role, oauth.Role(""))
	f.must(f.st.UpdateAccount(ctx, acc, 1, store.Audit{}))
	f.same("role of a changed account", f.stored(acc.ID).Role, oauth.Role(""))
	admin := f.admin()
	admin.Role = ""
	f.must(f.st.UpdateAccount(ctx, admin, 2, store.Audit{}))
	f.same("role of a changed admin", f.stored(admin.ID).Role, oauth.RoleAdmin)
}

func testAdmitNew(f *fixture) {
	ctx := f.Context()
	link := f.oneTime("link")
	acc := oauth.Account{ID: newID(), Username: "Operator-" + newID().String(), Role: oauth.RoleOperator, PasswordHash: "hash", Created: f.now}
	taken := acc
	taken.ID, taken.Username = newID(), f.account().Username
	f.want("taken name", f.st.AdmitOperator(ctx, taken, 0, link, store.Audit{}), store.ErrConflict)
	a := f.audit(store.EventRoleChanged)
	f.must(f.st.AdmitOperator(ctx, acc, 0, link, a))
	if !f.hasAudit(a) {
		f.Error("the operator was not recorded")
	}
	acc.Version = 1
	f.same("account", f.stored(acc.ID), acc)
	again := acc
	again.ID, again.Username = newID(), newID().String()
	f.wantSpent("the link again", f.st.AdmitOperator(ctx, again, 0, link, store.Audit{}), "link")
	_, err := f.st.Account(ctx, again.ID)
	f.want("account of a used link", err, store.ErrNotFound)
}

func testAdmitAccount(f *fixture) {
	ctx := f.Context()
	acc, link := f.account(), f.oneTime("link")
	s := f.session(acc)
	to := oauth.Account{ID: acc.ID, Username: "not this", PasswordHash: "new", Role: oauth.RoleAdmin}
	f.want("another version", f.st.AdmitOperator(ctx, to, 2, link, store.Audit{}), store.ErrConflict)
	f.must(f.st.SetLocked(ctx, acc.ID, 0, true, store.Audit{}))
	f.must(f.st.AdmitOperator(ctx, to, 2, link, store.Audit{}))
	acc.PasswordHash, acc.Role, acc.Version = "new", oauth.RoleAdmin, 3
	f.same("account", f.stored(acc.ID), acc)
	f.want("its session", f.sessionError(s.ID), store.ErrNotFound)
	s = f.session(acc)
	f.wantSpent("the link again", f.st.AdmitOperator(ctx, to, 3, link, store.Audit{}), "link")
	f.want("session after a used link", f.sessionError(s.ID), nil)
	f.must(f.st.AdmitOperator(ctx, to, 3, f.oneTime("link"), store.Audit{}))
	f.want("session of who used another link", f.sessionError(s.ID), store.ErrNotFound)
	to.ID = newID()
	f.want("unknown account", f.st.AdmitOperator(ctx, to, 1, f.oneTime("link"), store.Audit{}), store.ErrNotFound)
}

func testPasswordByLink(f *fixture) {
	ctx := f.Context()
	acc, link := f.account(), f.oneTime("link")
	f.must(f.st.SetPassword(ctx, acc.ID, 0, "first", oauth.ID{}, store.Audit{}, link))
	s := f.session(acc)
	a := f.audit(store.EventPasswordChanged)
	f.wantSpent("the link again", f.st.SetPassword(ctx, acc.ID, 0, "second", oauth.ID{}, a, f.oneTime("other"), link), "link")
	f.same("hash", f.stored(acc.ID).PasswordHash, "first")
	f.want("session", f.sessionError(s.ID), nil)
	if f.hasAudit(a) {
		f.Error("a password that was refused was recorded")
	}
}

func testExternalIDs(f *fixture) {
	ctx := f.Context()
	name := "E-" + newID().String()
	acc := oauth.Account{ID: newID(), Username: newID().String(), ExternalID: name, Created: f.now}
	f.must(f.st.CreateAccount(ctx, acc, store.Audit{}))
	acc.Version = 1
	got, err := f.st.AccountByExternalID(ctx, name)
	f.must(err)
	f.same("account", got, acc)
	other := f.account()
	other.ExternalID = name
	f.must(f.st.UpdateAccount(ctx, other, 1, store.Audit{}))
	first, err := f.st.AccountByExternalID(ctx, name)
	f.must(err)
	again, err := f.st.AccountByExternalID(ctx, name)
	f.must(err)
	f.same("which of two", again.ID, first.ID)
	for _, unknown := range []string{"", "e-" + name[2:]} {
		_, err = f.st.AccountByExternalID(ctx, unknown)
		f.want("external ID "+unknown, err, store.ErrNotFound)
	}
}

func testEndSessions(f *fixture) {
	ctx := f.Context()
	w := f.world()
	clients, err := f.st.EndSessions(ctx, w.ann.ID, store.Audit{})
	f.must(err)
	want := []string{w.x.ID, w.y.ID}
	if want[0] > want[1] {
		want[0], want[1] = want[1], want[0]
	}
	f.same("clients that had a delegation", clients, want)
	f.same("ended", f.ended(w), []string{
		"child", "code s1 x", "code s1 y", "code s2 x", "offline s1 x", "s1", "s1 x", "s1 y", "s2", "s2 x",
	})
	_, err = f.st.EndSessions(ctx, newID(), store.Audit{})
	f.want("unknown account", err, store.ErrNotFound)
}

func testConsents(f *fixture) {
	w := f.world()
	got, err := f.st.Consents(f.Context(), w.ann.ID)
	f.must(err)
	want := []oauth.Consent{w.consents["ann x"], w.consents["ann y"]}
	if w.x.ID > w.y.ID {
		want[0], want[1] = want[1], want[0]
	}
	f.same("consents", got, want)
}

func testTallies(f *fixture) {
	ctx := f.Context()
	first := f.now.Add(1000 * time.Hour).Truncate(store.TallyStep)
	second := first.Add(store.TallyStep)
	for range 2 {
		f.must(f.st.AddTallies(ctx, []store.Tally{
			{At: second, Name: store.TallyTokens, Count: 5}, {At: first, Name: store.TallySignIns, Count: 1}, {At: first, Name: store.TallyTokens, Count: 2},
		}))
	}
	f.must(f.st.AddTallies(ctx, nil))
	list, err := f.st.TalliesSince(ctx, first)
	f.must(err)
	f.same("tallies", list, []store.Tally{
		{At: first, Name: store.TallySignIns, Count: 2}, {At: first, Name: store.TallyTokens, Count: 4}, {At: second, Name: store.TallyTokens, Count: 10},
	})
	list, err = f.st.TalliesSince(ctx, first.Add(time.Millisecond))
	f.must(err)
	f.same("later tallies", len(list), 1)
	f.winners(race(racers, func(i int) error {
		return f.st.AddTallies(ctx, []store.Tally{{At: second, Name: store.TallyTokens, Count: 1}, {At: first, Name: store.TallyTokens, Count: 1}})
	}))
	list, err = f.st.TalliesSince(ctx, second)
	f.must(err)
	f.same("what many nodes added", list[0].Count, int64(10+racers))
}

// testLastAdmin: nothing takes away the last admin who is not locked. It needs a store of its own.
func testLastAdmin(f *fixture) {
	ctx := f.Context()
	f.must(f.st.Bootstrap(ctx, oauth.DefaultProfile(), nil))
	f.must(f.st.SetRole(ctx, f.account().ID, 0, oauth.RoleOperator, store.Audit{})) // where there is no admin, none is taken away
	admin, other, user := f.admin(), f.admin(), f.account()
	ways := map[string]func(acc oauth.Account) error{
		"another role": func(acc oauth.Account) error { return f.st.SetRole(ctx, acc.ID, 0, oauth.RoleOperator, store.Audit{}) },
		"no role":      func(acc oauth.Account) error { return f.st.SetRole(ctx, acc.ID, 0, "", store.Audit{}) },
		"lock":         func(acc oauth.Account) error { return f.st.SetLocked(ctx, acc.ID, 0, true, store.Audit{}) },
		"removal":      func(acc oauth.Account) error { return f.st.RemoveAccount(ctx, acc.ID, 0, store.Audit{}) },
		"link to a lower role": func(acc oauth.Account) error {
			acc.Role = oauth.RoleViewer
			return f.st.AdmitOperator(ctx, acc, acc.Version, f.oneTime("link"), store.Audit{})
		},
	}
	f.must(f.st.SetLocked(ctx, other.ID, 0, true, store.Audit{}))
	f.must(f.st.SetLocked(ctx, user.ID, 0, true, store.Audit{}))
	s := f.session(admin)
	for what, way := range ways {
		f.want(what+" of the last admin", way(f.stored(admin.ID)), store.ErrLastAdmin)
	}
	f.want("session of the last admin", f.sessionError(s.ID), nil)
	f.same("the last admin", f.stored(admin.ID), admin)
	f.must(f.st.SetRole(ctx, admin.ID, 0, oauth.RoleAdmin, store.Audit{}))
	for what, way := range ways {
		second := f.admin()
		f.want(what+" of one of two", way(second), nil)
	}
	f.want("removal of a locked admin", f.st.RemoveAccount(ctx, other.ID, 0, store.Audit{}), nil)
}

// raceLastAdmin: of two admins who take each other away at once, in any of the ways, one stays.
func raceLastAdmin(f *fixture) {
	ctx := f.Context()
	f.must(f.st.Bootstrap(ctx, oauth.DefaultProfile(), nil))
	left := f.admin()
	for round := range 12 {
		pair := []oauth.Account{left, f.admin()}
		n := f.winners(race(2, func(i int) error {
			switch victim := pair[1-i].ID; (round + i*round/3) % 3 {
			case 0:
				return f.st.SetRole(ctx, victim, 0, "", store.Audit{})
			case 1:
				return f.st.SetLocked(ctx, victim, 0, true, store.Audit{})
			default:
				return f.st.RemoveAccount(ctx, victim, 0, store.Audit{})
			}
		}), store.ErrLastAdmin)
		f.same("winners", n, 1)
		left = f.onlyAdmin()
	}
	pair := []oauth.Account{left, f.admin()}
	f.winners(race(racers, func(i int) error {
		return f.st.SetRole(ctx, pair[i%2].ID, 0, oauth.RoleViewer, store.Audit{})
	}), store.ErrLastAdmin)
	f.onlyAdmin()
}

// onlyAdmin demands that there is one admin who is not locked.
func (f *fixture) onlyAdmin() (admin oauth.Account) {
	f.Helper()
	list, err := f.st.Operators(f.Context())
	f.must(err)
	n := 0
	for _, acc := range list {
		if acc.Role == oauth.RoleAdmin && !acc.Locked {
			admin = acc
			n++
		}
	}
	f.same("admins", n, 1)
	return admin
}

func raceAdmitOperator(f *fixture) {
	link := f.oneTime("link")
	accounts := make([]oauth.Account, racers)
	n := f.winnersOfLink(race(racers, func(i int) error {
		accounts[i] = oauth.Account{ID: newID(), Username: newID().String(), Role: oauth.RoleViewer, Created: f.now}
		return f.st.AdmitOperator(f.Context(), accounts[i], 0, link, store.Audit{})
	}))
	f.same("winners", n, 1)
	made := 0
	for _, acc := range accounts {
		if _, err := f.st.Account(f.Context(), acc.ID); err == nil {
			made++
		}
	}
	f.same("accounts made", made, 1)
}

func raceSetPassword(f *fixture) {
	acc, link := f.account(), f.oneTime("link")
	n := f.winnersOfLink(race(racers, func(i int) error {
		return f.st.SetPassword(f.Context(), acc.ID, 0, "new", oauth.ID{}, store.Audit{}, link)
	}))
	f.same("winners", n, 1)
	f.same("version", f.stored(acc.ID).Version, acc.Version+1)
}

// winnersOfLink counts those without an error; all others found the link used.
func (f *fixture) winnersOfLink(errs []error) (n int) {
	f.Helper()
	for _, err := range errs {
		if err == nil {
			n++
		} else {
			f.wantSpent("a racer", err, "link")
		}
	}
	return n
}
