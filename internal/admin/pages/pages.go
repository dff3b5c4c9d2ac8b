// Package pages is the operators' view of the server: pages rendered here, forms that work without script, and a little
// script of our own on top. A page shows what its operation in manage returns and decides nothing; what is wrong with a
// form is said beside the field, with what was typed.
package pages

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/oauth"
)

// Options is what the pages need to know of this node.
type Options struct {
	// RuntimeURL is the address of the runtime, for the try-it panel; AdminURL that of these pages.
	RuntimeURL, AdminURL string
	// Version is the server's, shown in the foot.
	Version string
	// Settings are this node's, as people read them.
	Settings []Setting
	Logger   *slog.Logger
	Now      func() time.Time
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
func (p *Pages) Routes() []route.Route { return nil }

// WriteError shows what a handler returned: manage.Invalid, *manage.Conflict, *manage.Managed, *manage.Forbidden and
// store.ErrNotFound as pages that say what to do, anything else as a fault with a log id.
func (p *Pages) WriteError(c *route.Call, err error) {}

// Notice is a page for somebody who is not signed in, or may not come in: a sentence, and at most one way on.
type Notice struct {
	Title, Text string
	// Link and LinkText lead on by GET; Post makes it a form that posts there.
	Link, LinkText string
	Post           bool
}

// WriteNotice shows a notice.
func (p *Pages) WriteNotice(w http.ResponseWriter, status int, n Notice) {}

// Invite is the page behind an operator's one-time link.
type Invite struct {
	// Code goes back with the form, posted to manage.OperatorLinkPath with username, name and password.
	Code     string
	Role     oauth.Role
	Username string // Fixed: the link is for this account
	Fixed    bool
	Name     string
	// Problems are by field: username, name, password.
	Problems map[string]string
}

// WriteInvite shows it.
func (p *Pages) WriteInvite(w http.ResponseWriter, status int, v Invite) {}

// Static serves style and scripts, below StaticPath, to everybody.
func (p *Pages) Static(w http.ResponseWriter, r *http.Request) {}

// StaticPath is where they are.
const StaticPath = "/admin/resources/"
