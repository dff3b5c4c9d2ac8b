// Package sqlstore keeps everything usher remembers in SQLite or in PostgreSQL. Each verb of package
// store is written once, over a small transaction type that both engines offer; the statements are
// written once too, with $n placeholders.
//
// # What both engines promise
//
// A verb that returned nil is on disk. A verb that returned an error changed nothing. A caller that
// hangs up never disturbs another one whose work happens to share a commit or a round trip with it.
//
// # SQLite
//
// Write-ahead log, synchronous=FULL, a few readers and one writer. The writer commits whatever is waiting
// as one transaction with each verb in a savepoint, so that one fsync serves many callers. Contexts are
// checked before and after, not handed to the driver: watching them costs a quarter of the speed.
// Another process (the command line) may write at the same time; whoever comes second waits, for
// seconds at most. Checkpoints run beside the writer, which no reader can stop.
//
// # PostgreSQL
//
// Statements of the hot reads that wait at the same moment travel in one pipeline over a few dedicated
// connections. Verbs that only append (a revocation, an audit record) share transactions in the same way.
// All others are transactions of their own on a bounded pool; what the verb asks without needing the
// answer travels with the next statement that does, or with the commit. The isolation level is the
// database's (READ COMMITTED is enough): whatever a verb relies on it locks with FOR SHARE or FOR
// UPDATE, always the parent first, and serialisation failures and dead-locks are retried.
//
// Every call has a deadline, and the calls of one request share a budget (store.WithBudget). An error that
// says that the database is in trouble is a store.ErrUnavailable, and costs the connection and all that are
// idle, so that the next call finds the database as it then is. Only a primary is connected to.
//
// # Races that the verbs must win
//
// What hangs off something is inserted by a statement that locks it (a delegation: account, session and
// client); what ends something removes the parent first and the rest in a later statement, which therefore
// sees everything that was inserted before. A family locks its delegation, which stands for the rest: all that ends
// families deletes the delegations before them.
//
// Whatever may leave one admin less first writes the one row of the configuration, and then counts those who are left:
// of two admins who demote each other at once, one stays, at every isolation level. Changes of the configuration take
// the same row first, so that they, and whole files of them, happen one by one.
//
// A one-time value is spent by inserting its hash: of many that try, the database lets one through and has the
// others wait for its commit. A code's second use therefore sees the family of its first, and ends it.
//
// # Lists
//
// A page of a list is one query that goes on behind the last row of the page before and walks an index in the order of
// the list: what a page costs does not depend on how many rows there are. A filter of audit records looks at a bounded
// number of them. Only a search for text within names of clients looks at all of these, in a table of nothing else.
package sqlstore
