package oauth_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

func TestParseOriginPatternAccepts(t *testing.T) {
	for _, s := range []string{
		"https://app.example.com", "https://app.example.com:8443", "https://localhost:8000", "https://xn--bcher-kva.example",
		"http://localhost", "http://localhost:4200", "http://app.localhost:8080", "http://127.0.0.1:8100", "http://127.1.2.3",
		"http://[::1]:8080", "https://[2001:db8::1]", "https://192.0.2.7:444", "https://under_score.example",
		"https://*.example.com", "https://*.example.com:8443", "https://*.apps.example.com", "https://x.example.com",
	} {
		if got, err := oauth.ParseOriginPattern(s, false); err != nil || string(got) != s {
			t.Errorf("ParseOriginPattern(%q) = %q, %v", s, got, err)
		}
	}
}

// refusedOrigins are never allowed origins, insecure or not.
var refusedOrigins = []string{
	"", "null", "file:", "file://", "file:///", "ftp://example.com", "ws://example.com", "chrome-extension://abc",
	"javascript:alert(1)", "data:,x", "blob:https://example.com", "//example.com", "example.com", "localhost:8080",
	"https:", "https:/", "https://", "https:///", "https:example.com", "https:/example.com",
	"https://example.com/", "https://example.com/app", "https://example.com//", "https://example.com?", "https://example.com?x=1",
	"https://example.com#", "https://example.com#x", "https://example.com:", "https://example.com:/",
	"https://example.com:443", "http://localhost:80", "https://example.com:0", "https://example.com:65536", "https://example.com:08443",
	"https://example.com:+8443", "https://example.com:-1", "https://example.com:1e3", "https://example.com:8443:8443", "https://:8443",
	"https://Example.com", "HTTPS://example.com", "https://EXAMPLE.COM", "https://\u212aelvin.example", // Kelvin sign: folds to k
	"https://example.com.", "https://.example.com", "https://a..example.com", "https://example.com..",
	"https://user@example.com", "https://user:pw@example.com", "https://@example.com", "https://:@example.com",
	"https://ex%61mple.com", "https://example%2ecom", "https://example.com%00", "https://example.com%2f.evil.example",
	"https://bücher.example", "https://例え.jp", "https://example.com\u200b", "https://exam\u00adple.com",
	" https://example.com", "https://example.com ", "https://exa mple.com", "https://example.com\n", "https://example.com\t", "https://\x00example.com",
	"https://example.com\\", "https:\\\\example.com", "https://example.com,https://evil.example", "https://example.com https://evil.example",
	"https://exa|mple.com", "https://exa<mple.com", `https://exa"mple.com`, "https://exa'mple.com", "https://exa;mple.com",
	"https://[::1", "https://::1", "https://[0:0:0:0:0:0:0:1]", "https://[::0001]", "https://[2001:DB8::1]", "https://[::ffff:127.0.0.1]",
	"https://[fe80::1%25eth0]", "https://[fe80::1%eth0]", "https://[127.0.0.1]", "https://[example.com]", "https://[]",
	"http://127.0.0.1.", "https://0x7f.0.0.1", "https://0177.0.0.1", "https://127.1", "https://2130706433", "https://256.1.1.1", "https://1.2.3.4.5",
	"https://a.0x1", "https://" + strings.Repeat("a", 64) + ".example", "https://" + strings.Repeat("abc.", 64) + "example",
	"**", "*.example.com", "*://example.com", "https://*", "https://*:8443", "https://*.", "https://*.com", "https://*.localhost", "https://**.example.com",
	"https://*.*.example.com", "https://a.*.example.com", "https://a*.example.com", "https://*a.example.com", "https://example.*",
	"https://*.example.com/", "https://*.example.com/x", "https://*.Example.com", "https://*.example.com:443", "https://*.example.com.",
	"https://*..example.com", "https://*.192.0.2.7", "https://*.[::1]", "https://user@*.example.com", "https://*@example.com", "https://*.x@example.com",
}

func TestParseOriginPatternRefuses(t *testing.T) {
	for _, s := range refusedOrigins {
		for _, insecure := range []bool{false, true} {
			if got, err := oauth.ParseOriginPattern(s, insecure); err == nil || got != "" {
				t.Errorf("ParseOriginPattern(%q, insecure %t) = %q, %v", s, insecure, got, err)
			}
		}
	}
}

