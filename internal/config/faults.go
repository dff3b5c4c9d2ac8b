package config

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	Key     string `json:"key"`
	Origin  string `json:"origin,omitempty"` // "usher.yaml line 3", "USHER_LISTEN", "--listen", "default"
	Problem string `json:"problem"`
	Fix     string `json:"fix"`
}

func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.Key)
	if f.Origin != "" {
		fmt.Fprintf(&b, " (%s)", f.Origin)
	}
	b.WriteString(": " + f.Problem)
	if f.Fix != "" {
		b.WriteString("\n    fix: " + f.Fix)
	}
	return b.String()
}

// Faults is all that is wrong, as one error.
type Faults []Fault

func (f Faults) Error() string {
	var b strings.Builder
	if len(f) == 1 {
		b.WriteString("the configuration has a fault:")
	} else {
		fmt.Fprintf(&b, "the configuration has %d faults:", len(f))
	}
	for _, fault := range f {
		b.WriteString("\n  " + fault.String())
	}
	return b.String()
}

// nearest returns the known name that a misspelt one was probably meant to be, or "".
func nearest(name string, known []string) string {
	best, at := "", 1+max(2, len(name)/3)
	for _, k := range known {
		if d := distance(name, k); d < at {
			best, at = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance, with names cut to 64 bytes so that a hostile file costs nothing.
func distance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
