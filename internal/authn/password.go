package authn

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The lengths of a password (NIST SP 800-63B-4 §3.1.1.2): the least in characters, the most in bytes.
const (
	MinPasswordLength = 8
	MaxPasswordBytes  = 1024
)

//go:embed common.txt
var commonText string

// common are passwords that every guesser tries first, without regard to case.
var common = func() map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(commonText) {
		set[word] = true
	}
	return set
}()

// CheckNewPassword tells what is wrong with a password that a user chose, in words for that user. It asks
// for length and refuses what is guessed first; it asks for no mixture of characters (NIST SP
// 800-63B-4 §3.1.1.2: rules of composition make passwords worse).
func CheckNewPassword(username, password string) error {
	switch {
	case len(password) > MaxPasswordBytes:
		return fmt.Errorf("the password is longer than %d bytes", MaxPasswordBytes)
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return errors.New("the password is not text")
	}
	password = normalizePassword(password)
	folded := strings.ToLower(password)
	switch {
	case utf8.RuneCountInString(password) < MinPasswordLength:
		return fmt.Errorf("the password is too short: use at least %d characters; a few words in a row are good", MinPasswordLength)
	case common[folded] || isSequence(folded):
		return errors.New("the password is one that is guessed first: choose another")
	case resembles(folded, NormalizeUsername(username)):
		return errors.New("the password is the user name, or hardly more: choose another")
	}
	return nil
}

// isSequence tells whether each character differs from the one before by the same small step:
// aaaaaaaa, 12345678, zyxwvuts.
func isSequence(s string) bool {
	runes := []rune(s)
	step := runes[1] - runes[0]
	for i := 1; i < len(runes); i++ {
		if runes[i]-runes[i-1] != step {
			return false
		}
	}
	return step >= -1 && step <= 1
}

// resembles tells whether the password is the user name, or the part before its @, with at most three
// characters around it.
func resembles(password, username string) bool {
	local, _, _ := strings.Cut(username, "@")
	for _, name := range []string{username, local} {
		before, after, found := strings.Cut(password, name)
		if name != "" && found && utf8.RuneCountInString(before)+utf8.RuneCountInString(after) <= 3 {
			return true
		}
	}
	return false
}
