package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/usher-id/usher/internal/fair"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// The bounds of what this server asks of others.
const (
	outboundTimeout = 5 * time.Second
	outboundLargest = 64 << 10 // bytes of an answer
	outboundAtOnce  = 64       // documents that are fetched at once
	outboundOfKey   = 8        // of these, for one client or one network
	outboundOfHost  = 16       // of these, from one host, whatever the port
	outboundWaiting = 256      // for one of these places
	outboundWait    = 2 * time.Second

	keysFresh   = 5 * time.Minute  // a set of keys is not asked for again
	keysRenewal = 30 * time.Second // between two fetches that an unknown key causes, or that follow a failed one
	keysRetry   = 5 * time.Second  // the same where there are no keys to go on with
	keysStale   = time.Hour        // a set is used where its host fails
	keysKnown   = 1000             // addresses
)

// outbound is the only place that asks other servers. Clients say where their documents are, so this could be turned
// against what only this machine reaches (SSRF): it speaks https, follows no redirect, uses no proxy, bounds time and
// size, and refuses to connect to an address that is not public, judged when the name is already resolved.
// Fetches of documents share places by client; notices have places of their own (backChannel).
type outbound struct {
	client  *http.Client
	local   bool // this is a server for development
	now     func() time.Time
	fetches *fair.Queue
	mu      sync.Mutex
	busy    map[string]int // fetches under way, by host
	keySets map[string]*fetchedKeys
}

// fetchedKeys is the set of keys at one address, and what is known of fetching it. The outbound's lock guards it.
type fetchedKeys struct {
	keys     *token.KeySet
	fetched  time.Time     // when keys came
	tried    time.Time     // when the last fetch began
	renewed  time.Time     // when the last fetch began that an unknown key caused
	fetching chan struct{} // closed when the fetch under way ends; nil where none is
}

// newOutbound trusts the system's CAs and the given ones. A server that is reached by a loopback name alone (for
// development) may also connect to this machine; beyond it the operator may name networks.
func newOutbound(base *url.URL, cas *x509.CertPool, networks []netip.Prefix, now func() time.Time) *outbound {
	local := oauth.IsLoopback(base.Hostname())
	dialer := &net.Dialer{
		Timeout: outboundTimeout,
		Control: func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || !mayConnect(to.Addr().Unmap(), local, networks) {
				return fmt.Errorf("%s is not a public address: list its network in outbound_networks to allow it", address)
			}
			return nil
		},
	}
	return &outbound{
		local: local, now: now, keySets: map[string]*fetchedKeys{}, busy: map[string]int{},
		fetches: fair.New(fair.Bounds{
			AtOnce: outboundAtOnce, OfKey: outboundOfKey, Waiting: outboundWaiting, Longest: outboundWait,
		}),
		client: &http.Client{
			Timeout:       outboundTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: cas, MinVersion: tls.VersionTLS12},
				ForceAttemptHTTP2: true, TLSHandshakeTimeout: outboundTimeout, ResponseHeaderTimeout: outboundTimeout,
				MaxResponseHeaderBytes: 16 << 10, MaxIdleConns: 32, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
			},
		},
	}
}

// notPublic are networks that netip does not tell apart from public ones (RFC 6890, RFC 6598, RFC 5737, RFC 2544, RFC
// 6666, RFC 3849, RFC 9637, RFC 8215), and those that stand for IPv4 addresses of any kind (RFC 6052, RFC 3056, RFC 4380).
var notPublic = func() (networks []netip.Prefix) {
	for _, n := range strings.Fields(`0.0.0.0/8 100.64.0.0/10 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15
		198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 ::/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32
		2002::/16 3fff::/20 5f00::/16 fec0::/10`) {
		networks = append(networks, netip.MustParsePrefix(n))
	}
	return networks
}()

func mayConnect(to netip.Addr, local bool, allowed []netip.Prefix) bool {
	for _, n := range allowed {
		if n.Contains(to) {
			return true
		}
	}
	if to.IsLoopback() {
		return local
	}
	for _, n := range notPublic {
		if n.Contains(to) {
			return false
		}
	}
	return to.IsGlobalUnicast() && !to.IsPrivate() && to.Zone() == ""
}

// post sends a form; the answer has to be a success (2xx), and what it says does not matter. It waits for
// no place: who sends notices bounds them.
func (o *outbound) post(ctx context.Context, address string, form url.Values) error {
	u, err := o.parse(http.MethodPost, address)
	if err != nil {
		return err
	}
	_, err = o.ask(ctx, http.MethodPost, u, form)
	return err
}

