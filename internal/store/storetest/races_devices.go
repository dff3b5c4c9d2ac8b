package storetest

import (
	"sync"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var deviceRaces = map[string]func(*fixture){
	"race: StartDevice at the most":       raceStartDevice,
	"race: StartDevice with a user code":  raceStartDeviceCode,
	"race: DecideDevice":                  raceDecideDevice,
	"race: PollDevice":                    racePollDevice,
	"race: Redeem of one device decision": raceDeviceRedeem,
}

// raceStartDevice: two clients at once, each up to its most.
func raceStartDevice(f *fixture) {
	const most = 5
	clients := []oauth.Client{f.client(), f.client()}
	errs := race(racers, func(i int) error { return f.st.StartDevice(f.Context(), f.newDevice(clients[i%2].ID), places(most)) })
	f.same("winners", f.winners(errs, store.ErrTooMany), 2*most)
	for i := range clients {
		n := 0
		for j, err := range errs {
			if j%2 == i && err == nil {
				n++
			}
		}
		f.same("winners of one client", n, most)
	}
}

func raceStartDeviceCode(f *fixture) {
	clients := []oauth.Client{f.client(), f.client()}
	hash := newHash()
	n := f.winners(race(racers, func(i int) error {
		d := f.newDevice(clients[i%2].ID)
		d.UserCodeHash = hash
		return f.st.StartDevice(f.Context(), d, places(100))
	}), store.ErrConflict)
	f.same("winners", n, 1)
}

func raceDecideDevice(f *fixture) {
	d := f.device(f.client().ID)
	ids := make([]oauth.ID, racers)
	errs := race(racers, func(i int) error {
		decision := store.DeviceApproved
		if i%2 == 0 {
			decision = store.DeviceDenied
		}
		ids[i] = newID()
		return f.st.DecideDevice(f.Context(), d.UserCodeHash, decision, ids[i], f.now, store.Audit{})
	})
	f.same("winners", f.winners(errs, store.ErrConflict), 1)
	got, err := f.st.Device(f.Context(), d.UserCodeHash, f.now)
	f.must(err)
	for i, err := range errs {
		if err == nil {
			f.same("what was decided", got.DelegationID, ids[i])
		}
	}
}

// racePollDevice: of many polls each finds the time of another one, and one finds none.
func racePollDevice(f *fixture) {
	d := f.device(f.client().ID)
	var mu sync.Mutex
	seen := map[time.Time]bool{}
	f.winners(race(racers, func(i int) error {
		got, err := f.st.PollDevice(f.Context(), d.UserCodeHash, f.now.Add(time.Duration(i)*time.Second))
		mu.Lock()
		defer mu.Unlock()
		seen[got.Polled] = true
		return err
	}))
	f.same("times seen", len(seen), racers)
	f.same("nothing was seen by the first", seen[time.Time{}], true)
}

// raceDeviceRedeem: a device that polls from many places gets tokens once.
func raceDeviceRedeem(f *fixture) {
	s, c := f.session(f.account()), f.client()
	family := f.newFamily(s, f.delegation(s, c.ID), false)
	d := f.device(c.ID)
	f.must(f.st.DecideDevice(f.Context(), d.UserCodeHash, store.DeviceApproved, family.DelegationID, f.now, store.Audit{}))
	code := store.OneTime{Kind: "device_code", Owner: c.ID, ID: family.ID.String(), Expires: d.Expires}
	n := f.winners(race(racers, func(i int) error {
		if _, err := f.st.PollDevice(f.Context(), d.UserCodeHash, f.now); err != nil {
			return err
		}
		return asSpent(f.st.Redeem(f.Context(), code, nil, family, f.now, store.Audit{}), "device_code")
	}), errSpent)
	f.same("winners", n, 1)
}
