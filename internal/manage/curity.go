package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// PlanCurity reads that product's XML configuration and says which clients it would create or change. Clients that are there
// already keep what the file does not say, their secrets above all, so that importing again changes nothing. FileFaults
// where it is no such file; what could not be mapped is in the plan's notes.
func (m *Manager) PlanCurity(ctx context.Context, text []byte) (*Plan, error) {
	file, err := readCurity(text)
	if err != nil {
		return nil, err
	}
	snap, err := m.load(ctx)
	if err != nil {
		return nil, err
	}
	c := &curityPlanner{
		m: m, snap: snap, profile: cloneProfile(snap.Profile), stored: byID(snap.Clients), seen: map[string]bool{},
		descriptions: map[string]string{}, off: map[oauth.Capability][]string{}, plan: &Plan{source: "a Curity configuration", was: snap.Profile},
	}
	return c.make(file)
}

type curityPlanner struct {
	m            *Manager
	snap         store.Snapshot
	plan         *Plan
	profile      oauth.Profile // with the scopes that the clients bring
	stored       map[string]*oauth.Client
	seen         map[string]bool
	descriptions map[string]string
	off          map[oauth.Capability][]string // ids of the clients that have a flow that the profile has not
}

func (c *curityPlanner) make(file *curityFile) (*Plan, error) {
	for _, s := range file.scopes {
		c.descriptions[s.textOf("id")] = s.textOf("description")
	}
	if len(file.clients) == 0 {
		c.plan.note("there is no client in this file: clients in that product's database are not in its configuration")
	}
	for _, e := range file.clients {
		if err := c.take(e); err != nil {
			return nil, err
		}
	}
	c.noteFlows()
	if err := c.planProfile(); err != nil {
		return nil, err
	}
	c.plan.finish()
	return c.plan, nil
}

// take plans one client.
func (c *curityPlanner) take(e *element) error {
	id := e.textOf("id")
	note := func(text string, args ...any) {
		c.plan.note("client %s: %s", oauth.Printable(id), fmt.Sprintf(text, args...))
	}
	before := c.stored[id]
	if why := c.notTaken(id, before); why != "" {
		note("not taken over: %s", why)
		return nil
	}
	c.seen[id] = true
	after := oauth.Client{ID: id}
	if before != nil {
		after = cloneClient(*before)
	}
	mapper := &curityClient{
		m: c.m, element: e, client: &after, isNew: before == nil, profile: &c.snap.Profile, note: note, seen: map[string]bool{},
	}
	mapper.read()
	if err := c.lock(&after, before); err != nil {
		return err
	}
	with := cloneProfile(c.profile)
	after.Scope = c.scopes(&with, after.Scope, note)
	settleSubject(&after)
	var invalid Invalid
	if err := mapper.dispense(&with); errors.As(err, &invalid) {
		note("not taken over: %s", strings.Join(problemsOf(invalid), "; "))
		return nil
	} else if err != nil {
		return err
	}
	c.countFlows(&after)
	differences := differencesOf(before, &after)
	if before != nil && len(differences) == 0 {
		return nil
	}
	if before != nil && after.Disabled && !before.Disabled {
		after.RevokedBefore = c.m.Now()
	}
	c.profile = with
	c.plan.change(before, &after, differences)
	return nil
}

func problemsOf(invalid Invalid) []string {
	var list []string
	for _, f := range invalid {
		list = append(list, f.Field+": "+f.Problem)
	}
	return list
}

// notTaken says why a client stays out.
func (c *curityPlanner) notTaken(id string, before *oauth.Client) string {
	var f faults
	validateClientID(&f, id)
	switch {
	case len(f.list) > 0:
		return f.list[0].Problem
	case c.seen[id]:
		return "the file has another client of this id, in another profile; that one is taken"
	case before != nil && before.ManagedBy != "":
		return "it is managed by " + before.ManagedBy + ": change it there"
	}
	return notForFiles(before, id)
}

// lock gives a client that authenticates by secret one that nobody knows, where it has none.
func (c *curityPlanner) lock(after, before *oauth.Client) error {
	if before != nil || after.AuthMethod != oauth.AuthSecretBasic {
		return nil
	}
	_, err := c.m.giveSecret(after)
	return err
}

// scopes sees to it that the profile has the scopes of a client, and leaves out those that it cannot have.
func (c *curityPlanner) scopes(p *oauth.Profile, scope []string, note func(string, ...any)) []string {
	var kept []string
	for _, name := range scope {
		if _, known := p.ScopeNamed(name); known && !oauth.IsOperatorScope(name) {
			kept = append(kept, name)
			continue
		}
		switch parsed, err := oauth.ParseScope(name); {
		case err != nil || len(parsed) != 1 || len(name) > maxScopeLength || oauth.IsOperatorScope(name):
			note("scope: %.100q is not taken over: it is no scope that a profile can have", name)
		case p.ManagedBy != "":
			note("scope: %s is not taken over: the profile, which does not have it, is managed by %s: add it there, then import again", name, p.ManagedBy)
		case len(p.Scopes) >= maxEntries:
			note("scope: %s is not taken over: a profile has at most %d scopes", name, maxEntries)
		default:
			p.Scopes = append(p.Scopes, oauth.Scope{Name: name, Description: c.describe(name)})
			kept = append(kept, name)
		}
	}
	return kept
}

// describe is what users will read of a scope.
func (c *curityPlanner) describe(name string) string {
	var f faults
	text := strings.Join(strings.Fields(c.descriptions[name]), " ")
	if validateName(&f, "scopes", text); text == "" || len(f.list) > 0 {
		return scopeDescription(name)
	}
	return text
}

// planProfile adds the scopes that clients brought.
func (c *curityPlanner) planProfile() error {
	added := c.profile.Scopes[len(c.snap.Profile.Scopes):]
	if len(added) == 0 {
		return nil
	}
	if err := validateProfile(&c.profile, nil); err != nil {
		return err
	}
	for _, s := range added {
		c.plan.note("scope %s: added to the profile as %q, which users read when they agree; it gives no claims: see 'usher profile change --add-scope' and '--scope-claims'", s.Name, s.Description)
	}
	c.plan.profile = &c.profile
	differences := Diff(showProfileInPlan(&c.snap.Profile), showProfileInPlan(&c.profile))
	c.plan.Changes = slices.Insert(c.plan.Changes, 0, Planned{store.KindProfile, "", PlanChange, differences})
	return nil
}

func (c *curityPlanner) countFlows(client *oauth.Client) {
	for _, k := range client.Capabilities {
		if !c.profile.Can(k) {
			c.off[k] = append(c.off[k], client.ID)
		}
	}
}

// noteFlows says which flows are off: for a client to use one it has to be on in both places.
func (c *curityPlanner) noteFlows() {
	for _, k := range oauth.Capabilities {
		ids, more := c.off[k], ""
		if len(ids) > 5 {
			ids, more = ids[:5], fmt.Sprintf(" and %d more", len(c.off[k])-5)
		}
		if len(ids) > 0 {
			c.plan.note("%s is off on the profile, and clients of this file use it (%s%s): switch it on there ('usher profile change --capability')", k, strings.Join(ids, ", "), more)
		}
	}
}