func TestParseOriginPatternInsecure(t *testing.T) {
	for _, s := range []string{
		"*", "http://example.com", "http://192.0.2.7:8080", "http://*.example.com", "http://*.example.com:8080", "http://*.app.localhost:8080", "http://128.0.0.1",
		"http://localhost.example.com", "http://notlocalhost", "http://[2001:db8::1]",
	} {
		if got, err := oauth.ParseOriginPattern(s, false); err == nil {
			t.Errorf("%q was accepted as %q without the insecure setting", s, got)
		}
		if got, err := oauth.ParseOriginPattern(s, true); err != nil || string(got) != s {
			t.Errorf("ParseOriginPattern(%q, insecure) = %q, %v", s, got, err)
		}
	}
}

// An operator copies what the message suggests: it must never be wider than what they wrote.
func TestOriginHintIsNeverWider(t *testing.T) {
	for in, hint := range map[string]string{
		"https://x.Example.com":     "https://x.example.com",
		"https://x.example.com:443": "https://x.example.com",
		"https://*.Example.com":     "https://*.example.com",
		"https://App.example.com":   "https://app.example.com",
	} {
		_, err := oauth.ParseOriginPattern(in, false)
		if err == nil || !strings.HasSuffix(err.Error(), "serialised form: "+hint) {
			t.Errorf("%q: %v; want the hint %s", in, err, hint)
		}
	}
	if _, err := oauth.ParseOriginPattern("https://*.exa mple.com", false); err == nil || !strings.Contains(err.Error(), "*.exa mple.com") {
		t.Errorf("the message does not name what was written: %v", err)
	}
}

func TestMatchOriginLiteral(t *testing.T) {
	c := origins(t, "https://app.example.com", "http://localhost:8080", "http://[::1]:3000", "https://xn--bcher-kva.example")
	for _, o := range []string{"https://app.example.com", "http://localhost:8080", "http://[::1]:3000", "https://xn--bcher-kva.example"} {
		if got, ok := c.MatchOrigin(o); !ok || got.String() != o || got.IsZero() {
			t.Errorf("MatchOrigin(%q) = %q, %t", o, got, ok)
		}
	}
	for _, o := range append(refusedOrigins,
		"http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil.example", "https://evil.example",
		"https://sub.app.example.com", "https://example.com", "https://localhost:8080", "http://localhost", "http://localhost:80800",
		"http://127.0.0.1:8080", "http://[::1]:3001", "https://bücher.example", "*", "https://*.example.com",
	) {
		if got, ok := c.MatchOrigin(o); ok || !got.IsZero() {
			t.Errorf("MatchOrigin(%q) = %q, %t", o, got, ok)
		}
	}
}

func TestMatchOriginPattern(t *testing.T) {
	c := origins(t, "https://*.example.com", "https://*.example.net:8443")
	for _, o := range []string{
		"https://a.example.com", "https://x.example.com", "https://xn--a-ecp.example.com", "https://a-b_c.example.com", "https://a.example.net:8443",
	} {
		if got, ok := c.MatchOrigin(o); !ok || got.String() != o {
			t.Errorf("MatchOrigin(%q) = %q, %t", o, got, ok)
		}
	}
	for _, o := range append(refusedOrigins,
		"https://example.com", "https://.example.com", "https://a.b.example.com", "http://a.example.com", "https://a.example.com:8443",
		"https://a.example.net", "https://a.example.net:8444", "https://a.example.net:84430", "https://aexample.com", "https://evil-example.com",
		"https://a.example.com.evil.example", "https://evil.example/.example.com", "https://evil.example?.example.com",
		"https://evil.example#.example.com", "https://evil@a.example.com", "https://evil.example:1@a.example.com", "https://evil.example\\.example.com",
		"https://evil%2f.example.com", "https://evil%00.example.com", "https://é.example.com", "https://A.example.com", "https://a.example.com/",
		"https://a.example.com.", "https://a.Example.com", "https://*.example.com", "https://a b.example.com", "https://a,b.example.com",
		"https://"+strings.Repeat("a", 64)+".example.com", "https://[::1].example.com",
	) {
		if got, ok := c.MatchOrigin(o); ok || !got.IsZero() {
			t.Errorf("MatchOrigin(%q) = %q, %t", o, got, ok)
		}
	}
}

