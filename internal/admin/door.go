// Package admin is the operators' door: their sign-in, the guards before the pages (package pages), the admin API (package
// api) and SCIM (package scim), and who may do what there.
//
// Threat model. Whoever gets in here owns the server, so the door trusts nothing that it need not. It has an origin and a
// cookie of its own, SameSite=Lax, that the runtime's pages and apps never see. Operators sign in by the runtime, as users
// do, with the code flow and PKCE; state and nonce bind the answer to the browser that asked. The cookie holds no right: it
// names the delegation that the sign-in made, and delegation, session, account and role are read at each request, so what
// ends one of them shuts the door at once. Pages are in nobody's frame (clickjacking), run no script but their own, and take
// forms from their own origin alone, not from another port or subdomain (CSRF). A name that is not the door's is refused,
// so that no foreign name can be made to point here (DNS rebinding). API and SCIM take bearer tokens and never the cookie,
// so there is nothing to forge there; they speak no CORS, since no page of another origin has business with them.
// What a caller may do is said once, by operation, in package manage; what is not said there, nobody may.
// Not met: browsers send cookies to every port of a host, so whoever serves https on another port of the door's own host
// gets the operators' cookies; on localhost also who serves http there, as Chromium takes that for secure. Where others do,
// give the door a host of its own.
package admin

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usher-id/usher/internal/admin/api"
	"github.com/usher-id/usher/internal/admin/pages"
	"github.com/usher-id/usher/internal/admin/scim"
	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/web"
)

// Options is what the door needs; all is required, save the proxies.
type Options struct {
	// Manager is copied for each request, with who calls. Its store, master key, clock and addresses are the door's, too.
	Manager manage.Manager
	// Runtime is the runtime's handler, in this process: codes are redeemed there without a way over the network.
	Runtime        http.Handler
	TrustedProxies []netip.Prefix
	// Settings are this node's, for the page that shows them.
	Settings []pages.Setting
	// Certificate says what is wrong with the certificate that this node serves; nil where it serves none.
	Certificate func() []string
	Version     string
	Logger      *slog.Logger
	Registry    *prometheus.Registry
}

// Admin answers the operators' requests. As the runtime, it keeps nothing that another node would miss.
type Admin struct {
	Options
	base      *url.URL
	pages     *pages.Pages
	api       *api.API
	scim      *scim.Service
	proxies   web.Proxies
	forms     http.CrossOriginProtection
	addresses *authn.AddressLimiter
	keys      keys
	requests  *prometheus.CounterVec
}

// Uses of one-time links that one address may try: a code is 256 bits, so this is only against floods.
const (
	linksPerSecond = 1
	linkBurst      = 30
	linkAddresses  = 10_000
)

// New makes the door and opens the keys.
func New(ctx context.Context, o Options) (*Admin, error) {
	base, err := url.Parse(o.Manager.AdminURL)
	if err != nil {
		return nil, err
	}
	o.Manager.Role = "" // whoever forgets to set one may do nothing
	a := &Admin{
		Options: o, base: base, proxies: o.TrustedProxies,
		pages: pages.New(pages.Options{
			RuntimeURL: o.Manager.BaseURL, AdminURL: o.Manager.AdminURL, Version: o.Version, Settings: o.Settings,
			Certificate: o.Certificate, Logger: o.Logger, Now: o.Manager.Now,
		}),
		api:       api.New(api.Options{AdminURL: o.Manager.AdminURL, Issuer: o.Manager.Issuer, Settings: o.Settings, Logger: o.Logger}),
		scim:      &scim.Service{AdminURL: o.Manager.AdminURL, Logger: o.Logger},
		addresses: authn.NewAddressLimiter(linksPerSecond, linkBurst, linkAddresses),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_admin_requests_total", Help: "Requests of operators by part of the door and status class."}, []string{"part", "class"}),
	}
	o.Registry.MustRegister(a.requests)
	return a, a.readKeys(ctx)
}

// Run renews the keys until the context ends.
func (a *Admin) Run(ctx context.Context) error {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := a.renewKeys(ctx); err != nil && ctx.Err() == nil {
				a.Logger.Error("the keys could not be read again; going on with those that are known", "error", err)
			}
		}
	}
}

// The door's own paths, beside those of its parts.
const (
	homePath     = "/admin"
	loginPath    = "/admin/login"
	callbackPath = "/admin/callback"
	logoutPath   = "/admin/logout"
	documentPath = api.Prefix + "/openapi.json"
)

// Handler is the whole door. What the parts list is guarded by what they are; what stands here beside them is open to
// everybody, and says or changes nothing on anybody's word.
func (a *Admin) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, e := range []struct {
		pattern string
		handle  http.HandlerFunc
	}{
		{"GET /{$}", a.home},
		{"GET " + loginPath, a.login},
		{"GET " + callbackPath, a.callback},
		{"POST " + logoutPath, a.ownForms(a.logout)},
		{"GET " + manage.OperatorLinkPath, a.invitation},
		{"POST " + manage.OperatorLinkPath, a.ownForms(a.accept)},
	} {
		mux.Handle(e.pattern, a.count("sign-in", a.documentsOnly(e.handle)))
	}
	mux.HandleFunc("GET "+pages.StaticPath, a.pages.Static)
	mux.HandleFunc("GET "+documentPath, a.api.Document)
	mux.HandleFunc("GET /admin/api", a.api.Reference)
	for _, r := range a.pages.Routes() {
		mux.Handle(r.Pattern, a.count("pages", a.documentsOnly(a.ownForms(a.page(r)))))
	}
	for _, r := range a.api.Routes() {
		mux.Handle(r.Pattern, a.count("api", a.program(r, a.api)))
	}
	for _, r := range a.scim.Routes() {
		mux.Handle(r.Pattern, a.count("scim", a.program(r, a.scim)))
	}
	reporter := web.Reporter{Log: a.Logger, Proxies: a.proxies}
	guarded := reporter.Report(a.overTLS(a.ownName(a.known(mux))))
	return web.Harden(web.InContext(guarded, store.WithBudget), a.base.Hostname())
}

func (a *Admin) home(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, homePath, http.StatusSeeOther)
}

// acting is a manager that acts for somebody.
func (a *Admin) acting(r *http.Request, actor string, role oauth.Role) *manage.Manager {
	m := a.Manager
	m.Actor, m.Address, m.Role = actor, a.proxies.ClientAddress(r).String(), role
	return &m
}

func (a *Admin) now() time.Time { return a.Manager.Now() }
