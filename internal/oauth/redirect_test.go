package oauth_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

func TestPostLogoutRedirect(t *testing.T) {
	registered := []string{
		"https://a.example", "https://a.example/out", "https://a.example/q?b=2&a=1", "https://a.example/odd?flag&x=%20+;y",
		"com.example.app:/out", "https://a.example/ends?", "https://a.example/p%2fq",
	}
	c := &oauth.Client{PostLogoutRedirectURIs: registered}
	for _, tt := range []struct{ uri, state, want string }{
		{"https://a.example", "", "https://a.example"},
		{"https://a.example", "s", "https://a.example?state=s"},
		{"https://a.example/out", "x y&z=#\r\n", "https://a.example/out?state=x+y%26z%3D%23%0D%0A"},
		// The registered query is kept as it is (as RFC 6749 §3.1.2 says for redirect URIs).
		{"https://a.example/q?b=2&a=1", "s", "https://a.example/q?b=2&a=1&state=s"},
		{"https://a.example/odd?flag&x=%20+;y", "s", "https://a.example/odd?flag&x=%20+;y&state=s"},
		{"https://a.example/ends?", "s", "https://a.example/ends?state=s"},
		{"https://a.example/p%2fq", "s", "https://a.example/p%2fq?state=s"},
		{"com.example.app:/out", "s", "com.example.app:/out?state=s"},
	} {
		if got, ok := c.PostLogoutRedirect(tt.uri, tt.state); !ok || got.String() != tt.want {
			t.Errorf("%q, state %q: %q, %t", tt.uri, tt.state, got, ok)
		}
	}
	for _, uri := range []string{
		"", "https://a.example/", "https://A.example", "https://a.example/out/", "https://a.example/out?x=1", "https://a.example/Out",
		"https://a.example:443", "https://a.example/%6fut", "https://a.example/../out", "https://evil.example", " https://a.example", "https://a.example#x",
	} {
		for _, state := range []string{"", "s"} {
			if got, ok := c.PostLogoutRedirect(uri, state); ok || got.String() != "" {
				t.Errorf("%q is not registered: %q", uri, got)
			}
		}
	}
	if _, ok := (&oauth.Client{PostLogoutRedirectURIs: []string{""}}).PostLogoutRedirect("", ""); ok {
		t.Error("nowhere is not an address")
	}
}

func TestRedirectSource(t *testing.T) {
	for uri, want := range map[string]string{
		"https://a.example/out?x=1": "https://a.example", "https://A.example:443": "https://a.example", "http://localhost:8080/": "http://localhost:8080",
		"com.example.app:/out": "com.example.app:", "http://[::1]:3000/x": "http://[::1]:3000",
		"https://a.example;script-src *": "", "https://a.example,b/": "", "https://a;b/": "", "https://*/": "", "/out": "",
	} {
		c := &oauth.Client{PostLogoutRedirectURIs: []string{uri}}
		r, ok := c.PostLogoutRedirect(uri, "")
		if got := r.Source(); !ok || got != want {
			t.Errorf("the source of %q is %q, want %q", uri, got, want)
		}
	}
	if got := (oauth.ValidRedirect{}).Source(); got != "" {
		t.Errorf("nowhere has the source %q", got)
	}
}

func returnTo(address string) (string, bool) {
	listed := map[string]bool{
		"https://a.example": true, "http://localhost:8080": true, "http://[::1]:3000": true, "https://a.example:8443": true,
	}
	got, ok := oauth.ReturnAddress(address, func(origin string) bool { return listed[origin] })
	return got.String(), ok
}

