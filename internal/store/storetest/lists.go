package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var listTests = map[string]func(*fixture){
	"search accounts":         testSearchAccounts,
	"list clients":            testListClients,
	"list delegations":        testListDelegations,
	"lists cost one query":    testListsCost,
	"settings and one client": testSettings,
	"texts of no database":    testTextsOfNoDatabase,
}

// pages reads a list to its end, two at a time.
func pages[T any](f *fixture, page func(after T, limit int) ([]T, error)) (all []T) {
	f.Helper()
	var after T
	for {
		list, err := page(after, 2)
		f.must(err)
		all = append(all, list...)
		if len(list) < 2 || len(all) > 1000 {
			return all
		}
		after = list[len(list)-1]
	}
}

func testSearchAccounts(f *fixture) {
	ctx := f.Context()
	suffix := fmt.Sprintf("%x", newID())
	// By name, then by address, with one of both, one address for two, and what only looks alike.
	for _, both := range [][2]string{
		{"Quinn-" + suffix, ""}, {"quinn-" + suffix + "b", "QUINN-" + suffix + "@example.com"}, {"quinn-" + suffix + "ä", ""},
		{"z2-" + suffix, "Quinn-" + suffix + "@a.example"}, {"z1-" + suffix, "quinn-" + suffix + "@A.example"},
		{"a-" + suffix, "quinn-" + suffix + "@b.example"}, {"x-" + suffix, "x-quinn-" + suffix}, {"quinn%" + suffix, "quinn_" + suffix},
	} {
		f.must(f.st.CreateAccount(ctx, oauth.Account{ID: newID(), Username: both[0], Email: both[1], Created: f.now}, store.Audit{}))
	}
	want := []string{"Quinn-", "quinn-.b", "quinn-.ä", "z1-", "z2-", "a-"}
	for i, name := range want {
		begin, end, _ := strings.Cut(name, ".")
		want[i] = begin + suffix + end
	}
	for _, search := range []string{"quinn-" + suffix, "QUINN-" + suffix[:20]} {
		found := pages(f, func(after string, limit int) (names []string, err error) {
			list, err := f.st.ListAccounts(ctx, search, after, limit)
			for _, acc := range list {
				names = append(names, acc.Username)
			}
			return names, err
		})
		f.same("accounts found by "+search, found, want)
		n, err := f.st.CountAccounts(ctx, search)
		f.must(err)
		f.same("number found by "+search, n, len(want))
	}
	// Of the account that a page ended with, the name may be all that is left, or even less.
	list, err := f.st.ListAccounts(ctx, "quinn-"+suffix, "z1-"+suffix, 10)
	f.must(err)
	f.same("after the first address", len(list), 2)
	acc := oauth.Account{ID: newID(), Username: "z1-" + suffix, Email: "aaa@example.com"}
	for _, changed := range list {
		acc.ID = changed.ID
		acc.Username = changed.Username
		f.must(f.st.UpdateAccount(ctx, acc, 1, store.Audit{}))
	}
	list, err = f.st.ListAccounts(ctx, "quinn-"+suffix, "z2-"+suffix, 10)
	f.must(err)
	f.same("after one that is not found any more", len(list), 1)
}

func testListClients(f *fixture) {
	ctx := f.Context()
	suffix := fmt.Sprintf("%x", newID())
	clients := []oauth.Client{
		{ID: "a-" + suffix, Name: "50% off_it"}, {ID: "b-" + suffix, Name: "The SHOP of Åse"}, {ID: "c-shop-" + suffix, Name: "!"},
		{ID: "d-" + suffix, Name: "shop"},
	}
	for _, c := range clients {
		f.must(f.st.PutClient(ctx, c, 0, store.Audit{}))
	}
	search := func(text string) []string {
		f.Helper()
		return pages(f, func(after string, limit int) (ids []string, err error) {
			list, err := f.st.ListClients(ctx, text, after, limit)
			for _, c := range list {
				if strings.HasSuffix(c.ID, suffix) || text == "" {
					ids = append(ids, c.ID)
				} else {
					return nil, fmt.Errorf("found %s by %q", c.ID, text)
				}
			}
			return ids, err
		})
	}
	id := func(i ...int) (ids []string) {
		for _, i := range i {
			ids = append(ids, clients[i].ID)
		}
		return ids
	}
	f.same("all of the suffix", search(strings.ToUpper(suffix)), id(0, 1, 2, 3))
	all := search("")
	f.same("all are in order", slices.IsSorted(all), true)
	f.same("all are there", slices.Contains(all, clients[0].ID) && slices.Contains(all, clients[3].ID), true)
	f.same("after the second", search("b-"+suffix), id(1))
	for text, want := range map[string][]string{
		"0% O": id(0), "f_i": id(0), "%": id(0), "_": id(0), "!": id(2), "of åSE": id(1), suffix + "\n50": id(0),
	} {
		list, err := f.st.ListClients(ctx, text, "", 100)
		f.must(err)
		var ids []string
		for _, c := range list {
			if strings.HasSuffix(c.ID, suffix) {
				ids = append(ids, c.ID)
			}
		}
		f.same("clients found by "+text, ids, want)
	}
	clients[3].Name = "renamed " + suffix[:8]
	f.must(f.st.PutClient(ctx, clients[3], 1, store.Audit{}))
	f.same("by the new name", search("renamed "+suffix[:8]), id(3))
	f.must(f.st.RemoveClient(ctx, clients[3].ID, store.Audit{}))
	f.same("after its removal", search("renamed "+suffix[:8]), []string(nil))
}

