package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// pair is a connection that a drain knows, as the server and as the client have it.
func pair(t *testing.T) (*drainConn, net.Conn, *drainListener) {
	t.Helper()
	d := openTestDoor(t, "listen", nil)
	client, err := net.Dial("tcp", d.listeners[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err := d.listeners[0].Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server.(*drainConn), client, d.listeners[0]
}

// TestWhatArrivedIsReadThoughItsConnectionEnds, and what is only half there is waited for.
func TestWhatArrivedIsReadThoughItsConnectionEnds(t *testing.T) {
	server, client, _ := pair(t)
	if _, err := io.WriteString(client, "GET"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bytes to arrive", func() bool { return arrived(server) })
	server.drain.state(server, http.StateIdle)
	server.endUnlessRead()
	buffer := make([]byte, 10)
	if n, err := server.Read(buffer); string(buffer[:n]) != "GET" || err != nil {
		t.Fatalf("read %q, %v", buffer[:n], err)
	}
	if server.waits(time.Now()) {
		t.Error("a request that has begun counts as none")
	}
	time.AfterFunc(20*time.Millisecond, func() { _, _ = io.WriteString(client, " / H") })
	if n, err := server.Read(buffer); string(buffer[:n]) != " / H" || err != nil {
		t.Errorf("read %q, %v", buffer[:n], err)
	}
}

func TestAConnectionThatWaitsEnds(t *testing.T) {
	server, _, _ := pair(t)
	now := time.Now()
	for _, c := range []struct {
		name        string
		state       http.ConnState
		since, read time.Duration // ago; no byte came where read is 0
		waits       bool
	}{
		{"just accepted", http.StateNew, 0, 0, false},
		{"accepted, and silent", http.StateNew, 2 * time.Second, 0, true},
		{"in its handshake", http.StateNew, 2 * time.Second, time.Millisecond, false},
		{"a request under way", http.StateActive, time.Hour, time.Hour, false},
		{"answered", http.StateIdle, time.Millisecond, time.Second, true},
		{"the first bytes of the next request", http.StateIdle, time.Second, time.Millisecond, false},
		{"a ping since", http.StateIdle, time.Hour, 2 * time.Second, true},
	} {
		server.state, server.changed, server.read = c.state, now.Add(-c.since), time.Time{}
		if c.read > 0 {
			server.read = now.Add(-c.read)
		}
		if got := server.waits(now); got != c.waits {
			t.Errorf("%s: waits %v", c.name, got)
		}
	}
	server.drain.state(server, http.StateIdle)
	ended := make(chan error, 1)
	go func() {
		_, err := server.Read(make([]byte, 1))
		ended <- err
		server.Close()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	accepted := make(chan struct{})
	close(accepted)
	if err := server.drain.finish(ctx, accepted); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the read ended with %v", err)
	}
}

// TestAClosingListenerAcceptsWhatArrived before it closes.
func TestAClosingListenerAcceptsWhatArrived(t *testing.T) {
	_, _, l := pair(t)
	var late []net.Conn
	for range 5 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		late = append(late, c)
	}
	l.end()
	time.Sleep(2 * acceptLast) // the deadline itself is what is tried
	for i := range late {
		c, err := l.Accept()
		if i > 0 && errors.Is(err, http.ErrServerClosed) {
			t.Fatalf("%d of %d were accepted", i, len(late))
		}
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		late[i].Close()
	}
	if _, err := l.Accept(); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("it goes on: %v", err)
	}
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}

// TestWhatAStoppingServerSays: each answer is the last one, HTTP/2 connections are told to go at once, and new connections
// get HTTP/1.1 where they can.
func TestWhatAStoppingServerSays(t *testing.T) {
	ca := newCA(t, t.TempDir())
	dir := t.TempDir()
	if err := ca.issue(dir); err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.LoadX509KeyPair(dir+"/"+leafCertFile, dir+"/"+leafKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	d := openTestDoor(t, "listen", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	d.tls = &tls.Config{Certificates: []tls.Certificate{certificate}}
	d.serve(quiet, make(chan error, 4))
	ask := func(c *http.Client) (string, bool) {
		t.Helper()
		r, err := c.Post("https://"+local(d.port()), "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		proto, _ := io.ReadAll(r.Body)
		return string(proto), r.Close
	}
	client := func() *http.Client {
		return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.pool()}, ForceAttemptHTTP2: true}}
	}
	old := client()
	if proto, closes := ask(old); proto != "HTTP/2.0" || closes {
		t.Errorf("before: %s, closes %v", proto, closes)
	}
	d.announceStop()
	// The idle HTTP/2 connection goes by itself, and the next request finds another one.
	eventually(t, "the HTTP/2 connection to end", func() bool { _, all := d.drain.waiting(time.Now()); return all == 0 })
	if proto, closes := ask(old); proto != "HTTP/1.1" || !closes {
		t.Errorf("after: %s, closes %v", proto, closes)
	}
	only2, err := tls.Dial("tcp", local(d.port()), &tls.Config{RootCAs: ca.pool(), NextProtos: []string{"h2"}, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer only2.Close()
	if proto := only2.ConnectionState().NegotiatedProtocol; proto != "h2" {
		t.Errorf("a client with nothing but HTTP/2 got %q", proto)
	}
	if err := d.stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// eventually waits until a condition holds, at most ten seconds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// A stop waits for a slow request, whatever the connection is wrapped in, and not for idle connections that take
// all places while others wait to be accepted.
func TestAStopWithAllPlacesTaken(t *testing.T) {
	d, err := openDoor("listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := d.listeners[0].Addr().String()
	started := make(chan struct{})
	d.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(started)
		time.Sleep(2 * silent)
		io.WriteString(w, "done")
	})
	restore := places
	places = sync.OnceValue(func() chan struct{} { return make(chan struct{}, 2) })
	defer func() { places = restore }()
	d.serve(slog.New(slog.DiscardHandler), make(chan error, 1))
	conns := make([]net.Conn, 3) // slow, idle, and one that waits for a place
	for i := range conns {
		if conns[i], err = net.Dial("tcp", address); err != nil {
			t.Fatal(err)
		}
		defer conns[i].Close()
	}
	io.WriteString(conns[0], "GET / HTTP/1.1\r\nHost: usher\r\n\r\n")
	<-started
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	if err := d.stop(ctx); err != nil {
		t.Error("the stop did not end by itself:", err)
	}
	answer, err := io.ReadAll(conns[0])
	if err != nil || !strings.HasSuffix(string(answer), "done") {
		t.Errorf("the slow request got %q, %v", answer, err)
	}
}

// Connections that only wait keep no stop from ending, also where they take all places and another waits for one.
func TestAStopWithIdleConnectionsInAllPlaces(t *testing.T) {
	d, err := openDoor("listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.handler = http.NotFoundHandler()
	restore := places
	taken := make(chan struct{}, 2)
	places = func() chan struct{} { return taken }
	defer func() { places = restore }()
	d.serve(slog.New(slog.DiscardHandler), make(chan error, 1))
	for range 3 {
		c, err := net.Dial("tcp", d.listeners[0].Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	for end := time.Now().Add(10 * time.Second); len(taken) < cap(taken) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	// Less than the time after which a server drops a connection without a request by itself.
	ctx, cancel := context.WithTimeout(t.Context(), readHeaderTimeout*2/3)
	defer cancel()
	if err := d.stop(ctx); err != nil {
		t.Error("the stop did not end by itself:", err)
	}
}
