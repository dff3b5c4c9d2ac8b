package manage

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
)

const (
	minSessionSeconds = 60
	maxSessionSeconds = 90 * 24 * 60 * 60
	minRefreshSeconds = 60
	maxRefreshSeconds = 366 * 24 * 60 * 60
	maxScopeLength    = 100
)

// Profile is the server's OAuth settings.
func (m *Manager) Profile(ctx context.Context) (oauth.Profile, error) {
	settings, err := m.settings(ctx)
	return settings.Profile, err
}

// ChangeProfile reads the profile, lets change edit it, and stores it; it returns the profile before and after. Where
// somebody else was faster it begins anew, so change may run more than once. The salt of pairwise subjects stays.
func (m *Manager) ChangeProfile(ctx context.Context, change func(*oauth.Profile) error) (before, after oauth.Profile, err error) {
	return m.changeProfile(ctx, func(p *oauth.Profile) error {
		file := p.ManagedBy
		err := change(p)
		p.ManagedBy = file
		return err
	})
}

// changeProfile stores what change makes of the profile; where that is nothing, it writes nothing.
func (m *Manager) changeProfile(ctx context.Context, change func(*oauth.Profile) error) (before, after oauth.Profile, err error) {
	err = retry(ctx, func() error {
		snap, err := m.load(ctx)
		if err != nil {
			return err
		}
		before, after = snap.Profile, cloneProfile(snap.Profile)
		if err := m.expect(before.Version, before); err != nil {
			return err
		}
		if before.ManagedBy != "" {
			return &Managed{What: "the profile", File: before.ManagedBy}
		}
		if err := change(&after); err != nil {
			return err
		}
		after.PairwiseSalt, after.Version = before.PairwiseSalt, before.Version
		if err := validateProfile(&after, snap.Clients); err != nil {
			return err
		}
		if bytes.Equal(profileDocument(&before), profileDocument(&after)) {
			return nil
		}
		return m.putProfile(ctx, &before, &after, "")
	})
	return before, after, err
}

// ReleaseProfile gives a profile that a file manages back to operators.
func (m *Manager) ReleaseProfile(ctx context.Context) error {
	return retry(ctx, func() error {
		settings, err := m.settings(ctx)
		if err != nil {
			return err
		}
		before := settings.Profile
		if err := m.expect(before.Version, before); err != nil || before.ManagedBy == "" {
			return err
		}
		after := before
		after.ManagedBy = ""
		return m.putProfile(ctx, &before, &after, "released from "+before.ManagedBy)
	})
}

func cloneProfile(p oauth.Profile) oauth.Profile {
	p.Capabilities = slices.Clone(p.Capabilities)
	p.RegistrationCapabilities = slices.Clone(p.RegistrationCapabilities)
	p.DefaultScope = slices.Clone(p.DefaultScope)
	p.Scopes = slices.Clone(p.Scopes)
	for i := range p.Scopes {
		p.Scopes[i].Claims = slices.Clone(p.Scopes[i].Claims)
	}
	return p
}

func (m *Manager) putProfile(ctx context.Context, before, after *oauth.Profile, detail string) error {
	a, err := m.profileAudit(before, after, detail)
	if err != nil {
		return err
	}
	return m.Store.PutProfile(ctx, *after, before.Version, a)
}

// validateProfile reports everything that is wrong with a profile, given the clients that live with it.
func validateProfile(p *oauth.Profile, clients []oauth.Client) error {
	var f faults
	for _, k := range p.Capabilities {
		if !slices.Contains(oauth.Capabilities, k) {
			f.add("capabilities", "%.100q is unknown; there are: %s", k, join(oauth.Capabilities))
		}
	}
	unique(&f, "capabilities", p.Capabilities)
	for _, k := range p.RegistrationCapabilities {
		if !slices.Contains(oauth.Capabilities, k) || k == oauth.CapIntrospection {
			f.add("registration_capabilities", "%.100q is nothing that a client may register for", k)
		}
	}
	unique(&f, "registration_capabilities", p.RegistrationCapabilities)
	validateScopes(&f, p)
	validateScopeUse(&f, p, clients)
	validateLifetimes(&f, p)
	oneOf(&f, "registration", p.Registration, []oauth.Registration{oauth.RegistrationToken, oauth.RegistrationOff, oauth.RegistrationInsecureOpen})
	return f.err()
}

