package server

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/web"
)

// The reasons of failed sign-ins, in the audit log and for the log. Users are told less.
const (
	reasonUnknown   = "unknown user name"
	reasonWrong     = "wrong password"
	reasonNone      = "no password set"
	reasonLocked    = "account locked"
	reasonThrottled = "throttled: too many attempts at this user name"
	reasonAddress   = "throttled: too many attempts from this address"
)

// failures folds failed sign-ins into audit records: one each at first, then, by authn.Fold, one
// for many of the same account, reason and network. What is gathered is in memory, at most five
// minutes long; a node that crashes loses that much of a flood, never its beginning.
type failures struct {
	mu    sync.Mutex
	folds map[failureKind]*failure
	ofOne map[oauth.ID]int // how many of folds are of an account
}

// failureKind is what is counted together. The zero account stands for all unknown names,
// and the zero network for all beyond the first ones of an account.
type failureKind struct {
	account oauth.ID
	reason  string
	network netip.Prefix
}

// failure is what is gathered of a kind.
type failure struct {
	authn.Fold
	address netip.Addr // of the latest
	many    bool       // others before it came from other addresses
}

// The bounds of what strangers can make a node keep and write.
const (
	maxFailureKinds  = 20_000
	failureKindsEach = 12 // reasons and networks of one account
)

// add counts a failed sign-in. Where a record is due, it is returned, and counts as written.
func (f *failures) add(account oauth.ID, reason string, from netip.Addr,
	now time.Time) (store.Audit, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kind := f.kindOf(account, reason, from)
	one := f.folds[kind]
	if one == nil {
		one = &failure{address: from}
		f.folds[kind] = one
		f.ofOne[kind.account]++
	}
	one.many = one.Count > 0 && (one.many || one.address != from)
	one.address = from
	one.Add(now)
	if !one.Due(now) {
		return store.Audit{}, false
	}
	return one.take(kind, now), true
}

// kindOf finds what a failure is counted with, within the bounds.
func (f *failures) kindOf(account oauth.ID, reason string, from netip.Addr) failureKind {
	if f.folds == nil {
		f.folds, f.ofOne = map[failureKind]*failure{}, map[oauth.ID]int{}
	}
	kind := failureKind{account, reason, authn.Site(from)}
	if f.folds[kind] != nil {
		return kind
	}
	if len(f.folds) >= maxFailureKinds && f.ofOne[account] == 0 {
		kind.account = oauth.ID{}
	}
	if f.ofOne[kind.account] >= failureKindsEach {
		kind.network = netip.Prefix{}
	}
	return kind
}

// take makes the record of what was gathered.
func (one *failure) take(kind failureKind, now time.Time) store.Audit {
	a := store.Audit{
		At: now, Event: store.EventSignInFailed, Actor: "user", AccountID: kind.account,
		Detail: kind.reason,
		Count:  one.Count, First: one.First, Last: one.Last, Address: one.address.String(),
	}
	if one.many {
		a.Address = "several networks"
		if kind.network.IsValid() {
			a.Address = kind.network.String()
		}
	}
	one.Recorded(now)
	return a
}

// due takes every record that is due, or, at the end, all that is left, and forgets what is over.
func (f *failures) due(now time.Time, all bool) (list []store.Audit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for kind, one := range f.folds {
		switch {
		case one.Due(now), all && one.Count > 0:
			list = append(list, one.take(kind, now))
		case one.Over(now):
			delete(f.folds, kind)
			if f.ofOne[kind.account]--; f.ofOne[kind.account] == 0 {
				delete(f.ofOne, kind.account)
			}
		}
	}
	return list
}

// signInFailed records a failed sign-in, and tells the log why. The reason is one of the constants
// above.
func (s *Server) signInFailed(w http.ResponseWriter, r *http.Request, account oauth.ID,
	reason string) *oauth.Error {
	web.Because(w, "sign_in_failed", errors.New(reason))
	a, due := s.failures.add(account, reason, s.proxies.ClientAddress(r), s.Now())
	if !due {
		return nil
	}
	if err := s.Store.Record(context.WithoutCancel(r.Context()), a); err != nil {
		return web.AsError(err)
	}
	return nil
}

// writeFailures writes the records that are due; at the end all of them.
func (s *Server) writeFailures(ctx context.Context, all bool) {
	for _, a := range s.failures.due(s.Now(), all) {
		if err := s.Store.Record(ctx, a); err != nil {
			s.Logger.Warn("failed sign-ins were counted, and not recorded",
				"reason", a.Detail, "count", a.Count, "error", err)
		}
	}
}
