package sqlstore

import (
	"bytes"
	"context"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const (
	// namesFound are the accounts whose user name begins as searched for; mailsFound those of which only the e-mail
	// address does.
	namesFound = `FROM account WHERE username_key >= $1 AND username_key < $2`
	mailsFound = `FROM account WHERE email_key >= $1 AND email_key < $2 AND NOT (username_key >= $1 AND username_key < $2)`
)

var (
	selectAccounts = sql(`SELECT ` + accountColumns + ` FROM account WHERE username_key > $1 ORDER BY username_key LIMIT $2`)
	// searchAccounts reads the e-mail addresses only where the user names do not fill the page. $3 is the user name to
	// begin after; $4 is the same where the page begins among the e-mail addresses, and $5 where it begins before them.
	searchAccounts = sql(`WITH named AS MATERIALIZED
			(SELECT ` + accountColumns + `, username_key AS place, 1 AS part ` + namesFound + ` AND username_key > $3
				ORDER BY username_key LIMIT $6),
		mailed AS MATERIALIZED
			(SELECT ` + accountColumns + `, email_key AS place, 2 AS part ` + mailsFound + `
				AND (email_key, username_key) > (COALESCE((SELECT email_key FROM account WHERE username_key = $4), $5), $4)
				AND (SELECT count(*) FROM named) < $6
				ORDER BY email_key, username_key LIMIT $6)
		SELECT * FROM named UNION ALL SELECT * FROM mailed`)
	countAccounts = sql(`SELECT count(*) FROM account`)
	countFound    = sql(`SELECT (SELECT count(*) ` + namesFound + `) + (SELECT count(*) ` + mailsFound + `)`)

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
	return list(ctx, s, searchAccounts, accountAt, from, before, afterName, afterMail, []byte{}, limit)
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
