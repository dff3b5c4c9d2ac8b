package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/usher-id/usher/internal/admin"
	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/config"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/server"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

// metricsGrace is how long the last answers of the metrics listener may take.
const metricsGrace = time.Second

// node is a running usher: Listen binds its addresses, OpenStore, Unlock and OpenRuntime make it ready, Run
// serves until the context ends, Close gives everything back. `usher serve` and `usher demo` are both one.
type node struct {
	config.Config
	Log *slog.Logger

	certificate *certificate
	outboundCAs *x509.CertPool // the demo's; nil for those of the configuration
	store       store.Store
	manager     *manage.Manager
	runtime     runtimeServer
	admin       *admin.Admin // nil where it is off
	registry    *prometheus.Registry
	doors       []*door
	metrics     *door
	stopping    atomic.Bool
	background  sync.WaitGroup
}

// Listen binds every address of the configuration, before anything is written anywhere.
func (n *node) Listen() error {
	for _, l := range []struct {
		setting, address string
		open             func(*door)
	}{
		{"listen", n.Config.Listen, func(d *door) { d.tls = serverTLS(n.handshake) }},
		{"admin_listen", n.AdminListen, func(d *door) { d.tls = serverTLS(n.handshake) }},
		{"mtls_listen", n.MTLSListen, func(d *door) { d.tls = mtlsTLS(n.handshake) }},
		{"proxy_listen", n.ProxyListen, nil},
		{"admin_proxy_listen", n.AdminProxyListen, nil},
		{"insecure_plaintext_listener", n.InsecurePlaintextListener, nil},
		{"metrics_listen", n.MetricsListen, func(d *door) { n.metrics = d }},
	} {
		if l.address == config.Off || l.address == "" {
			continue
		}
		d, err := openDoor(l.setting, l.address)
		if err != nil {
			return err
		}
		n.doors = append(n.doors, d)
		if l.open != nil {
			l.open(d)
		}
	}
	return nil
}

// door finds a door by the setting that placed it; nil where it is off.
func (n *node) door(setting string) *door {
	for _, d := range n.doors {
		if d.setting == setting {
			return d
		}
	}
	return nil
}

// OpenStore opens the database.
func (n *node) OpenStore(ctx context.Context) error {
	opened, err := sqlstore.Open(ctx, sqlstore.Options{URL: n.Database, Logger: n.Log})
	if err != nil {
		return err
	}
	n.store = opened
	n.manager = &manage.Manager{
		Store: opened, Now: clock.Wall, Clock: clock.NewWatch(clock.Wall, clock.Boot), Rand: rand.Reader, Actor: "system", Role: oauth.RoleAdmin, InsecureAnyOrigin: n.InsecureAnyOrigin,
		Issuer: server.Issuer(n.BaseURL), BaseURL: n.BaseURL, AdminURL: n.AdminBaseURL,
	}
	return nil
}

// Unlock gives the node the master key. It makes the first profile and keys where there are none.
func (n *node) Unlock(ctx context.Context, master token.Master) error {
	n.manager.Master = master
	return n.manager.Bootstrap(ctx)
}

// OpenRuntime makes the runtime server and the admin door, and puts a handler behind every door.
func (n *node) OpenRuntime(ctx context.Context) error {
	n.registry = prometheus.NewRegistry()
	n.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if n.certificate != nil {
		n.certificate.register(n.registry)
	}
	if err := n.ensureAdminClient(ctx); err != nil {
		return err
	}
	var err error
	if n.runtime, err = n.newRuntime(ctx); err != nil {
		return err
	}
	handler := n.runtime.Handler()
	operators, err := n.newAdmin(ctx, handler)
	if err != nil {
		return err
	}
	for _, d := range n.doors {
		switch {
		case d.handler != nil:
		case d == n.metrics:
			d.handler = n.operations()
		case d.setting == "proxy_listen":
			d.handler = n.proxied(handler)
		case d.setting == "admin_proxy_listen":
			d.handler = n.proxied(operators)
		case d.setting == "admin_listen":
			d.handler = operators
		case d.setting == "mtls_listen":
			d.handler = n.runtime.MTLSHandler()
		default:
			d.handler = handler
		}
	}
	return nil
}

// Run serves until the context ends or a listener breaks, then stops gracefully: it says that it is not
// ready, and answers every request that it received.
func (n *node) Run(ctx context.Context) error {
	tuneGC()
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	failed := make(chan error, 16)
	n.start(work, failed)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		n.Log.Error("a listener failed; stopping", "error", err)
	}
	stopErr := n.stop()
	cancel()
	n.background.Wait()
	return errors.Join(err, stopErr)
}

func (n *node) start(ctx context.Context, failed chan<- error) {
	n.background.Go(func() {
		if err := n.runtime.Run(ctx); err != nil && ctx.Err() == nil {
			failed <- err
		}
	})
	if n.admin != nil {
		n.background.Go(func() { _ = n.admin.Run(ctx) }) // it ends with the context alone
	}
	n.background.Go(func() { n.manager.Maintain(ctx, n.Log, time.Duration(n.AuditKeepDays)*24*time.Hour) })
	if n.certificate != nil {
		n.background.Go(func() { n.certificate.watch(ctx) })
	}
	for _, d := range n.doors {
		d.serve(n.Log, failed)
	}
	for _, name := range n.InsecureSettings() {
		n.Log.Warn("an insecure setting is on", "setting", name)
	}
	n.Log.Info("serving", "base_url", n.BaseURL, "version", buildVersion())
	if n.admin != nil {
		n.Log.Info("serving the admin pages", "admin_base_url", n.AdminBaseURL)
	}
}

// stop stops every listener but that of the metrics, which answers (not ready) until the others are done.
func (n *node) stop() error {
	n.stopping.Store(true)
	n.Log.Info("stopping", "delay", n.ShutdownDelay.String(), "grace", n.ShutdownGrace.String())
	for _, d := range n.doors {
		d.announceStop()
	}
	if n.ShutdownDelay > 0 {
		<-time.After(n.ShutdownDelay)
	}
	ctx, cancel := context.WithTimeout(context.Background(), n.ShutdownGrace)
	defer cancel()
	var stopping sync.WaitGroup
	errs := make([]error, len(n.doors))
	for i, d := range n.doors {
		if d != n.metrics {
			stopping.Go(func() { errs[i] = d.stop(ctx) })
		}
	}
	stopping.Wait()
	if errors.Join(errs...) != nil {
		n.Log.Warn("some requests were cut off: they took longer than shutdown_grace")
	}
	if n.metrics != nil {
		ctx, cancel := context.WithTimeout(context.Background(), metricsGrace)
		defer cancel()
		_ = n.metrics.stop(ctx)
	}
	n.Log.Info("stopped")
	return nil
}

// Close gives back what Listen and OpenStore took.
func (n *node) Close() error {
	for _, d := range n.doors {
		d.close()
	}
	if n.store == nil {
		return nil
	}
	return n.store.Close()
}

// proxied serves trusted proxies that say https, and nobody else.
func (n *node) proxied(next http.Handler) http.Handler {
	reporter := web.Reporter{Log: n.Log, Proxies: n.TrustedProxies}
	others := reporter.Report(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		web.Deny(w, http.StatusForbidden, "This listener serves the proxies in trusted_proxies only, "+
			"and only what came to them by https.")
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !n.fromProxyOverTLS(r) {
			others.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
