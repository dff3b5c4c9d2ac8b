package storetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// Filler is a store that takes rows in bulk.
type Filler interface {
	Fill(ctx context.Context, accounts []oauth.Account, sessions []oauth.Session, delegations []oauth.Delegation) error
}

// Seeds of identifiers, so that a benchmark can name the i-th of each without asking.
const (
	seedAccount byte = iota + 1
	seedSession
	seedDelegation
)

func seedID(kind byte, i int) (id oauth.ID) {
	// Spread like random identifiers are: a multiplicative hash in front.
	binary.BigEndian.PutUint64(id[:], uint64(i+1)*0x9e3779b97f4a7c15)
	id[8] = kind
	binary.BigEndian.PutUint32(id[12:], uint32(i))
	return id
}

// SeedAccount, SeedSession and SeedDelegation are the identifiers of what Seed made i-th.
func SeedAccount(i int) oauth.ID { return seedID(seedAccount, i) }

// SeedSession is the i-th session's identifier.
func SeedSession(i int) oauth.ID { return seedID(seedSession, i) }

// SeedDelegation is the i-th delegation's identifier.
func SeedDelegation(i int) oauth.ID { return seedID(seedDelegation, i) }

// Seed fills a store with n accounts, each with a session whose cookie hashes to cookieHash(i) and a
// delegation for the client. They are good for a day.
func Seed(ctx context.Context, st Filler, n int, clientID string, scope []string, cookieHash func(i int) []byte) error {
	now := time.Now()
	accounts := make([]oauth.Account, n)
	sessions := make([]oauth.Session, n)
	delegations := make([]oauth.Delegation, n)
	for i := range n {
		accounts[i] = oauth.Account{ID: SeedAccount(i), Username: fmt.Sprintf("seed-%d", i), Name: "Seed", Email: "seed@example.com", Created: now}
		sessions[i] = oauth.Session{
			ID: SeedSession(i), CookieHash: cookieHash(i), AccountID: SeedAccount(i), AuthTime: now, AMR: []string{"pwd"},
			LastUsed: now, IdleTimeout: 24 * time.Hour, Expires: now.Add(24 * time.Hour), Created: now,
		}
		delegations[i] = oauth.Delegation{
			ID: SeedDelegation(i), SessionID: SeedSession(i), ClientID: clientID, AccountID: SeedAccount(i), Scope: scope, Created: now,
		}
	}
	return st.Fill(ctx, accounts, sessions, delegations)
}
