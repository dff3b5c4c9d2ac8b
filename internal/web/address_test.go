package web_test

import (
	"crypto/tls"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/usher-id/usher/internal/web"
)

var proxies = web.Proxies{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("fd00::/8"),
}

func TestClientAddress(t *testing.T) {
	for _, tt := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"a stranger", "192.0.2.1:5000", nil, "192.0.2.1"},
		{"a stranger's word counts for nothing", "192.0.2.1:5000", []string{"198.51.100.1"}, "192.0.2.1"},
		{"a proxy that says nothing", "10.0.0.1:5000", nil, "10.0.0.1"},
		{"one hop", "10.0.0.1:5000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"what stands left of a stranger is theirs", "10.0.0.1:5000", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"a stranger who claims to be a proxy", "10.0.0.1:5000", []string{"10.9.9.9, 198.51.100.1"}, "198.51.100.1"},
		{"a chain of proxies", "127.0.0.1:5000", []string{"203.0.113.9, 198.51.100.1, 10.0.0.2,10.0.0.3"}, "198.51.100.1"},
		{"several header lines are one list", "10.0.0.1:5000", []string{"203.0.113.9", "198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		{"a stranger's line before the proxy's", "10.0.0.1:5000", []string{"127.0.0.1", "198.51.100.1"}, "198.51.100.1"},
		{"proxies all the way", "10.0.0.1:5000", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"garbage at the end", "10.0.0.1:5000", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		{"garbage behind a proxy", "10.0.0.1:5000", []string{"<script>, 10.0.0.2"}, "10.0.0.2"},
		{"an empty entry", "10.0.0.1:5000", []string{"198.51.100.1,"}, "10.0.0.1"},
		{"an empty header", "10.0.0.1:5000", []string{""}, "10.0.0.1"},
		{"IPv6", "[fd00::1]:5000", []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv4 in IPv6: the peer", "[::ffff:10.0.0.1]:5000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"IPv4 in IPv6: a hop", "10.0.0.1:5000", []string{"198.51.100.1, ::ffff:10.0.0.2"}, "198.51.100.1"},
		{"no peer address", "@", []string{"198.51.100.1"}, "invalid IP"},
		{"a peer that is a name", "proxy:80", []string{"198.51.100.1"}, "invalid IP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.peer
			for _, line := range tt.forwarded {
				r.Header.Add("X-Forwarded-For", line)
			}
			if got := proxies.ClientAddress(r).String(); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "10.0.0.1:5000"
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	if got := web.Proxies(nil).ClientAddress(r).String(); got != "10.0.0.1" {
		t.Errorf("without trusted proxies: %s", got)
	}
}

func TestSaysHTTPS(t *testing.T) {
	for _, tt := range []struct {
		name, peer string
		tls        bool
		proto      []string
		want       bool
	}{
		{"TLS to us", "192.0.2.1:5000", true, nil, true},
		{"TLS to us, whatever the header says", "192.0.2.1:5000", true, []string{"http"}, true},
		{"in the clear", "192.0.2.1:5000", false, nil, false},
		{"a stranger who says https", "192.0.2.1:5000", false, []string{"https"}, false},
		{"a proxy that says https", "10.0.0.1:5000", false, []string{"https"}, true},
		{"a proxy that says http", "10.0.0.1:5000", false, []string{"http"}, false},
		{"a proxy that says nothing", "10.0.0.1:5000", false, nil, false},
		{"a stranger's word, then the proxy's, in one line", "10.0.0.1:5000", false, []string{"https, http"}, false},
		{"a stranger's line, then the proxy's", "10.0.0.1:5000", false, []string{"https", "http"}, false},
		{"the proxy's word after a stranger's", "10.0.0.1:5000", false, []string{"http", "https"}, true},
		{"the proxy's word after a stranger's, in one line", "10.0.0.1:5000", false, []string{"http, https"}, true},
		{"the last of three words", "10.0.0.1:5000", false, []string{"http, http", "https"}, true},
		{"garbage", "10.0.0.1:5000", false, []string{"httpsx"}, false},
		{"no peer address", "@", false, []string{"https"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.peer
			if tt.tls {
				r.TLS = &tls.ConnectionState{}
			}
			for _, line := range tt.proto {
				r.Header.Add("X-Forwarded-Proto", line)
			}
			if got := proxies.SaysHTTPS(r); got != tt.want {
				t.Errorf("%t", got)
			}
		})
	}
}
