package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
)

// workplace is a database and the commands that work on it.
type workplace struct {
	*testing.T
	url     string
	manager *manage.Manager
}

func newWorkplace(t *testing.T) *workplace {
	w := &workplace{T: t, url: "sqlite:" + filepath.Join(t.TempDir(), "usher.db")}
	opened, err := sqlstore.Open(t.Context(), sqlstore.Options{URL: w.url, Logger: slog.New(slog.DiscardHandler)})
	w.must(err)
	t.Cleanup(func() { _ = opened.Close() })
	master, err := token.NewMaster(rand.Reader)
	w.must(err)
	w.manager = &manage.Manager{Store: opened, Master: master, Now: time.Now, Rand: rand.Reader, Actor: "system", Role: oauth.RoleAdmin}
	w.must(w.manager.Bootstrap(t.Context()))
	return w
}

func (w *workplace) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// usher runs a command and returns what it printed.
func (w *workplace) usher(args ...string) (stdout, stderr string) {
	w.Helper()
	var out, errs bytes.Buffer
	root := newRoot()
	root.SetArgs(identifiersLast(append(args, "--database", w.url)))
	root.SetOut(&out)
	root.SetErr(&errs)
	w.must(root.ExecuteContext(w.Context()))
	return out.String(), errs.String()
}

func (w *workplace) account(name string) oauth.Account {
	w.Helper()
	acc := oauth.Account{ID: w.id(), Username: name, Created: time.Now()}
	w.must(w.manager.Store.CreateAccount(w.Context(), acc, store.Audit{}))
	acc, err := w.manager.Store.Account(w.Context(), acc.ID)
	w.must(err)
	return acc
}

func (w *workplace) id() (id oauth.ID) {
	_, err := io.ReadFull(rand.Reader, id[:])
	w.must(err)
	return id
}

// session signs an account in, and gives the client a delegation.
func (w *workplace) session(acc oauth.Account, client string) (oauth.Session, oauth.Delegation) {
	w.Helper()
	now := time.Now()
	s := oauth.Session{
		ID: w.id(), CookieHash: []byte(w.id().String()), AccountID: acc.ID, AuthTime: now, AMR: []string{"pwd"}, LastUsed: now,
		IdleTimeout: time.Hour, Expires: now.Add(2 * time.Hour), Created: now,
	}
	w.must(w.manager.Store.StartSession(w.Context(), acc.Version, s, nil, nil, store.Audit{}))
	d := oauth.Delegation{ID: w.id(), SessionID: s.ID, ClientID: client, AccountID: acc.ID, Scope: []string{"openid"}, Created: now}
	d, err := w.manager.Store.Delegate(w.Context(), d, now, store.Audit{})
	w.must(err)
	return s, d
}

func TestSessionsAndDelegationsAreListedAndEnded(t *testing.T) {
	w := newWorkplace(t)
	w.must(w.manager.CreatePublicClient(t.Context(), oauth.Client{
		ID: "shop", Name: "Shop", Capabilities: []oauth.Capability{oauth.CapAssistedToken}, AllowedOrigins: []oauth.OriginPattern{"https://shop.example.com"},
	}))
	ann, bob := w.account("ann"), w.account("bob")
	s1, d1 := w.session(ann, "shop")
	s2, d2 := w.session(bob, "shop")

	expect := func(what, text string, with, without []string) {
		t.Helper()
		for _, part := range with {
			if !strings.Contains(text, part) {
				t.Errorf("%s lacks %s:\n%s", what, part, text)
			}
		}
		for _, part := range without {
			if strings.Contains(text, part) {
				t.Errorf("%s has %s:\n%s", what, part, text)
			}
		}
	}
	list, _ := w.usher("session", "list")
	expect("the list of sessions", list, []string{s1.ID.String(), "ann", s2.ID.String(), "bob", "pwd"}, nil)
	list, _ = w.usher("session", "list", "--user", "ann")
	expect("ann's sessions", list, []string{s1.ID.String()}, []string{"bob"})
	list, _ = w.usher("delegation", "list", "--session", s2.ID.String())
	expect("the delegations of bob's session", list, []string{d2.ID.String(), "shop", "openid"}, []string{d1.ID.String()})

	w.usher("delegation", "end", d2.ID.String())
	list, _ = w.usher("delegation", "list", "--client", "shop")
	expect("after the end of bob's delegation", list, []string{d1.ID.String()}, []string{d2.ID.String()})
	w.usher("session", "end", s1.ID.String())
	list, _ = w.usher("session", "list")
	expect("after the end of ann's session", list, []string{"bob"}, []string{"ann"})
	w.usher("user", "sign-out", "bob")
	list, _ = w.usher("session", "list", "--json")
	expect("after bob was signed out", list, []string{"[]"}, []string{"bob"})
}

