package authn

import "time"

// How attempts of one kind fold: the first ones of an hour are recorded one by one, then the waits
// between records double. A flood makes about 30 records an hour, a user who mistypes one for each
// attempt.
const (
	foldWindow    = time.Hour
	foldAlone     = 10
	foldFirstWait = time.Second
	foldMostWait  = 5 * time.Minute
)

// Fold gathers attempts of one kind, so that a flood of them makes few records. The zero Fold is
// empty.
type Fold struct {
	// Count is the number of attempts that are not recorded yet, First and Last when they were.
	Count       int
	First, Last time.Time

	records int // since the window began
	window  time.Time
	due     time.Time // the next record, at the earliest
}

// Add counts an attempt. A clock that was set back begins a new window.
func (f *Fold) Add(now time.Time) {
	if now.Before(f.window) || !now.Before(f.window.Add(foldWindow)) {
		f.window, f.records, f.due = now, 0, time.Time{}
	}
	if f.Count == 0 {
		f.First = now
	}
	f.Count, f.Last = f.Count+1, now
}

// Due tells whether what was gathered is to be recorded now.
func (f *Fold) Due(now time.Time) bool { return f.Count > 0 && !now.Before(f.due) }

// Recorded empties the fold after a record was made.
func (f *Fold) Recorded(now time.Time) {
	f.records++
	wait := time.Duration(0)
	for i := f.records; i >= foldAlone && wait < foldMostWait; i-- {
		wait = max(foldFirstWait, 2*wait)
	}
	f.Count, f.due = 0, now.Add(min(wait, foldMostWait))
}

// Over tells whether the fold holds nothing any more that later attempts need.
func (f *Fold) Over(now time.Time) bool {
	return f.Count == 0 &&
		!now.Before(f.window.Add(foldWindow))
}
