package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

func isIP(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// Proxies are the peers whose forwarded headers are believed.
type Proxies []netip.Prefix

func (p Proxies) trusts(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// ClientAddress is the address of the caller: the peer, or, where that is a trusted proxy, the nearest
// address in X-Forwarded-For that is not one. It reads right to left: what stands further left was
// written by strangers.
func (p Proxies) ClientAddress(r *http.Request) netip.Addr {
	addr := peer(r)
	if len(p) == 0 || !p.trusts(addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return addr
		}
		addr = hop.Unmap()
		if !p.trusts(addr) {
			return addr
		}
	}
	return addr
}

// SaysHTTPS tells whether the request came over TLS: to us, or to a trusted proxy that says so. Of several
// values the last is the proxy's own; what stands before it may be a stranger's.
func (p Proxies) SaysHTTPS(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	said := strings.Join(r.Header.Values("X-Forwarded-Proto"), ",")
	return p.trusts(peer(r)) && strings.TrimSpace(said[strings.LastIndexByte(said, ',')+1:]) == "https"
}

func peer(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}
