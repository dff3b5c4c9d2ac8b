package storetest

import (
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var deviceTests = map[string]func(*fixture){
	"device":              testDevice,
	"device decided":      testDecideDevice,
	"devices at the most": testTooManyDevices,
	"devices by network":  testDevicesByNetwork,
	"device polls":        testPollDevice,
	"device expired":      testDeviceExpired,
	"devices of a client": testDevicesOfClient,
}

// places are so many, without shares of networks.
func places(most int) oauth.DevicePlaces { return oauth.DevicePlaces{Client: most, Network: most} }

// newDevice is a request that is not stored yet.
func (f *fixture) newDevice(clientID string) store.DeviceRequest {
	return store.DeviceRequest{
		UserCodeHash: newHash(), ClientID: clientID, Scope: []string{"openid", "read"},
		Created: f.now, Expires: f.now.Add(10 * time.Minute),
	}
}

func (f *fixture) device(clientID string) store.DeviceRequest {
	f.Helper()
	d := f.newDevice(clientID)
	f.must(f.st.StartDevice(f.Context(), d, places(100)))
	return d
}

// deviceError is nil where the request is under way.
func (f *fixture) deviceError(d store.DeviceRequest, now time.Time) error {
	_, err := f.st.Device(f.Context(), d.UserCodeHash, now)
	return err
}

func testDevice(f *fixture) {
	ctx := f.Context()
	c := f.client()
	d := f.device(c.ID)
	got, err := f.st.Device(ctx, d.UserCodeHash, f.now)
	f.must(err)
	f.same("request", got, d)
	plain := f.newDevice(c.ID)
	plain.Scope = nil
	f.must(f.st.StartDevice(ctx, plain, places(100)))
	got, err = f.st.Device(ctx, plain.UserCodeHash, f.now)
	f.must(err)
	f.same("request without a scope", got, plain)
	taken := f.newDevice(f.client().ID)
	taken.UserCodeHash = d.UserCodeHash
	f.want("taken user code", f.st.StartDevice(ctx, taken, places(100)), store.ErrConflict)
	got, err = f.st.Device(ctx, d.UserCodeHash, f.now)
	f.must(err)
	f.same("the first of the user code", got, d)
	f.want("unknown user code", f.deviceError(f.newDevice(c.ID), f.now), store.ErrNotFound)
}

func testDecideDevice(f *fixture) {
	ctx := f.Context()
	c := f.client()
	for _, decision := range []store.DeviceDecision{store.DeviceApproved, store.DeviceDenied} {
		d, a, late := f.device(c.ID), f.audit(store.EventDeviceDecided), f.audit(store.EventDeviceDecided)
		want := d
		want.Decision = decision
		if decision == store.DeviceApproved {
			want.DelegationID = newID()
		}
		f.must(f.st.DecideDevice(ctx, d.UserCodeHash, decision, want.DelegationID, f.now, a))
		for _, second := range []store.DeviceDecision{store.DeviceApproved, store.DeviceDenied} {
			f.want("second decision", f.st.DecideDevice(ctx, d.UserCodeHash, second, newID(), f.now, late), store.ErrConflict)
		}
		got, err := f.st.Device(ctx, d.UserCodeHash, f.now)
		f.must(err)
		f.same("request", got, want)
		f.same("recorded, and the second", [2]bool{f.hasAudit(a), f.hasAudit(late)}, [2]bool{true, false})
	}
	f.want("unknown user code", f.st.DecideDevice(ctx, newHash(), store.DeviceDenied, newID(), f.now, store.Audit{}), store.ErrNotFound)
}

func testTooManyDevices(f *fixture) {
	ctx := f.Context()
	c, other := f.client(), f.client()
	const most = 3
	start := func(clientID string, at time.Duration) error {
		d := f.newDevice(clientID)
		d.Created, d.Expires = d.Created.Add(at), d.Expires.Add(at)
		return f.st.StartDevice(ctx, d, places(most))
	}
	for i := range most {
		f.must(start(c.ID, time.Duration(i)*time.Minute))
	}
	f.want("one too many", start(c.ID, most*time.Minute), store.ErrTooMany)
	f.want("another client's", start(other.ID, 0), nil)
	f.want("once the first has expired", start(c.ID, 10*time.Minute), nil)
	f.want("and then no more", start(c.ID, 10*time.Minute), store.ErrTooMany)
}

// Networks share a client's places: who has few is served, and the newest of who has the most gives way.
func testDevicesByNetwork(f *fixture) {
	ctx := f.Context()
	c, places := f.client(), oauth.DevicePlaces{Client: 6, Network: 4}
	at := f.now
	start := func(network string) (store.DeviceRequest, error) {
		d := f.newDevice(c.ID)
		at = at.Add(time.Millisecond)
		d.Network, d.Created = network, at
		return d, f.st.StartDevice(ctx, d, places)
	}
	var flood []store.DeviceRequest
	for range places.Network {
		d, err := start("flood")
		f.must(err)
		flood = append(flood, d)
	}
	_, err := start("flood")
	f.want("more than its share", err, store.ErrTooMany)
	var users []store.DeviceRequest
	for _, network := range []string{"a", "b", "c", "d"} {
		d, err := start(network)
		f.must(err)
		users = append(users, d)
	}
	for i, want := range []error{nil, nil, store.ErrNotFound, store.ErrNotFound} {
		f.want("of the flood", f.deviceError(flood[i], at), want)
	}
	for _, d := range users {
		f.want("a user's", f.deviceError(d, at), nil)
	}
	_, err = start("flood")
	f.want("the flood again", err, store.ErrTooMany)
	_, err = start("a")
	f.want("a second where none has more", err, store.ErrTooMany)
	// What a user decided about does not give way.
	f.must(f.st.DecideDevice(ctx, flood[0].UserCodeHash, store.DeviceApproved, newID(), at,
		f.audit(store.EventDeviceDecided)))
	_, err = start("e")
	f.want("where only a decided one could give way", err, store.ErrTooMany)
	taken, err := start("f")
	f.want("full", err, store.ErrTooMany)
	f.want("what was refused", f.deviceError(taken, at), store.ErrNotFound)
}

func testPollDevice(f *fixture) {
	ctx := f.Context()
	d := f.device(f.client().ID)
	at := f.now
	for range 3 {
		got, err := f.st.PollDevice(ctx, d.UserCodeHash, at)
		f.must(err)
		f.same("as it was before", got, d)
		d.Polled = at
		got, err = f.st.Device(ctx, d.UserCodeHash, at)
		f.must(err)
		f.same("as it is now", got, d)
		at = at.Add(5 * time.Second)
	}
	_, err := f.st.PollDevice(ctx, newHash(), at)
	f.want("unknown user code", err, store.ErrNotFound)
}

func testDeviceExpired(f *fixture) {
	ctx := f.Context()
	d := f.device(f.client().ID)
	f.want("just before", f.deviceError(d, d.Expires.Add(-time.Millisecond)), nil)
	f.want("Device", f.deviceError(d, d.Expires), store.ErrNotFound)
	_, err := f.st.PollDevice(ctx, d.UserCodeHash, d.Expires)
	f.want("PollDevice", err, store.ErrNotFound)
	decide := func() error {
		return f.st.DecideDevice(ctx, d.UserCodeHash, store.DeviceApproved, newID(), d.Expires, store.Audit{})
	}
	f.want("DecideDevice", decide(), store.ErrNotFound)
	f.must(f.st.DecideDevice(ctx, d.UserCodeHash, store.DeviceDenied, newID(), f.now, store.Audit{}))
	f.want("DecideDevice of what was decided", decide(), store.ErrNotFound)
}

// testDevicesOfClient: requests end with their client, and one that is made again begins with none.
func testDevicesOfClient(f *fixture) {
	ctx := f.Context()
	c := f.client()
	d, bystander := f.device(c.ID), f.device(f.client().ID)
	f.must(f.st.RemoveClient(ctx, c.ID, store.Audit{}))
	f.want("request of a removed client", f.deviceError(d, f.now), store.ErrNotFound)
	f.want("another client's", f.deviceError(bystander, f.now), nil)
	f.must(f.st.PutClient(ctx, c, 0, store.Audit{}))
	f.must(f.st.StartDevice(ctx, f.newDevice(c.ID), places(1)))
}
