package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

// seeded is a small world on SQLite, and the server in this process that counts what it is asked.
func seeded(t *testing.T) (*world, *counter) {
	t.Helper()
	ctx := context.Background()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	w, err := seed(ctx, "sqlite:"+filepath.Join(t.TempDir(), "usher.db"), baseURL(address), 2*countedRequests)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	n, err := startCounter(ctx, w, c, target{host: baseURL(address)[len("https://"):]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.close() })
	return w, n
}

// Every work that can be chosen is there, gets the answers that it wants, and costs the database what it should.
func TestWhatTheWorksCostTheDatabase(t *testing.T) {
	w, n := seeded(t)
	want := map[string]statements{
		"renewal": {1, 0}, "renewal-openid": {1, 0}, "renewal-handle": {1, 0}, "renewal-nonce": {0, 0},
		"introspection": {1, 0}, "revocation": {0, 2}, "discovery": {0, 0}, "jwks": {0, 0}, "client-credentials": {0, 0},
		"prompt-none": {1, 0}, "code-exchange": {1, 3}, "refresh": {1, 0}, "refresh-rotating": {1, 1},
		"sign-in": {2, 6},
	}
	works := w.works(10 * time.Millisecond)
	if len(works) != len(workNames) {
		t.Errorf("%d works, %d names", len(works), len(workNames))
	}
	for i, k := range works {
		if k.name != workNames[i] {
			t.Errorf("work %d is %s, its name in the list %s", i, k.name, workNames[i])
		}
		if k.prepare != nil {
			if err := k.prepare(n.target); err != nil {
				t.Fatalf("%s: %v", k.name, err)
			}
		}
		if got, err := n.count(k); err != nil || got != want[k.name] {
			t.Errorf("%s costs %+v (%v), want %+v", k.name, got, err, want[k.name])
		}
	}
}

func TestRenewalByHandleFitsItsNonce(t *testing.T) {
	var w world
	if err := w.renewalByHandle(longestRenewal + 1).prepare(target{}); err == nil {
		t.Error("a run may be longer than its nonce is good")
	}
}
