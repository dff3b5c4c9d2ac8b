// Package store says what usher remembers and how it is asked to: by intent, not by row. Every
// method is one transaction; what a method must never do halfway is written on it. The rules that
// decide what to store live in the core (package oauth).
//
// Nothing of this is ever cached or read from a replica, save Configuration, which a node holds as a
// snapshot and renews when the revision changes.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// The errors that callers tell apart. Whatever else comes back is a fault of the storage.
var (
	// ErrNotFound: there is no such thing, or it ended.
	ErrNotFound = errors.New("not found")
	// ErrConflict: somebody else changed or created it first; read again and decide again.
	ErrConflict = errors.New("changed by somebody else")
	// ErrLastAdmin: nobody would be left who may administer the server.
	ErrLastAdmin = errors.New("the last admin")
	// ErrEnded: the session (or account, or client) that this hangs off is over.
	ErrEnded = errors.New("ended")
	// ErrUnavailable: the database cannot serve this now (unreachable, silent, read-only, full, overloaded).
	// Nothing was changed, or nobody knows; the same request may succeed in a moment.
	ErrUnavailable = fmt.Errorf("the database is %w", oauth.ErrUnavailable)
)

// UnavailableError is an ErrUnavailable that says which kind of trouble it is.
type UnavailableError struct {
	// Why is a few words without addresses or names, such as "read-only".
	Why   string
	Cause error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("%v (%s): %v", ErrUnavailable, e.Why, e.Cause)
}

// Is makes it an ErrUnavailable, and for the core a cause that passes.
func (e *UnavailableError) Is(target error) bool {
	return target == ErrUnavailable || target == oauth.ErrUnavailable
}

func (e *UnavailableError) Unwrap() error { return e.Cause }

// WhyUnavailable is the kind of trouble behind an ErrUnavailable, in a few words that anybody may read.
func WhyUnavailable(err error) string {
	var e *UnavailableError
	if errors.As(err, &e) {
		return e.Why
	}
	return "does not answer"
}

// Store is all of it; one value serves a whole process.
type Store interface {
	Configuration
	Accounts
	Sessions
	Grants
	Families
	Devices
	Throttle
	Tallies
	AuditLog
	Maintenance
	// Close waits for what is under way and closes the database.
	Close() error
}

// Snapshot is the configuration at one revision.
type Snapshot struct {
	Revision int64
	Profile  oauth.Profile
	Clients  []oauth.Client
	Keys     []token.WrappedKey
	Horizon  token.Horizon
	// Upgraded is when registration access tokens got an expiry.
	Upgraded time.Time
}

// Pulse is what a node looks at once a second, in one query: whether its snapshot is out of date, until when
// expired things may be gone, and the database's clock (zero with SQLite, whose clock is this machine's).
type Pulse struct {
	Revision int64
	Horizon  token.Horizon
	Clock    time.Time
}

// Witness is what the database says about the time. A purge takes what expired a margin before it, so the
// horizon tells when there was one.
func (p Pulse) Witness() clock.Witness {
	w := clock.Witness{Clock: p.Clock}
	if !p.Horizon.Upto.IsZero() {
		w.Trusted = p.Horizon.Upto.Add(clock.PurgeAfter)
	}
	return w
}

// Update is what differs between two revisions of the configuration.
type Update struct {
	Revision int64
	Clients  []oauth.Client // created or changed
	Removed  []string       // the IDs of removed clients
	Settings *Snapshot      // profile and keys where one of them changed, without clients; else nil
}

