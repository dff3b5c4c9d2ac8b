package clock

import "time"

// Wall is the time of day: the only place in usher where it is read for anything that is stored, shown,
// or compared with what is stored. It carries no monotonic reading, so that a difference of two values
// shows a jump. A test that shifts the clock of one process replaces this file (go build -overlay).
func Wall() time.Time { return time.Now().Round(0) }

// Boot is how long the machine has been up, its suspension included. Nothing that sets the time of day
// moves it, so the difference of Wall and Boot is constant unless the clock is changed.
func Boot() time.Duration { return bootTime() }
