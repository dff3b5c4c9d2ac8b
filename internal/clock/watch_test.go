package clock

import (
	"errors"
	"testing"
	"time"
)

// Each margin covers what may go wrong by the one before it.
func TestMarginsAreInOrder(t *testing.T) {
	for _, tt := range []struct {
		why           string
		smaller, than time.Duration
	}{
		{"two nodes may differ by twice what is tolerated", 2 * Tolerated, Recent},
		{"a clock that passes for right is ahead by less than things are kept", Recent + 2*Tolerated, PurgeAfter},
		{"that a value was used is known for longer than the value is good by any node", PurgeAfter - 1, KeepSpent},
		{"so are keys", PurgeAfter - 1, KeepKeys},
		{"who corrects waits longer than who deletes", EvenRun, MendAfter},
		{"who waits sees more than what is kept could hide", PurgeAfter - 1, EvenRun},
	} {
		if tt.smaller >= tt.than {
			t.Errorf("%s: %s is not below %s", tt.why, tt.smaller, tt.than)
		}
	}
}

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// machine is a machine whose clocks a test moves.
type machine struct {
	wall time.Time
	boot time.Duration
	// database is how far its clock is off noon plus boot; nil for SQLite.
	database *time.Duration
	trusted  time.Time
	down     bool
	*Watch
}

func newMachine() *machine {
	m := &machine{wall: noon, boot: 1000 * time.Hour}
	m.Watch = NewWatch(func() time.Time { return m.wall }, func() time.Duration { return m.boot })
	return m
}

func (m *machine) look() Trust {
	v, _ := m.Look(func() (Witness, error) {
		if m.down {
			return Witness{}, errors.New("down")
		}
		w := Witness{Trusted: m.trusted}
		if m.database != nil {
			w.Clock = noon.Add(m.boot - 1000*time.Hour + *m.database)
		}
		return w, nil
	})
	if (v.Why == "") != (v.Trust == Trusted) {
		panic("a verdict that is not trusted says why, and no other")
	}
	return v.Trust
}

// run lets time pass evenly, with a look every minute, and returns the last verdict.
func (m *machine) run(d time.Duration) (last Trust) {
	for end := m.boot + d; m.boot < end; {
		step := min(time.Minute, end-m.boot)
		m.wall, m.boot = m.wall.Add(step), m.boot+step
		last = m.look()
	}
	return last
}

func (m *machine) jump(d time.Duration) Trust {
	m.wall = m.wall.Add(d)
	return m.look()
}

// still is a process or machine that does not run for a while, and whose boot clock goes on.
func (m *machine) still(d time.Duration) Trust {
	m.wall, m.boot = m.wall.Add(d), m.boot+d
	return m.look()
}

