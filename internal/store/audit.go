package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// Event names a decision in the audit log.
type Event string

// The decisions that are recorded.
const (
	EventSignIn           Event = "sign_in"
	EventSignInFailed     Event = "sign_in_failed"
	EventSignOut          Event = "sign_out"
	EventDelegated        Event = "delegated"
	EventDelegationEnded  Event = "delegation_ended"
	EventConsentGiven     Event = "consent_given"
	EventConsentDenied    Event = "consent_denied"
	EventConsentWithdrawn Event = "consent_withdrawn"
	EventTokenRevoked     Event = "token_revoked"
	// EventAdmitted: a ticket brought the session into an app's frame.
	EventAdmitted       Event = "session_admitted"
	EventFamilyStarted  Event = "family_started"
	EventFamilyEnded    Event = "family_ended"
	EventReplay         Event = "replay"
	EventDeviceDecided  Event = "device_decided"
	EventClientChanged  Event = "client_changed"
	EventClientRemoved  Event = "client_removed"
	EventProfileChanged Event = "profile_changed"
	// EventRegistrationToken: an initial access token for client registration was made.
	EventRegistrationToken Event = "registration_token"
	EventKeyAdded          Event = "key_added"
	EventKeysReplaced      Event = "keys_replaced"
	EventAccountCreated    Event = "account_created"
	EventAccountChanged    Event = "account_changed"
	EventAccountLocked     Event = "account_locked"
	EventAccountUnlocked   Event = "account_unlocked"
	EventAccountRemoved    Event = "account_removed"
	EventPasswordChanged   Event = "password_changed"
	// EventLinkMade: a link was made with which somebody sets a password or becomes an operator.
	EventLinkMade Event = "link_made"
	// EventThrottleReleased: an operator had the wrong guesses at a user's password forgotten.
	EventThrottleReleased Event = "throttle_released"
	// EventBrowserKnown: a one-time link made a browser one that its user is known in.
	EventBrowserKnown Event = "browser_known"
	// EventRoleChanged: an account became an operator, got another role, or is none any more.
	EventRoleChanged Event = "role_changed"
	// EventSessionsEnded: an operator ended sessions.
	EventSessionsEnded Event = "sessions_ended"
	// EventApplied: a file was applied; the changes that it made have records of their own.
	EventApplied Event = "applied"
	// EventRestored: the database went back to an older state, and what that would revive was ended.
	EventRestored Event = "restored"
	// EventClientTried: a client's trial origin was set.
	EventClientTried Event = "client_tried"
)

// Events are all of them, in the order of a life.
var Events = []Event{
	EventSignIn, EventSignInFailed, EventSignOut, EventAdmitted, EventDelegated, EventDelegationEnded,
	EventConsentGiven, EventConsentDenied, EventConsentWithdrawn, EventTokenRevoked, EventFamilyStarted,
	EventFamilyEnded, EventReplay, EventDeviceDecided, EventSessionsEnded, EventClientChanged,
	EventClientRemoved, EventClientTried, EventProfileChanged, EventRegistrationToken, EventApplied,
	EventKeyAdded, EventKeysReplaced, EventAccountCreated, EventAccountChanged, EventAccountLocked,
	EventAccountUnlocked, EventAccountRemoved, EventPasswordChanged, EventLinkMade, EventBrowserKnown,
	EventThrottleReleased, EventRoleChanged, EventRestored,
}

// ParseEvent reads the name of an event; an empty text is none. A name that does not exist is an error: a search for it
// would find nothing, which looks as if nothing had happened.
func ParseEvent(text string) (Event, error) {
	e := Event(text)
	if text == "" || slices.Contains(Events, e) {
		return e, nil
	}
	names := make([]string, len(Events))
	for i, one := range Events {
		names[i] = string(one)
	}
	return "", fmt.Errorf("%q is no event; there are: %s", text, strings.Join(names, ", "))
}

// Audit is one record: who decided what about whom. It holds no secret. The zero Audit is not
// written; nor is any by a verb that failed, or that found delegation or session as it should be and changed
// nothing.
type Audit struct {
	// ID is random, its first 48 bits the time in milliseconds, so that records sort by age. The store
	// makes one where it is zero, and takes its own time where At is.
	ID        oauth.ID
	At        time.Time
	Event     Event
	Actor     string // "user", "cli:<login name>", "system"
	AccountID oauth.ID
	ClientID  string
	SessionID oauth.ID
	Address   string // of the browser or API caller
	Detail    string
	// Count is above 1 where one record stands for several attempts to sign in; First and Last are
	// then when these were, where that is known.
	Count       int
	First, Last time.Time
	// Username is the account's name now, empty where it is gone. Lists set it, and nothing stores it.
	Username string
	// Change is what the decision made of something that operators set; nil for all others. It is kept beside the
	// record, under its ID, and is not read with it.
	Change *Change
}

// The kinds of things that have a history.
const (
	KindClient  = "client"
	KindProfile = "profile"
	KindAccount = "account"
	KindKeys    = "keys"
)

// Change is one change of something: who and when are its audit record's. Neither document holds a secret, nor what
// secrets are checked by.
type Change struct {
	ID    oauth.ID // the audit record's; the store sets it, as it sets At, Actor and Event
	At    time.Time
	Actor string
	Event Event
	// Kind and Subject say what was changed: "client" and its id, "account" and its ID in text form, "profile" and "".
	Kind, Subject string
	// Username is the name now of the account that was changed. Package manage sets it.
	Username string
	// Before is empty where it was made, After where it was removed. Both are JSON objects.
	Before, After json.RawMessage
}

// ChangeFilter narrows a list of changes; empty fields narrow nothing.
type ChangeFilter struct{ Kind, Subject string }

// AuditFilter narrows a list of audit records; zero fields narrow nothing.
type AuditFilter struct {
	Event     Event
	Actor     string
	AccountID oauth.ID
	ClientID  string
	From, To  time.Time // To is not included
}

// AuditLog is written by the verbs themselves, in their own transactions; here are reading and the
// records that stand alone.
type AuditLog interface {
	Record(ctx context.Context, a Audit) error
	// AccountAudits lists the newest records of one event about an account, newest first.
	AccountAudits(ctx context.Context, account oauth.ID, event Event, limit int) ([]Audit, error)
	// Audits lists the records with an ID before the given one (zero: from the newest) that match, newest first, at most
	// limit. So that a rare match costs no walk over years, one call looks at a bounded number of records; next is where
	// the following call goes on, zero where nothing is left.
	Audits(ctx context.Context, f AuditFilter, before oauth.ID, limit int) (list []Audit, next oauth.ID, err error)
	// AuditsAfter lists the records with an ID after the given one, oldest first, at most limit: for those who follow. A
	// record that is written while another one with a later ID is listed comes to light behind it: who wants every record
	// begins a few seconds back.
	AuditsAfter(ctx context.Context, f AuditFilter, after oauth.ID, limit int) ([]Audit, error)
	// Changes lists changes as Audits lists records, without their documents.
	Changes(ctx context.Context, f ChangeFilter, before oauth.ID, limit int) ([]Change, error)
	// Change reads one with its documents.
	Change(ctx context.Context, id oauth.ID) (Change, error)
}
