package authn

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// Throttling limits how many guesses at a secret are judged. What a guess costs is paid by the
// network that it comes from; what all networks together may guess at one user is limited, too.
// Each guess is reserved before it is judged (Throttle.Reserve) and then counted or given back
// (Throttle.Count, Throttle.GiveBack).

// Limits are the rules for one kind of guess.
//
// The limits of SignIn hold these inequalities, for n = 11 networks (ten that guess and the
// user's):
//
//	n*source of the first tier + total of the second <= total of the first     (44+16 <= 60)
//	n*sourcePerDay <= totalPerDay                                              (33 <= 39)
//	total of the first tier + totalPerDay < 100                                (60+39 < 100)
//
// By the first two, ten networks cannot use up what an eleventh may guess: guesses beyond the
// first tier never raise the total above the second tier's, and those within the first tier
// raise it by at most n*source at once and n*sourcePerDay over time. By the third, fewer than
// 100 guesses are judged in any 24 hours (NIST SP 800-63B-4 §3.2.2 demands at most 100 in a
// row).
type Limits struct {
	// tiers say how many guesses one source may have made for how many of all sources together: a
	// guess is judged where one tier has place for it. The first has the fewest guesses of a source.
	tiers []tier
	// sourcePerDay and totalPerDay are how many guesses are forgotten in 24 hours.
	sourcePerDay, totalPerDay float64
}

type tier struct{ source, total float64 }

const day = 24 * time.Hour

var (
	// signIn limits browsers in which the user did not sign in before; the source is a network.
	signIn = Limits{[]tier{{4, 60}, {10, 16}, {math.Inf(1), 10}}, 3, 39}
	// knownBrowser limits a browser in which the user signed in before; it has no total.
	knownBrowser = Limits{[]tier{{10, math.Inf(1)}}, 288, 0}
	// UserCode limits guesses at user codes (RFC 8628 §5.1); the source is a user or a network.
	UserCode = Limits{[]tier{{10, math.Inf(1)}}, 2880, 0}
)

const (
	// MaxBrowsers is how many browsers of one user are known: those used last.
	MaxBrowsers = 20
	// reservationLifetime is how long a guess that was neither counted nor given back, since the
	// node crashed, stays reserved. Judging takes seconds.
	reservationLifetime = time.Minute
	// maxSources bounds what is kept for one key. The limits of SignIn keep it below that.
	maxSources = 100
	// clockSlack is how far clocks of nodes may differ.
	clockSlack = 2 * time.Minute
)

// Domain keeps guesses of one kind apart from all others.
type Domain string

// The domains.
const (
	DomainUnknownName Domain = "sign-in with an unknown user name"
	DomainUserCode    Domain = "user code"
)

// ThrottlePurpose names the key of ThrottleKey (token.Master.Derive).
const ThrottlePurpose = "throttle buckets"

// AccountKey is the key in the store for guesses at an account's password.
func AccountKey(id oauth.ID) []byte { return id[:] }

// ThrottleKey is the key in the store for other guesses: one of 65,536 in each domain, so that
// strangers cannot make the store grow. The secret keeps others from finding names that share one.
func ThrottleKey(secret []byte, d Domain, name string) []byte {
	mac := hmac.New(sha256.New, secret)
	for _, part := range []string{string(d), name} {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return append([]byte(d), mac.Sum(nil)[:2]...)
}

// wait is how long it takes until a guess of a source is judged that made so many before, of so
// many by all sources; zero where it is judged now.
func (l *Limits) wait(source, total float64) time.Duration {
	least := math.Inf(1)
	for _, t := range l.tiers {
		days := max(until(source+1-t.source, l.sourcePerDay), until(total+1-t.total, l.totalPerDay))
		least = min(least, days)
	}
	if least <= 0 {
		return 0
	}
	return min(time.Duration(math.Ceil(least*day.Seconds()+0.01))*time.Second, 30*day)
}

// until is how many days it takes until so many guesses are forgotten.
func until(excess, perDay float64) float64 {
	if excess <= 1e-6 { // what rounding leaves
		return 0
	}
	return min(excess/perDay, 30) // not for ever, also where nothing is forgotten
}
