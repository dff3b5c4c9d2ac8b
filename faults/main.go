// Command faults holds usher against faults: it runs the real binary, has clients note what was
// acknowledged, makes a fault, and checks on every node that nothing acknowledged was lost and that no
// answer was wrong. See README.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	var (
		long   = flag.Bool("long", false, "the long form, as `make faults` runs it")
		only   = flag.String("only", "", "rows to run, by parts of their names, separated by commas: postgres/term,clock")
		source = flag.String("usher-source", ".", "`folder` of the source that the binary is built from")
		list   = flag.Bool("list", false, "print the names of the rows")
	)
	flag.Parse()
	chosen := choose(rows(), *only)
	if *list {
		for _, r := range chosen {
			fmt.Println(r.title())
		}
		return
	}
	if len(chosen) == 0 {
		fmt.Fprintln(os.Stderr, "faults: no row has such a name; -list prints them")
		os.Exit(2)
	}
	if code, ran := inNamespace(); ran {
		os.Exit(code)
	}
	failed, err := runAll(chosen, *source, *long)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
	}
	if err != nil || len(failed) > 0 {
		fmt.Fprintf(os.Stderr, "faults: %d of %d rows failed: %s\n", len(failed), len(chosen), strings.Join(failed, ", "))
		os.Exit(1)
	}
}

// choose keeps the rows whose title contains one of the parts.
func choose(all []row, parts string) []row {
	var chosen []row
	for _, r := range all {
		for part := range strings.SplitSeq(parts, ",") {
			if strings.Contains(r.title(), part) {
				chosen = append(chosen, r)
				break
			}
		}
	}
	return chosen
}

// runAll runs the rows in turn and returns the names of those that failed.
func runAll(chosen []row, source string, long bool) (failed []string, err error) {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	l, err := newLab(source, long)
	if l != nil {
		defer l.close()
	}
	if err != nil {
		return nil, err
	}
	fmt.Println(header)
	for _, r := range chosen {
		began := time.Now()
		t, err := newTrial(l, r)
		if err == nil {
			err = t.run()
		}
		if err != nil {
			t.fail("the row could not be run: %v", err)
		}
		if t.report(time.Since(began)); len(t.violations) > 0 {
			failed = append(failed, r.title())
		}
		t.close()
		select {
		case <-interrupted:
			return failed, fmt.Errorf("interrupted")
		default:
		}
	}
	return failed, nil
}
