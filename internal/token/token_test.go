package token_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

const issuer = "https://localhost:8443/oauth/v2/oauth-anonymous"

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newMaster and newKey make what a test needs or end it.
func newMaster(t testing.TB) token.Master {
	t.Helper()
	m, err := token.NewMaster(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newKey(t testing.TB, m token.Master, use token.Use, alg oauth.Alg, activates time.Time) token.WrappedKey {
	t.Helper()
	k, err := token.NewKey(rand.Reader, use, alg, activates, activates, m)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newRing(t testing.TB, keys []token.WrappedKey, m token.Master, issuer string) *token.Ring {
	t.Helper()
	r, err := token.NewRing(keys, m, issuer)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fullRing has one key for every role.
func fullRing(t testing.TB) *token.Ring {
	t.Helper()
	m := newMaster(t)
	return newRing(t, []token.WrappedKey{
		newKey(t, m, token.UseSeal, "", start),
		newKey(t, m, token.UseSign, oauth.ES256, start),
		newKey(t, m, token.UseSign, oauth.RS256, start),
	}, m, issuer)
}
