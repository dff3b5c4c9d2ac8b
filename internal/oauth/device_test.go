package oauth_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

func TestUserCodesAreLettersThatPeopleCanRead(t *testing.T) {
	seen := map[rune]int{}
	for range 2000 {
		code, err := oauth.NewUserCode(rand.Reader)
		if err != nil || len(code) != 8 {
			t.Fatalf("%q, %v", code, err)
		}
		for _, r := range code {
			seen[r]++
		}
	}
	if len(seen) != 20 {
		t.Errorf("%d letters, want 20", len(seen))
	}
	for r, n := range seen {
		if strings.ContainsRune("AEIOUY0123456789", r) {
			t.Errorf("a user code has the letter %c", r)
		}
		if n < 600 || n > 1000 { // of 800 each
			t.Errorf("%c came %d times of 16000", r, n)
		}
	}
}

// A byte beyond the last multiple of 20 would favour the first letters.
func TestUserCodesAreFair(t *testing.T) {
	code, err := oauth.NewUserCode(bytes.NewReader([]byte{255, 240, 239, 0, 1, 2, 3, 4, 5, 6}))
	if err != nil || code != "ZBCDFGHJ" {
		t.Errorf("%q, %v", code, err)
	}
	if _, err := oauth.NewUserCode(bytes.NewReader(nil)); err == nil {
		t.Error("a code without randomness")
	}
}

func TestReadUserCode(t *testing.T) {
	for typed, want := range map[string]string{
		"BCDF-GHJK": "BCDFGHJK", "bcdfghjk": "BCDFGHJK", " bc df.gh jk ": "BCDFGHJK", "BCDF\u2013GHJK": "BCDFGHJK",
		"": "", "BCDF-GHJ": "", "BCDF-GHJKL": "", strings.Repeat("-", 100) + "BCDFGHJK": "",
	} {
		if code, ok := oauth.ReadUserCode(typed); ok != (want != "") || ok && code != want {
			t.Errorf("%q: %q %t, want %q", typed, code, ok, want)
		}
	}
	if got := oauth.ShowUserCode("BCDFGHJK"); got != "BCDF-GHJK" {
		t.Errorf("shown as %s", got)
	}
}

func FuzzReadUserCode(f *testing.F) {
	f.Add("bcdf-ghjk")
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := oauth.ReadUserCode(typed)
		if !ok {
			return
		}
		if again, ok := oauth.ReadUserCode(oauth.ShowUserCode(code)); !ok || again != code {
			t.Errorf("%q is read as %q, and what is shown of it as %q", typed, code, again)
		}
	})
}

func TestJudgePoll(t *testing.T) {
	for _, tt := range []struct {
		name              string
		decided, approved bool
		polled            time.Duration // ago; 0 for never
		want              oauth.Code
	}{
		{"at first", false, false, 0, oauth.AuthorizationPending},
		{"in time", false, false, 5 * time.Second, oauth.AuthorizationPending},
		{"the network made it a little fast", false, false, 4100 * time.Millisecond, oauth.AuthorizationPending},
		{"too soon", false, false, 3 * time.Second, oauth.SlowDown},
		{"too soon after the approval", true, true, 3 * time.Second, oauth.SlowDown},
		{"two at the same moment", true, true, time.Nanosecond, oauth.SlowDown},
		{"approved", true, true, 5 * time.Second, ""},
		{"approved before it asked", true, true, 0, ""},
		{"denied", true, false, 5 * time.Second, oauth.AccessDenied},
	} {
		polled := time.Time{}
		if tt.polled > 0 {
			polled = noon.Add(-tt.polled)
		}
		got := oauth.JudgePoll(tt.decided, tt.approved, polled, noon)
		if (got == nil) != (tt.want == "") || got != nil && got.Code != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, got, tt.want)
		}
	}
}

func TestDeviceCodeIsItsClientsForTenMinutes(t *testing.T) {
	code := oauth.DeviceCode{ClientID: "tv", Expires: noon}
	if err := code.Check(&oauth.Client{ID: "tv"}, noon.Add(-time.Second)); err != nil {
		t.Error(err)
	}
	if err := code.Check(&oauth.Client{ID: "other"}, noon.Add(-time.Second)); err == nil || err.Code != oauth.InvalidGrant {
		t.Errorf("another client: %v", err)
	}
	if err := code.Check(&oauth.Client{ID: "tv"}, noon); err == nil || err.Code != oauth.ExpiredToken {
		t.Errorf("expired: %v", err)
	}
}

func TestDeviceAuthorization(t *testing.T) {
	golden(t, "device_authorization", oauth.NewDeviceAuthorization("usher_dc_x", "BCDFGHJK", "https://usher.example/device"))
}