// Configuration is what operators set: clients, profile, keys. Every change raises the revision in
// its own transaction.
type Configuration interface {
	// Revision is the one-row read that tells whether a snapshot is out of date.
	Revision(ctx context.Context) (int64, error)
	// Pulse is Revision with what else a node looks at once a second.
	Pulse(ctx context.Context) (Pulse, error)
	// Load reads the whole configuration at one revision; ErrNotFound before Bootstrap.
	Load(ctx context.Context) (Snapshot, error)
	// LoadSince reads what changed after the given revision: one query where only clients did. known is false where the
	// store cannot tell (the revision is too old, or a version of usher that records no changes wrote); Load then.
	LoadSince(ctx context.Context, revision int64) (u Update, known bool, err error)
	// Bootstrap writes the first profile and keys; where another node was first it does nothing.
	Bootstrap(ctx context.Context, p oauth.Profile, keys []token.WrappedKey) error
	// PutClient creates (was 0; ErrConflict if it exists) or replaces the version was. A client that
	// becomes disabled loses its delegations and families in the same transaction.
	PutClient(ctx context.Context, c oauth.Client, was int64, a Audit) error
	// RemoveClient ends everything of the client: delegations, families, consents, device requests, and itself.
	RemoveClient(ctx context.Context, clientID string, a Audit) error
	PutProfile(ctx context.Context, p oauth.Profile, was int64, a Audit) error
	// Settings is Load without the clients, for who needs profile and keys alone.
	Settings(ctx context.Context) (Snapshot, error)
	// Client reads one client.
	Client(ctx context.Context, id string) (oauth.Client, error)
	// ListClients lists clients by id, those after the given one, at most limit. With a search it lists those whose id
	// or name holds the text, whatever the case.
	ListClients(ctx context.Context, search, after string, limit int) ([]oauth.Client, error)
	// Apply makes all changes of a file or none, in one transaction: ErrConflict where one of the versions is not the one
	// in force. Each change is as by PutClient, RemoveClient and PutProfile.
	Apply(ctx context.Context, changes Changeset) error
	// AddKey stores a key unless one of the same use and algorithm activates at or after
	// unlessAfter; it tells whether it stored it. So two nodes that rotate at once make one key.
	AddKey(ctx context.Context, k token.WrappedKey, unlessAfter time.Time, a Audit) (bool, error)
	// ReplaceKeys removes the keys with the given ids and adds others, all or nothing; ErrConflict
	// where one of the ids is not there any more.
	ReplaceKeys(ctx context.Context, remove []string, add []token.WrappedKey, a Audit) error
}

// Changeset is what one file changes.
type Changeset struct {
	Profile *ProfileChange
	Clients []ClientChange
	// Audit is the record of the whole.
	Audit Audit
}

// ProfileChange replaces the version Was of the profile.
type ProfileChange struct {
	Profile oauth.Profile
	Was     int64
	Audit   Audit
}

// ClientChange creates a client (Was is 0), replaces its version Was, or removes that version.
type ClientChange struct {
	Client oauth.Client
	Was    int64
	Remove bool
	Audit  Audit
}

