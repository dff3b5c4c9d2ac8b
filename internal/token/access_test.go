package token_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

var access = oauth.AccessToken{
	ID:           oauth.ID{1, 2, 3},
	DelegationID: oauth.ID{15: 9},
	ClientID:     "client-assisted-example",
	Subject:      oauth.ID{7}.String(),
	Scope:        []string{"openid", "profile", "payment"},
	Issued:       start,
	Expires:      start.Add(5 * time.Minute),
}

func TestAccessRoundTrip(t *testing.T) {
	with := func(change func(*oauth.AccessToken)) oauth.AccessToken {
		a := access
		change(&a)
		return a
	}
	tests := map[string]oauth.AccessToken{
		"usual":             access,
		"no scope":          with(func(a *oauth.AccessToken) { a.Scope = nil }),
		"no user":           with(func(a *oauth.AccessToken) { a.Subject, a.DelegationID = "", oauth.ID{} }),
		"long names":        with(func(a *oauth.AccessToken) { a.ClientID = strings.Repeat("ü", 1000) }),
		"before 1970":       with(func(a *oauth.AccessToken) { a.Issued = time.Unix(-5, 0).UTC() }),
		"far in the future": with(func(a *oauth.AccessToken) { a.Expires = time.Unix(math.MaxInt32*9, 0).UTC() }),
	}
	r := fullRing(t)
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			text, err := r.SealAccess(want, start)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.OpenAccess(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAccessTimesAreWholeSeconds(t *testing.T) {
	a := access
	a.Issued = start.Add(999 * time.Millisecond)
	got, err := token.DecodeAccess(token.EncodeAccess(a))
	if err != nil || !got.Issued.Equal(start) {
		t.Errorf("got %v, %v", got.Issued, err)
	}
}

func TestAccessIsOpaqueAndShort(t *testing.T) {
	text, err := fullRing(t).SealAccess(access, start)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text, token.AccessPrefix) || len(text) > 300 {
		t.Errorf("%d characters: %s", len(text), text)
	}
}

func TestDecodeAccessRefuses(t *testing.T) {
	good := token.EncodeAccess(access)
	for cut := range good {
		if _, err := token.DecodeAccess(good[:cut]); !errors.Is(err, token.ErrInvalid) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	head := good[:49]
	tests := map[string][]byte{
		"something behind": append(good[:len(good):len(good)], 0),
		"another version":  append([]byte{1}, good[1:]...),
		"long string":      append(head[:49:49], 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
		"endless varint":   append(head[:49:49], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"many scopes":      append(append(head[:49:49], 0, 0, 0, 0, 0xac, 2), make([]byte, 300)...),
		"absent scopes":    append(head[:49:49], 0, 0, 0, 0, 100, 1),
		"endless":          append(good[:len(good):len(good)], make([]byte, 1<<20)...),
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := token.DecodeAccess(b); !errors.Is(err, token.ErrInvalid) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func FuzzDecodeAccess(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(token.EncodeAccess(access))
	f.Add(token.EncodeAccess(oauth.AccessToken{Issued: start, Expires: start}))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := token.DecodeAccess(b)
		if err != nil {
			return
		}
		again, err := token.DecodeAccess(token.EncodeAccess(a))
		if diff := cmp.Diff(a, again); err != nil || diff != "" {
			t.Errorf("%v: %s", err, diff)
		}
	})
}

func BenchmarkSealAccess(b *testing.B) {
	r := fullRing(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.SealAccess(access, start); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenAccess(b *testing.B) {
	r := fullRing(b)
	text, err := r.SealAccess(access, start)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.OpenAccess(text); err != nil {
			b.Fatal(err)
		}
	}
}
