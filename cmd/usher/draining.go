package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// How a server stops without losing a request (RFC 9112 §9.6, RFC 9113 §6.8). From the beginning of the stop every answer
// says Connection: close, and HTTP/2 connections get GOAWAY, while new connections are still taken. Then the listeners
// close, with what waits to be accepted served first. Then the connections end that wait for a request, each after one more
// look for bytes that have arrived. http.Server.Shutdown does without the announcements and that look.

const (
	// acceptLast is how long a closing listener goes on accepting what arrived.
	acceptLast = 50 * time.Millisecond
	// silent is how long a connection may send nothing in the middle of its first bytes, or between requests on HTTP/2,
	// before it counts as one that waits.
	silent    = time.Second
	drainPoll = 5 * time.Millisecond
)

// drain knows the connections of a server.
type drain struct {
	mu    sync.Mutex
	conns map[*drainConn]struct{}
}

// waiting lists those on which no request has begun, and tells how many there are in all.
func (d *drain) waiting(now time.Time) (list []*drainConn, all int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		if c.waits(now) {
			list = append(list, c)
		}
	}
	return list, len(d.conns)
}

// finish ends the connections as they become idle; it returns once all are accepted and there are none, or with the
// context's error.
func (d *drain) finish(ctx context.Context, accepted <-chan struct{}) error {
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for {
		more := !isClosed(accepted)
		waiting, all := d.waiting(time.Now())
		if all == 0 && !more {
			return nil
		}
		for _, c := range waiting {
			c.endUnlessRead()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// state is http.Server.ConnState.
func (d *drain) state(c net.Conn, s http.ConnState) {
	for wrapped, ok := c.(interface{ NetConn() net.Conn }); ok; wrapped, ok = c.(interface{ NetConn() net.Conn }) {
		c = wrapped.NetConn() // TLS, a counted connection
	}
	if own, ok := c.(*drainConn); ok {
		own.mu.Lock()
		own.state, own.changed = s, time.Now()
		own.mu.Unlock()
	}
}

// drainListener is a listener whose connections the drain knows.
type drainListener struct {
	*net.TCPListener
	drain  *drain
	ending chan struct{} // closed when it is to accept what arrived and no more
}

func (l *drainListener) Accept() (net.Conn, error) {
	conn, err := l.AcceptTCP()
	if err != nil && isClosed(l.ending) {
		// What arrived as the time was up is taken as well; then nothing lies between the last look and the end.
		_ = l.SetDeadline(time.Now().Add(time.Millisecond))
		if conn, err = l.AcceptTCP(); err != nil {
			_ = l.Close()
			return nil, http.ErrServerClosed
		}
	}
	if err != nil {
		return nil, err
	}
	c := &drainConn{TCPConn: conn, drain: l.drain, changed: time.Now()}
	l.drain.mu.Lock()
	l.drain.conns[c] = struct{}{}
	l.drain.mu.Unlock()
	return c, nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// end makes Accept return http.ErrServerClosed once it has accepted what arrived.
func (l *drainListener) end() {
	close(l.ending)
	_ = l.SetDeadline(time.Now().Add(acceptLast))
}

// drainConn is a connection that can end without losing bytes that arrived.
type drainConn struct {
	*net.TCPConn
	drain *drain

	mu      sync.Mutex
	state   http.ConnState
	changed time.Time // when the state did
	read    time.Time // when bytes came last
	ended   bool      // by endUnlessRead
}

// waits tells whether no request has begun: the last one is answered, or none came yet.
func (c *drainConn) waits(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.state {
	case http.StateIdle:
		return c.read.Before(c.changed) || now.Sub(c.read) > silent
	case http.StateNew:
		return now.Sub(c.changed) > silent && now.Sub(c.read) > silent
	}
	return false
}

// endUnlessRead makes the read that waits fail, unless bytes came or come at this moment.
func (c *drainConn) endUnlessRead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == http.StateActive {
		return
	}
	c.ended = true
	_ = c.SetReadDeadline(time.Unix(1, 0))
}

func (c *drainConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended && n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		if n = readArrived(c.TCPConn, p); n > 0 {
			err = nil
		} else {
			// At once, not when the server gets to it: what comes between the look and the end is lost.
			_ = c.TCPConn.Close()
		}
	}
	if n > 0 {
		c.read = time.Now()
		if c.ended {
			c.ended = false
			_ = c.SetReadDeadline(c.read.Add(readTimeout))
		}
	}
	return n, err
}

func (c *drainConn) Close() error {
	c.drain.mu.Lock()
	delete(c.drain.conns, c)
	c.drain.mu.Unlock()
	return c.TCPConn.Close()
}

// lastAnswer tells the client, when the answer begins, that it is the connection's last one if the server is stopping
// by then. In HTTP/2 the header becomes GOAWAY.
type lastAnswer struct {
	http.ResponseWriter
	door *door
}

func (w *lastAnswer) announce() {
	if w.door.closing.Load() {
		w.Header().Set("Connection", "close")
	}
}

func (w *lastAnswer) WriteHeader(status int) {
	w.announce()
	w.ResponseWriter.WriteHeader(status)
}

func (w *lastAnswer) Write(p []byte) (int, error) {
	w.announce()
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *lastAnswer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// noListener is for a server whose connections come by another way.
type noListener struct{}

func (noListener) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (noListener) Close() error              { return nil }
func (noListener) Addr() net.Addr            { return &net.TCPAddr{} }
