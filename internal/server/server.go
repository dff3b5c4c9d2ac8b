// Package server is the runtime door: the OAuth endpoints, the assisted token endpoint and the sign-in
// pages, a file an endpoint. A handler reads like this list: parse (pure), load, decide (pure), at most one
// atomic store call, write.
//
// Threat model. The SSO cookie is SameSite=None, because apps frame this server from other sites; so what
// reads it answers only documents and frames (Sec-Fetch-Dest), what changes something on its word is guarded
// by http.CrossOriginProtection, and what shows something may be framed by one validated origin. A sealed
// flow travels in the pages' forms: it says what was asked; who is there is read from the session at every
// step. A flow that began top-level is bound to its browser by a cookie; one that began in a frame may lack
// it, and then yields a child session for that app alone.
package server

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

// issuerPath is the issuer's path below the base URL.
const issuerPath = "/oauth/v2/oauth-anonymous"

// Options is what a server needs; all but the proxies, the insecure switch, the clock, and what concerns client
// certificates and requests to other servers is required.
type Options struct {
	// BaseURL is the public address, scheme and host, without a slash at the end.
	BaseURL        string
	Store          store.Store
	Master         token.Master
	TrustedProxies []netip.Prefix
	// InsecurePlaintext serves requests that did not come over TLS.
	InsecurePlaintext bool
	Logger            *slog.Logger
	Registry          *prometheus.Registry
	// Now is the clock; clock.Wall where nil.
	Now func() time.Time
	// Clock decides whether Now can be trusted; nil where nobody needs to know (tests that set the time).
	Clock *clock.Watch
	// MTLSBaseURL is the public address of the listener that asks for client certificates (RFC 8705 §5); empty for none.
	MTLSBaseURL string
	// ClientCAs issue the certificates of clients with tls_client_auth; nil for none.
	ClientCAs *x509.CertPool
	// OutboundCAs are trusted when this server asks others; the system's where nil.
	OutboundCAs *x509.CertPool
	// OutboundNetworks are networks without public addresses that it may ask all the same.
	OutboundNetworks []netip.Prefix
}

// Server answers the runtime's requests. It keeps no state that another node would miss: the snapshot is a
// copy of what the store holds.
type Server struct {
	Options
	base        *url.URL
	issuer      string
	proxies     web.Proxies
	passwords   *authn.Hasher
	addresses   *authn.AddressLimiter
	bucketKey   []byte
	metrics     *metrics
	tally       tally
	failures    failures
	guard       http.CrossOriginProtection
	backChannel *backChannel
	current     atomic.Pointer[snapshot]
	renewal     renewal
	readiness   readiness
	horizon     atomic.Pointer[token.Horizon]
	reported    reported // only Run touches it
	outbound    *outbound
}

// Sign-ins that one address may try: many users may share it, so this is only against floods.
const (
	addressesPerSecond = 20
	addressBurst       = 200
	addressesKnown     = 20_000
)

// New checks the clock, loads the first configuration snapshot and opens its keys.
func New(ctx context.Context, o Options) (*Server, error) {
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Host == "" || strings.HasSuffix(o.BaseURL, "/") {
		return nil, fmt.Errorf("base URL %q: give scheme and host, without a slash at the end", o.BaseURL)
	}
	if o.Now == nil {
		o.Now = clock.Wall
	}
	bucketKey, err := o.Master.Derive(authn.ThrottlePurpose)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Options: o, base: base, issuer: o.BaseURL + issuerPath, proxies: o.TrustedProxies,
		passwords: authn.Passwords(), addresses: authn.NewAddressLimiter(addressesPerSecond, addressBurst, addressesKnown), bucketKey: bucketKey,
		renewal: renewal{reading: make(chan struct{}, 1)},
		metrics: newMetrics(o.Registry), backChannel: newBackChannel(o.Registry), outbound: newOutbound(base, o.OutboundCAs, o.OutboundNetworks, o.Now),
	}
	watchClock(o.Registry, o.Clock)
	if err := s.checkClock(ctx); err != nil {
		return nil, err
	}
	return s, s.refresh(ctx)
}

// Run renews the configuration snapshot, watches the clock, and writes down what was counted, until the context ends, and then until clients have
// heard of the last logouts. By then no request may be under way any more.
func (s *Server) Run(ctx context.Context) error {
	defer s.backChannel.drain()
	defer s.writeLastTallies(ctx)
	renew, count := time.NewTicker(refreshEvery), time.NewTicker(tallyEvery)
	defer renew.Stop()
	defer count.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-renew.C:
			if err := s.refreshIfChanged(ctx); err != nil && ctx.Err() == nil {
				s.Logger.Error("the configuration could not be read again; going on with what is known", "error", err)
			}
			s.reportClock()
			s.writeFailures(ctx, false)
		case <-count.C:
			s.writeTallies(ctx)
		}
	}
}