func TestMatchOriginAnything(t *testing.T) {
	c := &oauth.Client{AllowedOrigins: []oauth.OriginPattern{"*"}}
	for _, o := range []string{"https://a.example", "http://a.example:81"} {
		if _, ok := c.MatchOrigin(o); !ok {
			t.Errorf("the insecure * refuses %q", o)
		}
	}
	for _, o := range append(refusedOrigins, "*", "https://*.example.com") {
		if got, ok := c.MatchOrigin(o); ok {
			t.Errorf("even * must not post to %q (%q)", o, got)
		}
	}
	if _, ok := (&oauth.Client{}).MatchOrigin("https://a.example"); ok {
		t.Error("a client without origins has one")
	}
}

func TestOnlyOrigin(t *testing.T) {
	if o, ok := origins(t, "https://a.example").OnlyOrigin(); !ok || o.String() != "https://a.example" {
		t.Errorf("one literal origin: %q, %t", o, ok)
	}
	for _, c := range []*oauth.Client{
		{}, origins(t, "https://*.example.com"), origins(t, "https://a.example", "https://b.example"), {AllowedOrigins: []oauth.OriginPattern{"*"}},
	} {
		if o, ok := c.OnlyOrigin(); ok || !o.IsZero() {
			t.Errorf("%v: %q", c.AllowedOrigins, o)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "app.localhost": true, "127.0.0.1": true, "127.255.0.3": true, "::1": true, "[::1]": true, "::ffff:127.0.0.1": true,
		"": false, "notlocalhost": false, "localhost.example.com": false, "0.0.0.0": false, "::": false, "128.0.0.1": false,
		"127.0.0.1.example.com": false, "10.0.0.1": false, "127.0.0.1:80": false,
	} {
		if got := oauth.IsLoopback(host); got != want {
			t.Errorf("IsLoopback(%q) = %t", host, got)
		}
	}
}

// FuzzOrigin offers any pattern and any origin: whatever is accepted has to be what a browser would call
// that origin, and under the pattern by a reading that shares no code with the matcher.
func FuzzOrigin(f *testing.F) {
	f.Add("https://app.example.com", "https://app.example.com")
	f.Add("https://*.example.com", "https://a.example.com")
	f.Add("https://*.example.com:8443", "https://a@b.example.com:8443")
	f.Add("http://[::1]:80", "http://[::1]")
	f.Add("*", "null")
	for _, s := range refusedOrigins {
		f.Add("https://*.example.com", s)
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, configured, origin string) {
		pattern, err := oauth.ParseOriginPattern(configured, false)
		if err != nil {
			return
		}
		if string(pattern) != configured {
			t.Fatalf("%q was changed to %q", configured, pattern)
		}
		c := &oauth.Client{AllowedOrigins: []oauth.OriginPattern{pattern}}
		if pattern.IsLiteral() {
			if _, ok := c.MatchOrigin(configured); !ok {
				t.Fatalf("%q does not match itself", configured)
			}
		}
		valid, ok := c.MatchOrigin(origin)
		if !ok {
			return
		}
		if valid.String() != origin {
			t.Fatalf("%q was validated, %q is used", origin, valid)
		}
		if pattern.IsLiteral() && origin != configured {
			t.Fatalf("%q matched the literal %q", origin, configured)
		}
		checkSerialised(t, origin)
		if !pattern.IsLiteral() {
			checkOneLabel(t, configured, origin)
		}
	})
}

func checkSerialised(t *testing.T, origin string) {
	t.Helper()
	u, err := url.Parse(origin)
	if err != nil {
		t.Fatalf("%q is no URL: %v", origin, err)
	}
	if u.Scheme+"://"+u.Host != origin || u.User != nil || strings.ToLower(origin) != origin {
		t.Fatalf("%q is not in serialised form", origin)
	}
	if u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		t.Fatalf("%q has the default port", origin)
	}
	for i := range len(origin) {
		if origin[i] <= 0x20 || origin[i] >= 0x7f || strings.IndexByte(`\"'<>%*@?#;,`, origin[i]) >= 0 {
			t.Fatalf("%q holds %q", origin, origin[i])
		}
	}
}

func checkOneLabel(t *testing.T, configured, origin string) {
	t.Helper()
	want, err := url.Parse(strings.Replace(configured, "*", "any", 1))
	if err != nil {
		t.Fatal(err)
	}
	got, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	wantLabels, gotLabels := strings.Split(want.Hostname(), "."), strings.Split(got.Hostname(), ".")
	if got.Scheme != want.Scheme || got.Port() != want.Port() || len(gotLabels) != len(wantLabels) ||
		strings.Join(gotLabels[1:], ".") != strings.Join(wantLabels[1:], ".") || gotLabels[0] == "" {
		t.Fatalf("%q matched %q", origin, configured)
	}
}
