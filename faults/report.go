package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// header begins the table; README.md says what the columns are.
const header = "row                          result requests  writes   503  unreach  lost  5xx  refused  longest gap  slowest  recovery    took"

// shown is how many violations of a kind are printed with their evidence.
const shown = 2

// report prints the trial's row and, where it failed, what was violated.
func (t *trial) report(took time.Duration) {
	result := "ok"
	if len(t.violations) > 0 {
		result = "FAILED"
	}
	gap := "-"
	if !t.endLoad.IsZero() {
		gap = round(t.longestGap(t.endLoad)).String()
	}
	fmt.Printf("%-28s %-6s %8d %7d %5d %8d %5d %4d %8d %12s %8s %9s %7s\n", t.row.title(), result, t.requests, t.acknowledged,
		t.errors[unavailable], t.errors[unreachable], t.errors[lost], t.errors[broken], t.refusals, gap, round(t.slowest), round(t.recovery), took.Round(100*time.Millisecond))
	for _, text := range t.said {
		fmt.Printf("    %s: %s\n", t.row.title(), text)
	}
	counts := map[string]int{}
	for _, v := range t.violations {
		kind, _, _ := strings.Cut(v.what, "\n")
		if counts[kind]++; counts[kind] > shown {
			continue
		}
		fmt.Printf("    %s: %s\n", t.row.title(), strings.ReplaceAll(v.what, "\n", "\n        "))
		for _, step := range v.evidence[max(0, len(v.evidence)-25):] {
			fmt.Printf("        %s\n", step)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[kind]; n > shown {
			fmt.Printf("    %s: %s: %d times in all\n", t.row.title(), kind, n)
		}
	}
}