// Accounts are the users.
type Accounts interface {
	// CreateAccount stores a new account with its password hash and without a role; ErrConflict where the user name
	// (case-folded) is taken.
	CreateAccount(ctx context.Context, acc oauth.Account, a Audit) error
	Account(ctx context.Context, id oauth.ID) (oauth.Account, error)
	// AccountByName finds by the case-folded user name, password hash included.
	AccountByName(ctx context.Context, username string) (oauth.Account, error)
	// ListAccounts lists by case-folded user name, those after the given one, at most limit. With a search it lists
	// those whose user name begins with the text, whatever the case, and after them, by e-mail address, the others whose
	// e-mail address does; after is the user name of the last one then too. Where that account is gone meanwhile, the
	// e-mail addresses begin anew.
	ListAccounts(ctx context.Context, search, after string, limit int) ([]oauth.Account, error)
	// CountAccounts counts what ListAccounts lists, for protocols that must tell (RFC 7644 §3.4.2).
	CountAccounts(ctx context.Context, search string) (int, error)
	// AccountByExternalID finds by the name in the directory that provisions it. That the name is unique is the
	// directory's to see to (RFC 7643 §3.1); of several accounts it is always the same one that is found.
	AccountByExternalID(ctx context.Context, externalID string) (oauth.Account, error)
	// Operators lists the accounts that have a role, by case-folded user name.
	Operators(ctx context.Context) ([]oauth.Account, error)
	// UpdateAccount replaces user name, name, e-mail address, external ID and attributes of the version was,
	// and nothing else: no role, lock or password.
	UpdateAccount(ctx context.Context, acc oauth.Account, was int64, a Audit) error
	// SetRole gives the account of the version was (0 for whichever, as in all that follow) a role, or takes it (empty):
	// ErrConflict where the account has another. It, SetLocked, RemoveAccount and AdmitOperator are an ErrLastAdmin where
	// they would take away the last admin who is not locked, also where many are taken away at once.
	SetRole(ctx context.Context, id oauth.ID, was int64, role oauth.Role, a Audit) error
	// AdmitOperator spends the link and, in the same transaction, creates the account (was is 0; ErrConflict where its
	// user name is taken) or sets password hash and role of the version was and unlocks it, ending what hung off it as
	// SetPassword does. A *SpentError where the link was used before.
	AdmitOperator(ctx context.Context, acc oauth.Account, was int64, link OneTime, a Audit) error
	// SetPassword replaces the hash and ends every session, delegation, family and token of the account,
	// save the session keep (zero for none) and what is not offline in it. It spends the values, if any, in the same
	// transaction: a *SpentError where one of them was used before.
	SetPassword(ctx context.Context, id oauth.ID, was int64, hash string, keep oauth.ID, a Audit, spends ...OneTime) error
	// UpgradePasswordHash replaces the hash old by one of the same password; it ends nothing, and does
	// nothing where the hash is not old any more.
	UpgradePasswordHash(ctx context.Context, id oauth.ID, old, hash string) error
	// SetLocked locks (ending every session, delegation and family of the account) or unlocks.
	SetLocked(ctx context.Context, id oauth.ID, was int64, locked bool, a Audit) error
	// RemoveAccount removes the account and all that hangs off it.
	RemoveAccount(ctx context.Context, id oauth.ID, was int64, a Audit) error
}

// Sessions are SSO sessions and their children.
type Sessions interface {
	// StartSession stores a session and, where child is not nil, its child. The sessions whose cookies
	// hash to one of replaces (the browser's former SSO or child session) end in the same transaction,
	// as in EndSession. accountVersion is that of the account when its user was proved: ErrEnded where it was
	// changed since (a new password, for one), is locked or gone.
	StartSession(ctx context.Context, accountVersion int64, s oauth.Session, child *oauth.ChildSession, replaces [][]byte, a Audit) error
	// RenewSession records that the user of the session s.ID proved again who they are: it replaces cookie
	// hash (kept where s.CookieHash is nil), auth time, AMR, ACR, last use, idle timeout and expiry; what hangs
	// off the session lives on. ErrEnded where session and account are not there, or as in StartSession.
	// Where child is not nil, it takes the place of the session's child whose cookie hashes to replaces (nil for none).
	RenewSession(ctx context.Context, accountVersion int64, s oauth.Session, child *oauth.ChildSession, replaces []byte, a Audit) error
	// Standing is the hot read of a silent renewal: the live session of an SSO cookie, its account,
	// its delegation for the client and the consent, in one query. A locked account has none. ErrNotFound
	// where there is no such session; expiry is the caller's rule (oauth.Session.Live).
	Standing(ctx context.Context, cookieHash []byte, clientID string) (oauth.Standing, error)
	// ChildStanding is the same for a child's cookie, at the client and origin it serves only; the
	// session in the answer is the parent.
	ChildStanding(ctx context.Context, cookieHash []byte, clientID, origin string) (oauth.Standing, error)
	// StandingOf is the same by the session's public ID.
	StandingOf(ctx context.Context, sessionID oauth.ID, clientID string) (oauth.Standing, error)
	// TouchSession records a use. It never moves LastUsed back.
	TouchSession(ctx context.Context, id oauth.ID, now time.Time) error
	// EndSession removes the session, its children and their delegations; ending what is over is no
	// error. Given a child's ID it ends the parent. It tells which clients had a delegation in it.
	EndSession(ctx context.Context, id oauth.ID, a Audit) (clientIDs []string, err error)
	// EndChild removes one child session by its cookie; its parent lives on.
	EndChild(ctx context.Context, cookieHash []byte) error
	// AdmitChild spends the ticket and adds a child (nil for none) to the session, in one transaction: ErrEnded where the session
	// is over at now or its account locked, a *SpentError where the ticket was used before. The child takes the place of the one
	// whose cookie hashes to replaces (nil for none), whose parent lives on.
	AdmitChild(ctx context.Context, sessionID oauth.ID, child *oauth.ChildSession, replaces []byte, ticket OneTime, now time.Time, a Audit) error
	// EndSessions ends every session, delegation and family of the account, offline ones too. It tells which clients had a
	// delegation. ErrNotFound where there is no such account.
	EndSessions(ctx context.Context, accountID oauth.ID, a Audit) (clientIDs []string, err error)
	// ListSessions lists live sessions, of the account or (zero) of all, newest first, those after the given place, at
	// most limit.
	ListSessions(ctx context.Context, accountID oauth.ID, now time.Time, after Place, limit int) ([]SessionRow, error)
	// CountSessions counts the live sessions.
	CountSessions(ctx context.Context, now time.Time) (int, error)
}

