package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is the machine-readable outcome.
type report struct {
	Time         time.Time     `json:"time"`
	Go           string        `json:"go"`
	Revision     string        `json:"revision,omitempty"`
	Processors   int           `json:"processors"`
	Connections  int           `json:"connections"`
	Accounts     int           `json:"accounts"`
	Seconds      float64       `json:"seconds_per_run"`
	Measurements []measurement `json:"measurements"`
}

func newReport(s settings) *report {
	r := &report{
		Time: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), Processors: runtime.NumCPU(),
		Connections: s.connections, Accounts: s.accounts, Seconds: s.length.Seconds(),
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, kv := range info.Settings {
			if kv.Key == "vcs.revision" {
				r.Revision = kv.Value
			}
		}
	}
	return r
}

func (r *report) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// table shows the medians.
func (r *report) table(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, strings.Join([]string{
		"work", "database", "queries", "writes", "req/s", "p50 ms", "p99 ms", "cpu us", "rss MB", "floor req/s", "cpu us", "ratio", "(from to)", "target", "errors", "", "",
	}, "\t"))
	for _, m := range r.Measurements {
		own := func(f func(run) float64) float64 { return median(m.Usher, f) }
		fmt.Fprintf(w, "%s\t%s\t%.4g\t%.4g\t%.0f\t%.2f\t%.2f\t%.0f\t%.1f\t", m.Work, m.Database, m.Queries, m.Writes, own(perSecond),
			own(func(r run) float64 { return r.P50Micros / 1000 }), own(func(r run) float64 { return r.P99Micros / 1000 }),
			own(cpuMicros), own(func(r run) float64 { return float64(r.RSS) / 1e6 }))
		if len(m.Floor) == 0 {
			fmt.Fprintf(w, "-\t-\t-\t-\t-\t%d\t\t\n", m.Errors)
			continue
		}
		fmt.Fprintf(w, "%.0f\t%.0f\t%.3f\t(%.2f %.2f)\t", median(m.Floor, perSecond), median(m.Floor, cpuMicros),
			m.ratio(), slices.Min(m.Ratios), slices.Max(m.Ratios))
		verdict, target := "", "-"
		if m.Target > 0 {
			target = fmt.Sprintf("%.2f", m.Target)
		}
		if m.missed() {
			verdict = "BELOW"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t\n", target, m.Errors, verdict)
	}
	return w.Flush()
}

func perSecond(r run) float64 { return r.PerSecond }
func cpuMicros(r run) float64 { return r.CPUMicros }

// ratio is the median of the ratios of neighbouring runs: what disturbs the machine for longer than a run
// disturbs both.
func (m measurement) ratio() float64 {
	return median(m.Ratios, func(f float64) float64 { return f })
}

func (m measurement) missed() bool { return len(m.Ratios) > 0 && m.ratio() < m.Target }

// faults says what did not hold.
func (r *report) faults() []string {
	var faults []string
	for _, m := range r.Measurements {
		if m.Errors > 0 {
			faults = append(faults, fmt.Sprintf("%s on %s: %d connections ended in an error", m.Work, m.Database, m.Errors))
		}
		if m.missed() {
			faults = append(faults, fmt.Sprintf("%s on %s: %.3f of the floor, wanted %.2f", m.Work, m.Database, m.ratio(), m.Target))
		}
	}
	return faults
}

func median[T any, N cmp.Ordered](list []T, of func(T) N) N {
	values := make([]N, len(list))
	for i, v := range list {
		values[i] = of(v)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
