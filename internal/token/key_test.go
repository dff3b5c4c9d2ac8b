package token_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

func TestNewKeyRefuses(t *testing.T) {
	tests := map[string]struct {
		use token.Use
		alg oauth.Alg
	}{
		"unknown use":          {"encrypt", ""},
		"sealing with alg":     {token.UseSeal, oauth.ES256},
		"signing without alg":  {token.UseSign, ""},
		"symmetric signatures": {token.UseSign, "HS256"},
		"no signature":         {token.UseSign, "none"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := token.NewKey(rand.Reader, test.use, test.alg, start, start, token.Master{1}); err == nil {
				t.Error("a key was made")
			}
		})
	}
	noEntropy := iotest.ErrReader(errors.New("no entropy"))
	if _, err := token.NewKey(noEntropy, token.UseSeal, "", start, start, token.Master{1}); err == nil {
		t.Error("a key without random numbers")
	}
}

func TestKeyIDs(t *testing.T) {
	m := newMaster(t)
	seal, sign := newKey(t, m, token.UseSeal, "", start), newKey(t, m, token.UseSign, oauth.ES256, start)
	if len(seal.ID) != 8 || len(sign.ID) != 43 {
		t.Errorf("got %q and %q", seal.ID, sign.ID)
	}
	if other := newKey(t, m, token.UseSeal, "", start); other.ID == seal.ID || bytes.Equal(other.Wrapped, seal.Wrapped) {
		t.Error("two keys are one")
	}
}

func TestWrappingHolds(t *testing.T) {
	m := newMaster(t)
	seal, sign := newKey(t, m, token.UseSeal, "", start), newKey(t, m, token.UseSign, oauth.ES256, start)
	changed := func(k token.WrappedKey, change func(*token.WrappedKey)) token.WrappedKey {
		k.Wrapped = bytes.Clone(k.Wrapped)
		change(&k)
		return k
	}
	tests := map[string]struct {
		key    token.WrappedKey
		master token.Master
	}{
		"another master key": {seal, newMaster(t)},
		"another id":         {changed(seal, func(k *token.WrappedKey) { k.ID = "AAAAAAAA" }), m},
		"another use":        {changed(sign, func(k *token.WrappedKey) { k.Use, k.Alg = token.UseSeal, "" }), m},
		"another algorithm":  {changed(sign, func(k *token.WrappedKey) { k.Alg = oauth.RS256 }), m},
		"a bit":              {changed(seal, func(k *token.WrappedKey) { k.Wrapped[30] ^= 1 }), m},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := token.NewRing([]token.WrappedKey{test.key}, test.master, issuer); !errors.Is(err, token.ErrMaster) {
				t.Errorf("got %v", err)
			}
		})
	}
	// What is no wrapped key at all is not the master key's fault, and no reason to replace keys.
	for _, length := range []int{0, 10, 24, 40} {
		short := changed(seal, func(k *token.WrappedKey) { k.Wrapped = k.Wrapped[:length] })
		_, err := token.NewRing([]token.WrappedKey{short}, m, issuer)
		if err == nil || errors.Is(err, token.ErrMaster) || strings.Contains(err.Error(), "reset") {
			t.Errorf("%d bytes: got %v", length, err)
		}
	}
	later := changed(seal, func(k *token.WrappedKey) { k.Activates = start.Add(time.Hour) })
	if _, err := token.NewRing([]token.WrappedKey{later}, m, issuer); err != nil {
		t.Errorf("times may change without the secret: %v", err)
	}
	if _, err := token.NewRing([]token.WrappedKey{seal, seal}, m, issuer); err == nil {
		t.Error("one id, two keys")
	}
}

func TestRewrap(t *testing.T) {
	from, to := newMaster(t), newMaster(t)
	keys := []token.WrappedKey{newKey(t, from, token.UseSeal, "", start), newKey(t, from, token.UseSign, oauth.ES256, start)}
	text, err := newRing(t, keys, from, issuer).Seal(token.KindFlow, start, []byte("flow"))
	if err != nil {
		t.Fatal(err)
	}
	rewrapped, err := token.Rewrap(keys, from, to)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := newRing(t, rewrapped, to, issuer).Open(token.KindFlow, text); err != nil || string(got) != "flow" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := token.NewRing(rewrapped, from, issuer); !errors.Is(err, token.ErrMaster) {
		t.Errorf("the former master key still opens: %v", err)
	}
	if _, err := token.Rewrap(rewrapped, from, to); !errors.Is(err, token.ErrMaster) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	if _, err := token.NewRing(keys, from, issuer); err != nil {
		t.Errorf("rewrapping changed what it was given: %v", err)
	}
}
