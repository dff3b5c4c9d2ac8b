// Package token makes and reads the bytes that leave the server: sealed values, JWTs and the JWKS, and
// it says which key is used when.
//
// What it defends against: somebody who reads the database learns no key, for every secret in it is
// wrapped under the master key, which is never there. Somebody who holds a sealed value can neither
// read it nor change it, nor use it as another kind of value or at another issuer: each kind has a
// key of its own, and kind, version and issuer are authenticated with it. A signed token is believed
// only under a key of ours, with the algorithm of that key and the type that was asked for; what a
// token's header says about keys is otherwise ignored.
//
// What it does not do: a sealed value can be offered again until its owner stops believing it. Expiry
// and single use are the business of whoever opens it.
//
// Nothing here reads the clock; random numbers for keys come from a reader that the caller passes.
package token
