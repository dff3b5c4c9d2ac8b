package sqlstore

import "context"

// The value changes each time: SQLite writes nothing where a row stays as it is.
var raiseProbe = sql(`INSERT INTO probe (id, writes) VALUES (1, 1)
	ON CONFLICT (id) DO UPDATE SET writes = probe.writes + 1`)

// Writable tells whether the database takes writes, at the cost of one commit.
func (s *Store) Writable(ctx context.Context) error { return s.db.writable(ctx) }

// writeProbe is the verb behind writable.
func writeProbe(t tx) error {
	t.do(raiseProbe)
	return nil
}
