package storetest

import (
	"slices"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var accountTests = map[string]func(*fixture){
	"accounts":             testAccounts,
	"versions of accounts": testAccountVersions,
	"user names":           testUserNames,
	"list accounts":        testListAccounts,
	"update account":       testUpdateAccount,
	"passwords":            testPasswords,
	"lock":                 testLock,
}

func testAccounts(f *fixture) {
	ctx := f.Context()
	acc := f.account()
	got, err := f.st.Account(ctx, acc.ID)
	f.must(err)
	f.same("account", got, acc)
	got, err = f.st.AccountByName(ctx, acc.Username)
	f.must(err)
	f.same("account by name", got, acc)
	_, err = f.st.Account(ctx, newID())
	f.want("unknown account", err, store.ErrNotFound)
	_, err = f.st.AccountByName(ctx, "nobody-"+newID().String())
	f.want("unknown name", err, store.ErrNotFound)
	f.must(f.st.RemoveAccount(ctx, acc.ID, 0, store.Audit{}))
	_, err = f.st.Account(ctx, acc.ID)
	f.want("removed account", err, store.ErrNotFound)
	f.want("RemoveAccount again", f.st.RemoveAccount(ctx, acc.ID, 0, store.Audit{}), store.ErrNotFound)
}

func testUserNames(f *fixture) {
	ctx := f.Context()
	suffix := newID().String()
	for _, pair := range [][2]string{
		{"Jane", "jANE"},
		{"Straße", "STRASSE"},
		{"Zoe\u0308", "ZOË"}, // combining diaeresis
		{"ΣΊΣΥΦΟΣ", "σίσυφος"},
	} {
		acc := oauth.Account{ID: newID(), Username: pair[0] + suffix, Created: f.now}
		f.must(f.st.CreateAccount(ctx, acc, store.Audit{}))
		got, err := f.st.AccountByName(ctx, pair[1]+suffix)
		f.must(err)
		f.same("name as it was written", got.Username, acc.Username)
		a := f.audit(store.EventAccountCreated)
		again := oauth.Account{ID: newID(), Username: pair[1] + suffix, Created: f.now}
		f.want("taken name", f.st.CreateAccount(ctx, again, a), store.ErrConflict)
		if f.hasAudit(a) {
			f.Error("an account that was refused was recorded")
		}
	}
}

func testListAccounts(f *fixture) {
	ctx := f.Context()
	suffix := newID().String()
	names := []string{"a-" + suffix, "B-" + suffix, "c-" + suffix}
	for _, i := range []int{2, 0, 1} {
		f.must(f.st.CreateAccount(ctx, oauth.Account{ID: newID(), Username: names[i], Created: f.now}, store.Audit{}))
	}
	var all, ours []string
	for after := ""; ; {
		page, err := f.st.ListAccounts(ctx, "", after, 2)
		f.must(err)
		if len(page) == 0 {
			break
		}
		for _, acc := range page {
			all = append(all, acc.Username)
			if slices.Contains(names, acc.Username) {
				ours = append(ours, acc.Username)
			}
		}
		after = all[len(all)-1]
	}
	f.same("order", ours, names)
	whole, err := f.st.ListAccounts(ctx, "", "", 100_000)
	f.must(err)
	f.same("number on all pages", len(all), len(whole))
}

func testUpdateAccount(f *fixture) {
	ctx := f.Context()
	acc, other := f.account(), f.account()
	acc.Username, acc.Name, acc.Email, acc.Attributes = "new-"+acc.Username, "New", "new@example.com", []byte(`{"locale":"sv"}`)
	f.must(f.st.UpdateAccount(ctx, acc, 1, store.Audit{}))
	got, err := f.st.AccountByName(ctx, acc.Username)
	f.must(err)
	acc.Version = 2
	f.same("account", got, acc)
	acc.Attributes = nil
	f.must(f.st.UpdateAccount(ctx, acc, 2, store.Audit{}))
	got, err = f.st.Account(ctx, acc.ID)
	f.must(err)
	acc.Version = 3
	f.same("account without attributes", got, acc)
	f.want("old version", f.st.UpdateAccount(ctx, acc, 1, store.Audit{}), store.ErrConflict)
	acc.Username = other.Username
	f.want("taken name", f.st.UpdateAccount(ctx, acc, 3, store.Audit{}), store.ErrConflict)
	acc.ID, acc.Username = newID(), "unknown-"+newID().String()
	f.want("unknown account", f.st.UpdateAccount(ctx, acc, 1, store.Audit{}), store.ErrNotFound)
}

func testPasswords(f *fixture) {
	ctx := f.Context()
	acc := f.account()
	f.must(f.st.SetPassword(ctx, acc.ID, 0, "second", oauth.ID{}, store.Audit{}))
	f.want("unknown account", f.st.SetPassword(ctx, newID(), 0, "x", oauth.ID{}, store.Audit{}), store.ErrNotFound)
	s := f.session(acc)
	f.must(f.st.UpgradePasswordHash(ctx, acc.ID, "not the hash", "third"))
	got, err := f.st.Account(ctx, acc.ID)
	f.must(err)
	f.same("hash", got.PasswordHash, "second")
	f.must(f.st.UpgradePasswordHash(ctx, acc.ID, "second", "third"))
	got, err = f.st.Account(ctx, acc.ID)
	f.must(err)
	f.same("upgraded hash", got.PasswordHash, "third")
	f.want("session after the upgrade", f.sessionError(s.ID), nil)
}

func testLock(f *fixture) {
	ctx := f.Context()
	acc := f.account()
	a := f.audit(store.EventAccountLocked)
	f.must(f.st.SetLocked(ctx, acc.ID, 0, true, a))
	if !f.hasAudit(a) {
		f.Error("the lock was not recorded")
	}
	got, err := f.st.Account(ctx, acc.ID)
	f.must(err)
	f.same("locked", got.Locked, true)
	f.want("session of a locked account", f.st.StartSession(ctx, 1, f.newSession(acc), nil, nil, store.Audit{}), store.ErrEnded)
	f.must(f.st.SetLocked(ctx, acc.ID, 0, false, store.Audit{}))
	f.session(acc)
	f.want("unknown account", f.st.SetLocked(ctx, newID(), 0, true, store.Audit{}), store.ErrNotFound)
}

// testAccountVersions: what is meant for one version changes no other, of whoever is an admin and of whoever is not.
func testAccountVersions(f *fixture) {
	ctx := f.Context()
	f.admin() // so that the other admin is not the last one
	for _, acc := range []oauth.Account{f.account(), f.admin()} {
		s, old := f.session(acc), f.stored(acc.ID).Version
		f.must(f.st.SetRole(ctx, acc.ID, old, oauth.RoleViewer, store.Audit{}))
		f.must(f.st.SetRole(ctx, acc.ID, old+1, acc.Role, store.Audit{}))
		spend := f.oneTime("link")
		f.want("password", f.st.SetPassword(ctx, acc.ID, old, "other", oauth.ID{}, store.Audit{}, spend), store.ErrConflict)
		f.want("role", f.st.SetRole(ctx, acc.ID, old, oauth.RoleOperator, store.Audit{}), store.ErrConflict)
		f.want("lock", f.st.SetLocked(ctx, acc.ID, old, true, store.Audit{}), store.ErrConflict)
		f.want("unlock", f.st.SetLocked(ctx, acc.ID, old, false, store.Audit{}), store.ErrConflict)
		f.want("removal", f.st.RemoveAccount(ctx, acc.ID, old, store.Audit{}), store.ErrConflict)
		now := f.stored(acc.ID)
		f.same("version", now.Version, old+2)
		f.same("hash", now.PasswordHash, acc.PasswordHash)
		f.want("its session", f.sessionError(s.ID), nil)
		f.must(f.st.SetPassword(ctx, acc.ID, old+2, "other", oauth.ID{}, store.Audit{}, spend)) // nothing was spent
		f.must(f.st.SetLocked(ctx, acc.ID, old+3, true, store.Audit{}))
		f.must(f.st.RemoveAccount(ctx, acc.ID, old+4, store.Audit{}))
	}
}
