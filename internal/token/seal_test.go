package token_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// kinds are one of each way to be kept: cookies, values in pages, and the kinds that have a prefix.
var kinds = []token.Kind{
	token.KindAccess, token.KindFlow, token.KindDevice, token.KindRegistration, token.KindAdminSession, token.KindOperatorLink,
	token.KindPasswordLink, token.KindRenewal, token.KindTicket,
}

// prefixes begin what scanners for secrets are to find.
var prefixes = []string{token.AccessPrefix, "usher_it_", "usher_ol_", "usher_pl_"}

func TestSealOpen(t *testing.T) {
	r := fullRing(t)
	for _, kind := range kinds {
		for _, plain := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("long "), 2000)} {
			text, err := r.Seal(kind, start, plain)
			if err != nil {
				t.Fatal(err)
			}
			again, err := r.Seal(kind, start, plain)
			if err != nil || again == text {
				t.Errorf("%s: sealed twice alike: %v", kind, err)
			}
			if i := strings.IndexFunc(text, notURLSafe); i >= 0 {
				t.Errorf("%s: %q is not URL-safe", kind, text[i])
			}
			got, err := r.Open(kind, text)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s: got %d bytes, %v", kind, len(got), err)
			}
		}
	}
}

func TestScannersFindWhatApplicationsAndPeopleHold(t *testing.T) {
	r := fullRing(t)
	for kind, prefix := range map[token.Kind]string{
		token.KindAccess: "usher_at_", token.KindRefresh: "usher_rt_", token.KindCode: "usher_ac_", token.KindDeviceCode: "usher_dc_",
		token.KindRegistration: "usher_it_", token.KindOperatorLink: "usher_ol_", token.KindPasswordLink: "usher_pl_",
	} {
		if text, err := r.Seal(kind, start, nil); err != nil || !strings.HasPrefix(text, prefix) {
			t.Errorf("%s: %.20s, %v", kind, text, err)
		}
	}
}

func notURLSafe(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
}

