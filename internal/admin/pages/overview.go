package pages

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/token"
)

func (p *Pages) overviewRoutes() []route.Route {
	return []route.Route{{Pattern: "GET /admin", Op: manage.OpShowOverview, Handle: p.showOverview}}
}

// overviewView is the first page.
type overviewView struct {
	manage.Overview
	Health   []healthRow
	Plots    []plot
	Spans    []span
	Span     span
	Warnings []warningRow
	Insecure []Setting
	// FirstSteps guides where there is no client yet.
	FirstSteps          bool
	AssistedOn          bool
	MayProfile, MayMake bool
	MayAccount          bool
}

// healthRow is one thing that has to work.
type healthRow struct {
	Name, Text string
	Good       bool
}

// warningRow is something unsafe, and where to change it.
type warningRow struct{ What, Subject, Text, Link string }

func (p *Pages) showOverview(c *route.Call) error {
	ctx := c.R.Context()
	s := spans[max(slices.IndexFunc(spans, func(s span) bool { return s.Name == c.R.URL.Query().Get("span") }), 0)]
	o, err := c.Manage.Overview(ctx, p.Now().Add(-s.length))
	if err != nil {
		return err
	}
	step := time.Duration(o.Step) * time.Second
	v := overviewView{
		Overview: o, Health: p.health(c), Spans: spans, Span: s,
		Plots: []plot{
			newPlot("sign-ins", "Sign-ins", o.SignIns, step, s), newPlot("tokens", "Access tokens issued", o.Tokens, step, s),
		},
		FirstSteps: !hasOwnClient(o),
		MayProfile: c.Caller.May(manage.OpChangeProfile), MayMake: c.Caller.May(manage.OpCreateClient), MayAccount: c.Caller.May(manage.OpCreateAccount),
	}
	for _, w := range o.Warnings {
		v.Warnings = append(v.Warnings, warningRow{kindName(w.Kind), w.Subject, w.Text, subjectPath(w.Kind, w.Subject)})
	}
	for _, set := range p.Settings {
		if set.Insecure {
			v.Insecure = append(v.Insecure, set)
		}
	}
	if v.FirstSteps {
		profile, err := c.Manage.Profile(ctx)
		if err != nil {
			return err
		}
		v.AssistedOn = profile.Can("assisted_token")
	}
	return p.render(c, http.StatusOK, "overview.html", "Overview", v)
}

// hasOwnClient tells whether somebody made a client: the pages' own is always there.
func hasOwnClient(o manage.Overview) bool { return o.Clients > 1 }

// health looks at what everything else stands on.
func (p *Pages) health(c *route.Call) []healthRow {
	database := healthRow{"Database", "It answers.", true}
	if err := c.Manage.Store.Ping(c.R.Context()); err != nil {
		database = healthRow{"Database", "It does not answer: look at the log of this node.", false}
	}
	rows := []healthRow{database, clockHealth(c.Manage.Clock.Last()), p.keyHealth(c)}
	if p.Certificate == nil {
		return rows
	}
	if wrong := p.Certificate(); len(wrong) > 0 {
		return append(rows, healthRow{"Certificate", "Of the node that shows this page: " + strings.Join(wrong, "; ") + ".", false})
	}
	return append(rows, healthRow{"Certificate", "That of this node is good for more than 30 days.", true})
}

func clockHealth(v clock.Verdict) healthRow {
	row := healthRow{"Clock", "It runs evenly and agrees with what is stored.", true}
	if v.Why != "" {
		row.Text, row.Good = strings.ToUpper(v.Why[:1])+v.Why[1:]+".", false
	}
	return row
}

func (p *Pages) keyHealth(c *route.Call) healthRow {
	keys, err := c.Manage.Keys(c.R.Context())
	if err != nil {
		return healthRow{"Keys", "They could not be read: look at the log of this node.", false}
	}
	current := map[string]bool{}
	for _, k := range keys {
		name := strings.TrimSpace(string(k.Use) + " " + string(k.Alg))
		current[name] = current[name] || k.State == token.StateCurrent
	}
	for name, there := range current {
		if !there {
			return healthRow{"Keys", "There is none in force for " + name + ": rotate the keys.", false}
		}
	}
	return healthRow{"Keys", "Each kind has one in force; they rotate by themselves.", true}
}

// kindName is a kind of thing for people.
func kindName(kind string) string {
	switch kind {
	case "profile":
		return "Token service"
	case "keys":
		return "Keys"
	}
	return label(kind)
}
