package manage

import (
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

// TestStoredPatternOverAPublicSuffix: it cannot be added, one from before stays and is warned of.
func TestStoredPatternOverAPublicSuffix(t *testing.T) {
	m, profile := &Manager{}, oauth.DefaultProfile()
	c := oauth.Client{ID: "app", Name: "App", Capabilities: []oauth.Capability{oauth.CapAssistedToken},
		AllowedOrigins: []oauth.OriginPattern{"https://*.github.io"}}
	if err := m.validateClient(&c, &profile); err == nil || !strings.Contains(err.Error(), "anybody can register") {
		t.Errorf("a new one: %v", err)
	}
	if err := m.validateClient(&c, &profile, "https://*.github.io"); err != nil {
		t.Errorf("one from before: %v", err)
	}
	if err := m.validateClient(&c, &profile, "https://*.co.uk"); err == nil {
		t.Error("another one is taken for it")
	}
	if w := strings.Join(Warnings(&c), "\n"); !strings.Contains(w, "anybody can register a host") {
		t.Errorf("warnings %q", w)
	}
}

func TestPatternsOverPublicSuffixes(t *testing.T) {
	for pattern, wide := range map[string]bool{
		"https://*.co.uk": true, "https://*.github.io": true, "https://*.github.io:8443": true,
		"https://*.s3.amazonaws.com": true, "https://*.vercel.app": true, "https://*.kawasaki.jp": true,
		"https://*.foo.kawasaki.jp": true, "https://*.xn--55qx5d.cn": true, "https://*.herokuapp.com": true,
		"https://*.example.co.uk": false, "https://*.me.github.io": false, "https://*.example.com": false,
		"https://*.city.kawasaki.jp": false, "https://*.corp.internal": false, "https://*.app.localhost": false,
	} {
		if coversPublicSuffix(oauth.OriginPattern(pattern)) != wide {
			t.Errorf("%s: want %v", pattern, wide)
		}
	}
	if coversPublicSuffix("https://github.io") || coversPublicSuffix("*") {
		t.Error("an origin is no pattern")
	}
}
