package manage

import (
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func TestObstacles(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration, detail string, count int) []store.Audit {
		return []store.Audit{{At: now.Add(-d), Detail: detail, Count: count, Address: "192.0.2.7"}}
	}
	ready := oauth.Account{PasswordHash: "x"}
	for _, tt := range []struct {
		name string
		acc  oauth.Account
		seen signInFacts
		want []string // beginnings
	}{
		{"nothing", ready, signInFacts{}, nil},
		{"locked", oauth.Account{PasswordHash: "x", Locked: true}, signInFacts{},
			[]string{"The account is locked."}},
		{"no password", oauth.Account{}, signInFacts{}, []string{"The user has no password"}},
		{"an open link", oauth.Account{}, signInFacts{links: ago(time.Minute, "password link", 1)},
			[]string{"The user has no password",
				"A one-time link to set a password is open until 2026-01-02 12:14:00 UTC."}},
		{"an expired link", oauth.Account{}, signInFacts{links: ago(time.Hour, "password link", 1)},
			[]string{"The user has no password",
				"The one-time link to set a password expired unused at 2026-01-02 11:15:00 UTC"}},
		{"a used link", ready, signInFacts{links: ago(10*time.Minute, "password link", 1),
			passwords: ago(time.Minute, "", 1)}, nil},
		{"an old link beside a password", ready, signInFacts{links: ago(time.Hour, "password link", 1)},
			nil},
		{"another kind of link", oauth.Account{}, signInFacts{links: ago(time.Hour,
			"operator link, admin", 1)},
			[]string{"The user has no password"}},
		{"failed", ready, signInFacts{failures: ago(time.Minute, "wrong password", 1)},
			[]string{"The last attempt failed (wrong password), at 2026-01-02 11:59:00 UTC, from 192.0.2.7."}},
		{"failed often", ready, signInFacts{failures: ago(time.Minute, "throttled: too many", 57),
			signIns: ago(time.Hour, "", 1)},
			[]string{"The last attempt failed (throttled: too many, 57 times)"}},
		{"signed in since", ready, signInFacts{failures: ago(time.Hour, "wrong password", 9),
			signIns: ago(time.Minute, "", 1)}, nil},
		{"a new password since", ready, signInFacts{failures: ago(time.Hour, "wrong password", 9),
			passwords: ago(time.Minute, "", 1)}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.seen.obstacles(&tt.acc, now)
			if got == nil || len(got) != len(tt.want) {
				t.Fatalf("got %q", got)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("got %q, want %q", got[i], want)
				}
			}
		})
	}
}
