package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// mostSizeRatio is how much more processor time a request may cost per tenfold number of users.
const mostSizeRatio = 1.15

// sizes measures on SQLite what renewal and introspection cost in a small and in a large database.
func sizes(ctx context.Context, args []string) error {
	b := &sizesBench{}
	flags := flag.NewFlagSet("bench sizes", flag.ExitOnError)
	large := flags.Int("accounts", 1_000_000, "users of the large database, each with a session; the small one has a tenth")
	flags.IntVar(&b.runs, "runs", 5, "runs of each; the median counts")
	flags.DurationVar(&b.plan.length, "duration", 3*time.Second, "length of each run")
	binary := flags.String("binary", "", "usher binary to measure (default: built from the sources)")
	flags.Parse(args)
	if *large < 10 || b.runs < 1 || b.plan.length <= 0 || flags.NArg() > 0 {
		return errors.New("accounts is at least 10, runs and duration are positive, and there are no further arguments")
	}
	b.plan.connections, b.plan.warm = 32, time.Second
	var err error
	if b.folder, err = workFolder(); err != nil {
		return err
	}
	defer os.RemoveAll(b.folder)
	if b.cert, err = newCertificate(); err != nil {
		return err
	}
	if b.binary, err = (settings{binary: *binary}).build(ctx, b.folder); err != nil {
		return err
	}
	small, err := b.measure(ctx, *large/10)
	if err != nil {
		return err
	}
	big, err := b.measure(ctx, *large)
	if err != nil {
		return err
	}
	var faults []error
	fmt.Printf("| work | cpu us, %d users | cpu us, %d users | ratio |\n| --- | --- | --- | --- |\n", *large/10, *large)
	for _, name := range []string{"renewal", "introspection"} {
		ratio := big[name] / small[name]
		fmt.Printf("| `%s` | %.0f | %.0f | %.2f |\n", name, small[name], big[name], ratio)
		if ratio > mostSizeRatio {
			faults = append(faults, fmt.Errorf("%s costs %.2f times as much for ten times as many users", name, ratio))
		}
	}
	return errors.Join(faults...)
}

type sizesBench struct {
	plan           plan
	runs           int
	binary, folder string
	cert           certificate
}

// measure tells the processor time of each work in a database of so many users.
func (b *sizesBench) measure(ctx context.Context, accounts int) (map[string]float64, error) {
	folder := filepath.Join(b.folder, fmt.Sprint(accounts))
	if err := os.Mkdir(folder, 0o755); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	w, err := seed(ctx, "sqlite:"+filepath.Join(folder, "usher.db"), baseURL(address), accounts)
	if err != nil {
		return nil, err
	}
	admin, err := freeAddress()
	if err != nil {
		return nil, err
	}
	n, err := startNode(b.binary, folder, address, w, b.cert, adminAt(admin))
	if err != nil {
		return nil, err
	}
	defer n.close()
	costs := map[string]float64{}
	for _, work := range []work{w.renewal("renewal", "read"), w.introspection()} {
		var all []run
		for range b.runs {
			r, err := load(n.target, work, b.plan)
			if err := errors.Join(err, r.firstError); err != nil {
				return nil, fmt.Errorf("%s: %w", work.name, err)
			}
			all = append(all, r)
		}
		costs[work.name] = median(all, cpuMicros)
	}
	return costs, nil
}
