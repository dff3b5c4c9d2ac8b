package store

import (
	"context"
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
	EventFamilyStarted    Event = "family_started"
	EventFamilyEnded      Event = "family_ended"
	EventReplay           Event = "replay"
	EventDeviceDecided    Event = "device_decided"
	EventClientChanged    Event = "client_changed"
	EventClientRemoved    Event = "client_removed"
	EventProfileChanged   Event = "profile_changed"
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
)

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
	// Count is above 1 where records were folded.
	Count int
}

// AuditLog is written by the verbs themselves, in their own transactions; here are reading and the
// records that stand alone.
type AuditLog interface {
	Record(ctx context.Context, a Audit) error
	// RecordFailedSignIn folds: one row an account and hour, whose Count rises. The zero account
	// stands for all unknown names together.
	RecordFailedSignIn(ctx context.Context, a Audit) error
	// Audits lists the records with an ID before the given one (zero: from the newest), newest
	// first, at most limit.
	Audits(ctx context.Context, before oauth.ID, limit int) ([]Audit, error)
}
