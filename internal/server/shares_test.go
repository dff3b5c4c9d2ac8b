package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// A flood of device requests for a public client, whatever networks it comes from, holds no rightful user
// of that client up. How long the user's request took is printed.
func TestAFloodOfDevicesKeepsNobodyOut(t *testing.T) {
	for name, test := range map[string]struct{ networks, requests, accepted int }{
		"one network":      {1, 1000, oauth.MaxNetworkDevices},
		"fifty networks":   {50, 2000, 1000},
		"nine hundred":     {900, 1800, 1000},
		"a hundred, twice": {100, 200, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newDeviceWorld(t)
			now, accepted := w.clock.Now(), 0
			places := oauth.DevicePlaces{
				Client: oauth.MaxDeviceRequests, Network: oauth.MaxNetworkDevices,
			}
			for i := range test.requests {
				err := w.store.StartDevice(t.Context(), store.DeviceRequest{
					UserCodeHash: []byte{byte(i), byte(i >> 8)}, ClientID: "tv", Created: now,
					Expires: now.Add(time.Minute), Network: fmt.Sprint(i % test.networks),
				}, places)
				if err == nil {
					accepted++
				}
			}
			began := time.Now()
			d := w.device()
			t.Logf("%d of %d accepted; then a user's request took %s",
				accepted, test.requests, time.Since(began))
			w.browser().approve(d)
			if accepted != test.accepted {
				t.Errorf("%d accepted, want %d", accepted, test.accepted)
			}
		})
	}
}

// silentAddresses gives https addresses of one host, each at a port that accepts connections and says nothing.
func silentAddresses(t testing.TB, n int) (list []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		list = append(list, "https://"+l.Addr().String()+"/request")
	}
	return list
}

// 30 request_uris of one client that hang, at as many ports of one host: another client hears of a logout,
// and another's document at that very host is fetched.
func TestHangingRequestURIsHoldNobodyUp(t *testing.T) {
	w := newWorld(t)
	c := w.rp(always(http.StatusOK))
	w.backChannelLogout(c, "app")
	b := w.browser()
	b.signIn("client_id", "app")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := w.server.outbound
	for _, address := range silentAddresses(t, 30) {
		go func() { _, _ = o.get(ctx, "stranger", address) }()
	}
	underWay := func() int {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.busy["127.0.0.1"]
	}
	for underWay() < outboundOfKey {
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	b.submit(logoutPath, form("confirm", "yes")).wantText("You are signed out")
	<-c.heard
	t.Logf("the logout token came %s after the click", time.Since(began))
	if _, err := o.get(t.Context(), "other", c.URL+"/document"); err != nil {
		t.Error(err)
	}
	if n := underWay(); n > outboundOfKey {
		t.Errorf("%d of one client's at once", n)
	}
}

func TestHostsAreToldApartWithoutWhatTheirOwnersVary(t *testing.T) {
	for address, want := range map[string]string{
		"https://a.example:8443/x": "a.example", "https://A.Example./": "a.example",
		"https://127.0.0.1:1": "127.0.0.1", "https://[::ffff:127.0.0.1]:2": "127.0.0.1",
		"https://[2001:DB8::1]": "2001:db8::1", "https://[2001:db8:0::1]:3/": "2001:db8::1",
	} {
		u, err := (&outbound{}).parse(http.MethodGet, address)
		if err != nil || hostKey(u) != want {
			t.Errorf("%s: %q, %v", address, hostKey(u), err)
		}
	}
}

// One client whose server hangs holds up no notice to another.
func TestNoticesAreSharedByClient(t *testing.T) {
	w := newWorld(t)
	c := w.rp(always(http.StatusOK))
	w.backChannelLogout(c, "app")
	b := w.browser()
	b.signIn("client_id", "app")
	leaves := 0
	for range noticesOfOne {
		leave, err := w.server.backChannel.queue.Enter(t.Context(), "stranger")
		w.must(err)
		defer leave()
		leaves++
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.server.backChannel.queue.Enter(ctx, "stranger"); err == nil {
		t.Errorf("more than %d at once", leaves)
	}
	b.submit(logoutPath, form("confirm", "yes")).wantText("You are signed out")
	<-c.heard
}
