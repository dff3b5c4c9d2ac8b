package manage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// SignIns says how the sign-ins of a user went, and what is in the way of one now.
type SignIns struct {
	AccountID oauth.ID `json:"account_id"`
	Username  string   `json:"username"`
	// Obstacles are why the user cannot sign in, or may believe so, in sentences; none where nothing
	// is known.
	Obstacles []string `json:"obstacles"`
	// Last is the last sign-in that the audit log still has.
	Last *AuditView `json:"last_sign_in,omitempty"`
	// Failures are the last failed ones, newest first.
	Failures []AuditView `json:"failures"`
}

// failuresShown is how many records of failed sign-ins are shown.
const failuresShown = 5

// SignIns reads how the sign-ins of an account went.
func (m *Manager) SignIns(ctx context.Context, acc *oauth.Account) (SignIns, error) {
	v := SignIns{AccountID: acc.ID, Username: acc.Username, Failures: []AuditView{}}
	var seen signInFacts
	for _, read := range []struct {
		event store.Event
		limit int
		into  *[]store.Audit
	}{
		{store.EventSignIn, 1, &seen.signIns}, {store.EventSignInFailed, failuresShown, &seen.failures},
		{store.EventLinkMade, 1, &seen.links}, {store.EventPasswordChanged, 1, &seen.passwords},
	} {
		var err error
		if *read.into, err = m.Store.AccountAudits(ctx, acc.ID, read.event, read.limit); err != nil {
			return v, err
		}
	}
	if len(seen.signIns) > 0 {
		last := ViewAudit(seen.signIns[0])
		v.Last = &last
	}
	for _, a := range seen.failures {
		v.Failures = append(v.Failures, ViewAudit(a))
	}
	v.Obstacles = seen.obstacles(acc, m.Now())
	return v, nil
}

// signInFacts are the newest audit records about an account, by event, newest first.
type signInFacts struct{ signIns, failures, links, passwords []store.Audit }

// obstacles says why the user cannot sign in, or failed to since the last sign-in.
func (s signInFacts) obstacles(acc *oauth.Account, now time.Time) []string {
	list := []string{}
	if acc.Locked {
		list = append(list, "The account is locked.")
	}
	if acc.PasswordHash == "" {
		list = append(list, "The user has no password yet.")
	}
	if text := s.link(acc, now); text != "" {
		list = append(list, text)
	}
	if len(s.failures) == 0 {
		return list
	}
	last := s.failures[0]
	if newest(s.signIns).After(last.At) || newest(s.passwords).After(last.At) {
		return list
	}
	times := ""
	if last.Count > 1 {
		times = fmt.Sprintf(", %d times", last.Count)
	}
	return append(list, fmt.Sprintf("The last attempt failed (%s%s), at %s, from %s.",
		last.Detail, times, clockText(last.At), last.Address))
}

// link says what became of the last link with which the user was to set a password.
func (s signInFacts) link(acc *oauth.Account, now time.Time) string {
	made := newest(s.links)
	if made.IsZero() || newest(s.passwords).After(made) || strings.HasPrefix(s.links[0].Detail,
		"operator link") {
		return ""
	}
	expires := made.Add(LinkLifetime)
	switch {
	case now.Before(expires):
		return "A one-time link to set a password is open until " + clockText(expires) + "."
	case acc.PasswordHash == "":
		return "The one-time link to set a password expired unused at " + clockText(expires) + ": make another."
	}
	return ""
}

func newest(list []store.Audit) time.Time {
	if len(list) == 0 {
		return time.Time{}
	}
	return list[0].At
}

func clockText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
