// Package pages is the operators' view of the server: pages rendered here, forms that work without script, and a little
// script of our own on top. A page shows what its operation in manage returns and decides nothing; what is wrong with a
// form is said beside the field, with what was typed.
package pages

import (
	"log/slog"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
)

// Options is what the pages need to know of this node.
type Options struct {
	// RuntimeURL is the address of the runtime, for the try-it panel; AdminURL that of these pages.
	RuntimeURL, AdminURL string
	// Version is the server's, shown in the foot.
	Version string
	// Settings are this node's, as people read them.
	Settings []Setting
	// Certificate says what is wrong with the certificate that this node serves; nil where it serves none.
	Certificate func() []string
	Logger      *slog.Logger
	Now         func() time.Time
}

// Setting is one setting of this node. A secret's value is never in it.
type Setting struct {
	Key, Value, Default, Help string
	// Origin says where the value comes from: "default", "file", "environment", "flag".
	Origin string
	// Insecure settings that are on are shown as warnings.
	Insecure bool
}

// Pages renders them.
type Pages struct {
	Options
}

// New makes the pages.
func New(o Options) *Pages { return &Pages{Options: o} }

// Routes lists every page and form, in the order of the navigation.
func (p *Pages) Routes() []route.Route {
	return slices.Concat(
		p.overviewRoutes(), p.sessionRoutes(), p.delegationRoutes(), p.auditRoutes(), p.changeRoutes(),
		p.clientRoutes(), p.accountRoutes(), p.profileRoutes(), p.authenticatorRoutes(), p.keyRoutes(),
		p.operatorRoutes(), p.fileRoutes(), p.settingRoutes(),
	)
}

// StaticPath is where they are.
const StaticPath = "/admin/resources/"
