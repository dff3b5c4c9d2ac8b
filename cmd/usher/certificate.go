package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

const certificateCheckEvery = 5 * time.Second

// certificate is the pair of files that a TLS listener serves; it is read again when one of them changes.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]
	seen              [2]stamp
}

// stamp tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

func newCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	c.seen = c.stamps()
	return c, c.load()
}

func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err == nil {
		c.current.Store(&pair)
	}
	return err
}

func (c *certificate) stamps() (s [2]stamp) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			s[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return s
}

// check loads the files if they changed. While they do not fit each other (one is written after the other)
// the certificate that was served goes on being served.
func (c *certificate) check() {
	now := c.stamps()
	if now == c.seen {
		return
	}
	c.seen = now
	if err := c.load(); err != nil {
		c.log.Error("the changed certificate cannot be used; going on with the old one", "file", c.certFile, "error", err)
		return
	}
	c.log.Info("the certificate was renewed", "file", c.certFile, "until", c.current.Load().Leaf.NotAfter)
}

// watch checks until the context ends. It polls: that also sees files replaced through links, as
// container platforms do.
func (c *certificate) watch(ctx context.Context) {
	tick := time.NewTicker(certificateCheckEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.check()
		}
	}
}

// get answers a TLS handshake.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}
