package clock

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Trust is what this machine's clock is good for.
type Trust int

// Unknown and Settling serve requests, but do nothing lasting: no deletion, no key made or removed.
// Jumped and Skewed refuse requests too: their answers would be wrong, and what they store as well.
const (
	Unknown  Trust = iota // nothing was compared yet
	Trusted               // it may decide about lasting things
	Settling              // nothing vouches for it yet, and nothing speaks against it
	Jumped                // it was set while the process ran
	Skewed                // it is off the database's
)

// Serves tells whether requests may be answered by this clock.
func (t Trust) Serves() bool { return t != Jumped && t != Skewed }

// Verdict is what one look at the clocks says.
type Verdict struct {
	Trust Trust
	// Now is the earlier of this machine's time and the database's: by it lasting things are decided.
	Now time.Time
	// Off is how far this machine's clock is off: the database's, or its own course since the start.
	Off time.Duration
	// Even is how long the clock has run evenly while usher ran.
	Even time.Duration
	// Why says what is wrong, in one sentence; empty where nothing is.
	Why string
}

// Witness is what the database says about the time.
type Witness struct {
	// Clock is the database's clock; zero where that is this machine's (SQLite).
	Clock time.Time
	// Trusted is when a trusted clock last did something lasting; zero for never.
	Trusted time.Time
}

// Watch holds the wall clock against boot time, the database's clock and the last trusted time. Any number
// of goroutines use it.
type Watch struct {
	wall func() time.Time
	boot func() time.Duration

	mu    sync.Mutex
	state state
	last  atomic.Pointer[Verdict]
}

// NewWatch watches the two clocks, which are Wall and Boot save in tests.
func NewWatch(wall func() time.Time, boot func() time.Duration) *Watch {
	w := &Watch{wall: wall, boot: boot}
	w.last.Store(&Verdict{})
	return w
}

// Last is the latest verdict; the zero Verdict before the first look, and of a nil Watch.
func (w *Watch) Last() Verdict {
	if w == nil {
		return Verdict{}
	}
	return *w.last.Load()
}

// Look asks the database and decides. Where the database cannot be asked, what this machine can tell alone
// is decided all the same, and the error is returned.
func (w *Watch) Look(ask func() (Witness, error)) (Verdict, error) {
	if w == nil {
		_, err := ask()
		return Verdict{}, err
	}
	before := w.boot()
	witness, err := ask()
	w.mu.Lock()
	defer w.mu.Unlock()
	r := reading{wall: w.wall().Round(0), boot: w.boot()}
	if r.took = r.boot - before; err == nil && r.took <= Tolerated {
		r.witness = &witness
	}
	v := w.state.next(r)
	w.last.Store(&v)
	return v, err
}

// reading is one look at all clocks.
type reading struct {
	wall time.Time
	boot time.Duration
	// witness is nil where the database could not be asked; took is how long it needed.
	witness *Witness
	took    time.Duration
}

// state is what is known from one look to the next.
type state struct {
	started bool
	// course is the wall clock at boot: constant while the clock runs evenly, which it does since the
	// boot time since.
	course time.Time
	since  time.Duration
	last   time.Duration
	// vouched: the last trusted time was recent, so this clock goes on from it. behind: it lies ahead.
	vouched, behind bool
	// checked is the boot time since which course stands: a clock that drifts, or is set a little each day,
	// is followed once an hour.
	checked time.Duration
	// strayed is the course of a clock that jumped, followed since strayedSince.
	strayed      time.Time
	strayedSince time.Duration
	// off is the distance to the database's clock at the last look that could ask; compared tells
	// whether there is one.
	off      time.Duration
	compared bool
}

// next takes in a reading and decides.
func (s *state) next(r reading) Verdict {
	course := r.wall.Add(-r.boot)
	switch {
	case !s.started || r.boot < s.last:
		*s = state{started: true}
		s.follow(course, r.boot)
	case r.boot-s.last > Recent: // the process stood still; what happened meanwhile, nobody saw
		s.follow(s.course, r.boot)
	}
	s.last = r.boot
	v := Verdict{Now: r.wall}
	if r.witness != nil && !r.witness.Clock.IsZero() {
		s.off, s.compared = distance(r), true
		v.Now = earlier(r.wall, r.witness.Clock)
	}
	if jump := course.Sub(s.course); jump.Abs() > Tolerated && !s.accept(course, r) {
		v.Off, v.Trust = jump, Jumped
	} else if jump.Abs() <= Tolerated {
		s.strayed = time.Time{}
		if r.boot-s.checked >= EvenRun {
			s.course, s.checked = course, r.boot
		}
	}
	if s.compared && s.off.Abs() > Tolerated {
		v.Off, v.Trust = s.off, Skewed
	}
	if v.Trust == Unknown {
		v.Trust = s.settled(r)
		v.Off = s.off
	}
	v.Even = r.boot - s.since
	v.Why = v.why()
	return v
}

// follow begins a course: the clock has to run evenly from here.
func (s *state) follow(course time.Time, at time.Duration) {
	s.course, s.since, s.checked = course, at, at
	s.vouched, s.behind, s.strayed = false, false, time.Time{}
}

// accept tells whether a clock that jumped is believed in its new place, and then follows it: where nothing
// vouched for its old place either (a machine that starts before NTP answers), where the database's clock
// agrees, where it was evidently behind before and is not now, or where it has run evenly for so long that
// somebody must have meant it.
func (s *state) accept(course time.Time, r reading) bool {
	if !s.trusted(r) {
		s.follow(course, r.boot)
		return true
	}
	if s.strayed.IsZero() || course.Sub(s.strayed).Abs() > Tolerated {
		s.strayed, s.strayedSince = course, r.boot
	}
	agrees := r.witness != nil && !r.witness.Clock.IsZero() && s.off.Abs() <= Tolerated
	caughtUp := s.behind && r.witness != nil && !r.wall.Before(r.witness.Trusted.Add(-Tolerated))
	from := r.boot
	if r.boot-s.strayedSince >= EvenRun {
		from = s.strayedSince
	} else if !agrees && !caughtUp {
		return false
	}
	s.follow(course, from)
	return true
}

// settled tells whether a clock that nothing speaks against may decide about lasting things.
func (s *state) settled(r reading) Trust {
	if r.witness != nil && !r.witness.Trusted.IsZero() && !s.vouched {
		age := r.wall.Sub(r.witness.Trusted)
		s.behind = age < -Tolerated
		s.vouched = !s.behind && age <= Recent
	}
	if s.trusted(r) {
		return Trusted
	}
	return Settling
}

// trusted tells whether something vouches for the course that the clock is on.
func (s *state) trusted(r reading) bool { return s.vouched || r.boot-s.since >= EvenRun }

// distance is how far the wall clock is off the database's, which answered some time within took.
func distance(r reading) time.Duration {
	latest := r.wall.Sub(r.witness.Clock)
	earliest := latest - r.took
	switch {
	case earliest > 0:
		return earliest
	case latest < 0:
		return latest
	}
	return 0
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// why says in one sentence what is wrong, empty where nothing is.
func (v Verdict) why() string {
	off := v.Off.Round(time.Second)
	switch v.Trust {
	case Settling:
		return fmt.Sprintf("nothing confirms this machine's clock yet: nothing is deleted and no key is changed"+
			" until it has run evenly for %s", EvenRun)
	case Jumped:
		return fmt.Sprintf("this machine's clock was set by %s while usher was running: set it back,"+
			" or, if the new time is correct, restart usher", off)
	case Skewed:
		return fmt.Sprintf("this machine's clock is %s off the database's: set both by NTP", off)
	}
	return ""
}
