package authn

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxUsernameBytes bounds a user name.
const MaxUsernameBytes = 256

// CleanUsername returns a user name as it is to be stored and looked up, letter case kept: without white
// space around it and in Unicode's form NFC. The error, in words for people, says what no name may hold.
func CleanUsername(name string) (string, error) {
	name = norm.NFC.String(strings.TrimSpace(name))
	switch {
	case name == "":
		return "", errors.New("the user name is empty")
	case len(name) > MaxUsernameBytes:
		return "", fmt.Errorf("the user name is longer than %d bytes", MaxUsernameBytes)
	case !utf8.ValidString(name):
		return "", errors.New("the user name is not text")
	}
	for _, r := range name {
		// Invisible characters would make two names that look alike, or turn text around them.
		if r != ' ' && !unicode.IsGraphic(r) || r != ' ' && unicode.IsSpace(r) || r == utf8.RuneError {
			return "", errors.New("the user name holds a character that cannot be seen")
		}
	}
	return name, nil
}

// NormalizeUsername returns the form under which two ways to write a user name are the same: case
// folded and in NFC (Unicode §3.13, caseless matching). It accepts any text, since whatever is typed is
// counted by it; what the store takes for one name is always one here.
func NormalizeUsername(name string) string {
	name = norm.NFC.String(strings.TrimSpace(name))
	if len(name) > MaxUsernameBytes {
		name = name[:MaxUsernameBytes] // no account has such a name, see CleanUsername
	}
	// Lower case last: the fold of the library swaps the two cases of Cherokee instead of joining them.
	return norm.NFC.String(strings.ToLower(cases.Fold().String(name)))
}
