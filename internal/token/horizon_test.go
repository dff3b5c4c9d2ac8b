package token

import (
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

func TestHorizonOf(t *testing.T) {
	early, late := time.Unix(1000, 0), time.Unix(2000, 0)
	for _, tt := range []struct {
		h     Horizon
		epoch int64
		want  time.Time
	}{
		{Horizon{}, 0, time.Time{}},
		{Horizon{Upto: early}, 0, early},
		{Horizon{Epoch: 1, Earlier: late}, 0, late},
		{Horizon{Epoch: 1, Earlier: late, Upto: early}, 0, late},
		{Horizon{Epoch: 1, Earlier: early, Upto: late}, 0, late},
		{Horizon{Epoch: 1, Earlier: late, Upto: early}, 1, early},
		{Horizon{Epoch: 1, Earlier: late}, 1, time.Time{}},
		{Horizon{Epoch: 2, Earlier: late}, 1, late},
	} {
		if got := tt.h.Of(tt.epoch); !got.Equal(tt.want) {
			t.Errorf("%+v of %d: %s", tt.h, tt.epoch, got)
		}
	}
}

// epochKey is a sealing key that says nothing but its place and when it was made.
func epochKey(id string, epoch int64, created, activates time.Duration) WrappedKey {
	return WrappedKey{ID: id, Use: UseSeal, Epoch: epoch, Created: instant.Add(created), Activates: instant.Add(activates)}
}

var instant = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// A key of an older epoch is never used again, whenever it activates; the newest epoch's first key is used at once.
func TestEpochs(t *testing.T) {
	const day = 24 * time.Hour
	for name, tt := range map[string]struct {
		keys    []WrappedKey
		current string
	}{
		"one epoch":                             {[]WrappedKey{epochKey("a", 0, 0, -2*day), epochKey("b", 0, 0, -day)}, "b"},
		"the next waits":                        {[]WrappedKey{epochKey("a", 0, 0, -2*day), epochKey("b", 0, 0, day)}, "a"},
		"the first is used before it is time":   {[]WrappedKey{epochKey("a", 0, 0, day)}, "a"},
		"a new epoch's key activates later":     {[]WrappedKey{epochKey("a", 0, 0, -day), epochKey("b", 1, 0, 9*day)}, "b"},
		"an old epoch's key is from later":      {[]WrappedKey{epochKey("a", 0, 0, -time.Hour), epochKey("b", 1, 0, -day)}, "b"},
		"a new epoch's successor":               {[]WrappedKey{epochKey("a", 0, 0, -day), epochKey("b", 1, 0, -day), epochKey("c", 1, 0, -1)}, "c"},
		"a new epoch's successor waits":         {[]WrappedKey{epochKey("a", 0, 0, -1), epochKey("b", 1, 0, -day), epochKey("c", 1, 0, day)}, "b"},
		"a new epoch's keys are all from later": {[]WrappedKey{epochKey("a", 0, 0, -1), epochKey("b", 1, 0, day), epochKey("c", 1, 0, 2*day)}, "b"},
	} {
		for _, k := range tt.keys {
			if is := State(tt.keys, k, instant) == StateCurrent; is != (k.ID == tt.current) {
				t.Errorf("%s: %s is %s", name, k.ID, State(tt.keys, k, instant))
			}
		}
	}
}

func TestFromFuture(t *testing.T) {
	const day, tolerated = 24 * time.Hour, time.Minute
	p := DefaultPolicy()
	for name, tt := range map[string]struct {
		keys []WrappedKey
		want map[string][2]time.Duration // created and activates of those that are mended
	}{
		"a right clock's":                  {[]WrappedKey{epochKey("a", 0, -day, -day), epochKey("b", 0, 0, day)}, nil},
		"of a node that is a little ahead": {[]WrappedKey{epochKey("a", 0, tolerated, tolerated)}, nil},
		"a next one": {
			[]WrappedKey{epochKey("a", 0, -day, -day), epochKey("b", 0, 400*day, 401*day)},
			map[string][2]time.Duration{"b": {0, day}}},
		"published for too long": {
			[]WrappedKey{epochKey("a", 0, -day, -day), epochKey("b", 0, 0, 2*day)}, map[string][2]time.Duration{"b": {0, day}}},
		"all of them": {
			[]WrappedKey{epochKey("a", 0, 9*day, 9*day), epochKey("b", 0, 9*day, 10*day)},
			map[string][2]time.Duration{"a": {0, 0}, "b": {0, day}}},
		"the first of a new epoch": {
			[]WrappedKey{epochKey("a", 0, -day, -day), epochKey("b", 1, 0, 9*day)}, map[string][2]time.Duration{"b": {0, 0}}},
		"of an older epoch": {
			[]WrappedKey{epochKey("a", 0, 9*day, 10*day), epochKey("b", 1, 0, 0)}, map[string][2]time.Duration{"a": {0, 0}}},
		"made by a clock that was behind": {[]WrappedKey{epochKey("a", 0, -9000*day, -9000*day)}, nil},
	} {
		got := FromFuture(tt.keys, instant, p, tolerated)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %d keys are mended", name, len(got))
		}
		for _, k := range got {
			want := tt.want[k.ID]
			if !k.Created.Equal(instant.Add(want[0])) || !k.Activates.Equal(instant.Add(want[1])) {
				t.Errorf("%s: %+v", name, k)
			}
		}
		if again := FromFuture(replaced(tt.keys, got), instant, p, tolerated); len(again) > 0 {
			t.Errorf("%s: mended twice", name)
		}
	}
}

func replaced(keys, with []WrappedKey) []WrappedKey {
	all := append([]WrappedKey{}, with...)
	for _, k := range keys {
		seen := false
		for _, w := range with {
			seen = seen || w.ID == k.ID
		}
		if !seen {
			all = append(all, k)
		}
	}
	return all
}

// Both formats of access tokens are judged by the horizon of the key that made them.
func TestOpenAnyAccessMindsTheHorizon(t *testing.T) {
	master, err := NewMaster(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var keys []WrappedKey
	for _, role := range roles {
		k, err := NewKey(rand.Reader, role.Use, role.Alg, instant, instant, master)
		if err != nil {
			t.Fatal(err)
		}
		k.Epoch = 1
		keys = append(keys, k)
	}
	ring, err := NewRing(keys, master, "https://issuer.example")
	if err != nil {
		t.Fatal(err)
	}
	expires := instant.Add(time.Hour)
	access := oauth.AccessToken{ID: oauth.ID{1}, ClientID: "app", Issued: instant, Expires: expires}
	handle, err := ring.SealAccess(access, instant)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := json.Marshal(access.JWT("https://issuer.example", &oauth.Client{ID: "app"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	jwt, err := ring.Sign(oauth.ES256, TypeAccess, instant, claims)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		h    Horizon
		good bool
	}{
		"none":                  {Horizon{Epoch: 1}, true},
		"past":                  {Horizon{Epoch: 1, Upto: instant}, true},
		"at its end":            {Horizon{Epoch: 1, Upto: expires}, false},
		"of older keys":         {Horizon{Epoch: 1, Earlier: expires.Add(time.Hour)}, true},
		"of a new epoch":        {Horizon{Epoch: 2, Earlier: expires}, false},
		"of a new epoch, short": {Horizon{Epoch: 2, Earlier: expires.Add(-1)}, true},
	} {
		for kind, text := range map[string]string{"handle": handle, "JWT": jwt} {
			if _, err := ring.OpenAnyAccess(text, "https://issuer.example", tt.h); (err == nil) != tt.good {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
	}
}