func TestWatch(t *testing.T) {
	const day = 24 * time.Hour
	type act func(m *machine) Trust
	look := func(m *machine) Trust { return m.look() }
	run := func(d time.Duration) act { return func(m *machine) Trust { return m.run(d) } }
	jump := func(d time.Duration) act { return func(m *machine) Trust { return m.jump(d) } }
	still := func(d time.Duration) act { return func(m *machine) Trust { return m.still(d) } }
	trustedAt := func(ago time.Duration) act {
		return func(m *machine) Trust { m.trusted = m.wall.Add(-ago); return m.look() }
	}
	database := func(off time.Duration) act {
		return func(m *machine) Trust { m.database = &off; return m.look() }
	}
	down := func(is bool) act { return func(m *machine) Trust { m.down = is; return m.look() } }
	type step struct {
		do   act
		want Trust
	}
	for name, steps := range map[string][]step{
		"first start, evenly for an hour":           {{look, Settling}, {run(59 * time.Minute), Settling}, {run(time.Minute), Trusted}},
		"restarted a moment ago":                    {{trustedAt(time.Minute), Trusted}},
		"restarted within the margin":               {{trustedAt(Recent), Trusted}},
		"off for 60 days, or a clock that is ahead": {{trustedAt(60 * day), Settling}, {run(EvenRun), Trusted}},
		"ahead by 2 h at the start":                 {{trustedAt(2 * time.Hour), Settling}},
		"behind by 2 h at the start":                {{trustedAt(-2 * time.Hour), Settling}, {run(EvenRun), Trusted}},
		"little ahead of what is stored":            {{trustedAt(-Tolerated), Trusted}},
		"behind at the start, then set right":       {{trustedAt(-2 * time.Hour), Settling}, {jump(2 * time.Hour), Trusted}},
		"ahead at the start, then set back": {
			{trustedAt(9 * time.Hour), Settling}, {jump(-9 * time.Hour), Trusted}},
		"set by NTP after the start": {
			{trustedAt(60 * day), Settling}, {jump(5 * time.Minute), Settling}, {run(59 * time.Minute), Settling}, {run(time.Minute), Trusted}},
		"set after an hour that nothing vouched for": {
			{trustedAt(60 * day), Settling}, {run(EvenRun), Trusted}, {jump(-time.Hour), Jumped}},
		"a small step":    {{trustedAt(0), Trusted}, {jump(Tolerated), Trusted}, {jump(-2 * Tolerated), Trusted}},
		"+2 h and back":   {{trustedAt(0), Trusted}, {jump(2 * time.Hour), Jumped}, {run(time.Minute), Jumped}, {jump(-2 * time.Hour), Trusted}},
		"-2 h and back":   {{trustedAt(0), Trusted}, {jump(-2 * time.Hour), Jumped}, {jump(2 * time.Hour), Trusted}},
		"+9 h and back":   {{trustedAt(0), Trusted}, {jump(9 * time.Hour), Jumped}, {jump(-9 * time.Hour), Trusted}},
		"+400 d and back": {{trustedAt(0), Trusted}, {jump(400 * day), Jumped}, {run(time.Hour / 2), Jumped}, {jump(-400 * day), Trusted}},
		"small steps that add up": {
			{trustedAt(0), Trusted}, {jump(20 * time.Second), Trusted}, {jump(20 * time.Second), Jumped}},
		"small steps with hours between them": {
			{trustedAt(0), Trusted}, {run(EvenRun), Trusted}, {jump(20 * time.Second), Trusted}, {run(EvenRun), Trusted},
			{jump(20 * time.Second), Trusted}, {run(EvenRun), Trusted}, {jump(20 * time.Second), Trusted}},
		"a jump that stays is believed after an hour": {
			{trustedAt(0), Trusted}, {jump(2 * time.Hour), Jumped}, {run(59 * time.Minute), Jumped}, {run(time.Minute), Trusted}},
		"two jumps begin the hour again": {
			{trustedAt(0), Trusted}, {jump(2 * time.Hour), Jumped}, {run(30 * time.Minute), Jumped}, {jump(time.Hour), Jumped},
			{run(30 * time.Minute), Jumped}, {run(30 * time.Minute), Trusted}},
		"stood still for 60 days, as a suspended machine": {
			{trustedAt(0), Trusted}, {still(60 * day), Settling}, {run(EvenRun), Trusted}},
		"restored from a snapshot, then set right": {{trustedAt(0), Trusted}, {jump(60 * day), Jumped}},
		"a short pause": {{trustedAt(0), Trusted}, {still(20 * time.Minute), Trusted}},

		"PostgreSQL agrees":               {{database(0), Settling}, {trustedAt(0), Trusted}},
		"PostgreSQL agrees, first start":  {{database(0), Settling}, {run(EvenRun), Trusted}},
		"off PostgreSQL":                  {{database(Tolerated + time.Second), Skewed}},
		"off PostgreSQL, and back":        {{database(0), Settling}, {trustedAt(0), Trusted}, {jump(2 * time.Hour), Skewed}, {jump(-2 * time.Hour), Trusted}},
		"PostgreSQL off":                  {{database(0), Settling}, {trustedAt(0), Trusted}, {database(9 * time.Hour), Skewed}, {database(0), Trusted}},
		"a jump that PostgreSQL confirms": {{database(2 * time.Hour), Skewed}, {jump(2 * time.Hour), Settling}, {run(EvenRun), Trusted}},
		"a jump while PostgreSQL is down": {
			{database(0), Settling}, {trustedAt(0), Trusted}, {down(true), Trusted}, {jump(2 * time.Hour), Jumped}, {down(false), Skewed}, {jump(-2 * time.Hour), Trusted}},
		"skewed while PostgreSQL is down": {{database(time.Hour), Skewed}, {down(true), Skewed}},
	} {
		m := newMachine()
		for i, s := range steps {
			if got := s.do(m); got != s.want {
				t.Errorf("%s, step %d: %d, want %d (%s)", name, i+1, got, s.want, m.Last().Why)
			}
		}
	}
}

// Lasting things are decided by the earlier of both clocks.
func TestLookTakesTheEarlierClock(t *testing.T) {
	for _, off := range []time.Duration{-20 * time.Second, 0, 20 * time.Second} {
		m := newMachine()
		m.database = &off
		m.look()
		if want := noon.Add(min(0, off)); !m.Last().Now.Equal(want) {
			t.Errorf("the database is %s off: %s", off, m.Last().Now)
		}
	}
}

// A database that is slow to answer is not a clock that is off, nor one that agrees.
func TestLookAllowsForTheAnswersWay(t *testing.T) {
	for _, tt := range []struct {
		took, off time.Duration
		want      Trust
	}{
		{20 * time.Second, 40 * time.Second, Trusted}, // answered at once, heard late
		{20 * time.Second, 60 * time.Second, Skewed},
		{0, 40 * time.Second, Skewed},
		{time.Minute, 2 * time.Hour, Settling}, // nothing is known
	} {
		m := newMachine()
		v, err := m.Look(func() (Witness, error) {
			m.wall, m.boot = m.wall.Add(tt.took), m.boot+tt.took
			return Witness{Clock: m.wall.Add(-tt.off), Trusted: m.wall}, nil
		})
		if err != nil || v.Trust != tt.want {
			t.Errorf("%s late, %s off: %d, want %d", tt.took, tt.off, v.Trust, tt.want)
		}
	}
}

func TestClocksOfThisMachine(t *testing.T) {
	wall, boot := Wall(), Boot()
	if w, b := Wall(), Boot(); w.Before(wall) || b < boot || boot <= 0 {
		t.Errorf("%s then %s, %s then %s", wall, w, boot, b)
	}
	if off := time.Since(wall).Abs(); off > time.Minute {
		t.Errorf("the wall clock is %s off", off)
	}
	w := NewWatch(Wall, Boot)
	for range 3 {
		if v, err := w.Look(func() (Witness, error) { return Witness{Trusted: Wall()}, nil }); err != nil || v.Trust != Trusted {
			t.Errorf("%+v, %v", v, err)
		}
	}
}