// Handler is the runtime door. The table says which guard runs at which endpoint: session marks the
// endpoints that read the session cookie, form those that change something on its word, and webidentity those that
// answer the browser itself, never a page. The others take no cookie, or check for themselves what a cross-origin request may do (logout).
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	const (
		plain   = 0
		session = 1 << iota
		form
		webidentity
	)
	for _, e := range []struct {
		pattern string
		guards  int
		handle  http.HandlerFunc
	}{
		{"GET " + issuerPath + "/.well-known/openid-configuration", plain, s.discovery},
		{"GET /.well-known/oauth-authorization-server" + issuerPath, plain, s.discovery},
		{"GET " + issuerPath + "/jwks", plain, s.jwks},
		{"GET " + assistedPath, session, s.assistedToken},
		{"HEAD " + assistedPath, plain, s.wrongMethod("GET, OPTIONS")}, // it would issue a token for nobody
		{"OPTIONS " + assistedPath, plain, s.preflightFor("GET")},
		{"POST " + renewalPath, plain, s.renew},
		{"OPTIONS " + renewalPath, plain, s.preflightFor("POST")},
		{"GET " + assistedPath + "/resources/js/{file}", plain, s.script},
		{"GET " + ticketPath, session, s.ticketPage},
		{"GET " + windowPath, session, s.window},
		{"GET " + authorizePath, session, s.authorize},
		{"HEAD " + authorizePath, plain, s.wrongMethod("GET, POST")},
		{"POST " + authorizePath, session, s.authorize}, // takes no decision: the user does that on our own pages
		{"POST " + parPath, plain, s.pushed},
		{"OPTIONS " + parPath, plain, s.preflightFor("POST")},
		{"POST " + tokenPath, plain, s.token},
		{"OPTIONS " + tokenPath, plain, s.preflightFor("POST")},
		{"POST " + deviceAuthorizationPath, plain, s.deviceAuthorization},
		{"GET " + devicePath, session, s.devicePage},
		{"POST " + devicePath, session | form, s.enterUserCode},
		{"POST " + accountPath, session | form, s.account},
		{"POST " + signInPath, session | form, s.signIn},
		{"POST " + consentPath, session | form, s.consent},
		{"POST " + continuePath, session | form, s.goOn},
		{"POST " + cancelPath, session | form, s.cancel},
		{"GET " + manage.PasswordLinkPath, session, s.passwordPage},
		{"POST " + manage.PasswordLinkPath, session | form, s.setPassword},
		{"POST " + introspectPath, plain, s.introspect},
		{"POST " + revokePath, plain, s.revoke},
		{"OPTIONS " + revokePath, plain, s.preflightFor("POST")},
		{"POST " + registerPath, plain, s.register},
		{"GET " + registerPath + "/{id}", plain, s.registeredClient},
		{"PUT " + registerPath + "/{id}", plain, s.registeredClient},
		{"DELETE " + registerPath + "/{id}", plain, s.registeredClient},
		{"GET " + userinfoPath, plain, s.userinfo},
		{"POST " + userinfoPath, plain, s.userinfo},
		{"OPTIONS " + userinfoPath, plain, s.preflightFor("GET, POST")},
		{"GET " + logoutPath, session, s.logoutAsk},
		{"POST " + logoutPath, session, s.logout},
		{"GET " + checkSessionPath, plain, s.checkSession},
		{"GET /authn/anonymous/resources/js/{file}", plain, s.script},
		{"GET " + preflightPath, session, s.preflightRedirect},
		{"GET " + preflightPath + "/check", session, s.preflightCheck},
		{"GET " + web.StaticPath + "{file}", plain, web.Static},
		{"GET " + webIdentityPath, plain, s.webIdentity},
		{"GET " + fedcmConfigPath, plain, s.fedcmConfig},
		{"GET " + fedcmAccountsPath, webidentity, s.fedcmAccounts},
		{"GET " + fedcmClientPath, webidentity, s.fedcmClient},
		{"POST " + fedcmAssertionPath, webidentity, s.fedcmAssertion},
		{"POST " + fedcmDisconnectPath, webidentity, s.fedcmDisconnect},
		{"GET " + loginPath, session, s.login},
		{"GET /{$}", plain, s.home},
	} {
		var h http.Handler = e.handle
		if e.guards&form != 0 {
			h = s.sameOrigin(h)
		}
		if e.guards&session != 0 {
			h = s.documentsOnly(h)
		}
		if e.guards&webidentity != 0 {
			h = s.browserOnly(h)
		}
		mux.Handle(e.pattern, s.metrics.observe(e.pattern, h))
		method, path, _ := strings.Cut(e.pattern, " ")
		if method != "HEAD" {
			methods[path] = append(methods[path], method)
		}
	}
	for path, allowed := range methods {
		mux.Handle(path, s.wrongMethod(strings.Join(allowed, ", ")))
	}
	mux.HandleFunc("/", s.noSuchPage)
	return web.Harden(web.InContext(s.reporting(s.overTLS(mux)), store.WithBudget), s.base.Hostname())
}
