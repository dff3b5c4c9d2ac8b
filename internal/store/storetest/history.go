package storetest

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// testHistory needs a store of its own, whose changes are these alone.
func testHistory(f *fixture) {
	ctx := f.Context()
	f.must(f.st.Bootstrap(ctx, oauth.DefaultProfile(), nil))
	acc, key := f.account(), f.key(f.now)
	c := oauth.Client{ID: "app"}
	at := f.now.Add(-time.Hour)
	var want []store.Change
	change := func(kind, subject string, verb func(a store.Audit) error) {
		f.Helper()
		at = at.Add(time.Minute)
		a := f.audit(store.EventClientChanged)
		a.At, a.Actor = at, "operator:jane"
		a.Change = &store.Change{Kind: kind, Subject: subject, Before: json.RawMessage(`{"name": "before"}`), After: json.RawMessage(`{"name": "after"}`)}
		f.must(verb(a))
		want = append([]store.Change{{At: at, Actor: a.Actor, Event: a.Event, Kind: kind, Subject: subject}}, want...)
	}
	change(store.KindClient, "app", func(a store.Audit) error { return f.st.PutClient(ctx, c, 0, a) })
	change(store.KindProfile, "", func(a store.Audit) error { return f.st.PutProfile(ctx, oauth.DefaultProfile(), 1, a) })
	change(store.KindKeys, "", func(a store.Audit) error { return f.st.ReplaceKeys(ctx, nil, []token.WrappedKey{key}, a) })
	change(store.KindAccount, acc.ID.String(), func(a store.Audit) error { return f.st.UpdateAccount(ctx, acc, 1, a) })
	change(store.KindAccount, acc.ID.String(), func(a store.Audit) error { return f.st.SetLocked(ctx, acc.ID, 0, true, a) })
	change(store.KindClient, "other", func(a store.Audit) error { return f.st.Record(ctx, a) })
	change(store.KindClient, "app", func(a store.Audit) error { return f.st.RemoveClient(ctx, "app", a) })
	refused := f.audit(store.EventClientChanged)
	refused.Change = &store.Change{Kind: store.KindClient, Subject: "app"}
	f.want("a change that is refused", f.st.PutClient(ctx, c, 5, refused), store.ErrNotFound)

	list := f.changes(store.ChangeFilter{})
	for i := range list {
		f.wantChange(list[i])
		list[i].ID = oauth.ID{}
	}
	f.same("all", list, want)
	for filter, number := range map[store.ChangeFilter]int{
		{Kind: store.KindClient}: 3, {Kind: store.KindClient, Subject: "app"}: 2, {Kind: store.KindProfile}: 1,
		{Kind: store.KindAccount, Subject: acc.ID.String()}: 2, {Kind: store.KindKeys, Subject: "app"}: 0,
	} {
		found := f.changes(filter)
		f.same("number", len(found), number)
		for _, c := range found {
			f.same("kind", c.Kind, filter.Kind)
		}
	}
	_, err := f.st.Change(ctx, newID())
	f.want("unknown change", err, store.ErrNotFound)
	p, err := f.st.Purge(ctx, at, 5*time.Minute, 100)
	f.must(err)
	f.same("purged records and changes", p.Rows, 2)
	f.same("changes that are left", len(f.changes(store.ChangeFilter{})), len(want)-1)
}

// wantChange demands that a change is its audit record's, and has its documents.
func (f *fixture) wantChange(c store.Change) {
	f.Helper()
	records, _, err := f.st.Audits(f.Context(), store.AuditFilter{}, oauth.ID{}, 1000)
	f.must(err)
	if !slices.ContainsFunc(records, func(a store.Audit) bool {
		return a.ID == c.ID && a.At.Equal(c.At) && a.Event == c.Event && a.Change == nil
	}) {
		f.Errorf("no audit record of %+v", c)
	}
	whole, err := f.st.Change(f.Context(), c.ID)
	f.must(err)
	f.same("documents", string(whole.Before)+string(whole.After), `{"name": "before"}{"name": "after"}`)
	whole.Before, whole.After = nil, nil
	f.same("without its documents", whole, c)
}

// changes reads all pages.
func (f *fixture) changes(filter store.ChangeFilter) []store.Change {
	f.Helper()
	return pages(f, func(after store.Change, limit int) ([]store.Change, error) {
		return f.st.Changes(f.Context(), filter, after.ID, limit)
	})
}

