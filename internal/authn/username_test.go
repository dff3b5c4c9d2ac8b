package authn

import (
	"strings"
	"testing"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

func TestCleanUsername(t *testing.T) {
	tests := map[string]struct {
		name, want string
		bad        bool
	}{
		"usual":                        {"Alice", "Alice", false},
		"an address":                   {"alice+x@example.com", "alice+x@example.com", false},
		"white space":                  {" \tAlice\u00a0\n", "Alice", false},
		"space inside":                 {"Alice Liddell", "Alice Liddell", false},
		"decomposed":                   {"Rene\u0301", "Ren\u00e9", false},
		"empty":                        {"", "", true},
		"only space":                   {" \u2003 ", "", true},
		"longest":                      {strings.Repeat("a", 256), strings.Repeat("a", 256), false},
		"too long":                     {strings.Repeat("a", 257), "", true},
		"not UTF-8":                    {"ali\xffce", "", true},
		"replacement":                  {"ali\ufffdce", "", true},
		"line end":                     {"ali\nce", "", true},
		"zero byte":                    {"ali\x00ce", "", true},
		"zero width":                   {"ali\u200bce", "", true},
		"right to left":                {"ali\u202ece", "", true},
		"strange space":                {"ali\u2003ce", "", true},
		"right-to-left script is fine": {"עליזה", "עליזה", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := CleanUsername(test.name)
			if got != test.want || (err != nil) != test.bad {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestNormalizeUsername(t *testing.T) {
	same := map[string][]string{
		"case":        {"alice", "Alice", "ALICE", " alice\n"},
		"composition": {"ren\u00e9", "rene\u0301", "REN\u00c9", "RENE\u0301"},
		"sharp s":     {"stra\u00dfe", "STRASSE", "strasse", "STRA\u1e9eE"},
		"final sigma": {"ΟΔΥΣΣΕΥΣ", "οδυσσευς", "οδυσσευσ"},
		"Cherokee":    {"\uab70", "\u13a0"},
		"Kelvin":      {"kelvin", "\u212aelvin"},
	}
	for name, ways := range same {
		t.Run(name, func(t *testing.T) {
			for _, way := range ways {
				if got, want := NormalizeUsername(way), NormalizeUsername(ways[0]); got != want {
					t.Errorf("%q: got %q, want %q", way, got, want)
				}
			}
		})
	}
	if NormalizeUsername("alice") == NormalizeUsername("a1ice") {
		t.Error("two names are one")
	}
}

func FuzzUsername(f *testing.F) {
	for _, seed := range []string{"", "Alice", " e\u0301\u0323 ", "\u0345\u0308", "\xff", "\u1e9e", "\uab70", "\u1fb3\u0308", "\u03b1\u0345\u0301"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		folded := NormalizeUsername(name)
		if again := NormalizeUsername(folded); again != folded && len(name) <= MaxUsernameBytes/4 {
			t.Errorf("%q becomes %q, then %q", name, folded, again)
		}
		// As the store compares names: were two of one account counted apart, each would be a fresh start.
		stored := norm.NFC.String(cases.Fold().String(norm.NFC.String(name)))
		if len(name) <= MaxUsernameBytes/4 && NormalizeUsername(stored) != folded {
			t.Errorf("%q: the store's form %q is counted apart", name, stored)
		}
		clean, err := CleanUsername(name)
		if err != nil {
			return
		}
		if again, err := CleanUsername(clean); err != nil || again != clean {
			t.Errorf("%q becomes %q, then %q: %v", name, clean, again, err)
		}
		if NormalizeUsername(clean) != folded {
			t.Errorf("%q: stored and typed name are counted apart", name)
		}
	})
}
