package sqlstore

import (
	"context"

	"github.com/usher-id/usher/internal/oauth"
)

var (
	fillSession = sql(`INSERT INTO session
		(id, cookie_hash, account_id, auth_time, amr, acr, last_used, idle_ms, expires, created, ends,
		user_agent, address)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`)
	fillDelegation = sql(`INSERT INTO delegation (id, session_id, client_id, account_id, scope, created) VALUES ($1, $2, $3, $4, $5, $6)`)
)

// fillBatch is how many rows share a commit.
const fillBatch = 5000

// Fill stores many accounts, sessions and delegations fast: without audit records and without asking
// whether what they hang off is there. It is for benchmarks and imports.
func (s *Store) Fill(ctx context.Context, accounts []oauth.Account, sessions []oauth.Session, delegations []oauth.Delegation) error {
	err := inBatches(accounts, func(part []oauth.Account) error {
		return s.db.write(ctx, func(t tx) error {
			for _, acc := range part {
				t.do(insertAccount, accountArgs(acc)...)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	err = inBatches(sessions, func(part []oauth.Session) error {
		return s.db.write(ctx, func(t tx) error {
			for _, ss := range part {
				t.do(fillSession, sessionArgs(ss)...)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	err = inBatches(delegations, func(part []oauth.Delegation) error {
		return s.db.write(ctx, func(t tx) error {
			for _, d := range part {
				t.do(fillDelegation, d.ID[:], d.SessionID[:], d.ClientID, d.AccountID[:], words(d.Scope), millis(d.Created))
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	return s.db.analyze(ctx, "account", "session", "delegation")
}

// FillClients stores many clients fast, as Fill does.
func (s *Store) FillClients(ctx context.Context, clients []oauth.Client) error {
	err := inBatches(clients, func(part []oauth.Client) error {
		puts := make([]clientPut, len(part))
		for i, c := range part {
			var err error
			if puts[i], err = newClientPut(c, 0); err != nil {
				return err
			}
		}
		return s.db.write(ctx, func(t tx) error {
			t.do(raiseRevision)
			for _, p := range puts {
				p.ask(t, func(row) {})
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	return s.db.analyze(ctx, "client", "client_text")
}

// FillChildren stores many child sessions fast, as Fill does; parents are their sessions' identifiers.
func (s *Store) FillChildren(ctx context.Context, children []oauth.ChildSession, parents []oauth.ID) error {
	at := 0
	err := inBatches(children, func(part []oauth.ChildSession) error {
		of := parents[at:]
		at += len(part)
		return s.db.write(ctx, func(t tx) error {
			for i, c := range part {
				t.do(insertChild, c.CookieHash, c.ID[:], of[i][:], c.ClientID, c.Origin)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	return s.db.analyze(ctx, "child_session")
}

func inBatches[T any](list []T, write func([]T) error) error {
	for len(list) > 0 {
		n := min(len(list), fillBatch)
		if err := write(list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}