func testSettings(f *fixture) {
	ctx := f.Context()
	c := f.client()
	got, err := f.st.Client(ctx, c.ID)
	f.must(err)
	f.same("client", got, c)
	_, err = f.st.Client(ctx, "unknown-"+newID().String())
	f.want("unknown client", err, store.ErrNotFound)
	whole := f.load()
	whole.Clients = nil
	settings, err := f.st.Settings(ctx)
	f.must(err)
	f.same("settings", settings, whole)
}

// testListSessions needs a store of its own, whose sessions are these alone.
func testListSessions(f *fixture) {
	ctx := f.Context()
	ann, bob := f.account(), f.account()
	var want []string
	at := f.now
	start := func(acc oauth.Account, age, idle time.Duration) {
		s := f.newSession(acc)
		s.Created, s.IdleTimeout = at.Add(-age), idle
		f.must(f.st.StartSession(ctx, 1, s, nil, nil, store.Audit{}))
		if idle >= time.Hour {
			want = append(want, fmt.Sprintf("%d %x %s", s.Created.UnixMilli(), s.ID[:], acc.Username))
		}
	}
	for i := range 7 {
		start([]oauth.Account{ann, bob}[i%2], time.Duration(i/3)*time.Minute, time.Hour) // three at a time
		start(ann, time.Duration(i)*time.Minute, time.Minute)                            // these are over soon
	}
	slices.Sort(want)
	slices.Reverse(want)
	now := f.now.Add(30 * time.Minute)
	read := func(account oauth.ID) (lines []string) {
		f.Helper()
		rows := pages(f, func(after store.SessionRow, limit int) ([]store.SessionRow, error) {
			place := store.Place{}
			if !after.ID.IsZero() {
				place = store.Place{At: after.Created, ID: after.ID}
			}
			return f.st.ListSessions(ctx, account, now, place, limit)
		})
		for _, r := range rows {
			lines = append(lines, fmt.Sprintf("%d %x %s", r.Created.UnixMilli(), r.ID[:], r.Username))
		}
		return lines
	}
	f.same("all", read(oauth.ID{}), want)
	ofBob := slices.DeleteFunc(slices.Clone(want), func(line string) bool { return !strings.HasSuffix(line, bob.Username) })
	f.same("of one account", read(bob.ID), ofBob)
	f.same("of nobody", read(newID()), []string(nil))
	s := f.newSession(bob)
	s.Created = f.now.Add(time.Second)
	f.must(f.st.StartSession(ctx, 1, s, nil, nil, store.Audit{}))
	list, err := f.st.ListSessions(ctx, oauth.ID{}, f.now, store.Place{}, 1)
	f.must(err)
	f.same("all of a session", list, []store.SessionRow{{Session: s, Username: bob.Username}})
}

