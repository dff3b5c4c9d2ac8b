// Package oauth is the core of usher: the values of OAuth 2.0, OpenID Connect and the assisted token
// flow, and the rules over them as pure functions. It knows no HTTP, no SQL, no clock and no random
// source: the time and fresh identifiers are passed in, so every rule is tested by a table or a
// fuzz target, without a mock.
//
// The reading order of the files is that of a request: assisted.go parses it, origin.go and
// scope.go hold it against the client, flow.go decides the next step, claims.go says what the tokens
// contain, introspect.go what they are worth later, logout.go how it all ends.
package oauth
