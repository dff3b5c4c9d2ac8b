package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The bounds of every listener: a slow or greedy peer costs little, and not for long.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
)

// door is an HTTP server and the listeners that it serves.
type door struct {
	setting   string // what the operator changes to move it
	listeners []*drainListener
	handler   http.Handler
	tls       *tls.Config // nil for a door without TLS
	server    *http.Server
	http2     *http.Server // serves the HTTP/2 connections of server, so that they can be told to go
	drain     drain
	serving   sync.WaitGroup
	closing   atomic.Bool // every answer is the last one on its connection
}

// openDoor binds an address. For localhost it binds both loopback addresses where the machine has both:
// browsers try either first.
func openDoor(setting, address string) (*door, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	hosts := []string{host}
	if host == "localhost" {
		hosts = []string{"127.0.0.1", "::1"}
	}
	d := &door{setting: setting, drain: drain{conns: map[*drainConn]struct{}{}}}
	for i, host := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(host, port))
		if err != nil && i > 0 && !errors.Is(err, syscall.EADDRINUSE) {
			continue // the machine has no IPv6
		}
		if err != nil {
			d.close()
			return nil, explainListen(err, setting, port)
		}
		d.listeners = append(d.listeners, &drainListener{l.(*net.TCPListener), &d.drain, make(chan struct{})})
		port = strconv.Itoa(d.port()) // where it was 0, all share the one that was found
	}
	return d, nil
}

func explainListen(err error, setting, port string) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %s is in use by another program: stop that program, or choose another port with %s", port, setting)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("this user may not listen on port %s: choose a port above 1023 with %s", port, setting)
	}
	return fmt.Errorf("%s: %w", setting, err)
}

func (d *door) port() int { return d.listeners[0].Addr().(*net.TCPAddr).Port }

// serve starts serving; failed hears of a listener that breaks.
func (d *door) serve(log *slog.Logger, failed chan<- error) {
	d.server, d.http2 = d.newServer(log), d.newServer(log)
	_ = d.http2.Serve(noListener{}) // sets it up
	d.server.TLSNextProto = d.http2.TLSNextProto
	if d.tls != nil {
		d.server.TLSConfig = d.untilClosing(d.tls)
	}
	for _, l := range d.listeners {
		l := counted(l, d.setting, log)
		d.serving.Go(func() {
			var err error
			if d.tls != nil {
				err = d.server.ServeTLS(l, "", "")
			} else {
				err = d.server.Serve(l)
			}
			if !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s: %w", d.setting, err)
			}
		})
	}
}

// untilClosing is the configuration for connections that are made while the server is not stopping. Those that are made
// later get HTTP/1.1, where one request can be answered as the last one: with HTTP/2 others might follow it.
func (d *door) untilClosing(c *tls.Config) *tls.Config {
	usual, last := c.Clone(), c.Clone()
	last.NextProtos = []string{"http/1.1"}
	usual.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if d.closing.Load() && slices.Contains(hello.SupportedProtos, "http/1.1") {
			return last, nil
		}
		return nil, nil
	}
	return usual
}

func (d *door) newServer(log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d.handler.ServeHTTP(&lastAnswer{w, d}, r)
		}),
		ConnState:         d.drain.state,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// What lands here is the peers' doing (broken handshakes), so it is not worth more than debug.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// announceStop tells clients to go elsewhere: with each answer, and on HTTP/2 at once. New connections are still served.
func (d *door) announceStop() {
	d.closing.Store(true)
	_ = d.http2.Shutdown(context.Background()) // it has no listener and waits for nothing
}

// stop accepts no more than what arrived and answers every request that was received; what is under way when the context
// ends is cut off, and its error returned.
func (d *door) stop(ctx context.Context) error {
	d.announceStop()
	for _, l := range d.listeners {
		l.end()
	}
	accepted := make(chan struct{})
	go func() {
		d.serving.Wait()
		close(accepted)
	}()
	select {
	case <-accepted:
	case <-time.After(2 * acceptLast):
		// All places for connections are taken: only the end of some lets in what waits to be accepted.
	}
	err := d.drain.finish(ctx, accepted)
	_ = d.server.Close()
	return err
}

// close gives the addresses back, for a door that never served.
func (d *door) close() {
	for _, l := range d.listeners {
		_ = l.Close()
	}
}

// serverTLS is the TLS of a listener: 1.3, and 1.2 with the ciphers that RFC 9325 §4.2 recommends, which are those that
// FAPI 2.0 allows (Security Profile §5.2.2). Go's own choice has some in CBC mode for old clients.
func serverTLS(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate, CipherSuites: []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	}}
}

// mtlsTLS asks for a client certificate too, and takes any or none: which one counts is judged with the client that shows
// it (RFC 8705 §2), and the handshake proves that it has the key.
func mtlsTLS(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	c := serverTLS(certificate)
	c.ClientAuth = tls.RequestClientCert
	return c
}