// Place is where in a list by age the next page begins; the zero Place is the beginning.
type Place struct {
	At time.Time
	ID oauth.ID
}

// SessionRow is a session with whose it is.
type SessionRow struct {
	oauth.Session
	Username string
}

// DelegationRow is a delegation with whose it is.
type DelegationRow struct {
	oauth.Delegation
	Username string
}

// DelegationFilter narrows a list of delegations; zero fields narrow nothing.
type DelegationFilter struct {
	AccountID, SessionID oauth.ID
	ClientID             string
}

// Tally counts what happened within ten minutes, on all nodes together.
type Tally struct {
	At    time.Time // the beginning of the ten minutes
	Name  string
	Count int64
}

// TallyStep is how long a tally counts.
const TallyStep = 10 * time.Minute

// The names of tallies.
const (
	TallySignIns = "sign_ins"
	TallyTokens  = "tokens"
)

// Tallies are durable counts for people to look at: nodes add to them once in a while.
type Tallies interface {
	AddTallies(ctx context.Context, add []Tally) error
	// TalliesSince lists them by time.
	TalliesSince(ctx context.Context, since time.Time) ([]Tally, error)
}

// TokenStanding is what introspection needs beside the token itself; it holds no consent.
type TokenStanding struct {
	oauth.Standing
	Revoked bool
}

// Grants are delegations, consents, and the revocation of single tokens.
type Grants interface {
	// Delegate makes the delegation of session and client, or, where it is there, widens its recorded
	// scope; one transaction that also demands that the session is not ended and not expired at now, the
	// account not locked and the client not disabled (else ErrEnded). It returns the delegation in
	// force, whose ID is d.ID only if d was first.
	Delegate(ctx context.Context, d oauth.Delegation, now time.Time, a Audit) (oauth.Delegation, error)
	// ListDelegations lists live delegations as ListSessions lists sessions.
	ListDelegations(ctx context.Context, f DelegationFilter, now time.Time, after Place, limit int) ([]DelegationRow, error)
	// Consents lists what the account agreed to, by client.
	Consents(ctx context.Context, accountID oauth.ID) ([]oauth.Consent, error)
	// EndDelegation ends what a client was given within one session.
	EndDelegation(ctx context.Context, id oauth.ID, a Audit) error
	// GrantConsent records what the user agreed to: Consent.With of what is stored and c, with since.
	// ErrEnded where account or client are not there, locked or disabled.
	GrantConsent(ctx context.Context, c oauth.Consent, since time.Time, a Audit) error
	// WithdrawConsent removes the consent and every delegation and family of the account and client.
	WithdrawConsent(ctx context.Context, accountID oauth.ID, clientID string, a Audit) error
	// TokenStanding reads what an access token hangs off and whether it was revoked, in one query: the family
	// where the token names one, else the delegation; the answer has nothing but Revoked where it names neither.
	// ErrNotFound where that ended. A locked account has none. An offline family's answer has its own facts in
	// the place of a session (see FamilyStanding).
	TokenStanding(ctx context.Context, t oauth.AccessToken) (TokenStanding, error)
	// RevokeToken remembers until expires that the token is worth nothing. Doing it twice is no error, and records nothing more.
	RevokeToken(ctx context.Context, tokenID oauth.ID, expires time.Time, a Audit) error
}

