// Command mutants takes each guard out of a copy of the project, one at a time, and runs the test that has to
// notice. It fails where a test still passes: such a test proves nothing. The table says which guard, how it
// is removed, and which test must fail; with nothing taken out, each of these tests has to pass first.
//
//	go run ./scripts/mutants            # all of them
//	go run ./scripts/mutants -only csrf # those whose name contains csrf
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

func main() {
	only := flag.String("only", "", "run the mutants whose name contains this")
	table := flag.String("table", "scripts/mutants/table.yaml", "the table")
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "how many to try at once, each in a copy of its own")
	flag.Parse()
	if err := run(*table, *only, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(table, only string, workers int) error {
	rows, err := read(table)
	if err != nil {
		return err
	}
	var chosen []mutant
	for _, m := range rows {
		if strings.Contains(m.Name, only) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no mutant's name contains %q", only)
	}
	copies, remove, err := copies(min(workers, len(chosen)))
	defer remove()
	if err != nil {
		return err
	}
	unsound := check(copies, chosen)
	for _, err := range unsound {
		fmt.Println("UNSOUND  ", err)
	}
	survived := tryAll(copies, chosen)
	fmt.Printf("%d passed, %d failed\n", len(chosen)-survived, survived+len(unsound))
	if survived > 0 {
		return fmt.Errorf("%d of %d mutants were not caught", survived, len(chosen))
	}
	if len(unsound) > 0 {
		return errors.New("some tests of the table do not pass with every guard in its place")
	}
	return nil
}

// check runs the tests of the table on the copies as they are.
func check(copies []string, rows []mutant) (unsound []error) {
	var mu sync.Mutex
	each(copies, suites(rows), func(dir string, s suite) {
		if err := s.mustPass(dir); err != nil {
			mu.Lock()
			unsound = append(unsound, err)
			mu.Unlock()
		}
	})
	return unsound
}

// tryAll tries every mutant and counts those that nobody noticed.
func tryAll(copies []string, rows []mutant) (survived int) {
	var mu sync.Mutex
	each(copies, rows, func(dir string, m mutant) {
		start := time.Now()
		err := m.try(dir)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			survived++
			fmt.Printf("SURVIVED %s (%s): %v\n", m.Name, m.Rule, err)
			return
		}
		fmt.Printf("caught   %s (%s) in %.1f s\n", m.Name, m.Rule, time.Since(start).Seconds())
	})
	return survived
}

// each does the work in all copies at once; a copy does one thing at a time.
func each[T any](copies []string, work []T, do func(dir string, item T)) {
	items := make(chan T)
	var wait sync.WaitGroup
	for _, dir := range copies {
		wait.Go(func() {
			for item := range items {
				do(dir, item)
			}
		})
	}
	for _, item := range work {
		items <- item
	}
	close(items)
	wait.Wait()
}
