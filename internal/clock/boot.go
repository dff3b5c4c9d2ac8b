// Package clock decides whether this machine's clock can be trusted. It reads the clocks (read.go), and
// holds the rules by which other packages delete, create and expire things.
package clock

import "time"

// started is the origin of the monotonic clock, which stands in for the boot clock where there is none.
// It may stop while the machine is suspended: a suspension then looks like a jump, and lasting work waits.
var started = time.Now()