func TestSealRefuses(t *testing.T) {
	r := fullRing(t)
	if _, err := r.Seal(token.KindFlow, start, make([]byte, 64<<10)); err == nil {
		t.Error("a value without bounds was sealed")
	}
	if _, err := r.Seal("unknown", start, nil); err == nil {
		t.Error("an unknown kind was sealed")
	}
	if _, err := r.Open("unknown", "AAAA"); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("an unknown kind was opened: %v", err)
	}
	empty := newRing(t, nil, newMaster(t), issuer)
	if _, err := empty.Seal(token.KindFlow, start, nil); !errors.Is(err, token.ErrNoKey) {
		t.Errorf("got %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	m := newMaster(t)
	keys := []token.WrappedKey{newKey(t, m, token.UseSeal, "", start)}
	r := newRing(t, keys, m, issuer)
	text, err := r.Seal(token.KindFlow, start, []byte("flow"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		ring *token.Ring
		kind token.Kind
		text string
		want error
	}{
		"empty":          {r, token.KindFlow, "", token.ErrInvalid},
		"too short":      {r, token.KindFlow, text[:40], token.ErrInvalid},
		"too long":       {r, token.KindFlow, "AQ" + strings.Repeat("A", 1<<20), token.ErrInvalid},
		"another kind":   {r, token.KindDevice, text, token.ErrInvalid},
		"no prefix":      {r, token.KindAccess, text, token.ErrInvalid},
		"prefix added":   {r, token.KindAccess, token.AccessPrefix + text, token.ErrInvalid},
		"version":        {r, token.KindFlow, "Ag" + text[2:], token.ErrInvalid},
		"line end":       {r, token.KindFlow, text[:8] + "\n" + text[8:], token.ErrInvalid},
		"padding":        {r, token.KindFlow, text + "=", token.ErrInvalid},
		"another issuer": {newRing(t, keys, m, issuer+"2"), token.KindFlow, text, token.ErrInvalid},
		"another ring":   {fullRing(t), token.KindFlow, text, token.ErrUnknownKey},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := test.ring.Open(test.kind, test.text); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestOpenRefusesEveryChange(t *testing.T) {
	r := fullRing(t)
	// Of this length, the last character has bits that say nothing: they have to be zero.
	text, err := r.Seal(token.KindFlow, start, []byte("flows"))
	if err != nil {
		t.Fatal(err)
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range text {
		changed := []byte(text)
		for _, c := range []byte(alphabet) {
			if changed[i] = c; string(changed) == text {
				continue
			}
			if _, err := r.Open(token.KindFlow, string(changed)); err == nil {
				t.Fatalf("opened with character %d changed", i)
			}
		}
	}
}

func TestSealUsesTheCurrentKey(t *testing.T) {
	m := newMaster(t)
	older, newer := newKey(t, m, token.UseSeal, "", start), newKey(t, m, token.UseSeal, "", start.Add(time.Hour))
	both := newRing(t, []token.WrappedKey{newer, older}, m, issuer)
	only := map[string]*token.Ring{
		"older": newRing(t, []token.WrappedKey{older}, m, issuer),
		"newer": newRing(t, []token.WrappedKey{newer}, m, issuer),
	}
	tests := map[string]struct {
		now  time.Time
		want string
	}{
		"clock behind all": {start.Add(-time.Minute), "older"},
		"next is waiting":  {start.Add(time.Hour - 1), "older"},
		"next activated":   {start.Add(time.Hour), "newer"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text, err := both.Seal(token.KindFlow, test.now, []byte("flow"))
			if err != nil {
				t.Fatal(err)
			}
			for which, ring := range only {
				_, err := ring.Open(token.KindFlow, text)
				if (err == nil) != (which == test.want) || err != nil && !errors.Is(err, token.ErrUnknownKey) {
					t.Errorf("%s: %v", which, err)
				}
			}
		})
	}
}

func TestRingIsShared(t *testing.T) {
	r := fullRing(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			plain := bytes.Repeat([]byte{byte(i)}, 100*i)
			for range 50 {
				text, err := r.Seal(token.KindFlow, start, plain)
				if err != nil {
					t.Error(err)
				}
				if got, err := r.Open(token.KindFlow, text); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("got %d bytes, %v", len(got), err)
				}
			}
			if _, err := r.Sign(oauth.ES256, token.TypeJWT, start, []byte(`{}`)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// FuzzOpen offers every kind to every opener, and arbitrary text to all.
func FuzzOpen(f *testing.F) {
	r := fullRing(f)
	f.Add("", []byte(nil))
	f.Add("usher_at_AQ", []byte("plain"))
	for _, kind := range kinds {
		text, err := r.Seal(kind, start, []byte("plain"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text[:len(text)-22]+"0123456789abcdefABCDEF", []byte{1}) // our key, not our tag
	}
	f.Fuzz(func(t *testing.T, text string, plain []byte) {
		sealed := map[token.Kind]string{}
		for _, kind := range kinds {
			if _, err := r.Open(kind, text); err == nil {
				t.Errorf("opened what nobody sealed: %q", text)
			}
			if s, err := r.Seal(kind, start, plain); err == nil {
				sealed[kind] = s
			}
		}
		for made, s := range sealed {
			bare := s
			for _, p := range prefixes {
				bare = strings.TrimPrefix(bare, p)
			}
			offers := []string{s, bare}
			for _, p := range prefixes {
				offers = append(offers, p+bare)
			}
			for _, kind := range kinds {
				for _, offered := range offers {
					got, err := r.Open(kind, offered)
					switch {
					case kind == made && offered == s:
						if err != nil || !slices.Equal(got, plain) {
							t.Errorf("%s does not open: %v", made, err)
						}
					case err == nil:
						t.Errorf("%s opens as %s: %q", made, kind, offered)
					}
				}
			}
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	r, plain := fullRing(b), make([]byte, 150)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Seal(token.KindAccess, start, plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	r := fullRing(b)
	text, err := r.Seal(token.KindAccess, start, make([]byte, 150))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Open(token.KindAccess, text); err != nil {
			b.Fatal(err)
		}
	}
}
