package token_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

const day = 24 * time.Hour

var policy = token.Policy{SignEvery: 90 * day, SealEvery: 30 * day, Publish: day, Keep: 10 * day}

// at is a key that activates so many days after start; no secret is needed to reason about it.
func at(id string, use token.Use, alg oauth.Alg, days int) token.WrappedKey {
	activates := start.Add(time.Duration(days) * day)
	return token.WrappedKey{ID: id, Use: use, Alg: alg, Created: activates.Add(-day), Activates: activates}
}

func seal(id string, days int) token.WrappedKey { return at(id, token.UseSeal, "", days) }

// signing keys that are current and young all through these tests.
var signing = []token.WrappedKey{
	at("es", token.UseSign, oauth.ES256, 0), at("rs", token.UseSign, oauth.RS256, 0),
}

func TestDue(t *testing.T) {
	es, rs := at("es", token.UseSign, oauth.ES256, 0), at("rs", token.UseSign, oauth.RS256, 5)
	young := seal("young", 80)
	tests := map[string]struct {
		keys []token.WrappedKey
		now  time.Time
		want []token.Need
	}{
		"no keys": {nil, start, []token.Need{
			{Use: token.UseSeal, Activates: start},
			{Use: token.UseSign, Alg: oauth.ES256, Activates: start},
			{Use: token.UseSign, Alg: oauth.RS256, Activates: start},
		}},
		"all young":    {append([]token.WrappedKey{seal("a", 0)}, signing...), start.Add(day), nil},
		"just not yet": {append([]token.WrappedKey{seal("a", 0)}, signing...), start.Add(29*day - 1), nil},
		"time to publish": {append([]token.WrappedKey{seal("a", 0)}, signing...), start.Add(29 * day),
			[]token.Need{{Use: token.UseSeal, Activates: start.Add(30 * day)}}},
		"long overdue, still published first": {append([]token.WrappedKey{seal("a", 0)}, signing...), start.Add(60 * day),
			[]token.Need{{Use: token.UseSeal, Activates: start.Add(61 * day)}}},
		"next is there":   {append([]token.WrappedKey{seal("a", 0), seal("b", 30)}, signing...), start.Add(29*day + 1), nil},
		"only a next one": {append([]token.WrappedKey{seal("b", 30)}, signing...), start, nil},
		"one algorithm alone": {[]token.WrappedKey{young, es, rs}, start.Add(90 * day),
			[]token.Need{{Use: token.UseSign, Alg: oauth.ES256, Activates: start.Add(91 * day)}}},
		"a missing algorithm": {[]token.WrappedKey{seal("a", 0), es}, start,
			[]token.Need{{Use: token.UseSign, Alg: oauth.RS256, Activates: start}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, token.Due(test.keys, test.now, policy)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A policy that publishes for longer than a key lasts makes no sense, but not a key each minute either.
func TestDueWaitsForTheNext(t *testing.T) {
	hasty := token.Policy{SignEvery: 90 * day, SealEvery: day / 2, Publish: day, Keep: day}
	keys := append([]token.WrappedKey{seal("a", 0), seal("b", 1)}, signing...)
	if due := token.Due(keys, start.Add(day-1), hasty); due != nil {
		t.Errorf("got %v while a next key is there", due)
	}
}

func TestState(t *testing.T) {
	keys := []token.WrappedKey{seal("c", 60), seal("a", 0), seal("b", 30), at("es", token.UseSign, oauth.ES256, 40)}
	tests := map[string]struct {
		now  time.Time
		want [4]token.KeyState // of c, a, b, es
	}{
		"before all":    {start.Add(-day), [4]token.KeyState{token.StateNext, token.StateCurrent, token.StateNext, token.StateCurrent}},
		"first":         {start, [4]token.KeyState{token.StateNext, token.StateCurrent, token.StateNext, token.StateCurrent}},
		"on the second": {start.Add(30 * day), [4]token.KeyState{token.StateNext, token.StateRetired, token.StateCurrent, token.StateCurrent}},
		"after all":     {start.Add(99 * day), [4]token.KeyState{token.StateCurrent, token.StateRetired, token.StateRetired, token.StateCurrent}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for i, k := range keys {
				if got := token.State(keys, k, test.now); got != test.want[i] {
					t.Errorf("%s is %s, want %s", k.ID, got, test.want[i])
				}
			}
		})
	}
}

func TestObsolete(t *testing.T) {
	keys := append([]token.WrappedKey{seal("c", 60), seal("a", 0), seal("b", 30)}, signing...)
	tests := map[string]struct {
		now  time.Time
		want []string
	}{
		"none retired":       {start.Add(20 * day), nil},
		"just retired":       {start.Add(30 * day), nil},
		"as long as needed":  {start.Add(40 * day), nil},
		"longer than needed": {start.Add(40*day + 1), []string{"a"}},
		"two":                {start.Add(71 * day), []string{"a", "b"}},
		"the last one stays": {start.Add(1000 * day), []string{"a", "b"}},
		"clock far behind":   {start.Add(-1000 * day), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, token.Obsolete(keys, test.now, policy)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestYearsOfRotation plays the rules against each other, an hour at a time: there is always a current
// key, each was published for long enough, and none goes while it is needed.
func TestYearsOfRotation(t *testing.T) {
	var keys []token.WrappedKey
	made, end := 0, start.Add(3*365*day)
	for now := start; now.Before(end); now = now.Add(time.Hour) {
		for _, need := range token.Due(keys, now, policy) {
			if made >= 3 && need.Activates.Sub(now) < policy.Publish {
				t.Fatalf("%v: a key activates without having been published", now)
			}
			made++
			keys = append(keys, token.WrappedKey{ID: time.Duration(made).String(), Use: need.Use, Alg: need.Alg, Created: now, Activates: need.Activates})
		}
		for _, id := range token.Obsolete(keys, now, policy) {
			i := slices.IndexFunc(keys, func(k token.WrappedKey) bool { return k.ID == id })
			if state := token.State(keys, keys[i], now); state != token.StateRetired {
				t.Fatalf("%v: a %s key is obsolete", now, state)
			}
			keys = slices.Delete(keys, i, i+1)
		}
		current := 0
		for _, k := range keys {
			if token.State(keys, k, now) == token.StateCurrent {
				current++
			}
		}
		if current != 3 || len(keys) > 9 {
			t.Fatalf("%v: %d current of %d keys", now, current, len(keys))
		}
	}
	if made < 36+12+12 || made > 70 {
		t.Errorf("%d keys were made in three years", made)
	}
}
