package pages

import (
	"net/http"
	"net/url"

	"github.com/usher-id/usher/internal/admin/route"
)

// confirmation asks before something ends.
type confirmation struct {
	Title, Text string
	// Subject is the name of what it is about; it is isolated, since it may be anything.
	Subject string
	// Ends says what ends, a line each.
	Ends []string
	// Action is where the form posts; Button says what it does; Back is where Cancel leads.
	Action, Button, Back string
	// Hidden goes along with the form.
	Hidden url.Values
	// Calm is for what ends nothing.
	Calm bool
}

// confirm shows the question. It works without script: a page, and a form.
func (p *Pages) confirm(c *route.Call, v confirmation) error {
	return p.render(c, http.StatusOK, "confirm.html", v.Title, v)
}
