package storetest

import (
	"maps"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

var configurationTests = map[string]func(*fixture){
	"clients":      testClients,
	"profile":      testProfile,
	"add key":      testAddKey,
	"replace keys": testReplaceKeys,
	"many changes": testManyChanges,
}

func (f *fixture) key(activates time.Time) token.WrappedKey {
	return token.WrappedKey{
		ID: newID().String(), Use: token.UseSign, Alg: oauth.ES256, Created: f.now, Activates: activates, Wrapped: []byte{0, 1, 2},
	}
}

func (f *fixture) load() store.Snapshot {
	f.Helper()
	snapshot, err := f.st.Load(f.Context())
	f.must(err)
	return snapshot
}

// findClient returns what is stored of a client.
func (f *fixture) findClient(id string) (oauth.Client, bool) {
	f.Helper()
	for _, c := range f.load().Clients {
		if c.ID == id {
			return c, true
		}
	}
	return oauth.Client{}, false
}

// raises demands that a change raised the revision, or, where it failed, that it did not.
func (f *fixture) raises(what string, want error, change func() error) {
	f.Helper()
	before, err := f.st.Revision(f.Context())
	f.must(err)
	var old store.Snapshot
	if before > 0 {
		old = f.load()
	}
	f.want(what, change(), want)
	if before > 0 {
		f.sameSince(what, old)
	}
	after, err := f.st.Revision(f.Context())
	f.must(err)
	if raised := after > before; raised != (want == nil) {
		f.Errorf("%s: revision went from %d to %d", what, before, after)
	}
}

// sameSince demands that an old state with what changed since is the state of now.
func (f *fixture) sameSince(what string, old store.Snapshot) {
	f.Helper()
	u, known, err := f.st.LoadSince(f.Context(), old.Revision)
	f.must(err)
	if !known {
		f.Errorf("%s: it is not known what changed", what)
	}
	clients := map[string]oauth.Client{}
	for _, c := range append(old.Clients, u.Clients...) {
		clients[c.ID] = c
	}
	for _, id := range u.Removed {
		delete(clients, id)
	}
	got := old
	got.Revision, got.Clients = u.Revision, []oauth.Client{}
	if u.Settings != nil {
		got.Profile, got.Keys, got.Upgraded = u.Settings.Profile, u.Settings.Keys, u.Settings.Upgraded
	}
	for _, id := range slices.Sorted(maps.Keys(clients)) {
		got.Clients = append(got.Clients, clients[id])
	}
	got.Horizon = f.load().Horizon // it moves without a revision, by Pulse
	f.same(what+": what changed since", got, f.load())
}

// testManyChanges demands that who is too far behind is told to read everything, and who is not, is not.
func testManyChanges(f *fixture) {
	ctx := f.Context()
	before, err := f.st.Revision(ctx)
	f.must(err)
	since := func(what string, revision int64, want bool) {
		f.Helper()
		_, known, err := f.st.LoadSince(ctx, revision)
		f.must(err)
		f.same(what, known, want)
	}
	for range 150 {
		f.client()
	}
	since("150 changes", before, true)
	since("none", before+150, true)
	since("a revision from the future", before+151, false)
	many := store.Changeset{}
	p := f.load().Profile
	many.Profile = &store.ProfileChange{Profile: p, Was: p.Version}
	for range 300 {
		many.Clients = append(many.Clients, store.ClientChange{Client: oauth.Client{ID: newID().String()}})
	}
	f.must(f.st.Apply(ctx, many))
	since("one revision with 301 changes", before+150, false)
	f.client()
	since("the revision after it", before+151, true)
	since("across it", before+149, false)
}

func testBootstrap(f *fixture) {
	ctx := f.Context()
	_, err := f.st.Load(ctx)
	f.want("Load of an empty store", err, store.ErrNotFound)
	f.want("PutProfile before Bootstrap", f.st.PutProfile(ctx, oauth.DefaultProfile(), 0, store.Audit{}), store.ErrConflict)
	first := oauth.DefaultProfile()
	first.AccessTokenSeconds = 77
	key := f.key(f.now)
	f.raises("Bootstrap", nil, func() error { return f.st.Bootstrap(ctx, first, []token.WrappedKey{key}) })
	f.must(f.st.Bootstrap(ctx, oauth.DefaultProfile(), []token.WrappedKey{f.key(f.now)}))
	got := f.load()
	first.Version = 1
	revision, err := f.st.Revision(ctx)
	f.must(err)
	f.same("snapshot", got, store.Snapshot{
		Revision: revision, Profile: first, Clients: []oauth.Client{}, Keys: []token.WrappedKey{key},
		Horizon: token.Horizon{Upto: key.Created.Add(-clock.PurgeAfter)}, Upgraded: got.Upgraded,
	})
}

func testClients(f *fixture) {
	ctx := f.Context()
	c := f.client()
	got, _ := f.findClient(c.ID)
	f.same("client", got, c)
	f.raises("creating it again", store.ErrConflict, func() error { return f.st.PutClient(ctx, c, 0, store.Audit{}) })
	c.Name = "Renamed"
	a := f.audit(store.EventClientChanged)
	f.raises("PutClient", nil, func() error { return f.st.PutClient(ctx, c, 1, a) })
	if !f.hasAudit(a) {
		f.Error("the change was not recorded")
	}
	got, _ = f.findClient(c.ID)
	c.Version = 2
	f.same("changed client", got, c)
	a = f.audit(store.EventClientChanged)
	f.raises("PutClient of an old version", store.ErrConflict, func() error { return f.st.PutClient(ctx, c, 1, a) })
	if f.hasAudit(a) {
		f.Error("a change that was refused was recorded")
	}
	f.raises("RemoveClient", nil, func() error { return f.st.RemoveClient(ctx, c.ID, store.Audit{}) })
	f.raises("RemoveClient again", store.ErrNotFound, func() error { return f.st.RemoveClient(ctx, c.ID, store.Audit{}) })
	f.raises("PutClient of a removed one", store.ErrNotFound, func() error { return f.st.PutClient(ctx, c, 2, store.Audit{}) })
	if _, found := f.findClient(c.ID); found {
		f.Error("the client is still there")
	}
}

func testProfile(f *fixture) {
	ctx := f.Context()
	p := f.load().Profile
	was := p.Version
	p.IDTokenSeconds++
	f.raises("PutProfile", nil, func() error { return f.st.PutProfile(ctx, p, was, store.Audit{}) })
	f.raises("PutProfile of an old version", store.ErrConflict, func() error { return f.st.PutProfile(ctx, p, was, store.Audit{}) })
	p.Version = was + 1
	f.same("profile", f.load().Profile, p)
}

func testAddKey(f *fixture) {
	ctx := f.Context()
	key := f.key(f.now.Add(time.Hour))
	f.raises("AddKey", nil, func() error {
		stored, err := f.st.AddKey(ctx, key, f.now, store.Audit{})
		f.same("stored", stored, true)
		return err
	})
	revision, _ := f.st.Revision(ctx)
	stored, err := f.st.AddKey(ctx, f.key(f.now.Add(2*time.Hour)), key.Activates, store.Audit{})
	f.must(err)
	f.same("stored where there is one already", stored, false)
	after, _ := f.st.Revision(ctx)
	f.same("revision", after, revision)
	other := f.key(f.now.Add(time.Hour))
	other.Alg = oauth.RS256
	stored, err = f.st.AddKey(ctx, other, f.now, store.Audit{})
	f.must(err)
	f.same("stored with another algorithm", stored, true)
	later := f.key(f.now.Add(3 * time.Hour))
	stored, err = f.st.AddKey(ctx, later, key.Activates.Add(time.Millisecond), store.Audit{})
	f.must(err)
	f.same("stored where the other is older", stored, true)
}

func testReplaceKeys(f *fixture) {
	ctx := f.Context()
	old, fresh := f.key(f.now.Add(-time.Hour)), f.key(f.now.Add(-time.Minute))
	f.must(f.st.ReplaceKeys(ctx, nil, []token.WrappedKey{old}, store.Audit{}))
	f.raises("ReplaceKeys with an unknown id", store.ErrConflict, func() error {
		return f.st.ReplaceKeys(ctx, []string{old.ID, "unknown"}, []token.WrappedKey{fresh}, store.Audit{})
	})
	f.raises("ReplaceKeys", nil, func() error {
		return f.st.ReplaceKeys(ctx, []string{old.ID}, []token.WrappedKey{fresh}, store.Audit{})
	})
	found := map[string]bool{}
	for _, k := range f.load().Keys {
		found[k.ID] = true
	}
	f.same("old and new are there", [2]bool{found[old.ID], found[fresh.ID]}, [2]bool{false, true})
}
