package scim

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// MaxWalk is how many accounts a search walks through that no index answers.
const MaxWalk = 10_000

// lookup is one question that an index answers; the accounts that match a filter are all among the answers to its lookups.
type lookup struct {
	by   string // "userName", "id", "externalId"; "prefix" for those whose user name or e-mail address begins with the text
	text string
}

// plan finds lookups for a filter; none where all accounts have to be looked at.
func plan(f *filter) []lookup {
	switch f.op {
	case "and":
		left, right := plan(f.operands[0]), plan(f.operands[1])
		if left == nil || right != nil && isPrefix(left) && !isPrefix(right) {
			return right
		}
		return left
	case "or":
		left, right := plan(f.operands[0]), plan(f.operands[1])
		if left == nil || right == nil {
			return nil
		}
		return append(left, right...)
	case "[]":
		if inner := f.operands[0]; f.attr.schema == "" && f.attr.name == "emails" && inner.attr == (attribute{name: "value"}) {
			return plan(&filter{op: inner.op, attr: attribute{name: "emails", sub: "value"}, value: inner.value})
		}
	case "eq", "sw":
		value, isText := f.value.(string)
		if !isText || value == "" || f.attr.schema != "" {
			return nil
		}
		switch name := strings.TrimSuffix(f.attr.String(), ".value"); {
		case name == "emails" || name == "username" && f.op == "sw":
			return []lookup{{"prefix", value}}
		case f.op == "eq" && slices.Contains([]string{"username", "id", "externalid"}, f.attr.String()):
			return []lookup{{name, value}}
		}
	}
	return nil
}

func isPrefix(list []lookup) bool {
	return slices.ContainsFunc(list, func(l lookup) bool { return l.by == "prefix" })
}

// candidates reads what the lookups find, each account once, by user name.
func candidates(ctx context.Context, m *manage.Manager, lookups []lookup) ([]oauth.Account, error) {
	slices.SortFunc(lookups, func(a, b lookup) int {
		return cmp.Or(strings.Compare(a.by, b.by), strings.Compare(a.text, b.text))
	})
	lookups = slices.Compact(lookups)
	many, err := overlap(ctx, m, lookups)
	if err != nil {
		return nil, err
	}
	if many { // one walk through all costs less, if it may be made
		lookups = []lookup{{"prefix", ""}}
	}
	var found []oauth.Account
	for _, l := range lookups {
		list, err := l.find(ctx, m)
		if err != nil {
			return nil, err
		}
		found = append(found, list...)
	}
	if len(lookups) < 2 {
		return found, nil
	}
	slices.SortFunc(found, func(a, b oauth.Account) int {
		return strings.Compare(authn.NormalizeUsername(a.Username), authn.NormalizeUsername(b.Username))
	})
	return slices.CompactFunc(found, func(a, b oauth.Account) bool { return a.ID == b.ID }), nil
}

// overlap tells whether one walk through all accounts costs less than the lookups, whose pages by prefix are
// each put in order, or whether these would read more than a search may look at.
func overlap(ctx context.Context, m *manage.Manager, lookups []lookup) (bool, error) {
	sum := 0
	for _, l := range lookups {
		if l.by != "prefix" {
			continue
		}
		n, err := m.Store.CountAccounts(ctx, l.text)
		if sum += n; err != nil || sum > MaxWalk {
			return true, err
		}
	}
	if sum <= manage.MaxPage {
		return false, nil
	}
	all, err := m.Store.CountAccounts(ctx, "")
	return all <= MaxWalk, err
}

func (l lookup) find(ctx context.Context, m *manage.Manager) ([]oauth.Account, error) {
	var acc oauth.Account
	var err error
	switch l.by {
	case "prefix":
		var list []oauth.Account
		err := walk(ctx, m, l.text, func(acc *oauth.Account) { list = append(list, *acc) })
		return list, err
	case "username":
		acc, err = m.AccountNamed(ctx, l.text)
	case "externalid":
		acc, err = m.Store.AccountByExternalID(ctx, l.text)
	default:
		id, bad := oauth.ParseID(l.text)
		if bad != nil {
			return nil, nil
		}
		acc, err = m.Account(ctx, id)
	}
	var noName manage.Invalid
	if errors.Is(err, store.ErrNotFound) || errors.As(err, &noName) {
		return nil, nil
	}
	return []oauth.Account{acc}, err
}

// walk shows accounts by user name, a page at a time; it refuses where there are too many.
func walk(ctx context.Context, m *manage.Manager, search string, show func(*oauth.Account)) error {
	n, err := m.Store.CountAccounts(ctx, search)
	if err != nil {
		return err
	}
	if n > MaxWalk {
		return bad(tooMany, "This would look at %d accounts; at most %d are looked at. Ask for userName, externalId or emails.value by eq or sw.", n, MaxWalk)
	}
	for cursor := ""; ; {
		page, err := m.Accounts(ctx, search, cursor, manage.MaxPage)
		if err != nil {
			return err
		}
		for i := range page.Items {
			show(&page.Items[i])
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}
