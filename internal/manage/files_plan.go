package manage

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// filePlanner compares a file with what is there.
type filePlanner struct {
	m       *Manager
	doc     *fileDocument
	faults  *lineFaults
	options FileOptions
	snap    store.Snapshot
	plan    *Plan
	// profile is the one that will be in force; scopesAreSound tells whether its scopes could be read.
	profile        oauth.Profile
	scopesAreSound bool
	profileChanges bool
	// stored are the clients that there are, states those that the file has, by id.
	stored map[string]*oauth.Client
	states map[string]bool
}

func newFilePlanner(m *Manager, doc *fileDocument, faults *lineFaults, snap store.Snapshot, o FileOptions) *filePlanner {
	f := &filePlanner{
		m: m, doc: doc, faults: faults, options: o, snap: snap,
		plan: &Plan{source: doc.source(), was: snap.Profile}, stored: byID(snap.Clients), states: map[string]bool{},
	}
	for _, c := range doc.clients {
		f.states[c.value.ID] = true
	}
	return f
}

func byID(clients []oauth.Client) map[string]*oauth.Client {
	all := make(map[string]*oauth.Client, len(clients))
	for i := range clients {
		all[clients[i].ID] = &clients[i]
	}
	return all
}

func (f *filePlanner) make() (*Plan, error) {
	f.planProfile()
	for _, c := range f.doc.clients {
		f.planClient(c)
	}
	f.planLeftovers()
	f.validateProfile()
	if err := f.faults.err(); err != nil {
		return nil, err
	}
	f.plan.finish()
	return f.plan, nil
}

// planProfile decides what the profile will be; validateProfile judges it when the clients are known.
func (f *filePlanner) planProfile() {
	f.profile, f.scopesAreSound = f.snap.Profile, true
	part := f.doc.profile
	if part == nil {
		if f.snap.Profile.ManagedBy != "" && f.snap.Profile.ManagedBy == f.doc.name {
			f.plan.note("the profile is managed by this file, which does not state it any more: it stays as it is")
		}
		return
	}
	before, after := f.snap.Profile, part.value
	after.PairwiseSalt, after.Version, after.ManagedBy = before.PairwiseSalt, before.Version, before.ManagedBy
	if f.doc.name != "" {
		after.ManagedBy = f.doc.name
	}
	differences := Diff(showProfileInPlan(&before), showProfileInPlan(&after))
	f.profile, f.scopesAreSound = after, !part.bad["scopes"]
	f.profileChanges = len(differences) > 0
	f.owned(&part.part, "the profile", before.ManagedBy, f.profileChanges)
	if f.profileChanges {
		f.plan.profile = &after
		f.plan.Changes = append(f.plan.Changes, Planned{store.KindProfile, "", PlanChange, differences})
	}
}

// owned keeps a file away from what another one manages. A file without a name takes nothing over, so it may state what
// another manages as long as that stays as it is.
func (f *filePlanner) owned(p *part, what, by string, changes bool) {
	if by != "" && by != f.doc.name && (changes || f.doc.name != "") {
		f.faults.add(p.line, p.path, "%s is managed by %s: change it there, or release it first", what, by)
	}
}

func (f *filePlanner) planClient(part *clientPart) {
	before := f.stored[part.value.ID]
	if why := notForFiles(before, part.value.ID); why != "" {
		f.faults.add(part.at("id"), part.path+".id", "%s", why)
		return
	}
	after := f.settle(part, before)
	differences := differencesOf(before, &after)
	changes := before == nil || len(differences) > 0
	if before != nil {
		f.owned(&part.part, "the client", before.ManagedBy, changes)
	}
	f.validateClient(part, before, &after, changes)
	if changes {
		f.plan.change(before, &after, differences)
	}
}

// settle makes of what the file says the client that will be stored.
func (f *filePlanner) settle(part *clientPart, before *oauth.Client) oauth.Client {
	var after oauth.Client
	if before != nil {
		after = cloneClient(*before)
	}
	settings := part.value
	if before != nil && settings.SubjectType == oauth.SubjectPairwise && settings.SectorIdentifier == "" {
		settings.SectorIdentifier = before.SectorIdentifier // another one would be other subjects
	}
	ReplaceSettings(&after, &settings)
	after.ID = settings.ID
	if before != nil && sameJSON(before.JWKS, after.JWKS) {
		after.JWKS = before.JWKS
	}
	if f.doc.name != "" {
		after.ManagedBy = f.doc.name
	}
	f.settleSecret(part, before, &after)
	settleAuthentication(&after)
	settleSubject(&after)
	if before != nil && after.Disabled && !before.Disabled {
		after.RevokedBefore = f.m.Now() // as in changeClient
	}
	if before != nil {
		f.m.stampShown(before, &after)
	}
	return after
}

