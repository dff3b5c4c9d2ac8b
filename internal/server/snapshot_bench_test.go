package server

import (
	"fmt"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store/sqlstore"
)

// BenchmarkChangeOfOneClient is what a change of one client costs a node, and what reading everything would, with 10,000
// clients. Only the node's part is measured, not the change itself.
func BenchmarkChangeOfOneClient(b *testing.B) {
	w := newWorld(b)
	clients := make([]oauth.Client, 10_000)
	for i := range clients {
		id := fmt.Sprintf("client-%05d", i)
		clients[i] = oauth.Client{
			ID: id, Name: "Client " + id, Scope: []string{"openid", "profile", "read"}, Capabilities: []oauth.Capability{oauth.CapAssistedToken},
			AllowedOrigins: []oauth.OriginPattern{oauth.OriginPattern("https://" + id + ".example.com"), "https://shared.example.com"},
		}
	}
	w.must(w.store.(*sqlstore.Store).FillClients(b.Context(), clients))
	w.must(w.server.refresh(b.Context()))
	version := int64(1)
	change := func() {
		w.must(w.store.PutClient(b.Context(), clients[5000], version, noAudit))
		version++
	}
	b.Run("what changed", func(b *testing.B) {
		var reads uint64
		for range b.N {
			b.StopTimer()
			change()
			before := w.store.Stats().Reads
			b.StartTimer()
			w.must(w.server.refreshIfChanged(b.Context()))
			reads += w.store.Stats().Reads - before
		}
		b.ReportMetric(float64(reads)/float64(b.N), "queries/op")
	})
	b.Run("everything", func(b *testing.B) {
		for range b.N {
			w.server.current.Store(&snapshot{revision: -1})
			w.must(w.server.refresh(b.Context()))
		}
	})
}
