package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOutboundConnectsToPublicAddressesOnly(t *testing.T) {
	allowed := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	for address, want := range map[string]bool{
		"93.184.216.34": true, "8.8.8.8": true, "2606:4700::1111": true,
		"10.1.2.3": true, // by name
		"10.2.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "fd00::1": false, "100.64.0.1": false,
		"127.0.0.1": false, "127.8.8.8": false, "::1": false, "0.0.0.0": false, "::": false, "0.1.2.3": false,
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false,
		"224.0.0.1": false, "ff02::1": false, "255.255.255.255": false, "240.0.0.1": false,
		"192.0.2.1": false, "198.51.100.1": false, "203.0.113.1": false, "198.18.0.1": false, "192.0.0.8": false,
		"64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001:db8::1": false, "::127.0.0.1": false, "::ffff:127.0.0.1": false,
	} {
		if got := mayConnect(netip.MustParseAddr(address).Unmap(), false, allowed); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

func TestDevelopmentServerReachesThisMachineAlone(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1": true, "::1": true, "192.168.1.1": false, "169.254.169.254": false} {
		if got := mayConnect(netip.MustParseAddr(address), true, nil); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

func TestOutboundOfAPublicServerDoesNotReachThisMachine(t *testing.T) {
	w := newWorld(t)
	p := w.partner()
	p.publish("/x", "secret")
	base, _ := url.Parse("https://login.example.com")
	o := newOutbound(base, nil, nil, w.clock.Now)
	for _, address := range []string{p.URL + "/x", strings.Replace(p.URL, "127.0.0.1", "localhost", 1) + "/x"} {
		if _, err := o.get(context.Background(), "client", address); err == nil || !strings.Contains(err.Error(), "not a public address") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if p.count("/x") != 0 {
		t.Error("it was reached")
	}
}

func TestOutboundSpeaksHTTPSOnly(t *testing.T) {
	w := newWorld(t)
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for _, address := range []string{plain.URL, "file:///etc/passwd", "ftp://x", "https://", "https://user@localhost", "", "x"} {
		if _, err := w.server.outbound.get(context.Background(), "client", address); err == nil || !strings.Contains(err.Error(), "not an https address") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestOutboundFollowsNoRedirectAndTakesNoLargeAnswer(t *testing.T) {
	w := newWorld(t)
	reached := false
	s := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(rw, r, "/target", http.StatusFound)
		case "/target":
			reached = true
		case "/large":
			_, _ = rw.Write(make([]byte, outboundLargest+1))
		case "/full":
			_, _ = rw.Write(make([]byte, outboundLargest))
		}
	}))
	defer s.Close()
	w.trust(s)
	for path, want := range map[string]string{"/redirect": "302", "/large": "more than"} {
		if _, err := w.server.outbound.get(context.Background(), "client", s.URL+path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if body, err := w.server.outbound.get(context.Background(), "client", s.URL+"/full"); err != nil || len(body) != outboundLargest {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	if reached {
		t.Error("the redirect was followed")
	}
}

func TestOutboundTrustsOnlyKnownCAs(t *testing.T) {
	w := newWorld(t)
	p := w.partner()
	p.publish("/x", "x")
	if _, err := newOutbound(w.server.base, nil, nil, w.clock.Now).get(context.Background(), "client", p.URL+"/x"); err == nil {
		t.Error("a certificate of nobody was believed")
	}
}

func TestOutboundPost(t *testing.T) {
	w := newWorld(t)
	var got url.Values
	s := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = r.PostForm
		if r.URL.Path == "/refuse" {
			rw.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer s.Close()
	w.trust(s)
	if err := w.server.outbound.post(context.Background(), s.URL, form("logout_token", "x y")); err != nil || got.Get("logout_token") != "x y" {
		t.Errorf("%v, %v", got, err)
	}
	if err := w.server.outbound.post(context.Background(), s.URL+"/refuse", form("a", "b")); err == nil {
		t.Error("an answer of 400 is a success")
	}
}

func TestStaleKeysSurviveAFailingHost(t *testing.T) {
	w := newWorld(t)
	p := w.partner()
	p.publishKeys(t, "/jwks", publicJWK("key"))
	keys := func() error {
		_, err := w.server.outbound.keys(context.Background(), "client", p.URL+"/jwks", false)
		return err
	}
	w.must(keys())
	p.publish("/jwks", "broken")
	w.clock.pass(keysFresh + time.Second)
	w.must(keys())
	w.must(keys())
	if n := p.count("/jwks"); n != 2 {
		t.Errorf("a failing host was asked %d times at once", n)
	}
	w.clock.pass(keysStale)
	if keys() == nil {
		t.Error("keys of more than an hour ago are still good")
	}
	if asked := p.count("/jwks"); keys() == nil || p.count("/jwks") != asked {
		t.Error("a failing host is asked again at once")
	}
	w.clock.pass(keysRetry)
	p.publishKeys(t, "/jwks", publicJWK("key"))
	w.must(keys())
}

func TestOneFetchServesAllWhoWait(t *testing.T) {
	w := newWorld(t)
	begun, goOn := make(chan struct{}), make(chan struct{})
	asked := 0
	document := jwksOf(t, publicJWK("key"))
	s := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			asked++
			close(begun)
			<-goOn
		}
		_, _ = rw.Write(document)
	}))
	defer s.Close()
	w.trust(s)
	o := w.server.outbound
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = o.keys(context.Background(), "client", s.URL+"/slow", false) })
	}
	<-begun
	// No lock is held over the fetch: keys of others are there at once.
	if _, err := o.keys(context.Background(), "client", s.URL+"/other", false); err != nil {
		t.Error(err)
	}
	gone, leave := context.WithCancel(context.Background())
	leave()
	if _, err := o.keys(gone, "client", s.URL+"/slow", false); err == nil {
		t.Error("a caller that left went on waiting")
	}
	close(goOn)
	all.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if asked != 1 {
		t.Errorf("fetched %d times", asked)
	}
}

func TestAddressesOfKeysAreBounded(t *testing.T) {
	w := newWorld(t)
	o := w.server.outbound
	for i := range keysKnown + 10 {
		o.remember("https://client.example/" + strings.Repeat("x", i))
	}
	if len(o.keySets) != keysKnown {
		t.Errorf("%d addresses are remembered", len(o.keySets))
	}
}

func TestOneHostDoesNotHoldUpTheOthers(t *testing.T) {
	base, _ := url.Parse("https://login.example.com")
	o := newOutbound(base, nil, nil, time.Now)
	for range outboundOfHost {
		if !o.begin("slow.example") {
			t.Fatal("too early")
		}
	}
	if _, err := o.get(t.Context(), "client", "https://slow.example/jwks"); err == nil || !strings.Contains(err.Error(), "under way") {
		t.Errorf("one more than there may be: %v", err)
	}
	if !o.begin("other.example") {
		t.Error("another host is held up")
	}
	o.end("slow.example")
	if !o.begin("slow.example") {
		t.Error("what ended still counts")
	}
}
