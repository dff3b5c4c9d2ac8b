package oauth

import (
	"strings"
	"testing"
)

func TestCheckRedirectURI(t *testing.T) {
	for uri, good := range map[string]bool{
		"https://app.example.com/callback?x=1": true,
		"https://app.example.com":              true,
		"http://localhost:4200":                true,
		"http://127.0.0.1:8100/api":            true,
		"http://[::1]/":                        true,
		"com.example.app:/callback":            true,
		"com.example.app://callback":           true,
		"":                                     false,
		"/callback":                            false,
		"//app.example.com/":                   false,
		"https://app.example.com/#":            false,
		"https://app.example.com/cb#frag":      false,
		"https://user@app.example.com/":        false,
		"https:///callback":                    false,
		"https://*.example.com/":               false,
		"http://app.example.com/":              false,
		"http://localhost.evil.example/":       false,
		"javascript:alert(1)":                  false,
		"data:text/html,x":                     false,
		"myapp:/callback":                      false,
		"https://app.example.com/a b":          false,
		"https://app.example.com/\\evil":       false,
		"https://app.example.com/\x00":         false,
		"https://app.example.com/%zz":          false,
	} {
		if err := CheckRedirectURI(uri); (err == nil) != good {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

func FuzzCheckRedirectURI(f *testing.F) {
	f.Add("https://app.example.com/callback")
	f.Add("com.example.app:/x")
	f.Add("http://[::1]:80/#")
	f.Fuzz(func(t *testing.T, uri string) {
		if CheckRedirectURI(uri) != nil {
			return
		}
		lower := strings.ToLower(uri)
		if strings.ContainsAny(uri, "#*\\ \"<>") || strings.HasPrefix(lower, "javascript:") || strings.HasPrefix(lower, "data:") || !strings.Contains(uri, ":") {
			t.Errorf("accepted %q", uri)
		}
	})
}
