package storetest

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// Run runs the whole suite. open returns an empty store; it registers the clean-up with its t.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	empty := map[string]func(*fixture){
		"bootstrap":              testBootstrap,
		"bootstrap race":         raceBootstrap,
		"audit":                  testAudit,
		"purge":                  testPurge,
		"purge in batches":       testPurgeBatches,
		"purge a large session":  testPurgeLarge,
		"purge what was used":    testPurgeUsed,
		"hot reads in one query": testOneQuery,
		"closed":                 testClosed,
		"writable":               testWritable,
		"end what is restored":   testEndRestored,
		"last admin":             testLastAdmin,
		"race: last admin":       raceLastAdmin,
		"history":                testHistory,
		"audit filters":          testAuditFilters,
		"sessions by age":        testListSessions,
		"count":                  testCounts,
	}
	for name, test := range empty {
		t.Run(name, func(t *testing.T) { test(newFixture(t, open(t))) })
	}
	RunVerbs(t, open)
	runShared(t, open, raceTests, familyRaces, deviceRaces)
}

// RunVerbs runs the part of the suite that compares what each verb wrote with what is read again, one
// caller at a time. It is for stores that differ in how values travel and in nothing else.
func RunVerbs(t *testing.T, open func(t *testing.T) store.Store) {
	runShared(t, open, configurationTests, accountTests, sessionTests, grantTests, familyTests,
		deviceTests, otherTests, endingTests, loadTests, operatorTests, listTests, applyTests)
}

// runShared runs tests that meet one store, each with clients and accounts of its own.
func runShared(t *testing.T, open func(*testing.T) store.Store, groups ...map[string]func(*fixture)) {
	shared := open(t)
	if err := shared.Bootstrap(t.Context(), oauth.DefaultProfile(), nil); err != nil {
		t.Fatal(err)
	}
	for _, group := range groups {
		for name, test := range group {
			t.Run(name, func(t *testing.T) { test(newFixture(t, shared)) })
		}
	}
}

// fixture makes what a test needs and stops the test where that fails.
type fixture struct {
	*testing.T
	st  store.Store
	now time.Time
}

func newFixture(t *testing.T, st store.Store) *fixture {
	return &fixture{T: t, st: st, now: time.Now().UTC().Truncate(time.Millisecond)}
}

// must stops the test where a verb failed that had no reason to.
func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// want compares an error.
func (f *fixture) want(what string, got, want error) {
	f.Helper()
	if !errors.Is(got, want) || want == nil && got != nil {
		f.Errorf("%s: error %v, want %v", what, got, want)
	}
}

// same compares values.
func (f *fixture) same(what string, got, want any) {
	f.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		f.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func newID() (id oauth.ID) {
	rand.Read(id[:])
	return id
}

func newHash() []byte {
	id := newID()
	sum := sha256.Sum256(id[:])
	return sum[:]
}

// audit is a record that a test finds again by its detail.
func (f *fixture) audit(event store.Event) store.Audit {
	return store.Audit{At: f.now, Event: event, Actor: "user", Detail: newID().String()}
}

// hasAudit tells whether the store holds the record.
func (f *fixture) hasAudit(a store.Audit) bool {
	f.Helper()
	for before := (oauth.ID{}); ; {
		list, next, err := f.st.Audits(f.Context(), store.AuditFilter{}, before, 500)
		f.must(err)
		if slices.ContainsFunc(list, func(b store.Audit) bool { return b.Event == a.Event && b.Detail == a.Detail }) {
			return true
		}
		if next.IsZero() {
			return false
		}
		before = next
	}
}

func (f *fixture) client() oauth.Client {
	f.Helper()
	c := oauth.Client{
		ID: "client-" + newID().String(), Name: "A client",
		Capabilities:   []oauth.Capability{oauth.CapAssistedToken},
		AllowedOrigins: []oauth.OriginPattern{"http://localhost:8080"},
		Scope:          []string{"openid", "read"},
	}
	c.SecretHash = []byte{1, 2, 3}
	f.must(f.st.PutClient(f.Context(), c, 0, store.Audit{}))
	c.Version = 1
	return c
}

func (f *fixture) account() oauth.Account {
	f.Helper()
	id := newID()
	acc := oauth.Account{
		ID: id, Username: "user-" + id.String(), Name: "Jane Doe", Email: "jane@example.com",
		Attributes: []byte(`{"locale": "en",  "address": {"country": "SE"}}`), PasswordHash: "$argon2id$...", Created: f.now, Version: 1,
	}
	f.must(f.st.CreateAccount(f.Context(), acc, store.Audit{}))
	return acc
}

// newSession is a session that is not stored yet.
func (f *fixture) newSession(acc oauth.Account) oauth.Session {
	return oauth.Session{
		ID: newID(), CookieHash: newHash(), AccountID: acc.ID, AuthTime: f.now, AMR: []string{"pwd", "otp"}, ACR: "urn:acr:1",
		LastUsed: f.now, IdleTimeout: time.Hour, Expires: f.now.Add(24 * time.Hour), Created: f.now,
	}
}

func (f *fixture) session(acc oauth.Account) oauth.Session {
	f.Helper()
	s := f.newSession(acc)
	now, err := f.st.Account(f.Context(), acc.ID)
	f.must(err)
	f.must(f.st.StartSession(f.Context(), now.Version, s, nil, nil, store.Audit{}))
	return s
}

func (f *fixture) newDelegation(s oauth.Session, clientID string, scope ...string) oauth.Delegation {
	return oauth.Delegation{
		ID: newID(), SessionID: s.ID, ClientID: clientID, AccountID: s.AccountID, Scope: scope, Created: f.now,
	}
}

func (f *fixture) delegation(s oauth.Session, clientID string) oauth.Delegation {
	f.Helper()
	d, err := f.st.Delegate(f.Context(), f.newDelegation(s, clientID, "read"), f.now, store.Audit{})
	f.must(err)
	return d
}

// tokenError is nil where tokens of the delegation are good.
func (f *fixture) tokenError(delegation oauth.ID) error {
	_, err := f.tokenStanding(delegation, newID())
	return err
}

// tokenStanding is that of a token which hangs off the delegation itself.
func (f *fixture) tokenStanding(delegation, token oauth.ID) (store.TokenStanding, error) {
	return f.st.TokenStanding(f.Context(), oauth.AccessToken{ID: token, DelegationID: delegation})
}

// endSession is EndSession for those who do not ask which clients were there.
func (f *fixture) endSession(id oauth.ID) error {
	_, err := f.st.EndSession(f.Context(), id, store.Audit{})
	return err
}

// sessionError is nil where the session is there.
func (f *fixture) sessionError(id oauth.ID) error {
	_, err := f.st.StandingOf(f.Context(), id, "")
	return err
}
