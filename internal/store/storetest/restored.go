package storetest

import (
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// testEndRestored ends all that hangs off sessions, offline too, and leaves what does not.
func testEndRestored(f *fixture) {
	f.must(f.st.Bootstrap(f.Context(), oauth.DefaultProfile(), nil))
	w := f.world()
	old := token.WrappedKey{ID: "old", Use: token.UseSeal, Created: f.now, Activates: f.now, Wrapped: []byte("x")}
	if _, err := f.st.AddKey(f.Context(), old, time.Time{}, store.Audit{}); err != nil {
		f.Fatal(err)
	}
	device := store.DeviceRequest{UserCodeHash: []byte("code"), ClientID: w.x.ID, Created: f.now, Expires: f.now.Add(time.Hour)}
	f.must(f.st.StartDevice(f.Context(), device, places(10)))
	before, err := f.st.Revision(f.Context())
	f.must(err)

	fresh := old
	fresh.ID = "fresh"
	now := time.UnixMilli(before + 1000).UTC() // a node may remember a revision beyond that of the restored database
	ended, err := f.st.EndRestored(f.Context(), []token.WrappedKey{fresh}, now, f.audit(store.EventRestored))
	f.must(err)
	f.same("ended", ended, store.Restored{Keys: 1, Sessions: 3, ChildSessions: 1, Delegations: 4, Families: 5, DeviceRequests: 1})

	snap, err := f.st.Settings(f.Context())
	f.must(err)
	if len(snap.Keys) != 1 || snap.Keys[0].ID != "fresh" || snap.Revision != before+1000 {
		f.Errorf("revision %d (before %d), keys %v", snap.Revision, before, snap.Keys)
	}
	for name, family := range w.families {
		_, err := f.st.FamilyStanding(f.Context(), family.ID)
		f.want("the family "+name, err, store.ErrNotFound)
	}
	_, err = f.st.StandingOf(f.Context(), w.s3.ID, w.x.ID)
	f.want("a session", err, store.ErrNotFound)
	_, err = f.st.ChildStanding(f.Context(), w.child.CookieHash, w.x.ID, w.child.Origin)
	f.want("a child session", err, store.ErrNotFound)
	_, err = f.st.Device(f.Context(), device.UserCodeHash, f.now)
	f.want("a device request", err, store.ErrNotFound)

	_, err = f.st.Account(f.Context(), w.ann.ID)
	f.must(err)
	_, err = f.st.Client(f.Context(), w.x.ID)
	f.must(err)
	if consents, err := f.st.Consents(f.Context(), w.ann.ID); err != nil || len(consents) != 2 {
		f.Errorf("consents %v, error %v", consents, err)
	}

	// Again, as after a kill: nothing is left to end, and the revision rises.
	again, err := f.st.EndRestored(f.Context(), []token.WrappedKey{old}, f.now.Add(-time.Hour*1e6), store.Audit{})
	f.must(err)
	f.same("ended again", again, store.Restored{Keys: 1})
	if after, err := f.st.Revision(f.Context()); err != nil || after != before+1001 {
		f.Errorf("revision %d, error %v", after, err)
	}
}
