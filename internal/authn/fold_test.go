package authn

import (
	"testing"
	"time"
)

// A user who mistypes gets a record for each attempt; a flood a bounded number, which lose no
// attempt.
func TestFold(t *testing.T) {
	start := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name                 string
		attempts             int
		every                time.Duration
		recordsMin, mostSize int
		records              int
	}{
		{"one", 1, time.Second, 1, 1, 1},
		{"ten at once", 10, 0, 10, 1, 10},
		{"eleven at once", 11, 0, 11, 1, 11},
		{"one a minute", 60, time.Minute, 20, 5, 60},
		{"ten a second for an hour", 36_000, 100 * time.Millisecond, 20, 3001, 32},
		{"one an hour", 48, time.Hour, 48, 1, 48},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f Fold
			records, recorded, largest, now := 0, 0, 0, start
			record := func() {
				largest = max(largest, f.Count)
				recorded, records = recorded+f.Count, records+1
				f.Recorded(now)
			}
			for range tt.attempts {
				f.Add(now)
				if f.Due(now) {
					record()
				}
				now = now.Add(tt.every)
			}
			for end := now.Add(foldMostWait); now.Before(end); now = now.Add(time.Second) {
				if f.Due(now) {
					record()
				}
			}
			if recorded != tt.attempts || records < tt.recordsMin || records > tt.records ||
				largest > tt.mostSize {
				t.Errorf("%d of %d attempts in %d records, of at most %d", recorded, tt.attempts, records,
					largest)
			}
			if now = now.Add(foldWindow); !f.Over(now) {
				t.Error("it is kept for ever")
			}
		})
	}
}

// A record tells the first and the last attempt that it counts; a clock that is set back holds
// nothing up.
func TestFoldTellsFirstAndLast(t *testing.T) {
	at := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	var f Fold
	f.Add(at)
	f.Add(at.Add(time.Second))
	if f.Count != 2 || !f.First.Equal(at) || !f.Last.Equal(at.Add(time.Second)) {
		t.Errorf("%+v", f)
	}
	if f.Over(at.Add(2 * foldWindow)) {
		t.Error("it is over although it counts attempts")
	}
	for range 20 {
		f.Recorded(at)
	}
	f.Add(at.Add(-24 * time.Hour))
	if !f.Due(at.Add(-24 * time.Hour)) {
		t.Error("after the clock was set back nothing is due for a day")
	}
}
