package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/authn"
)

func TestThrottleRows(t *testing.T) {
	if rows := throttleRows(&authn.ThrottleView{}); len(rows) != 0 {
		t.Errorf("nothing to say: %v", rows)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	want := [][2]string{
		{"wrong passwords", "60, of 2 networks"},
		{"new browsers", "refused on every network until 2026-03-01 12:00:00 UTC"},
	}
	v := authn.ThrottleView{Until: &at, Guesses: 60, Networks: make([]authn.NetworkView, 2)}
	if diff := cmp.Diff(want, throttleRows(&v)); diff != "" {
		t.Error(diff)
	}
}
