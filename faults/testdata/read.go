// Package clock, with a shift: `go build -overlay` puts this file in place of internal/clock/read.go.
package clock

import (
	"os"
	"strings"
	"sync"
	"time"
)

var shifted struct {
	mu   sync.Mutex
	read time.Time
	by   time.Duration
}

// shift is what the file that FAULTS_CLOCK_OFFSET names says, at most 10 ms ago; 0 without the file.
func shift() time.Duration {
	shifted.mu.Lock()
	defer shifted.mu.Unlock()
	if now := time.Now(); now.Sub(shifted.read) > 10*time.Millisecond {
		shifted.read = now
		text, _ := os.ReadFile(os.Getenv("FAULTS_CLOCK_OFFSET"))
		shifted.by, _ = time.ParseDuration(strings.TrimSpace(string(text)))
	}
	return shifted.by
}

// Wall is the time of day, shifted and without a monotonic reading.
func Wall() time.Time { return time.Now().Round(0).Add(shift()) }

// Boot is how long the machine has been up: a clock that is set does not move it.
func Boot() time.Duration { return bootTime() }