func TestReturnAddress(t *testing.T) {
	for _, s := range []string{
		"https://a.example", "https://a.example/", "https://a.example/app?x=1&y=//evil.example#top", "https://a.example//evil.example",
		"https://a.example?@evil.example", "https://a.example#@evil.example", "https://a.example:8443/x", "http://localhost:8080/",
		"http://[::1]:3000/x", "https://a.example/%0d%0aSet-Cookie:%20x=1", "https://a.example/@evil.example", "HTTPS://a.example/",
	} {
		if got, ok := returnTo(s); !ok || got != s {
			t.Errorf("ReturnAddress(%q) = %q, %t", s, got, ok)
		}
	}
	for _, s := range []string{
		"", "/", "/app", "//a.example", "//a.example/", "///a.example", "https:a.example", "https:/a.example", "https:///a.example", "https://", "a.example",
		"https://evil.example", "https://evil.example/https://a.example", "https://a.example.evil.example", "https://a.example@evil.example",
		"https://a.example:443@evil.example", "https://a.example:@evil.example", "https://evil.example@a.example", "https://@a.example", "https://:@a.example",
		"https://evil.example\\@a.example", "https://a.example\\@evil.example", "https:\\\\a.example", "https:/\\a.example", "\\\\a.example", "https://a.example\\.evil.example",
		"https://a.example%2eevil.example", "https://a.example%40evil.example", "https://a.example%00.evil.example", "https://a.example%5c@evil.example", "https://%61.example",
		"https://a.example\t", "https://a.exa\tmple/", "https://a.example/\r\nLocation: x", "https://a.example/\x00", " https://a.example", "https://a.example/ ", "\x01https://a.example",
		"https://a.example/é", "https://\uff41.example", "https://a\u3002example", "https://a.example\u200b/", "https://a.example/\x7f", "https://evil.example／.a.example",
		"https://A.example/", "https://a.EXAMPLE", "https://a.example.", "https://a.example:", "https://a.example:443", "https://a.example:0443", "https://a.example:8444",
		"http://a.example", "http://localhost", "https://localhost:8080", "http://localhost:8080.evil.example", "http://127.0.0.1:8080", "http://[::1]", "http://[::1]:3000@evil.example",
		"ftp://a.example", "javascript:alert(1)//https://a.example", "JaVaScRiPt://a.example/%0aalert(1)", "data:text/html,https://a.example", "blob:https://a.example/1",
		"view-source:https://a.example", "file://a.example/x", "ws://a.example", "https;//a.example", "https//a.example", "https://a.example;@evil.example", "https://a.example,evil.example",
		"https://*.example", "*", "null", "https://sub.a.example",
	} {
		if got, ok := returnTo(s); ok || got != "" {
			t.Errorf("ReturnAddress(%q) = %q, %t", s, got, ok)
		}
	}
}

// browserOrigin reads an address as the WHATWG URL standard does for http and https, where that may differ
// from net/url: backslashes are slashes, tabs and line ends vanish, any number of slashes follows the scheme.
func browserOrigin(address string) string {
	s := strings.Trim(address, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f ")
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(s)
	scheme, rest, _ := strings.Cut(s, ":")
	rest = strings.TrimLeft(rest, `/\`)
	if end := strings.IndexAny(rest, `/\?#`); end >= 0 {
		rest = rest[:end]
	}
	return strings.ToLower(scheme) + "://" + strings.ToLower(rest[strings.LastIndexByte(rest, '@')+1:])
}

func FuzzReturnAddress(f *testing.F) {
	for _, s := range []string{
		"https://a.example/x?y#z", "https://a.example\\@evil.example", "https://evil.example@a.example", "//a.example", "https:a.example", "https://a.example:443/", "HTTPS://a.example",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		var asked string
		got, ok := oauth.ReturnAddress(address, func(origin string) bool { asked = origin; return true })
		if !ok {
			if got.String() != "" {
				t.Errorf("%q is refused and returned", address)
			}
			return
		}
		if got.String() != address {
			t.Errorf("%q was checked, %q is used", address, got)
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme+"://"+u.Host != asked || u.User != nil {
			t.Errorf("%q: origin by net/url %v, asked for %q", address, u, asked)
		}
		if by := browserOrigin(address); by != asked {
			t.Errorf("%q: origin in a browser %q, asked for %q", address, by, asked)
		}
		checkSerialised(t, asked)
		if _, ok := oauth.ReturnAddress(address, func(string) bool { return false }); ok {
			t.Errorf("%q: the list was not asked", address)
		}
	})
}