func TestListsOfSeveralPagesAreWhole(t *testing.T) {
	w := newWorkplace(t)
	const many = manage.MaxPage + 3
	var want []string
	for i := range many {
		want = append(want, w.account(fmt.Sprintf("user-%04d", i)).Username)
	}
	for _, c := range []struct {
		limit string
		want  int
		more  bool
	}{{"0", many, false}, {fmt.Sprint(many), many, false}, {fmt.Sprint(many - 1), many - 1, true}, {"2", 2, true}} {
		out, errs := w.usher("user", "list", "--json", "--limit", c.limit)
		var list []oauth.Account
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatalf("--limit %s: %v", c.limit, err)
		}
		var got []string
		for _, u := range list {
			got = append(got, u.Username)
		}
		if !slices.Equal(got, want[:c.want]) {
			t.Errorf("--limit %s printed %d users, or others; expected %d", c.limit, len(got), c.want)
		}
		if more := strings.Contains(errs, "there are more: see them with --all"); more != c.more {
			t.Errorf("--limit %s says that there are more: %v", c.limit, more)
		}
	}
	out, errs := w.usher("user", "list")
	if got := strings.Count(out, "user-"); got != mostListed || !strings.Contains(errs, "there are more: see them with --all") {
		t.Errorf("without a limit there are %d users, and it says %q", got, errs)
	}
	out, errs = w.usher("user", "list", "--json")
	var first []oauth.Account
	if err := json.Unmarshal([]byte(out), &first); err != nil || len(first) != mostListed || errs == "" {
		t.Errorf("%d users as JSON, error %v, %q", len(first), err, errs)
	}
	out, errs = w.usher("user", "list", "--all")
	if errs != "" {
		t.Errorf("all there are, and it says %q", errs)
	}
	if got := strings.Count(out, "USERNAME"); got != 1 {
		t.Errorf("the heading is there %d times", got)
	}
	if got := strings.Count(out, "user-"); got != many {
		t.Errorf("%d users are in the table", got)
	}
}

// TestEveryListIsBounded: none that grows with use prints everything unless it is told to.
func TestEveryListIsBounded(t *testing.T) {
	w := newWorkplace(t)
	ann := w.account("ann")
	for i := range mostListed + 1 {
		id := fmt.Sprintf("client-%03d", i)
		w.must(w.manager.CreatePublicClient(t.Context(), oauth.Client{
			ID: id, Name: id, Capabilities: []oauth.Capability{oauth.CapAssistedToken}, AllowedOrigins: []oauth.OriginPattern{"https://shop.example.com"},
		}))
		w.account(id)
		w.session(ann, id)
	}
	for _, list := range []string{"user", "client", "session", "delegation", "audit", "history"} {
		count := func(args ...string) (int, string) {
			t.Helper()
			out, errs := w.usher(append([]string{list, "list", "--json"}, args...)...)
			var items []json.RawMessage
			w.must(json.Unmarshal([]byte(out), &items))
			return len(items), errs
		}
		if n, errs := count(); n != mostListed || !strings.Contains(errs, "--all") {
			t.Errorf("%s list: %d items, and it says %q", list, n, errs)
		}
		if n, errs := count("--all"); n <= mostListed || errs != "" {
			t.Errorf("%s list --all: %d items, and it says %q", list, n, errs)
		}
		if n, _ := count("--limit", "0"); n <= mostListed {
			t.Errorf("%s list --limit 0: %d items", list, n)
		}
		if n, _ := count("--limit", "7"); n != 7 {
			t.Errorf("%s list --limit 7: %d items", list, n)
		}
	}
}

// TestFollowShowsEachRecordOnce holds that one which comes late, with a time before others that were shown, is shown too.
func TestFollowShowsEachRecordOnce(t *testing.T) {
	w := newWorkplace(t)
	now := time.Now()
	record := func(detail string, at time.Time) {
		t.Helper()
		id := firstIDOf(at)
		copy(id[6:], w.id().String())
		w.must(w.manager.Store.Record(t.Context(), store.Audit{ID: id, At: at, Event: store.EventSignIn, Actor: "user", Detail: detail}))
	}
	var got []string
	show := func(a store.Audit) error {
		got = append(got, a.Detail)
		return nil
	}
	f := &follower{manager: w.manager, filter: store.AuditFilter{Event: store.EventSignIn}}
	record("left out", now.Add(-2*time.Second))
	record("first", now.Add(-time.Second))
	w.must(f.begin(t.Context(), 1, show))
	record("second", now)
	w.must(f.next(t.Context(), show))
	record("late", now.Add(-500*time.Millisecond))
	w.must(f.next(t.Context(), show))
	w.must(f.next(t.Context(), show))
	if want := []string{"first", "second", "late"}; !slices.Equal(got, want) {
		t.Errorf("shown were %q, expected %q", got, want)
	}
}

func TestPlot(t *testing.T) {
	points := func(counts ...int64) (list []manage.Point) {
		for _, n := range counts {
			list = append(list, manage.Point{Count: n})
		}
		return list
	}
	day := make([]int64, 144)
	day[0], day[143] = 1, 3
	for _, c := range []struct {
		name   string
		points []manage.Point
		want   string
	}{
		{"none", nil, "  0 in 24 h"},
		{"nothing", points(0, 0), "··  0 in 24 h"},
		{"all heights", points(0, 1, 4, 8), "·▁▄█  13 in 24 h"},
		{"few of many", points(1, 1000), "▁█  1001 in 24 h"},
		{"a day", points(day...), "▃" + strings.Repeat("·", 46) + "█  4 in 24 h"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := plot(c.points); got != c.want {
				t.Errorf("got %q, expected %q", got, c.want)
			}
		})
	}
}

func TestTablesShowWhatATerminalWouldObey(t *testing.T) {
	var out bytes.Buffer
	if err := table(&out, [][]string{{"a\x1b[2Jb", "\u202egnp.exe", "Ännchen 🐝"}}); err != nil {
		t.Fatal(err)
	}
	if want := "a\\u001b[2Jb   \\u202egnp.exe   Ännchen 🐝\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

func TestAnIdentifierThatBeginsWithADashIsNoFlag(t *testing.T) {
	w := newWorkplace(t)
	id := oauth.ID{0xf8} // its text is -AAAA...
	if !strings.HasPrefix(id.String(), "-") {
		t.Fatal(id)
	}
	if out, _ := w.usher("session", "end", id.String()); !strings.Contains(out, "is over") {
		t.Error(out)
	}
}
