package manage

import (
	"context"
	"fmt"
	"time"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/store"
)

const (
	// maxWarnings is how many an overview lists: who has more begins with these.
	maxWarnings = 50
	// maxOverview is the longest plot: tallies are kept for no longer.
	maxOverview = 90 * 24 * time.Hour
)

// Overview is what there is to see at a glance.
type Overview struct {
	Sessions int `json:"sessions"` // live ones
	Clients  int `json:"clients"`
	// Step is the seconds between two points; a point counts what happened from its time on, on all nodes.
	Step    int     `json:"step"`
	SignIns []Point `json:"sign_ins"`
	Tokens  []Point `json:"tokens"`
	// Warnings are what is unsafe, and what to do; MoreWarnings is how many are left out.
	Warnings     []Warning `json:"warnings"`
	MoreWarnings int       `json:"more_warnings,omitempty"`
}

// Point is one point of a plot.
type Point struct {
	At    time.Time `json:"at"`
	Count int64     `json:"count"`
}

// Warning is something unsafe. Kind and Subject say about what, as in store.Change.
type Warning struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text"`
}

// Overview gathers the plots since the given time, with every step there is (also empty ones), and the warnings. It reads
// all clients; who shows it often keeps it for a revision.
func (m *Manager) Overview(ctx context.Context, since time.Time) (Overview, error) {
	o := Overview{Step: int(store.TallyStep / time.Second), Warnings: []Warning{}}
	snap, err := m.load(ctx)
	if err != nil {
		return o, err
	}
	o.Clients = len(snap.Clients)
	now := m.Now()
	o.warnClock(store.Pulse{Horizon: snap.Horizon}.Witness().Trusted, now)
	o.warn(&snap)
	if o.Sessions, err = m.Store.CountSessions(ctx, now); err != nil {
		return o, err
	}
	if earliest := now.Add(-maxOverview); since.Before(earliest) {
		since = earliest
	}
	since = since.Truncate(store.TallyStep)
	tallies, err := m.Store.TalliesSince(ctx, since)
	o.SignIns = plot(tallies, store.TallySignIns, since, now)
	o.Tokens = plot(tallies, store.TallyTokens, since, now)
	return o, err
}

// plot is one point a step from since to now.
func plot(tallies []store.Tally, name string, since, now time.Time) []Point {
	points := []Point{}
	for at := since; !at.After(now); at = at.Add(store.TallyStep) {
		points = append(points, Point{At: at.UTC()})
	}
	for _, t := range tallies {
		if i := int(t.At.Sub(since) / store.TallyStep); t.Name == name && i >= 0 && i < len(points) {
			points[i].Count += t.Count
		}
	}
	return points
}

// warn lists what is unsafe about the profile, and about the clients that are not disabled.
func (o *Overview) warn(snap *store.Snapshot) {
	add := func(kind, subject string, texts []string) {
		for _, text := range texts {
			if len(o.Warnings) == maxWarnings {
				o.MoreWarnings++
				continue
			}
			o.Warnings = append(o.Warnings, Warning{kind, subject, text})
		}
	}
	add(store.KindProfile, "", ProfileWarnings(&snap.Profile))
	for i := range snap.Clients {
		if c := &snap.Clients[i]; !c.Disabled {
			add(store.KindClient, c.ID, Warnings(c))
		}
	}
}

// maxSilence is how long nothing may be purged until the overview says so: it is done every minute.
const maxSilence = 10 * time.Minute

// warnClock says where no node has trusted its clock for some time. It is told by what is stored, so that the
// command line, which is another process, knows too.
func (o *Overview) warnClock(trusted, now time.Time) {
	const look = "see the log and /readyz of each node that runs, and \"When the clock is wrong\" in the operating guide"
	text := ""
	switch {
	case trusted.IsZero():
		text = "No node has trusted its clock yet, so nothing that expired is deleted and no key is changed: " + look + "."
	case trusted.After(now.Add(2 * clock.Tolerated)):
		text = fmt.Sprintf("Expired data was deleted by a clock that showed %s, which is ahead of now: %s.", trusted.UTC().Format(time.DateTime), look)
	case now.Sub(trusted) > maxSilence:
		text = fmt.Sprintf("Nothing that expired was deleted since %s: no node runs, or none trusts its clock: %s.", trusted.UTC().Format(time.DateTime), look)
	default:
		return
	}
	o.Warnings = append(o.Warnings, Warning{Kind: "clock", Text: text})
}

// Authenticator is a way of proving who the user is.
type Authenticator struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	AMR         string `json:"amr"` // RFC 8176
	Description string `json:"description"`
}

// Authenticators lists those that this server has.
func Authenticators() []Authenticator {
	p := authn.DefaultParams
	return []Authenticator{{
		ID: "password", Name: "User name and password", AMR: "pwd",
		Description: fmt.Sprintf("At least %d characters, and none of the passwords that are guessed first. Stored as argon2id hashes (%d MiB, %d passes, %d lane).",
			authn.MinPasswordLength, p.Memory>>10, p.Time, p.Threads),
	}}
}