func validateScopes(f *faults, p *oauth.Profile) {
	limit(f, "scopes", len(p.Scopes))
	var names []string
	for _, s := range p.Scopes {
		names = append(names, s.Name)
		if parsed, err := oauth.ParseScope(s.Name); err != nil || len(parsed) != 1 || parsed[0] != s.Name || len(s.Name) > maxScopeLength {
			f.add("scopes", "%.100q is not a scope: printable characters without spaces, quotes and backslashes, at most %d", s.Name, maxScopeLength)
		}
		if strings.TrimSpace(s.Description) == "" {
			f.add("scopes", "%s: give it a description: users read it when they agree", s.Name)
		}
		if oauth.IsOperatorScope(s.Name) {
			f.add("scopes", "%.100q is reserved: scopes that begin with usher. open the admin API, and are the server's own", s.Name)
		}
		validateName(f, "scopes", s.Description)
		if s.MaxAuthAge < 0 || s.MaxAuthAge > maxAuthAge {
			f.add("scopes", "%s: the age of the sign-in is out of range: 0 (any) to %d seconds", s.Name, maxAuthAge)
		}
		limit(f, "scopes", len(s.Claims))
		for _, name := range s.Claims {
			if problem := claimNameProblem(name); problem != "" {
				f.add("scopes", "%s: claim %.100q %s", s.Name, name, problem)
			}
		}
		unique(f, "scopes", s.Claims)
	}
	unique(f, "scopes", names)
	if !slices.Contains(names, "openid") {
		f.add("scopes", "openid has to stay: OpenID Connect is asked for by it")
	}
}

// validateScopeUse keeps what names a scope from pointing at nothing.
func validateScopeUse(f *faults, p *oauth.Profile, clients []oauth.Client) {
	unique(f, "default_scope", p.DefaultScope)
	for _, v := range p.DefaultScope {
		if _, known := p.ScopeNamed(v); !known {
			f.add("default_scope", "%.100q is not among the scopes", v)
		} else if oauth.IsOperatorScope(v) {
			f.add("default_scope", "%s opens the admin API: give it to single clients, by name", v)
		}
	}
	missing := map[string][]string{}
	for i := range clients {
		for _, v := range clients[i].Scope {
			if _, known := p.ScopeNamed(v); known {
				continue
			}
			if clients[i].ID == oauth.AdminClientID { // nobody could take it from that one
				f.add("scopes", "%s has to stay: operators sign in with it", v)
				continue
			}
			missing[v] = append(missing[v], clients[i].ID)
		}
	}
	for _, v := range slices.Sorted(maps.Keys(missing)) {
		ids, more := missing[v], ""
		if len(ids) > 5 {
			ids, more = ids[:5], fmt.Sprintf(" and %d more", len(ids)-5)
		}
		f.add("scopes", "%s is the scope of clients: take it from them first (%s%s)", v, strings.Join(ids, ", "), more)
	}
}

func validateLifetimes(f *faults, p *oauth.Profile) {
	for _, l := range []struct {
		field            string
		value, low, high int
	}{
		{"access_token_seconds", p.AccessTokenSeconds, minTokenSeconds, maxTokenSeconds},
		{"id_token_seconds", p.IDTokenSeconds, minTokenSeconds, maxTokenSeconds},
		{"session_idle_seconds", p.SessionIdleSeconds, minSessionSeconds, maxSessionSeconds},
		{"session_max_seconds", p.SessionMaxSeconds, minSessionSeconds, maxSessionSeconds},
	} {
		if l.value < l.low || l.value > l.high {
			f.add(l.field, "%d is out of range: %d to %d", l.value, l.low, l.high)
		}
	}
	if r := p.RefreshSeconds; r != 0 && (r < minRefreshSeconds || r > maxRefreshSeconds) {
		f.add("refresh_seconds", "%d is out of range: 0 for 30 days, or %d to %d", r, minRefreshSeconds, maxRefreshSeconds)
	}
	if p.SessionIdleSeconds > p.SessionMaxSeconds {
		f.add("session_idle_seconds", "it is longer than session_max_seconds, which ends a session in any case")
	}
}
