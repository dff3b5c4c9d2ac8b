package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/store/storetest"
)

// settings are the flags.
type settings struct {
	databases, works []string
	runs             int
	connections      int
	warm, length     time.Duration
	accounts         int
	floor            bool
	binary           string // built where empty
	profiles         string // folder; empty for none
}

// measurement is what was found out about one work on one database.
type measurement struct {
	Work     string `json:"work"`
	Database string `json:"database"`
	Usher    []run  `json:"usher"`
	Floor    []run  `json:"floor,omitempty"`
	// Ratios are usher's requests per second over the floor's, run by run.
	Ratios []float64 `json:"ratios,omitempty"`
	Target float64   `json:"target,omitempty"`
	Errors int       `json:"errors"`
	statements
}

// bench is a whole measurement.
type bench struct {
	settings
	folder string
	cert   certificate
	// found hears of each measurement when it is there.
	found func(measurement)
}

// run measures on one database after the other.
func (b *bench) run(ctx context.Context) error {
	for _, kind := range b.databases {
		if err := b.onDatabase(ctx, kind); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

func (b *bench) onDatabase(ctx context.Context, kind string) error {
	folder := filepath.Join(b.folder, kind)
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	database, scratch := "sqlite:"+filepath.Join(folder, "usher.db"), "sqlite:"+filepath.Join(folder, "floor.db")
	if kind == "postgres" {
		server, stopServer, err := storetest.StartPostgres(filepath.Join(folder, "postgres"))
		if err != nil {
			return err
		}
		defer stopServer()
		if database, err = storetest.CreateDatabase(ctx, server, "usher"); err != nil {
			return err
		}
		if scratch, err = storetest.CreateDatabase(ctx, server, "floor"); err != nil {
			return err
		}
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	begin := time.Now()
	w, err := seed(ctx, database, baseURL(address), b.accounts)
	if err != nil {
		return err
	}
	// The floor that writes gets the same tables, and as many rows in those that it leaves alone: none.
	if _, err := seed(ctx, scratch, baseURL(address), 0); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: %d signed-in users made in %.1f s\n", kind, b.accounts, time.Since(begin).Seconds())
	n, err := startNode(b.binary, folder, address, w, b.cert, "admin_listen: off\n")
	if err != nil {
		return err
	}
	defer n.close()
	count, err := startCounter(ctx, w, b.cert, n.target)
	if err != nil {
		return err
	}
	defer count.close()
	for _, work := range w.works(b.warm + b.length) {
		if !slices.Contains(b.works, work.name) {
			continue
		}
		m, err := b.measure(ctx, place{kind, scratch, n, count}, work)
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", work.name, err, n.lastWords())
		}
		b.found(m)
	}
	return nil
}

// place is what stands on one database.
type place struct {
	kind    string
	scratch string // the floor's database
	node    *node
	counter *counter
}

// measure counts what a request costs the database, then runs usher and the floor in turn.
func (b *bench) measure(ctx context.Context, at place, w work) (measurement, error) {
	m := measurement{Work: w.name, Database: at.kind, Target: targets[w.name][at.kind]}
	if w.prepare != nil {
		if err := w.prepare(at.node.target); err != nil {
			return m, err
		}
	}
	var err error
	if m.statements, err = at.counter.count(w); err != nil {
		return m, err
	}
	var f *floor
	if b.floor {
		if f, err = b.floorFor(at, w); err != nil {
			return m, err
		}
		defer f.close()
	}
	for i := range b.runs {
		if err := ctx.Err(); err != nil {
			return m, err
		}
		own, err := b.usherRun(at.node, at.kind, w, i == b.runs-1)
		if err != nil {
			return m, err
		}
		m.Usher, m.Errors = append(m.Usher, own), m.Errors+own.Errors
		if f == nil {
			continue
		}
		base, err := load(f.target, w.onFloor(), plan{connections: b.connections, warm: b.warm, length: b.length})
		if err != nil {
			return m, fmt.Errorf("the floor: %w", err)
		}
		if base.Errors > 0 {
			return m, fmt.Errorf("the floor: %w", base.firstError)
		}
		m.Floor = append(m.Floor, base)
		m.Ratios = append(m.Ratios, own.PerSecond/base.PerSecond)
	}
	return m, nil
}

// usherRun is one run against usher; the last one of a work also makes the profile.
func (b *bench) usherRun(n *node, kind string, w work, last bool) (run, error) {
	p := plan{connections: b.connections, warm: b.warm, length: b.length}
	if last && b.profiles != "" {
		p.measuring = n.profiling
	}
	r, err := load(n.target, w, p)
	if err != nil {
		return r, err
	}
	if r.firstError != nil {
		fmt.Fprintf(os.Stderr, "%s on %s: %v\n", w.name, kind, r.firstError)
	}
	if w.verify != nil {
		if err := w.verify(n.target, r.sent); err != nil {
			return r, err
		}
	}
	if p.measuring != nil {
		// The profile is complete when the process has answered one more request after the signal.
		if err := waitFor(n.target, time.Now().Add(patience)); err != nil {
			return r, err
		}
		if err := os.Rename(n.profile, profileName(b.profiles, kind, w.name)); err != nil {
			return r, err
		}
	}
	// A log of this size is of no use to anybody, and the disk may be small.
	return r, os.Truncate(n.log, 0)
}

// floorFor captures an answer of usher's to a prepared work and starts a floor that gives it.
func (b *bench) floorFor(at place, w work) (*floor, error) {
	a, err := ask(at.node.target, w.request(nil, 0))
	if err == nil {
		err = w.check(a)
	}
	if err != nil {
		return nil, fmt.Errorf("the answer for the floor: %w", err)
	}
	spec, err := floorOf(a)
	if err != nil {
		return nil, err
	}
	spec.Certificate, spec.Key = b.cert.cert, b.cert.key
	if w.name == "revocation" {
		spec.Database = at.scratch
	}
	return startFloor(spec, at.node.target)
}

// onFloor is the same work for the floor, which has no pages to prepare it from, and to which requests may come twice.
func (w work) onFloor() work {
	w.prepare = nil
	if w.once != nil {
		most, request := w.once(), w.request
		w.once, w.request = nil, func(dst []byte, n int) []byte { return request(dst, n%most) }
	}
	return w
}
