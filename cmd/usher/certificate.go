package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-id/usher/internal/config"
)

const certificateCheckEvery = 5 * time.Second

// certificate is the pair of files that a TLS listener serves; it is read again when one of them changes. What usher would
// not start with is not served either: the certificate before is.
type certificate struct {
	config  *config.Config
	log     *slog.Logger
	now     func() time.Time
	current atomic.Pointer[tls.Certificate]
	refused atomic.Bool // what the files hold
	seen    [2]string
	problem string // why it was refused
	said    announcement
}

// announcement is what was logged last of a certificate's end.
type announcement struct {
	end   time.Time
	stage config.Stage
	at    time.Time
}

// due tells whether the end has to be announced: each stage once, and every day in the last three days and after the end.
func (a announcement) due(v config.Validity, now time.Time) bool {
	stage := v.Stage(now)
	switch {
	case stage == config.StageFar:
		return false
	case !a.end.Equal(v.End) || a.stage != stage:
		return true
	}
	return stage >= config.StageLast && now.Sub(a.at) >= 24*time.Hour
}

func newCertificate(c *config.Config, log *slog.Logger) (*certificate, error) {
	cert := &certificate{config: c, log: log, now: time.Now}
	cert.seen = cert.files()
	return cert, cert.load()
}

func (c *certificate) load() error {
	pair, faults := c.config.ReadCertificate(c.now())
	if len(faults) > 0 {
		return faults
	}
	c.current.Store(pair)
	return nil
}

// files is what the files hold; nothing where they cannot be read.
func (c *certificate) files() (text [2]string) {
	for i, name := range []string{c.config.TLSCertFile, c.config.TLSKeyFile} {
		b, _ := os.ReadFile(name)
		text[i] = string(b)
	}
	return text
}

// check loads the files if they changed, or were refused before: some of what is wrong passes with time. While they do not
// fit each other (one is written after the other) the certificate that was served goes on being served.
func (c *certificate) check() {
	defer c.announce()
	now := c.files()
	if now == c.seen && !c.refused.Load() {
		return
	}
	c.seen = now
	if err := c.load(); err != nil {
		if c.refused.Store(true); err.Error() != c.problem {
			c.problem = err.Error()
			c.log.Error("the changed certificate cannot be used; going on with the old one", "file", c.config.TLSCertFile, "error", err)
		}
		return
	}
	c.refused.Store(false)
	c.problem = ""
	c.log.Info("the certificate was renewed", "file", c.config.TLSCertFile, "until", c.current.Load().Leaf.NotAfter)
}

// validity is how long what is served is good.
func (c *certificate) validity() config.Validity {
	return config.Validity{Key: "tls_cert_file", End: config.ChainEnd(c.current.Load())}
}

// announce logs that the end of what is served is near. An expired certificate is served all the same: some clients go on,
// and none would without.
func (c *certificate) announce() {
	v, now := c.validity(), c.now()
	if !c.said.due(v, now) {
		return
	}
	c.said = announcement{v.End, v.Stage(now), now}
	level := slog.LevelWarn
	if c.said.stage == config.StageOver {
		level = slog.LevelError
	}
	c.log.Log(context.Background(), level, v.Warning(now), "file", c.config.TLSCertFile)
}

// warnings are for the admin pages.
func (c *certificate) warnings() (list []string) {
	if w := c.validity().Warning(c.now()); w != "" {
		list = append(list, w)
	}
	if c.refused.Load() {
		list = append(list, "tls_cert_file: the changed certificate cannot be used, and the old one is still served; see the log, or run 'usher check-config'")
	}
	return list
}

// register adds the metrics.
func (c *certificate) register(to prometheus.Registerer) {
	to.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "usher_certificate_expiry_timestamp_seconds", Help: "When the certificate chain that is served ends.",
		}, func() float64 { return float64(c.validity().End.Unix()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "usher_certificate_refused", Help: "1 while the files hold a certificate that cannot be used, and an older one is served.",
		}, func() float64 {
			if c.refused.Load() {
				return 1
			}
			return 0
		}))
}

// watch checks until the context ends. It polls: that also sees files replaced through links, as
// container platforms do.
func (c *certificate) watch(ctx context.Context) {
	c.announce()
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
