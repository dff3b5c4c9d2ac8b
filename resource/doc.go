// Package resource protects an API that is called with access tokens of usher.
//
//	v, err := resource.New("https://login.example.com/oauth/v2/oauth-anonymous", "https://api.example.com",
//		resource.ByIntrospection("my-api", secret))
//	...
//	mux.Handle("GET /orders", v.Require("orders").Wrap(orders))
//	mux.Handle("POST /payments", v.Require("payment").MaxAge(5*time.Minute).Wrap(pay))
//	http.ListenAndServe(addr, resource.CORS("https://app.example.com")(mux))
//
// A handler that is wrapped runs only for a request with a good token, and finds it with TokenFrom.
//
// # Two ways to check a token
//
// ByIntrospection asks the server what the token is worth (RFC 7662). It works for every kind of token, and what was
// revoked is refused after MaxStaleness at the latest: 5 seconds, or what the API chooses, 0 included.
//
// ByJWT checks signature and claims of tokens that are JWTs (RFC 9068) with the server's published keys. It asks nobody, and
// therefore accepts a token until it expires, revoked or not.
//
// In both, the token has to be meant for this API: its audience must contain the API's (RFC 8707, RFC 9068 §4).
//
// # What else is checked
//
// A token that is bound to a key counts only together with that key: by DPoP (RFC 9449) where AcceptDPoP is set, by a
// client certificate (RFC 8705) where the API's own TLS connection has it. A token that is bound in a way that cannot be checked is
// refused. Require names scopes, and by MaxAge and ACR how fresh and how strong the user's authentication has to be (RFC 9470).
// A refusal says in WWW-Authenticate what is missing, so that an app can get it.
//
// Tokens are read from the Authorization header alone: in an address or a form they would end up in logs.
//
// # When the server is down
//
// A token that cannot be checked is neither good nor bad: the answer is 503, the cause is logged, and nobody is signed out by a
// server that restarts. Keys and metadata that were read before serve for another hour.
package resource
