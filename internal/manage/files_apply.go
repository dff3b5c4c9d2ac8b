package manage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// Apply makes all changes of a plan or none; a *Conflict where something was changed since it was made.
func (m *Manager) Apply(ctx context.Context, p *Plan) error {
	if len(p.Changes) == 0 {
		return nil
	}
	if err := m.stillFits(ctx, p); err != nil {
		return err
	}
	changes, err := m.changeset(p)
	if err != nil {
		return err
	}
	err = m.Store.Apply(ctx, changes)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		// Somebody was faster between the look and the change. What is different now says who.
		return cmp.Or(m.stillFits(ctx, p), err)
	}
	return err
}

// stillFits holds the plan against what is there now. The store does the same for each version that the plan changes; this
// also finds a profile by which clients would not be valid any more.
func (m *Manager) stillFits(ctx context.Context, p *Plan) error {
	snap, err := m.load(ctx)
	if err != nil {
		return err
	}
	if snap.Profile.Version != p.was.Version {
		return &Conflict{Current: snap.Profile}
	}
	stored := byID(snap.Clients)
	for _, c := range p.clients {
		switch current := stored[c.id()]; {
		case current == nil && c.before != nil: // it is gone
			return &Conflict{Current: *c.before}
		case current != nil && current.Version != c.version():
			return &Conflict{Current: *current}
		}
	}
	if p.profile == nil {
		return nil
	}
	// A client that is new since the plan was made may have a scope that the plan takes away.
	if err := validateProfile(p.profile, p.clientsAfter(snap.Clients)); err != nil {
		return &Conflict{Current: snap.Profile}
	}
	return nil
}

// clientsAfter is what the clients will be.
func (p *Plan) clientsAfter(clients []oauth.Client) []oauth.Client {
	planned := map[string]*oauth.Client{}
	for _, c := range p.clients {
		planned[c.id()] = c.after
	}
	list := slices.DeleteFunc(slices.Clone(clients), func(c oauth.Client) bool {
		_, changes := planned[c.ID]
		return changes
	})
	for _, c := range planned {
		if c != nil {
			list = append(list, *c)
		}
	}
	return list
}

// changeset is the plan as the store makes it, with a record of the whole and one of each change.
func (m *Manager) changeset(p *Plan) (changes store.Changeset, err error) {
	if changes.Profile, err = m.profileChange(p); err != nil {
		return changes, err
	}
	for _, c := range p.clients {
		one, err := m.clientChange(c, p.source)
		if err != nil {
			return changes, err
		}
		changes.Clients = append(changes.Clients, one)
	}
	changes.Audit, err = m.audit(store.EventApplied, func(a *store.Audit) { a.Detail = p.source + ": " + p.summary() })
	return changes, err
}

// profileChange is nil where the plan leaves the profile alone and no client needs a salt that is not there yet.
func (m *Manager) profileChange(p *Plan) (*store.ProfileChange, error) {
	after := p.was
	if p.profile != nil {
		after = *p.profile
	}
	salt := len(p.was.PairwiseSalt) == 0 && slices.ContainsFunc(p.clients, func(c plannedClient) bool {
		return c.after != nil && c.after.SubjectType == oauth.SubjectPairwise
	})
	if p.profile == nil && !salt {
		return nil, nil
	}
	if salt {
		after.PairwiseSalt = make([]byte, pairwiseSalt)
		if _, err := io.ReadFull(m.Rand, after.PairwiseSalt); err != nil {
			return nil, err
		}
	}
	a, err := m.profileAudit(&p.was, &after, "by "+p.source)
	return &store.ProfileChange{Profile: after, Was: p.was.Version, Audit: a}, err
}

func (m *Manager) clientChange(c plannedClient, source string) (store.ClientChange, error) {
	event, detail := store.EventClientChanged, "changed"
	switch {
	case c.before == nil:
		detail = "created"
	case c.after == nil:
		event, detail = store.EventClientRemoved, "removed"
	}
	if c.after != nil {
		detail += secretDetail(c.before, c.after)
	}
	a, err := m.clientAudit(event, c.before, c.after, detail+" by "+source)
	change := store.ClientChange{Was: c.version(), Remove: c.after == nil, Audit: a}
	if c.after != nil {
		change.Client = *c.after
	} else {
		change.Client = *c.before
	}
	return change, err
}

// summary counts the changes.
func (p *Plan) summary() string {
	counts := map[string]int{}
	for _, c := range p.Changes {
		if c.Kind == store.KindClient {
			counts[c.Action]++
		}
	}
	var words []string
	if len(p.Changes) > len(p.clients) {
		words = append(words, "profile changed")
	}
	for _, one := range []struct{ action, past string }{{PlanCreate, "created"}, {PlanChange, "changed"}, {PlanRemove, "removed"}} {
		switch n := counts[one.action]; {
		case n == 1:
			words = append(words, "1 client "+one.past)
		case n > 1:
			words = append(words, fmt.Sprintf("%d clients %s", n, one.past))
		}
	}
	return strings.Join(words, ", ")
}
