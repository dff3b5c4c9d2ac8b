package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"os"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/usher-id/usher/internal/config"
	"github.com/usher-id/usher/internal/server"
	"github.com/usher-id/usher/internal/web"
)

// runtimeServer is the runtime door.
type runtimeServer = *server.Server

// newRuntime makes the runtime server of this node; all that couples the two is here.
func (n *node) newRuntime(ctx context.Context) (runtimeServer, error) {
	clientCAs, err := n.ClientCAs()
	if err != nil {
		return nil, err
	}
	outboundCAs := n.outboundCAs
	if outboundCAs == nil {
		if outboundCAs, err = n.OutboundCAs(); err != nil {
			return nil, err
		}
	}
	return server.New(ctx, server.Options{
		BaseURL:           n.BaseURL,
		Store:             n.store,
		Master:            n.manager.Master,
		TrustedProxies:    n.TrustedProxies,
		InsecurePlaintext: n.InsecurePlaintextListener != "" && n.InsecurePlaintextListener != config.Off,
		Logger:            n.Log,
		Registry:          n.registry,
		Now:               n.manager.Now,
		Clock:             n.manager.Clock,
		MTLSBaseURL:       n.MTLSBaseURL,
		ClientCAs:         clientCAs,
		OutboundCAs:       outboundCAs,
		OutboundNetworks:  n.OutboundNetworks,
	})
}

// fromProxyOverTLS tells whether a trusted proxy says that the request came by https.
func (n *node) fromProxyOverTLS(r *http.Request) bool {
	return web.Proxies(n.TrustedProxies).SaysHTTPS(r)
}

func (n *node) handshake(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if n.certificate == nil {
		return nil, errors.New("no certificate yet")
	}
	return n.certificate.get(hello)
}

// operations is the operator's door: metrics, whether the process lives, and whether it may get requests.
func (n *node) operations() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if n.stopping.Load() {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		if err := n.runtime.Ready(r.Context()); err != nil {
			n.Log.Warn("not ready", "error", err)
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	return mux
}

// tuneGC lets the heap grow to four times what is in use before it is cleaned. What is in use is a few megabytes, so
// this costs little memory and saves a busy node most of the cleaning. GOGC in the environment is stronger.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
}
