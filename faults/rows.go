package main

import "time"

// row is a fault x database.
type row struct {
	fault    func(*trial) error // makes the fault and takes it back: then it calls over
	name     string
	database string
	nodes    int
	before   func(*trial) error // makes what the fault needs, before the nodes start; nil for nothing
	alone    bool               // in the long form some workers know one node only
	shifts   bool               // needs the binary whose clock can be shifted
	unready  bool               // /readyz has to say so during the fault
	maxGap   time.Duration      // without a successful answer, at most; 0 for any
	slowest  time.Duration      // of all answers, at most; 0 for what is promised
	recovery time.Duration      // until each node writes again, at most
	// short and long say how long the fault lasts in each form.
	short, long time.Duration
}

// title is how a row is named and chosen.
func (r row) title() string { return r.database + "/" + r.name }

const (
	// recovers is what is promised of the database's return, and what a loaded machine adds.
	recovers = 3*time.Second + slack
	// restarts is how long a node takes to start, at most.
	restarts = 10 * time.Second
)

// rows are all rows, in the order in which they run. The standby comes last: it ends its server.
func rows() []row {
	const (
		short, long = 2500 * time.Millisecond, 20 * time.Second
		// minute is long enough for maintenance, which runs once a minute, to come by.
		minute = 65 * time.Second
	)
	all := []row{
		{name: "kill", database: "sqlite", nodes: 1, fault: killNode, recovery: restarts, short: time.Second, long: 5 * time.Second},
		{name: "term", database: "sqlite", nodes: 1, fault: stopNode, recovery: restarts, short: time.Second, long: 5 * time.Second},
		{name: "full-disk", database: "sqlite", nodes: 1, before: smallDisk, fault: fillDisk, unready: true, recovery: recovers, short: 4 * time.Second, long: long},
		{name: "long-reader", database: "sqlite", nodes: 1, fault: readLong, maxGap: 2 * time.Second, slowest: 3 * time.Second, recovery: recovers, short: 8 * time.Second, long: 40 * time.Second},
		{name: "kill", database: "postgres", nodes: 2, fault: killNode, maxGap: 3 * time.Second, recovery: restarts, short: time.Second, long: 5 * time.Second},
		{name: "term", database: "postgres", nodes: 2, fault: stopNode, maxGap: 3 * time.Second, recovery: restarts, short: time.Second, long: 5 * time.Second},
		{name: "term-in-turn", database: "postgres", nodes: 3, alone: true, fault: stopInTurn,
			maxGap: 3 * time.Second, recovery: restarts, short: 3 * time.Second, long: minute},
		{name: "database-killed", database: "postgres", nodes: 2, fault: killDatabase, unready: true, recovery: recovers, short: 4 * time.Second, long: long},
		{name: "database-hung", database: "postgres", nodes: 2, fault: hangDatabase, unready: true, recovery: recovers, short: 7 * time.Second, long: long},
		{name: "database-silent", database: "postgres", nodes: 2, before: viaProxy, fault: silenceDatabase, unready: true, recovery: recovers, short: 7 * time.Second, long: long},
		{name: "read-only", database: "postgres", nodes: 2, fault: makeReadOnly, unready: true, recovery: recovers, short: 4 * time.Second, long: long},
		{name: "pgbouncer", database: "postgres", nodes: 2, before: viaPooler, fault: restartPooler, recovery: recovers, short: short, long: long},
	}
	for _, shift := range []struct {
		name string
		by   time.Duration
	}{{"clock+2h", 2 * time.Hour}, {"clock-2h", -2 * time.Hour}, {"clock+9h", 9 * time.Hour}, {"clock+400d", 400 * 24 * time.Hour}} {
		all = append(all,
			row{name: shift.name, database: "sqlite", nodes: 1, shifts: true, fault: shiftAlone(shift.by), recovery: restarts, short: short, long: minute},
			row{name: shift.name, database: "postgres", nodes: 2, shifts: true, fault: shiftOne(shift.by), unready: true,
				maxGap: 3 * time.Second, recovery: restarts, short: 4 * time.Second, long: minute})
	}
	return append(all, row{name: "promoted-standby", database: "postgres", nodes: 2, before: withStandby, fault: promote,
		recovery: recovers, short: short, long: long})
}
