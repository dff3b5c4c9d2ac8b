// Package authn holds the authenticators: the ways of proving who the user is. So far there is one,
// user name and password.
//
// What it defends against: a stolen database (argon2id, RFC 9106, with its parameters beside each
// hash); learning whether a name exists (the same answer after the same work for an unknown name and
// a wrong password); guessing (throttling by user and network, by user, by known browser and by
// address); and being kept out by guesses of others (the guessing networks pay, and a browser in which
// the user signed in before is counted on its own). Hashing is bounded, so guesses cost the server at
// most so much memory.
//
// The rules are plain functions: the time is passed in and counting is the store's. Only Hasher and
// AddressLimiter hold state, and nothing depends on a second process sharing it.
package authn
