package main

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/authn"
)

func TestThrottleRows(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if rows := throttleRows(authn.ThrottleView{}); len(rows) != 0 {
		t.Errorf("nothing to say: %v", rows)
	}
	v := authn.ThrottleView{Cause: authn.CauseAccount, Until: &at, Guesses: 60}
	for i := range 7 {
		name := "n" + strconv.Itoa(i)
		v.Networks = append(v.Networks, authn.NetworkView{Network: name, Guesses: i, Last: at})
	}
	v.Networks[1].Until = &at
	const noon = "2026-03-01 12:00:00 UTC"
	want := [][2]string{
		{"wrong passwords", "60"},
		{"new browsers", "refused on every network until " + noon},
		{"network", "n0: 0 wrong, the last at " + noon},
		{"network", "n1: 1 wrong, the last at " + noon + ", refused until " + noon},
		{"network", "n2: 2 wrong, the last at " + noon},
		{"network", "n3: 3 wrong, the last at " + noon},
		{"network", "n4: 4 wrong, the last at " + noon},
		{"more networks", "2"},
	}
	if diff := cmp.Diff(want, throttleRows(v)); diff != "" {
		t.Error(diff)
	}
}
