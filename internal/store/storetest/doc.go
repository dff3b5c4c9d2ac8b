// Package storetest is the one suite that every store.Store has to pass: the meaning of each verb, what
// ends what, and races with one winner. Nothing in it can be switched off. It also starts the real
// PostgreSQL that tests and benchmarks run against, and fills a store for the benchmarks.
//
// A backend calls it in three lines:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store { return open(t) })
//	}
package storetest
