package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// noticed is how soon a node on PostgreSQL notices that its clock is wrong, and what a loaded machine
// adds.
const noticed = time.Second + slack

// lasting is what a database holds that a wrong clock must not touch.
type lasting struct{ keys, audit, revocations, sessions string }

func (t *trial) read(query string) (string, error) {
	if t.row.database == "sqlite" {
		return readSQLite(t, query)
	}
	return t.lab.server.ask(t.name, query)
}

// lasting reads the ids of all keys, and which of the oldest things are still there. The load adds
// further ones, which the ledger looks after.
func (t *trial) lasting() (l lasting, err error) {
	for _, q := range []struct {
		to    *string
		query string
	}{
		{&l.keys, "SELECT group_concat(id, ' ') FROM (SELECT id FROM wrapped_key ORDER BY id) AS k"},
		{&l.audit, "SELECT CAST(count(*) AS text) FROM audit"},
		{&l.revocations, "SELECT CAST(count(*) AS text) FROM revocation"},
		{&l.sessions, "SELECT CAST(count(*) AS text) FROM session"},
	} {
		if t.row.database == "postgres" {
			q.query = strings.Replace(q.query, "group_concat", "string_agg", 1)
		}
		if *q.to, err = t.read(q.query); err != nil {
			return l, err
		}
	}
	return l, nil
}

// shiftOne shifts one of two nodes on the run, and starts a third whose clock is wrong from the start:
// the first maintenance of a node comes at its start.
func shiftOne(by time.Duration) func(*trial) error {
	return func(t *trial) error {
		before, err := t.lasting()
		if err != nil {
			return err
		}
		n := t.last()
		n.excuse.Store(&excuse{unavailable: true, refuses: true})
		if err := n.shift(by); err != nil {
			return err
		}
		n.mustRefuseFrom.Store(time.Now().Add(noticed).UnixMilli())
		err = t.startShifted(by)
		time.Sleep(t.fault / 2)
		n.mustRefuseFrom.Store(0)
		if err == nil {
			err = n.shift(0)
		}
		t.over()
		if err != nil {
			return err
		}
		return t.compareLasting(before, by)
	}
}

// startShifted runs one more node with a wrong clock for a while. It may refuse to start.
func (t *trial) startShifted(by time.Duration) error {
	n := newNode(t.nodes[0].binary, t.dir, "shifted")
	if err := n.shift(by); err != nil {
		return err
	}
	if err := n.start(); err != nil {
		return err
	}
	time.Sleep(t.fault / 2)
	n.kill()
	return nil
}

// shiftAlone shifts the only node on the run and back. Then it starts the node with the wrong clock, whose
// first maintenance comes at once, and takes that shift back on the run, too. The node goes on by itself.
func shiftAlone(by time.Duration) func(*trial) error {
	return func(t *trial) error {
		before, err := t.lasting()
		if err != nil {
			return err
		}
		n := t.last()
		n.excuse.Store(&excuse{unavailable: true, refuses: true})
		if err := n.shift(by); err != nil {
			return err
		}
		time.Sleep(t.fault)
		if err := n.shift(0); err != nil {
			return err
		}
		t.over()
		if err := t.recover(); err != nil {
			return err
		}
		if err := t.startAloneShifted(n, by); err != nil {
			return err
		}
		return t.compareLasting(before, by)
	}
}

// startAloneShifted starts the node with a wrong clock, where it may refuse to start, and sets the clock
// right a while later.
func (t *trial) startAloneShifted(n *node, by time.Duration) error {
	n.excuse.Store(&excuse{unavailable: true, refuses: true, unreachable: true, breaks: true})
	n.kill()
	if err := n.shift(by); err != nil {
		return err
	}
	if err := n.start(); err != nil {
		return err
	}
	time.Sleep(2500 * time.Millisecond)
	err := n.shift(0)
	t.over()
	if err == nil && !n.process.alive() {
		err = n.startReady()
	}
	return err
}

// compareLasting says what is gone after the clock was wrong by that much. A clock that is behind what was
// purged adds the keys of a new epoch, without which nothing that it issues would work; it takes none.
func (t *trial) compareLasting(before lasting, by time.Duration) error {
	now, err := t.lasting()
	if err != nil {
		return err
	}
	is := strings.Fields(now.keys)
	gone := slices.ContainsFunc(strings.Fields(before.keys), func(id string) bool { return !slices.Contains(is, id) })
	if gone || by > 0 && now.keys != before.keys {
		t.fail("the keys were %s and are %s", before.keys, now.keys)
	}
	for _, c := range []struct{ what, before, now string }{
		{"audit records", before.audit, now.audit}, {"revocations", before.revocations, now.revocations},
	} {
		var was, is int
		fmt.Sscan(c.before, &was)
		fmt.Sscan(c.now, &is)
		if is < was {
			t.fail("there were %d %s and there are %d", was, c.what, is)
		}
	}
	return nil
}
