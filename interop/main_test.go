// Package interop_test proves that clients which others wrote work, unchanged, against the running server: libraries in
// Go and in JavaScript, in Node and in Chromium. The real binary is built and started, its clients and its user are made
// by its own command line, and a user who knows nothing but pages signs in.
//
// The same tests run in two settings: one process on SQLite, and two processes on one PostgreSQL behind a balancer that
// gives each connection to the other one. There the tests kill a node between their steps, each time the other one: what
// the dead node knew has to be in the database, and what the survivor knows has to be enough.
package interop_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/usher-id/usher/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

func TestOneNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "usher.db"), 1)
	everything(t, w)
}

func TestTwoNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Postgres(t), 2)
	everything(t, w)
	t.Logf("%d kills", w.kills)
	if w.kills < 10 {
		t.Errorf("the nodes were killed %d times; the tests have to call between", w.kills)
	}
	for i, n := range w.nodes {
		t.Logf("node %d served %d connections", i, n.served.Load())
		if n.served.Load() < 10 {
			t.Errorf("node %d served %d connections", i, n.served.Load())
		}
	}
}

// everything runs the tests of every client, one after the other: a kill is to come between two steps, never within one
// of another test.
func everything(t *testing.T, w *world) {
	t.Run("oauth2", func(t *testing.T) { testOAuth2(t, w) })
	t.Run("go-oidc", func(t *testing.T) { testGoOIDC(t, w) })
	for _, name := range []string{"openid-client", "once", "oauth4webapi", "appauth", "oidc-client-ts", "angular-oauth2-oidc"} {
		t.Run(name, func(t *testing.T) { w.npm(t, name) })
	}
}
