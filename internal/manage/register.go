package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

const (
	// MaxRegistered bounds how many clients may register by themselves: each one is in every node's memory.
	MaxRegistered = 10_000
	// MaxRegistrationToken is the longest life of an initial access token: sealing keys are kept for no longer.
	MaxRegistrationToken = 30 * 24 * time.Hour
)

// Registered is a client that registered by itself, with what is told only now.
type Registered struct {
	Client oauth.Client
	// Secret is empty where none was made; AccessToken, of 256 bits like it, is the registration access token (RFC 7592).
	Secret, AccessToken string
}

// RegisteredPrefix begins the ids of clients that registered by themselves. A random id alone could begin with a dash, which
// a command line would take for a flag.
const RegisteredPrefix = "registered-"

// RegisterClient stores a client that registers by itself (RFC 7591), under an id of our choice. store.ErrTooMany
// where MaxRegistered did before.
func (m *Manager) RegisterClient(ctx context.Context, c oauth.Client) (r Registered, err error) {
	id, err := m.newID()
	if err != nil {
		return r, err
	}
	c.ID, c.Registered = RegisteredPrefix+id.String(), m.Now()
	c.SecretHash, c.WrappedSecret = nil, nil
	nameRegistered(&c)
	if r.AccessToken, c.RegistrationTokenHash, err = m.newSecret(); err != nil {
		return r, err
	}
	c.RegistrationTokenExpires = m.Now().Add(oauth.RegistrationTokenLifetime)
	if usesSecret(c.AuthMethod) {
		if r.Secret, err = m.giveSecret(&c); err != nil {
			return r, err
		}
	}
	err = m.create(ctx, &c)
	r.Client = c
	return r, err
}

// nameRegistered names a client that gives no name after its host, which users can judge.
func nameRegistered(c *oauth.Client) {
	if c.Name != "" {
		return
	}
	c.Name = c.ID
	if len(c.RedirectURIs) > 0 {
		if u, err := url.Parse(c.RedirectURIs[0]); err == nil && u.Hostname() != "" {
			c.Name = u.Hostname()
		}
	}
}

// ReplaceRegistered replaces all metadata of a client that registered by itself (RFC 7592 §2.2). What is no metadata
// stays: its secret where the new metadata needs one, and what an operator set. That its users need not be asked does not:
// the operator said so of what it was before.
// accessToken is the registration access token; ErrRegistrationToken where that is not good any
// more.
func (m *Manager) ReplaceRegistered(
	ctx context.Context, id, accessToken string, want oauth.Client,
) (r Registered, err error) {
	settings, err := m.settings(ctx)
	if err != nil {
		return r, err
	}
	_, r.Client, err = m.changeClient(ctx, id, func(c *oauth.Client) (err error) {
		before := *c
		*c = cloneClient(want)
		keepOperators(c, &before)
		if r.AccessToken, err = m.renewToken(c, &before, accessToken, settings.Upgraded); err != nil {
			return err
		}
		if len(c.Scope) == 0 && len(before.Scope) > 0 { // no scope of its own would be the profile's default
			return Invalid{{"scope", "the client has none of it: a client that registered may narrow itself, not widen"}}
		}
		if err := narrowResponses(c, &before); err != nil {
			return err
		}
		nameRegistered(c)
		c.Verified = before.Verified && c.Shown() == before.Shown() // as what the operator verified
		r.Secret = ""
		if lacksSecret(c) {
			r.Secret, err = m.giveSecret(c)
		}
		return err
	})
	return r, err
}

// keepOperators takes over what a registration cannot say. The sector of pairwise subjects is not among it: with other
// redirect URIs the client would go on seeing the subjects of the old ones' host.
func keepOperators(c, before *oauth.Client) {
	c.ID, c.Version, c.Disabled, c.RevokedBefore = before.ID, before.Version, before.Disabled, before.RevokedBefore
	c.SecretHash, c.WrappedSecret = before.SecretHash, before.WrappedSecret
	c.Registered = before.Registered
	c.TrialOrigin, c.TrialUntil, c.ManagedBy = before.TrialOrigin, before.TrialUntil, before.ManagedBy
	c.AccessTokenFormat, c.AccessTokenSeconds = before.AccessTokenFormat, before.AccessTokenSeconds
	c.Audience, c.Resources = before.Audience, before.Resources
	// A client may narrow itself; more than it has (an operator may have taken the rest away) takes a new registration.
	c.Scope = slices.DeleteFunc(slices.Clone(c.Scope), func(v string) bool { return !slices.Contains(before.Scope, v) })
	c.Capabilities = slices.DeleteFunc(slices.Clone(c.Capabilities), func(k oauth.Capability) bool { return !before.Can(k) })
	if before.Can(oauth.CapIntrospection) {
		c.Capabilities = append(c.Capabilities, oauth.CapIntrospection)
	}
}

// ErrRegistrationToken: the registration access token is not this client's, or has expired.
var ErrRegistrationToken = errors.New("not a registration access token of this client")

