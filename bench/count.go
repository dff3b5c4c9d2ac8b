package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-id/usher/internal/server"
	"github.com/usher-id/usher/internal/store/sqlstore"
)

// countedRequests is how many requests the statements of a work are counted over.
const countedRequests = 20

// statements is what a request costs the database, on average.
type statements struct {
	Queries float64 `json:"queries_per_request"`
	Writes  float64 `json:"writes_per_request"`
}

// counter is the same server once more, inside this program, on the same database: the released binary does not tell how many
// statements it sends. It runs no work in the background, so all that its store counts belongs to the requests.
type counter struct {
	store *sqlstore.Store
	http  *http.Server
	target
}

func startCounter(ctx context.Context, w *world, c certificate, like target) (*counter, error) {
	pair, err := tls.X509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, err
	}
	s, err := sqlstore.Open(ctx, sqlstore.Options{URL: w.database, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	own, err := server.New(ctx, server.Options{
		BaseURL: "https://" + like.host, Store: s, Master: w.master, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	n := &counter{store: s, target: like, http: &http.Server{
		Handler: own.Handler(), TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}, ErrorLog: log.New(io.Discard, "", 0),
	}}
	n.address, n.roots = l.Addr().String(), c.roots
	go n.http.ServeTLS(l, "", "")
	return n, nil
}

// count sends requests of a prepared work one after the other.
func (n *counter) count(w work) (statements, error) {
	c, err := connect(n.target, 0)
	if err != nil {
		return statements{}, err
	}
	defer c.close()
	before := n.store.Stats()
	for i := range countedRequests {
		// Number 0 may be good once, and is what the floor learns its answer from.
		a, err := c.roundTrip(w.request(nil, i+1))
		if err == nil {
			err = w.check(a)
		}
		if err != nil {
			return statements{}, fmt.Errorf("counting the statements: %w", err)
		}
	}
	after := n.store.Stats()
	return statements{
		Queries: float64(after.Reads-before.Reads) / countedRequests, Writes: float64(after.Writes-before.Writes) / countedRequests,
	}, nil
}

func (n *counter) close() error { return errors.Join(n.http.Close(), n.store.Close()) }