// testAuditFilters needs a store of its own. It has more records than one call looks at.
func testAuditFilters(f *fixture) {
	ctx := f.Context()
	const many, looked = 20_500, 20_000
	acc, begin := newID(), f.now.Add(-24*time.Hour)
	at := func(i int) time.Time { return begin.Add(time.Duration(i) * time.Second) }
	f.winners(race(racers, func(racer int) error {
		for i := racer; i < many; i += racers {
			a := store.Audit{At: at(i), Event: store.EventSignIn, Actor: "user"}
			switch i {
			case 10, 400, 600, many - 3:
				a = store.Audit{At: at(i), Event: store.EventClientChanged, Actor: "cli:jane", AccountID: acc, ClientID: "app"}
			case many - looked:
				a.ClientID = "edge"
			}
			if err := f.st.Record(ctx, a); err != nil {
				return err
			}
		}
		return nil
	}))
	seconds := func(list []store.Audit) (found []int) {
		for _, a := range list {
			found = append(found, int(a.At.Sub(begin)/time.Second))
		}
		return found
	}
	for name, filter := range map[string]store.AuditFilter{
		"event": {Event: store.EventClientChanged}, "actor": {Actor: "cli:jane"}, "account": {AccountID: acc}, "client": {ClientID: "app"},
		"all": {Event: store.EventClientChanged, Actor: "cli:jane", AccountID: acc, ClientID: "app", From: begin, To: f.now.Add(time.Hour)},
	} {
		list, next, err := f.st.Audits(ctx, filter, oauth.ID{}, 10)
		f.must(err)
		f.same(name+": among those looked at", seconds(list), []int{many - 3, 600})
		list, next, err = f.st.Audits(ctx, filter, next, 1)
		f.must(err)
		f.same(name+": first of the rest", seconds(list), []int{400})
		list, next, err = f.st.Audits(ctx, filter, next, 1)
		f.must(err)
		f.same(name+": the last", seconds(list), []int{10})
		f.same(name+": nothing is left", next, oauth.ID{})
	}
	f.sameAudits("none", store.AuditFilter{ClientID: "unknown"}, nil)
	f.sameAudits("from and to", store.AuditFilter{From: at(399), To: at(401)}, []time.Time{at(400), at(399)})
	f.sameAudits("to is not included", store.AuditFilter{ClientID: "app", To: at(400)}, []time.Time{at(10)})
	f.sameAudits("from is", store.AuditFilter{ClientID: "app", From: at(600)}, []time.Time{at(many - 3), at(600)})
	list, next, err := f.st.Audits(ctx, store.AuditFilter{From: at(0), To: at(2)}, oauth.ID{}, 2)
	f.must(err)
	f.same("exactly as many as there are", [2]any{len(list), next.IsZero()}, [2]any{2, true})
	testAuditEdge(f, at(many-looked))
	testAuditsAfter(f, at)
}

// testAuditEdge: the last record that one call looks at may match.
func testAuditEdge(f *fixture, edge time.Time) {
	f.Helper()
	filter := store.AuditFilter{ClientID: "edge"}
	list, next, err := f.st.Audits(f.Context(), filter, oauth.ID{}, 10)
	f.must(err)
	f.same("the edge", len(list), 1)
	f.same("its time", list[0].At, edge)
	list, next, err = f.st.Audits(f.Context(), filter, next, 10)
	f.must(err)
	f.same("behind the edge", len(list), 0)
	f.same("nothing is left", next, oauth.ID{})
}

func (f *fixture) sameAudits(what string, filter store.AuditFilter, want []time.Time) {
	f.Helper()
	var got []time.Time
	for before := (oauth.ID{}); ; {
		list, next, err := f.st.Audits(f.Context(), filter, before, 100)
		f.must(err)
		for _, a := range list {
			got = append(got, a.At)
		}
		if before = next; next.IsZero() {
			break
		}
	}
	f.same(what, got, want)
}

func testAuditsAfter(f *fixture, at func(int) time.Time) {
	ctx := f.Context()
	filter := store.AuditFilter{ClientID: "app"}
	first, err := f.st.AuditsAfter(ctx, filter, oauth.ID{}, 2)
	f.must(err)
	f.same("oldest first", []time.Time{first[0].At, first[1].At}, []time.Time{at(10), at(400)})
	rest, err := f.st.AuditsAfter(ctx, filter, first[1].ID, 10)
	f.must(err)
	f.same("those after", rest[0].At, at(600))
	last := rest[len(rest)-1]
	none, err := f.st.AuditsAfter(ctx, filter, last.ID, 10)
	f.must(err)
	f.same("nothing new", len(none), 0)
	f.must(f.st.Record(ctx, store.Audit{Event: store.EventClientChanged, ClientID: "app"}))
	fresh, err := f.st.AuditsAfter(ctx, filter, last.ID, 10)
	f.must(err)
	f.same("one that is new", len(fresh), 1)
	bounded, err := f.st.AuditsAfter(ctx, store.AuditFilter{From: at(100), To: at(102)}, oauth.ID{}, 10)
	f.must(err)
	f.same("from and to", []time.Time{bounded[0].At, bounded[1].At}, []time.Time{at(100), at(101)})
	f.same("number", len(bounded), 2)
}
