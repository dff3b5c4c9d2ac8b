package storetest

import (
	"fmt"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var applyTests = map[string]func(*fixture){
	"apply":             testApply,
	"apply is atomic":   testApplyAtomic,
	"apply ends things": testApplyEnds,
}

// testApply creates, changes and removes clients and changes the profile, in one revision.
func testApply(f *fixture) {
	ctx := f.Context()
	changed, removed := f.client(), f.client()
	made := oauth.Client{ID: newID().String(), Name: "Made"}
	changed.Name = "Changed"
	before := f.load()
	p := before.Profile
	p.IDTokenSeconds++
	whole := f.audit(store.EventApplied)
	var audits []store.Audit
	audit := func() store.Audit {
		a := f.audit(store.EventClientChanged)
		a.Change = &store.Change{Kind: store.KindClient, Subject: a.Detail}
		audits = append(audits, a)
		return a
	}
	f.must(f.st.Apply(ctx, store.Changeset{
		Profile: &store.ProfileChange{Profile: p, Was: p.Version, Audit: audit()},
		Clients: []store.ClientChange{
			{Client: made, Audit: audit()}, {Client: changed, Was: 1, Audit: audit()}, {Client: removed, Was: 1, Remove: true, Audit: audit()},
		},
		Audit: whole,
	}))
	f.sameSince("Apply", before)
	after := f.load()
	f.same("revision", after.Revision, before.Revision+1)
	p.Version++
	f.same("profile", after.Profile, p)
	changed.Version, made.Version = 2, 1
	for _, want := range []oauth.Client{changed, made} {
		got, err := f.st.Client(ctx, want.ID)
		f.must(err)
		f.same("client", got, want)
	}
	_, err := f.st.Client(ctx, removed.ID)
	f.want("removed client", err, store.ErrNotFound)
	found, err := f.st.ListClients(ctx, removed.ID, "", 1)
	f.must(err)
	f.same("clients found by the removed one's id", len(found), 0)
	if !f.hasAudit(whole) {
		f.Error("the whole was not recorded")
	}
	for _, a := range audits {
		changes, err := f.st.Changes(ctx, store.ChangeFilter{Kind: store.KindClient, Subject: a.Detail}, oauth.ID{}, 2)
		f.must(err)
		f.same("changes recorded", len(changes), 1)
	}
	f.raises("Apply of clients alone", nil, func() error {
		return f.st.Apply(ctx, store.Changeset{Clients: []store.ClientChange{{Client: changed, Was: 2}}})
	})
}

// testApplyAtomic: where one version is another, nothing is changed.
func testApplyAtomic(f *fixture) {
	ctx := f.Context()
	old := f.client()
	f.must(f.st.PutClient(ctx, old, 1, store.Audit{}))
	p := f.load().Profile
	for what, bad := range map[string]store.Changeset{
		"a client of an old version":          {Clients: []store.ClientChange{{Client: old, Was: 1}}},
		"a removal of an old version":         {Clients: []store.ClientChange{{Client: old, Was: 1, Remove: true}}},
		"a client that is there":              {Clients: []store.ClientChange{{Client: old}}},
		"a client that is not":                {Clients: []store.ClientChange{{Client: oauth.Client{ID: newID().String()}, Was: 1}}},
		"a removal of a client that is not":   {Clients: []store.ClientChange{{Client: oauth.Client{ID: newID().String()}, Was: 1, Remove: true}}},
		"a profile of an old version":         {Profile: &store.ProfileChange{Profile: p, Was: p.Version - 1}},
		"a profile of a version that will be": {Profile: &store.ProfileChange{Profile: p, Was: p.Version + 1}},
	} {
		good := f.client()
		d := f.delegation(f.session(f.account()), good.ID)
		a := f.audit(store.EventApplied)
		bad.Audit = a
		bad.Clients = append([]store.ClientChange{{Client: oauth.Client{ID: "made-" + good.ID}}, {Client: good, Was: 1, Remove: true}}, bad.Clients...)
		f.raises(what, store.ErrConflict, func() error { return f.st.Apply(ctx, bad) })
		got, err := f.st.Client(ctx, good.ID)
		f.must(err)
		f.same("the other client", got, good)
		f.want("what hangs off it", f.tokenError(d.ID), nil)
		_, err = f.st.Client(ctx, "made-"+good.ID)
		f.want("a client that was to be made", err, store.ErrNotFound)
		if f.hasAudit(a) {
			f.Errorf("%s was recorded", what)
		}
	}
}

// testApplyEnds: clients that a file disables or removes lose what hangs off them.
func testApplyEnds(f *fixture) {
	w := f.world()
	w.y.Disabled = true
	f.must(f.st.Apply(f.Context(), store.Changeset{Clients: []store.ClientChange{
		{Client: w.x, Was: 1, Remove: true}, {Client: w.y, Was: 1},
	}}))
	f.same("ended", f.ended(w), []string{
		"ann x", "bob x", "child", "code s1 x", "code s1 y", "code s2 x", "offline s1 x", "offline s3 x", "s1 x", "s1 y", "s2 x", "s3 x",
	})
}

// raceApply: a file meets changes of the clients that it has. Each client is of the file, or none is.
func raceApply(f *fixture) {
	ctx := f.Context()
	for range 4 {
		clients := make([]oauth.Client, 8)
		var file store.Changeset
		for i := range clients {
			clients[i] = f.client()
			byFile := clients[i]
			byFile.Name = "by file"
			file.Clients = append(file.Clients, store.ClientChange{Client: byFile, Was: 1})
		}
		applied := make([]bool, racers)
		f.winners(race(racers, func(i int) error {
			if i%4 == 0 {
				err := f.st.Apply(ctx, file)
				applied[i] = err == nil
				return err
			}
			c := clients[i%len(clients)]
			c.Name = fmt.Sprint("by ", i)
			return f.st.PutClient(ctx, c, 1, store.Audit{})
		}), store.ErrConflict)
		files, ofFile := 0, 0
		for _, won := range applied {
			if won {
				files++
			}
		}
		for _, c := range clients {
			got, err := f.st.Client(ctx, c.ID)
			f.must(err)
			if got.Name == "by file" {
				ofFile++
			}
		}
		f.same("clients of the file", ofFile, files*len(clients))
	}
}
