package oauth_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
)

var update = flag.Bool("update", false, "write the golden files anew")

// noon is the time at which most tests happen.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// id makes an identifier that is easy to tell apart in a golden file.
func id(last byte) oauth.ID { return oauth.ID{15: last} }

// origins makes a client with these allowed origins, as an operator's configuration would.
func origins(t testing.TB, patterns ...string) *oauth.Client {
	t.Helper()
	c := &oauth.Client{ID: "app"}
	for _, s := range patterns {
		p, err := oauth.ParseOriginPattern(s, false)
		if err != nil {
			t.Fatalf("pattern %q: %v", s, err)
		}
		c.AllowedOrigins = append(c.AllowedOrigins, p)
	}
	return c
}

// standing is somebody who signed in so long ago and has used the session since.
func standing(age time.Duration) *oauth.Standing {
	return &oauth.Standing{
		Session: oauth.Session{
			ID: id(1), AccountID: id(2), AuthTime: noon.Add(-age), Created: noon.Add(-age), LastUsed: noon,
			AMR: []string{oauth.AMRPassword}, ACR: oauth.ACRPassword,
			IdleTimeout: time.Hour, Expires: noon.Add(24 * time.Hour),
		},
		Account:    oauth.Account{ID: id(2), Username: "alice", Name: "Alice A.", Email: "alice@example.com"},
		Delegation: &oauth.Delegation{ID: id(3), SessionID: id(1), ClientID: "app", AccountID: id(2)},
	}
}

// golden compares a value's JSON with testdata/<name>.json: these shapes are what apps and APIs rely on.
func golden(t *testing.T, name string, value any) {
	t.Helper()
	got, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s changed:\n%s", file, cmp.Diff(string(want), string(got)))
	}
}

// code is the error code of an outcome; empty for none.
func code(e *oauth.Error) oauth.Code {
	if e == nil {
		return ""
	}
	return e.Code
}

func TestErrorKeepsTheCauseApart(t *testing.T) {
	cause := errors.New("disk on fire")
	e := oauth.Internal(cause)
	if e.Code != oauth.ServerError || bytes.Contains([]byte(e.Description), []byte("fire")) {
		t.Errorf("the description shows the cause: %q", e.Description)
	}
	if !errors.Is(e, cause) {
		t.Error("the log cannot find the cause")
	}
	plain := oauth.Errorf(oauth.InvalidScope, "no")
	if plain.Because(cause) == plain || plain.Cause != nil {
		t.Error("Because changed a shared value")
	}
	if got := plain.Because(cause).Error(); got != "invalid_scope: no: disk on fire" {
		t.Errorf("Error() = %q", got)
	}
	if got := plain.Error(); got != "invalid_scope: no" {
		t.Errorf("Error() = %q", got)
	}
}

// allowedInErrors is the set of RFC 6749 §5.2, written out from its text.
func allowedInErrors(s string) bool {
	for _, r := range s {
		if r != 0x20 && r != 0x21 && (r < 0x23 || r > 0x5B) && (r < 0x5D || r > 0x7E) {
			return false
		}
	}
	return true
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"plain ~ text!":                 "plain ~ text!",
		`say "yes"`:                     "say 'yes'",
		`back\slash`:                    "back?slash",
		"line\r\nfeed\ttab\x00nul\x7f":  "line??feed?tab?nul?",
		"é\u2028\u202e":                 "???",
		"\xff\xfe":                      "??",
		"<script>alert(1)</script>[]^`": "<script>alert(1)</script>[]^`",
	} {
		if got := oauth.Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
	if e := oauth.Errorf(oauth.InvalidRequest, "bad %s", "\"\\\n"); e.Description != "bad '??" {
		t.Errorf("Errorf echoes raw: %q", e.Description)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\\x00\u2028\xff")
	f.Fuzz(func(t *testing.T, s string) {
		p := oauth.Printable(s)
		if !allowedInErrors(p) {
			t.Errorf("Printable(%q) = %q holds what RFC 6749 §5.2 forbids", s, p)
		}
		if oauth.Printable(p) != p {
			t.Errorf("Printable(%q) is not stable", p)
		}
		if allowedInErrors(s) && p != s {
			t.Errorf("Printable changed %q, which is fine, to %q", s, p)
		}
	})
}
