package clock

import "time"

// All margins of time, in the order that makes them safe. Each is larger than what may go wrong before
// it: Tolerated < Recent < PurgeAfter <= KeepSpent, KeepKeys <= EvenRun < MendAfter (TestMarginsAreInOrder).
const (
	// Tolerated is how far this machine's clock may be off the database's, or may have moved against boot
	// time. Two nodes can be twice that apart.
	Tolerated = 30 * time.Second
	// Recent is how old the last trusted time may be for a clock to go on from it without waiting. A clock
	// that is wrong can be ahead by no more than this then, so Recent has to be below PurgeAfter.
	Recent = 30 * time.Minute
	// PurgeAfter is how long ago something expired when it is deleted: no node, and no clock that passed
	// for right, still takes it for good.
	PurgeAfter = time.Hour
	// KeepSpent is how much longer than that a used one-time value is remembered.
	KeepSpent = time.Hour
	// KeepKeys is how much longer than the longest token a retired key stays.
	KeepKeys = time.Hour
	// EvenRun is how long a clock must run evenly before it decides about anything lasting, where nothing
	// else vouches for it. It gives an operator the time to see a wrong clock and set it.
	EvenRun = time.Hour
	// MendAfter is how long it must run evenly before it corrects what lies in its future, where purges as
	// well say that it is later than it shows: it may itself be the clock that is wrong.
	MendAfter = 24 * time.Hour
)