// validateClient judges a client that the file changes. One that stays as it is was judged when it was stored; it only has to
// fit a new profile.
func (f *filePlanner) validateClient(part *clientPart, before, after *oauth.Client, changes bool) {
	if !changes && !f.profileChanges {
		return
	}
	var had []oauth.OriginPattern
	if before != nil {
		had = before.AllowedOrigins
	}
	var invalid Invalid
	if err := f.m.validateClient(after, &f.profile, had...); err != nil && !errors.As(err, &invalid) {
		f.faults.add(part.line, part.path, "%v", err)
	}
	for _, fault := range invalid {
		skip := part.bad[fault.Field] || fault.Field == "scope" && !f.scopesAreSound || !changes && fault.Field != "scope"
		if !skip {
			f.faults.add(part.place(fault), part.path+"."+fault.Field, "%s", fault.Problem)
		}
	}
}

// planLeftovers sees to the clients that the file managed before and does not have any more.
func (f *filePlanner) planLeftovers() {
	if f.options.Prune && f.doc.name == "" {
		f.faults.add(1, "name", "a file without a name manages nothing, so there is nothing to prune: give it a name")
		return
	}
	for i := range f.snap.Clients {
		c := &f.snap.Clients[i]
		if f.doc.name == "" || c.ManagedBy != f.doc.name || f.states[c.ID] {
			continue
		}
		if !f.options.Prune {
			f.plan.note("client %s is managed by this file, which does not have it any more: it stays; apply with prune to remove it", c.ID)
			continue
		}
		f.plan.clients = append(f.plan.clients, plannedClient{before: c})
		f.plan.Changes = append(f.plan.Changes, Planned{store.KindClient, c.ID, PlanRemove, Diff(showClientInPlan(c), nil)})
	}
}

// validateProfile judges the profile together with the clients that the file leaves alone; its own were held against it.
func (f *filePlanner) validateProfile() {
	part := f.doc.profile
	if part == nil || !f.profileChanges {
		return
	}
	others := slices.DeleteFunc(slices.Clone(f.snap.Clients), func(c oauth.Client) bool {
		return f.states[c.ID] || f.options.Prune && f.doc.name != "" && c.ManagedBy == f.doc.name
	})
	var invalid Invalid
	if err := validateProfile(&f.profile, others); err != nil && !errors.As(err, &invalid) {
		f.faults.add(part.line, part.path, "%v", err)
	}
	for _, fault := range invalid {
		if !part.bad[fault.Field] {
			f.faults.add(part.place(fault), part.path+"."+fault.Field, "%s", fault.Problem)
		}
	}
}

// change adds a client to the plan.
func (p *Plan) change(before, after *oauth.Client, differences []Difference) {
	action := PlanChange
	if before == nil {
		action = PlanCreate
	}
	p.clients = append(p.clients, plannedClient{before, after})
	p.Changes = append(p.Changes, Planned{store.KindClient, after.ID, action, differences})
}

// finish says what is unsafe, and fingerprints the plan.
func (p *Plan) finish() {
	if p.Changes == nil {
		p.Changes = []Planned{} // so that JSON has a list
	}
	if p.profile != nil {
		p.Warnings = append(p.Warnings, ProfileWarnings(p.profile)...)
	}
	versions := []int64{p.was.Version}
	for _, c := range p.clients {
		versions = append(versions, c.version())
		if c.after == nil {
			continue
		}
		for _, text := range Warnings(c.after) {
			p.Warnings = append(p.Warnings, "client "+c.after.ID+": "+text)
		}
	}
	sum := sha256.Sum256(documentOf([]any{p.Changes, versions}))
	p.Fingerprint = base64.RawURLEncoding.EncodeToString(sum[:])
}

func showClientInPlan(c *oauth.Client) json.RawMessage {
	if c == nil {
		return nil
	}
	return documentOf(managed(membersOf(c, clientKeys), c.ManagedBy))
}

func showProfileInPlan(p *oauth.Profile) json.RawMessage {
	return documentOf(managed(profileInFile(p), p.ManagedBy))
}

func managed(list members, by string) members {
	if by == "" {
		return list
	}
	return append(list, member{"managed_by", documentOf(by)})
}

// differencesOf compares two clients, their secrets among it; of these it shows only that there is one, or another.
func differencesOf(before, after *oauth.Client) []Difference {
	list := Diff(showClientInPlan(before), showClientInPlan(after))
	was := before != nil && len(before.SecretHash) > 0
	is := len(after.SecretHash) > 0
	one := Difference{Field: "secret"}
	if was {
		one.Before = json.RawMessage(`"set"`)
	}
	if is {
		one.After = json.RawMessage(`"set"`)
	}
	switch {
	case was && is && sameSecret(before, after):
		return list
	case !was && !is:
		return list
	case was && is:
		one.After = json.RawMessage(`"another one"`)
	}
	return append(list, one)
}

// sameJSON tells whether two texts are the same value, written in whatever way.
func sameJSON(a, b json.RawMessage) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	canonical := func(text json.RawMessage) string {
		var v any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if d.Decode(&v) != nil {
			return strings.ToValidUTF8(string(text), "?")
		}
		return string(documentOf(v))
	}
	return canonical(a) == canonical(b)
}