func testListDelegations(f *fixture) {
	ctx := f.Context()
	w := f.world()
	read := func(filter store.DelegationFilter, now time.Time) (names []string) {
		f.Helper()
		rows := pages(f, func(after store.DelegationRow, limit int) ([]store.DelegationRow, error) {
			place := store.Place{}
			if !after.ID.IsZero() {
				place = store.Place{At: after.Created, ID: after.ID}
			}
			return f.st.ListDelegations(ctx, filter, now, place, limit)
		})
		for i, r := range rows {
			if i > 0 && r.Created.After(rows[i-1].Created) {
				f.Errorf("%v is listed after an older one", r)
			}
			for name, d := range w.delegations {
				if d.ID == r.ID {
					names = append(names, name)
					owner := w.ann
					if name == "s3 x" {
						owner = w.bob
					}
					f.same("row", r, store.DelegationRow{Delegation: d, Username: owner.Username})
				}
			}
		}
		slices.Sort(names)
		return names
	}
	late := f.now.Add(31 * time.Minute) // the session s1 is over
	for what, c := range map[string]struct {
		filter store.DelegationFilter
		now    time.Time
		want   []string
	}{
		"account":                     {store.DelegationFilter{AccountID: w.ann.ID}, f.now, []string{"s1 x", "s1 y", "s2 x"}},
		"client":                      {store.DelegationFilter{ClientID: w.x.ID}, f.now, []string{"s1 x", "s2 x", "s3 x"}},
		"session":                     {store.DelegationFilter{SessionID: w.s1.ID}, f.now, []string{"s1 x", "s1 y"}},
		"account and client":          {store.DelegationFilter{AccountID: w.ann.ID, ClientID: w.x.ID}, f.now, []string{"s1 x", "s2 x"}},
		"session and client":          {store.DelegationFilter{SessionID: w.s1.ID, ClientID: w.y.ID}, f.now, []string{"s1 y"}},
		"session of somebody else":    {store.DelegationFilter{SessionID: w.s1.ID, AccountID: w.bob.ID}, f.now, nil},
		"live ones":                   {store.DelegationFilter{ClientID: w.x.ID}, late, []string{"s2 x", "s3 x"}},
		"live ones of a session":      {store.DelegationFilter{SessionID: w.s1.ID}, late, nil},
		"live ones of an account":     {store.DelegationFilter{AccountID: w.ann.ID}, late, []string{"s2 x"}},
		"all of them, these included": {store.DelegationFilter{}, f.now, []string{"s1 x", "s1 y", "s2 x", "s3 x"}},
	} {
		f.same(what, read(c.filter, c.now), c.want)
	}
}

func testCounts(f *fixture) {
	ctx := f.Context()
	for range 3 {
		f.session(f.account())
	}
	n, err := f.st.CountAccounts(ctx, "")
	f.must(err)
	f.same("accounts", n, 3)
	for after, want := range map[time.Duration]int{0: 3, time.Hour: 0} {
		n, err = f.st.CountSessions(ctx, f.now.Add(after))
		f.must(err)
		f.same("live sessions", n, want)
	}
}

// testListsCost: each page is one query.
func testListsCost(f *fixture) {
	ctx, w := f.Context(), f.world()
	for name, read := range map[string]func() error{
		"ListAccounts":        func() error { _, err := f.st.ListAccounts(ctx, "", "", 5); return err },
		"ListAccounts, found": func() error { _, err := f.st.ListAccounts(ctx, "user", "", 5); return err },
		"Operators":           func() error { _, err := f.st.Operators(ctx); return err },
		"ListClients":         func() error { _, err := f.st.ListClients(ctx, "", "", 5); return err },
		"ListClients, found":  func() error { _, err := f.st.ListClients(ctx, "client", "", 5); return err },
		"ListSessions":        func() error { _, err := f.st.ListSessions(ctx, w.ann.ID, f.now, store.Place{}, 5); return err },
		"ListDelegations": func() error {
			_, err := f.st.ListDelegations(ctx, store.DelegationFilter{ClientID: w.x.ID}, f.now, store.Place{}, 5)
			return err
		},
		"Audits": func() error { _, _, err := f.st.Audits(ctx, store.AuditFilter{}, oauth.ID{}, 5); return err },
		"Audits, found": func() error {
			_, _, err := f.st.Audits(ctx, store.AuditFilter{ClientID: "x"}, oauth.ID{}, 5)
			return err
		},
		"Changes": func() error { _, err := f.st.Changes(ctx, store.ChangeFilter{}, oauth.ID{}, 5); return err },
	} {
		before := f.st.Stats()
		f.must(read())
		after := f.st.Stats()
		before.Reads++
		f.same(name+" costs", after, before)
	}
}

// testTextsOfNoDatabase looks for what no text in PostgreSQL can be: it is not there, and nothing breaks.
func testTextsOfNoDatabase(f *fixture) {
	ctx, c := f.Context(), f.client()
	for _, text := range []string{"\x00", c.ID + "\x00", "\xff"} {
		_, err := f.st.Client(ctx, text)
		f.want("Client", err, store.ErrNotFound)
		_, err = f.st.AccountByExternalID(ctx, text)
		f.want("AccountByExternalID", err, store.ErrNotFound)
		found, err := f.st.ListClients(ctx, text, "", 10)
		f.must(err)
		delegations, err := f.st.ListDelegations(ctx, store.DelegationFilter{ClientID: text}, f.now, store.Place{}, 10)
		f.must(err)
		audits, _, err := f.st.Audits(ctx, store.AuditFilter{Actor: text}, oauth.ID{}, 10)
		f.must(err)
		changes, err := f.st.Changes(ctx, store.ChangeFilter{Kind: text}, oauth.ID{}, 10)
		f.must(err)
		if len(found)+len(delegations)+len(audits)+len(changes) > 0 {
			f.Errorf("%q: found %v, %v, %v, %v", text, found, delegations, audits, changes)
		}
	}
}