// OneTime is a value that may be used once: an authorization code, an assertion, a DPoP proof. What is kept until it
// expires is a hash of kind, owner and ID.
type OneTime struct {
	Kind, Owner, ID string
	Expires         time.Time
}

// SpentError tells which one-time value had been used before.
type SpentError struct{ Kind string }

func (e *SpentError) Error() string { return e.Kind + " was used before" }

// Families are what the tokens of a code or device code hang off, refresh tokens among them; and the gate that
// one-time values pass.
type Families interface {
	// Spend uses one-time values up, all or none; a *SpentError where one of them was used before.
	Spend(ctx context.Context, values ...OneTime) error
	// Redeem spends the others, then the code, and starts the family, all in one transaction, that also demands what
	// Delegate does of the delegation f.DelegationID (it is there, its session neither ended nor expired at now, the
	// account not locked, the client not disabled) and, where f is offline, the consent of account and client: else
	// ErrEnded, and nothing is spent. A code that was used before ends the family f.ID (RFC 6749 §4.1.2) and is a
	// *SpentError of the code's kind; the audit record is then written with the event EventReplay.
	Redeem(ctx context.Context, code OneTime, others []OneTime, f oauth.Family, now time.Time, a Audit) error
	// FamilyStanding reads a family and what it hangs off, in one query; ErrNotFound where any of it ended (expiry
	// is the caller's rule), the account is locked or the client disabled. For a family that is offline, Session
	// holds the family's own facts (ID, account, AuthTime, AMR, ACR; Created and LastUsed when it began, Expires and
	// IdleTimeout until it expires), Delegation is nil, and Consent is the one that it hangs off.
	FamilyStanding(ctx context.Context, id oauth.ID) (oauth.Standing, error)
	// RotateRefresh spends the values and advances the family from the generation, in one transaction: ErrConflict
	// where it is not at that generation, ErrEnded where it is not there.
	RotateRefresh(ctx context.Context, id oauth.ID, generation int, now time.Time, others []OneTime) error
	// EndFamily ends a family and with it all its tokens. Ending what is over is no error, and records nothing.
	EndFamily(ctx context.Context, id oauth.ID, a Audit) error
}

// DeviceRequest is a request of a device that cannot show a sign-in page (RFC 8628).
type DeviceRequest struct {
	UserCodeHash []byte
	ClientID     string
	Network      string // that the request came from; empty where networks have no shares
	Scope        []string
	Created      time.Time
	Expires      time.Time
	// Decision is empty until the user decided.
	Decision DeviceDecision
	// DelegationID is what the user's approval made.
	DelegationID oauth.ID
	// Polled is when the device last asked; the zero time before it did.
	Polled time.Time
}

// DeviceDecision is what the user said.
type DeviceDecision string

// The decisions.
const (
	DeviceApproved DeviceDecision = "approved"
	DeviceDenied   DeviceDecision = "denied"
)

// ErrTooMany says that a client has as many requests under way as it may.
var ErrTooMany = errors.New("too many at once")

// Devices are the device requests under way.
type Devices interface {
	// StartDevice stores a request: ErrConflict where another has the user code, ErrTooMany where d.Network has
	// all its places of those that have not expired at d.Created. Where the client has all of its, the newest
	// undecided request gives way of the network with the most, which has at least two more than d.Network;
	// ErrTooMany where there is none such.
	StartDevice(ctx context.Context, d DeviceRequest, places oauth.DevicePlaces) error
	// Device finds a request by its user code's hash; ErrNotFound, also where it expired at now.
	Device(ctx context.Context, userCodeHash []byte, now time.Time) (DeviceRequest, error)
	// DecideDevice records the user's decision, once: ErrConflict where there is one, ErrNotFound as in Device.
	DecideDevice(ctx context.Context, userCodeHash []byte, decision DeviceDecision, delegationID oauth.ID, now time.Time, a Audit) error
	// PollDevice records that the device asked, and returns the request as it was before; ErrNotFound as in Device.
	PollDevice(ctx context.Context, userCodeHash []byte, now time.Time) (DeviceRequest, error)
}