// ReadRegistered is a client as it reads itself (RFC 7592 §2.1), with its next registration access
// token; errors as of ReplaceRegistered.
func (m *Manager) ReadRegistered(
	ctx context.Context, id, accessToken string,
) (r Registered, err error) {
	settings, err := m.settings(ctx)
	if err != nil {
		return r, err
	}
	err = retry(ctx, func() error {
		before, err := m.Client(ctx, id)
		if err != nil {
			return err
		}
		r.Client = before
		r.AccessToken, err = m.renewToken(&r.Client, &before, accessToken, settings.Upgraded)
		if err != nil {
			return err
		}
		a, err := m.audit(store.EventRegistrationToken, func(a *store.Audit) {
			a.ClientID, a.Detail = id, "registration access token renewed"
		})
		if err != nil {
			return err
		}
		return m.Store.PutClient(ctx, r.Client, before.Version, a)
	})
	return r, err
}

// renewToken gives c the next registration access token, where the used one is the client's.
func (m *Manager) renewToken(
	c, before *oauth.Client, used string, upgraded time.Time,
) (next string, err error) {
	next, hash, err := m.newSecret()
	if err != nil {
		return "", err
	}
	renewed, ok := before.Renewed(HashSecret(used), hash, TokenBegan(before, upgraded), m.Now())
	if !ok || before.Disabled {
		return "", ErrRegistrationToken
	}
	c.ManagementToken = renewed
	return next, nil
}

// TokenBegan is when the lifetime of a registration access token without an expiry began: at the
// upgrade from version 0.1.0, or where a node of that version registered the client after it.
func TokenBegan(c *oauth.Client, upgraded time.Time) time.Time {
	if c.Registered.After(upgraded) {
		return c.Registered
	}
	return upgraded
}

// narrowResponses takes away the response types that the client was not registered for.
func narrowResponses(c, before *oauth.Client) error {
	had := oauth.MetadataOf(before).ResponseTypes
	wanted := len(c.ResponseTypes)
	c.ResponseTypes = slices.DeleteFunc(slices.Clone(c.ResponseTypes), func(t string) bool {
		return !slices.Contains(had, t)
	})
	switch {
	case len(c.ResponseTypes) > 0:
		return nil
	case wanted > 0: // an empty list would be all types of its capabilities
		return Invalid{{"response_types",
			"the client has none of them: a client that registered may narrow itself, not widen"}}
	}
	for _, t := range before.ResponseTypes { // those of the grant types that are left
		if parsed, err := oauth.ParseResponseType(t); err == nil && c.Can(parsed.Capability()) {
			c.ResponseTypes = append(c.ResponseTypes, t)
		}
	}
	return nil
}

// roomFor is store.ErrTooMany where c registers by itself and there is no room for it. To count costs a read of all
// clients, so nobody else's change pays for it.
func (m *Manager) roomFor(ctx context.Context, c *oauth.Client) error {
	if len(c.RegistrationTokenHash) == 0 {
		return nil
	}
	snap, err := m.load(ctx)
	if err != nil {
		return err
	}
	n := 0
	for i := range snap.Clients {
		if len(snap.Clients[i].RegistrationTokenHash) > 0 {
			n++
		}
	}
	if n >= MaxRegistered {
		return store.ErrTooMany
	}
	return nil
}

// initialAccess is the content of a sealed initial access token (RFC 7591 §3).
type initialAccess struct {
	ID      oauth.ID  `json:"i"`
	Issued  time.Time `json:"t"`
	Expires time.Time `json:"x"`
}

// NewRegistrationToken makes an initial access token: whoever has it may register clients at the issuer until it
// expires. It is written down nowhere but in the audit log, by its id.
func (m *Manager) NewRegistrationToken(ctx context.Context, issuer string, valid time.Duration) (text string, expires time.Time, err error) {
	if valid < time.Minute || valid > MaxRegistrationToken {
		return "", expires, Invalid{{"valid", fmt.Sprintf("%s is out of range: 1m to %s", valid, MaxRegistrationToken)}}
	}
	snap, err := m.openKeys(ctx)
	if err != nil {
		return "", expires, err
	}
	ring, err := token.NewRing(snap.Keys, m.Master, issuer)
	if err != nil {
		return "", expires, err
	}
	grant := initialAccess{Issued: m.Now(), Expires: m.Now().Add(valid)}
	if _, err := io.ReadFull(m.Rand, grant.ID[:]); err != nil {
		return "", expires, err
	}
	plain, err := json.Marshal(grant)
	if err != nil {
		return "", expires, err
	}
	if text, err = ring.Seal(token.KindRegistration, m.Now(), plain); err != nil {
		return "", expires, err
	}
	a, err := m.audit(store.EventRegistrationToken, func(a *store.Audit) {
		a.Detail = fmt.Sprintf("%s, until %s", grant.ID, grant.Expires.UTC().Format(time.RFC3339))
	})
	if err != nil {
		return "", expires, err
	}
	return text, grant.Expires, m.Store.Record(ctx, a)
}

// OpenRegistrationToken opens an initial access token and returns its id; token.ErrInvalid where it is none or expired,
// token.ErrUnknownKey where another node may know its key.
func OpenRegistrationToken(ring *token.Ring, text string, now time.Time) (oauth.ID, error) {
	plain, err := ring.Open(token.KindRegistration, text)
	if err != nil {
		return oauth.ID{}, err
	}
	var grant initialAccess
	if err := json.Unmarshal(plain, &grant); err != nil {
		return oauth.ID{}, errors.Join(token.ErrInvalid, err)
	}
	if !now.Before(grant.Expires) {
		return oauth.ID{}, token.ErrInvalid
	}
	return grant.ID, nil
}
