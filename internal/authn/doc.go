// Package authn holds the authenticators: the ways of proving who the user is. So far there is one,
// user name and password.
//
// What it defends against: a stolen database (argon2id, RFC 9106, with its parameters beside each
// hash); learning whether a name exists (the same answer after the same work for an unknown name and
// a wrong password); guessing (throttling by name, by device and by address); and being locked out by
// somebody else's guesses (a browser that signed in before is counted on its own, in buckets that
// nobody without such a cookie can reach). Hashing is bounded, so guesses cost the server at most so
// much memory and everybody else at most a wait.
//
// The rules are plain functions: the time is passed in and counting is the store's. Only Hasher and
// AddressLimiter hold state, and nothing depends on a second process sharing it.
package authn