// Guesses is what is remembered of the guesses at one secret: the two parts of an authn.Throttle.
type Guesses struct {
	Tries []byte
	// Browsers are those that the user signed in with. What ends every session of the account forgets
	// them in the same transaction.
	Browsers []byte
}

// Throttle keeps guesses at secrets: a row an account, by its ID, and a fixed number of others
// (see authn).
type Throttle interface {
	// Guesses reads what is remembered under the key; the zero Guesses where there is nothing.
	Guesses(ctx context.Context, key []byte) (Guesses, error)
	// ChangeGuesses lets change edit what is remembered and, where it returns true, writes that
	// and the record, all or nothing. No change is lost to another at the same time: change then
	// runs again.
	ChangeGuesses(ctx context.Context, key []byte, a Audit,
		change func(*Guesses) (write bool, err error)) error
}

// Lifetimes are the longest that the profile allows.
type Lifetimes struct{ Session, Idle, Refresh, Device time.Duration }

// Maintenance is what keeps the store small and honest.
type Maintenance interface {
	// Purge deletes, in one transaction, at most limit expired rows of each kind: sessions by idle or absolute expiry
	// (their children and delegations count as rows), families, device requests, revocations, one-time values an hour
	// after they matter, audit records and changes older than keepAudit, tallies older than 90 days.
	Purge(ctx context.Context, now time.Time, keepAudit time.Duration, limit int) (Purged, error)
	// EndRestored replaces every key by the given ones, ends every session, child session, delegation, family (offline
	// ones too) and device request, and raises the revision beyond any that was in force before now, in one transaction:
	// all that a database which went back to an older state would revive.
	EndRestored(ctx context.Context, keys []token.WrappedKey, now time.Time, a Audit) (Restored, error)
	// RaiseHorizon records, before a purge, that what expired until then may be gone. It never moves back.
	RaiseHorizon(ctx context.Context, upto time.Time) error
	// BeginEpoch begins the epoch after was with its first keys: what was made with older keys stays expired until
	// the horizon as it is now (Horizon.Earlier), what is made from here on is judged by the purges from here on.
	// ErrConflict where another epoch began meanwhile.
	BeginEpoch(ctx context.Context, was int64, keys []token.WrappedKey, a Audit) error
	// MendFuture finds at most limit rows of each kind that are from the future by more than clocks may differ
	// (sessions, families, device requests) and makes them as if they were from now. It tells how many.
	MendFuture(ctx context.Context, now time.Time, l Lifetimes, limit int) (int, error)
	// Ping tells whether the database answers, for readiness.
	Ping(ctx context.Context) error
	// Writable commits a tiny change to find out whether the database takes writes; its error wraps
	// ErrUnavailable. It costs what a commit costs, so callers ask at most once a second.
	Writable(ctx context.Context) error
	// Stats counts what was sent to the database since the start.
	Stats() Stats
}

// Purged is what one call of Purge came to.
type Purged struct {
	// Rows that were deleted.
	Rows int
	// More tells that the limit left something.
	More bool
	// Overdue is how long before the call the oldest of them had expired.
	Overdue time.Duration
	// Took is how long the transaction kept others from writing, with its commit, which it may share.
	Took time.Duration
	// Alone tells that nothing else was written since the last call, as far as is known; false where several
	// nodes may share the database.
	Alone bool
}

// Restored counts what EndRestored replaced and ended.
type Restored struct {
	Keys           int64 `json:"keys"`
	Sessions       int64 `json:"sessions"`
	ChildSessions  int64 `json:"child_sessions"`
	Delegations    int64 `json:"delegations"`
	Families       int64 `json:"refresh_families"`
	DeviceRequests int64 `json:"device_requests"`
}

// Stats are monotonic counters.
type Stats struct {
	// Reads and Writes count statements, save those that frame a transaction; Commits transactions on disk.
	Reads, Writes, Commits uint64
}
