package web_test

import (
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/web"
)

func TestLogText(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"The client is unknown.", "The client is unknown."},
		{"Zoë ✓", "Zoë ✓"},
		{"", ""},
		{"a\nlevel=ERROR", `a\nlevel=ERROR`},
		{"\x1b[2J", `\x1b[2J`},
		{"\u0085\u009b", `\u0085\u009b`},
		{"\u202eabc\u2028", `\u202eabc\u2028`},
		{"a\xffb", `a\ufffdb`},
		{`to https://app.example/cb?code=abc&state=x is`, `to https://app.example/cb?... is`},
		{`"https://app.example/cb#access_token=abc"`, `"https://app.example/cb?..."`},
		{"Is it so? Yes.", "Is it so? Yes."},
		{strings.Repeat("x", 5000), strings.Repeat("x", 256) + "..."},
		{strings.Repeat("é", 5000), strings.Repeat("é", 128) + "..."},
	} {
		if got := web.LogText(tt.text); got != tt.want {
			t.Errorf("%.40q: %q, want %q", tt.text, got, tt.want)
		}
	}
}
