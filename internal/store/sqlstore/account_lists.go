package sqlstore

import (
	"bytes"
	"context"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const (
	// named are the accounts whose user name begins as searched for; mailed those of which only the e-mail address does.
	named  = `username_key >= $1 AND username_key < $2`
	mailed = `email_key < $2 AND NOT email_key < $1 AND NOT (` + named + `)`
)

var (
	selectAccounts = sql(`SELECT ` + accountColumns + ` FROM account WHERE username_key > $1 ORDER BY username_key LIMIT $2`)
	// searchAccounts reads the e-mail addresses only where the user names do not fill the page. $3 is the user name to go on
	// after, and $4 that of the account to go on after among the e-mail addresses; empty for their first.
	searchAccounts = sql(`WITH named AS MATERIALIZED
			(SELECT ` + accountColumns + `, username_key, username_key AS place, 1 AS part
				FROM account WHERE ` + named + ` AND username_key > $3 ORDER BY username_key LIMIT $5),
		mailed AS MATERIALIZED
			(SELECT ` + accountColumns + `, username_key, email_key AS place, 2 AS part
				FROM account WHERE ` + mailed + `
				AND (email_key, username_key) > (COALESCE((SELECT email_key FROM account WHERE username_key = $4), $1), $4)
				AND (SELECT count(*) FROM named) < $5
				ORDER BY email_key, username_key LIMIT $5)
		SELECT * FROM named UNION ALL SELECT * FROM mailed ORDER BY part, place, username_key LIMIT $5`)
	countAccounts = sql(`SELECT count(*) FROM account`)
	countFound    = sql(`SELECT (SELECT count(*) FROM account WHERE ` + named + `) +
		(SELECT count(*) FROM account WHERE email_key >= $1 AND ` + mailed + `)`)

	selectAccountByExternalID = sql(`SELECT ` + accountColumns + ` FROM account WHERE external_id <> '' AND external_id = $1
		ORDER BY id LIMIT 1`)
)

// beginning is the range of keys that begin with the text: from it on, and before the other.
func beginning(text string) (from, before []byte) {
	from = nameKey(text)
	before = bytes.Clone(from)
	before[len(before)-1]++ // UTF-8 has no byte 0xff
	return from, before
}

// ListAccounts lists by case-folded user name, or, with a search, those whose user name is found and then those whose
// e-mail address is.
func (s *Store) ListAccounts(ctx context.Context, search, after string, limit int) ([]oauth.Account, error) {
	key := nameKey(after)
	if search == "" {
		return list(ctx, s, selectAccounts, accountAt, key, limit)
	}
	from, before := beginning(search)
	afterName, afterMail := key, []byte{}
	if after != "" && !bytes.HasPrefix(key, from) {
		afterName, afterMail = before, key
	}
	return list(ctx, s, searchAccounts, accountAt, from, before, afterName, afterMail, limit)
}

// CountAccounts counts what ListAccounts lists.
func (s *Store) CountAccounts(ctx context.Context, search string) (int, error) {
	if search == "" {
		return s.count(ctx, countAccounts)
	}
	from, before := beginning(search)
	return s.count(ctx, countFound, from, before)
}

// count runs a statement that counts.
func (s *Store) count(ctx context.Context, q *statement, args ...any) (int, error) {
	n, err := list(ctx, s, q, func(r row) int { return int(r.int(0)) }, args...)
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

// AccountByExternalID finds by the name in the directory that provisions the account. Directories keep these unique
// (RFC 7643 §3.1); where one does not, it is always the same account that is found.
func (s *Store) AccountByExternalID(ctx context.Context, externalID string) (oauth.Account, error) {
	if externalID == "" {
		return oauth.Account{}, store.ErrNotFound
	}
	return s.oneAccount(ctx, selectAccountByExternalID, externalID)
}