// get fetches a document on behalf of who names it: a client, or a network. A wait for a place ends after
// two seconds in fair.ErrFull.
func (o *outbound) get(ctx context.Context, who, address string) ([]byte, error) {
	u, err := o.parse(http.MethodGet, address)
	if err != nil {
		return nil, err
	}
	leave, err := o.fetches.Enter(ctx, who)
	if err != nil {
		return nil, err
	}
	defer leave()
	host := hostKey(u)
	if !o.begin(host) {
		return nil, fmt.Errorf("%d requests to %s are under way: %w", outboundOfHost, host, fair.ErrFull)
	}
	defer o.end(host)
	return o.ask(ctx, http.MethodGet, u, nil)
}

// hostKey is the host without what its owner can vary: port, case, the dot at the end, the form of an address.
func hostKey(u *url.URL) string {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().WithZone("").String()
	}
	return host
}

func (o *outbound) parse(method, address string) (*url.URL, error) {
	u, err := url.Parse(address)
	// A client under development may hear of a sign-out without TLS, but no document is fetched so.
	plain := o.local && method == http.MethodPost && err == nil && u.Scheme == "http" && oauth.IsLoopback(u.Hostname())
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !plain {
		return nil, fmt.Errorf("%.200q is not an https address", address)
	}
	return u, nil
}

// ask has one deadline for the whole exchange, the body included (http.Client.Timeout).
func (o *outbound) ask(ctx context.Context, method string, u *url.URL, form url.Values) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "usher")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := o.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, outboundLargest+1))
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode < 200 || res.StatusCode > 299:
		return nil, fmt.Errorf("%s answered %s", u.Host, res.Status)
	case len(body) > outboundLargest:
		return nil, fmt.Errorf("%s answered with more than %d bytes", u.Host, outboundLargest)
	}
	return body, nil
}

// begin counts a fetch from a host, unless there are as many as there may be.
func (o *outbound) begin(host string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy[host] == outboundOfHost {
		return false
	}
	o.busy[host]++
	return true
}

func (o *outbound) end(host string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy[host]--; o.busy[host] == 0 {
		delete(o.busy, host)
	}
}

// keys are the keys at a jwks_uri: those that were fetched a moment ago, or else fetched anew. With unknown the caller
// met a key that is not among them, and so asks for newer ones, which it gets once in a while.
func (o *outbound) keys(
	ctx context.Context, who, address string, unknown bool,
) (*token.KeySet, error) {
	for {
		o.mu.Lock()
		f := o.keySets[address]
		if f == nil {
			f = o.remember(address)
		}
		now, wait := o.now(), f.fetching
		switch {
		case wait != nil && (unknown || f.keys == nil):
			o.mu.Unlock()
			select {
			case <-wait:
				unknown = false // what came is as new as can be
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		case wait != nil || f.good(now, unknown):
			defer o.mu.Unlock()
			return f.keys, nil
		case f.keys == nil && now.Sub(f.tried).Abs() < keysRetry:
			o.mu.Unlock()
			return nil, errors.New("the keys could not be fetched a moment ago")
		default:
			f.tried, f.fetching = now, make(chan struct{})
			if unknown {
				f.renewed = now
			}
			o.mu.Unlock()
			return o.fetch(ctx, who, address, f)
		}
	}
}

// good tells whether the keys are to be used without another fetch: they are fresh, or another was tried a moment ago.
func (f *fetchedKeys) good(now time.Time, unknown bool) bool {
	switch age := now.Sub(f.fetched); {
	case f.keys == nil || age >= keysStale || age < 0: // below 0 the clock was set back
		return false
	case unknown:
		return now.Sub(f.renewed).Abs() < keysRenewal
	default:
		return age < keysFresh || now.Sub(f.tried).Abs() < keysRenewal
	}
}

// fetch fetches the keys, with no lock held. It does not end with the request that began it: others wait for it.
func (o *outbound) fetch(
	ctx context.Context, who, address string, f *fetchedKeys,
) (*token.KeySet, error) {
	document, err := o.get(context.WithoutCancel(ctx), who, address)
	var keys *token.KeySet
	if err == nil {
		keys, err = token.ParseKeySet(document)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	close(f.fetching)
	f.fetching = nil
	if err == nil {
		f.keys, f.fetched = keys, o.now()
	} else if f.keys == nil || o.now().Sub(f.fetched) >= keysStale {
		f.keys = nil
		return nil, err
	}
	return f.keys, nil
}

// remember makes room for an address, in the place of the one that was not asked for the longest where there are many.
func (o *outbound) remember(address string) *fetchedKeys {
	if len(o.keySets) >= keysKnown {
		oldest := ""
		for a, f := range o.keySets {
			if f.fetching == nil && (oldest == "" || f.tried.Before(o.keySets[oldest].tried)) {
				oldest = a
			}
		}
		delete(o.keySets, oldest)
	}
	f := &fetchedKeys{}
	o.keySets[address] = f
	return f
}
