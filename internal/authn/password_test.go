package authn

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckNewPassword(t *testing.T) {
	tests := map[string]struct {
		username, password string
		want               string // part of the error; empty where it is good
	}{
		"a few words":            {"alice", "correct horse battery", ""},
		"no digits, no capitals": {"alice", "gxqvbnwk", ""},
		"any script":             {"alice", "пароль мой", ""},
		"eight characters":       {"alice", "žluťoučk", ""},
		"emoji":                  {"alice", "🐎🔋📎✅🐎🔋📎✅", ""},
		"seven":                  {"alice", "gxqvbnw", "too short"},
		"seven, decomposed":      {"alice", "gxqvbne\u0301", "too short"},
		"empty":                  {"alice", "", "too short"},
		"longest":                {"alice", strings.Repeat("lang ", 204) + "geno", ""},
		"too long":               {"alice", strings.Repeat("x1", 513), "longer than 1024"},
		"not UTF-8":              {"alice", "gxqvbnwk\xff", "not text"},
		"a zero byte":            {"alice", "gxqv\x00bnwk", "not text"},
		"common":                 {"alice", "password1", "guessed first"},
		"common, in capitals":    {"alice", "PassW0rd", "guessed first"},
		"one character":          {"alice", "zzzzzzzzzz", "guessed first"},
		"counting":               {"alice", "123456789", "guessed first"},
		"the alphabet backwards": {"alice", "zyxwvutsr", "guessed first"},
		"user name":              {"alice.liddell", "Alice.Liddell", "user name"},
		"user name and year":     {"wonderland", "Wonderland26!", "user name"},
		"part of the address":    {"wonderland@example.com", "1wonderland", "user name"},
		"user name in a phrase":  {"alice", "alice met a rabbit", ""},
		"no user name":           {"", "gxqvbnwk", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := CheckNewPassword(test.username, test.password)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			case err != nil && test.password != "" && strings.Contains(err.Error(), test.password):
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestCommonPasswords(t *testing.T) {
	if len(common) < 250 {
		t.Errorf("only %d common passwords", len(common))
	}
	for word := range common {
		if utf8.RuneCountInString(word) < MinPasswordLength || word != strings.ToLower(word) {
			t.Errorf("%q never matches", word)
		}
	}
}

func FuzzCheckNewPassword(f *testing.F) {
	f.Add("alice", "correct horse")
	f.Add("", "")
	f.Add("@", "@1234567")
	f.Add("e\u0301", "\xff\xfe")
	f.Fuzz(func(t *testing.T, username, password string) {
		if CheckNewPassword(username, password) == nil && (len(password) > MaxPasswordBytes || len(password) < MinPasswordLength) {
			t.Errorf("%q passed", password)
		}
	})
}
