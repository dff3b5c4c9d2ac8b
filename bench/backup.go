package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
)

// backupBench measures `usher backup` beside writes at a fixed rate, and these beside it.
type backupBench struct {
	rate, runs     int
	size           int64
	length         time.Duration
	binary, folder string
}

// longestBackup bounds how many tokens there have to be to revoke.
const longestBackup = 3 * time.Minute

func backups(ctx context.Context, args []string) error {
	b := &backupBench{}
	flags := flag.NewFlagSet("bench backup", flag.ExitOnError)
	flags.IntVar(&b.rate, "rate", 300, "writes a second")
	flags.IntVar(&b.runs, "runs", 5, "runs; the median counts")
	flags.Int64Var(&b.size, "size", 2_000_000_000, "bytes of the database")
	flags.DurationVar(&b.length, "duration", 20*time.Second, "how long writes are measured without a backup")
	binary := flags.String("binary", "", "usher binary to measure (default: built from the sources)")
	flags.Parse(args)
	if b.rate < 1 || b.runs < 1 || b.size < 10_000_000 || b.length <= 0 || b.length > longestBackup || flags.NArg() > 0 {
		return errors.New("rate and runs are at least 1, size 10000000, duration at most 3m, and there are no further arguments")
	}
	var err error
	if b.folder, err = workFolder(); err != nil {
		return err
	}
	defer os.RemoveAll(b.folder)
	if b.binary, err = (settings{binary: *binary}).build(ctx, b.folder); err != nil {
		return err
	}
	runs, err := b.measure(ctx)
	if err != nil {
		return err
	}
	return tellBackups(os.Stdout, runs)
}

// backupRun is how long backups took, and the slowest write in a thousand.
type backupRun struct{ idle, busy, alone, beside time.Duration }

func (b *backupBench) measure(ctx context.Context) ([]backupRun, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cert, err := newCertificate()
	if err != nil {
		return nil, err
	}
	database := filepath.Join(b.folder, "usher.db")
	w, err := seed(ctx, "sqlite:"+database, baseURL(address), 1000)
	if err != nil {
		return nil, err
	}
	if err := addAudits(database, b.size); err != nil {
		return nil, err
	}
	n, err := startNode(b.binary, b.folder, address, w, cert, "admin_listen: off\n")
	if err != nil {
		return nil, err
	}
	defer n.close()
	var runs []backupRun
	for i := range b.runs {
		r, err := b.run(ctx, n.target, w)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
		fmt.Fprintf(os.Stderr, "run %d: backup %v idle, %v beside writes; p99.9 of writes %v alone, %v beside a backup\n",
			i+1, r.idle, r.busy, r.alone, r.beside)
	}
	return runs, nil
}

// run makes a backup, writes, and then does both at once.
func (b *backupBench) run(ctx context.Context, t target, w *world) (r backupRun, err error) {
	defer func() {
		for _, file := range []string{"idle.db", "beside.db"} {
			err = errors.Join(err, os.RemoveAll(filepath.Join(b.folder, file)))
		}
	}()
	if r.idle, err = b.backup(ctx, "idle.db"); err != nil {
		return r, err
	}
	timed, cancel := context.WithTimeout(ctx, b.length)
	defer cancel()
	if r.alone, err = b.write(timed, t, w); err != nil {
		return r, err
	}
	both, end := context.WithCancel(ctx)
	defer end()
	var failed error
	var one sync.WaitGroup
	one.Go(func() {
		defer end()
		r.busy, failed = b.backup(ctx, "beside.db")
	})
	r.beside, err = b.write(both, t, w)
	one.Wait()
	return r, errors.Join(err, failed)
}

// backup makes a copy under a new name. Replacing one would measure how the file system
// frees the old one's blocks.
func (b *backupBench) backup(ctx context.Context, file string) (time.Duration, error) {
	began := time.Now()
	cmd := exec.CommandContext(ctx, b.binary,
		"backup", filepath.Join(b.folder, file), "--config", filepath.Join(b.folder, "usher.yaml"))
	cmd.Env = withoutUsher(os.Environ())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("backup: %w: %s", err, out)
	}
	return time.Since(began).Round(time.Millisecond), nil
}

// write revokes tokens at the rate until the context ends, whether or not earlier ones were answered, and returns what the
// slowest in a thousand took from its due time on: a server that stands still makes many late.
func (b *backupBench) write(ctx context.Context, t target, w *world) (time.Duration, error) {
	const connections = 32
	most := int(longestBackup.Seconds()) * b.rate
	tokens, err := w.accessTokens(most)
	if err != nil {
		return 0, err
	}
	head := []byte("POST /oauth/v2/oauth-revoke HTTP/1.1\r\nHost: " + t.host + "\r\nOrigin: " + appOrigin + "\r\n")
	due, took, errs := make(chan int, most), make([]time.Duration, most), make([]error, connections)
	clients := make([]*client, connections)
	for i := range clients {
		if clients[i], err = connect(t, i); err != nil {
			return 0, err
		}
		defer clients[i].close()
	}
	began := time.Now()
	tick := func(i int) time.Time {
		return began.Add(time.Duration(i) * time.Second / time.Duration(b.rate))
	}
	var all sync.WaitGroup
	for i, c := range clients {
		c.conn.SetDeadline(began.Add(longestBackup + patience))
		all.Go(func() {
			for n := range due {
				a, err := c.roundTrip(appendForm(nil, head, "client_id="+appClient+"&token=", tokens[n]))
				if err == nil && a.status != 200 {
					err = fmt.Errorf("a revocation is answered with status %d", a.status)
				}
				if took[n] = time.Since(tick(n)); err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	sent := 0
	for ; sent < most && ctx.Err() == nil; sent++ {
		time.Sleep(time.Until(tick(sent)))
		due <- sent
	}
	close(due)
	all.Wait()
	took = took[:sent]
	slices.Sort(took)
	if sent == most {
		errs = append(errs, fmt.Errorf("it takes more than %v", longestBackup))
	}
	return took[min(sent-1, int(math.Ceil(.999*float64(sent))))].Round(10 * time.Microsecond), errors.Join(errs...)
}

// tellBackups shows the medians, and returns what took too long.
func tellBackups(out io.Writer, runs []backupRun) error {
	m := backupRun{
		idle: median(runs, func(r backupRun) time.Duration { return r.idle }), busy: median(runs, func(r backupRun) time.Duration { return r.busy }),
		alone: median(runs, func(r backupRun) time.Duration { return r.alone }), beside: median(runs, func(r backupRun) time.Duration { return r.beside }),
	}
	fmt.Fprintf(out, "| | alone | both at once |\n| --- | --- | --- |\n| backup, s | %.1f | %.1f |\n| write, p99.9, ms | %.1f | %.1f |\n",
		m.idle.Seconds(), m.busy.Seconds(), float64(m.alone.Microseconds())/1000, float64(m.beside.Microseconds())/1000)
	var faults []error
	if m.busy > 3*m.idle {
		faults = append(faults, fmt.Errorf("a backup takes %v beside writes, more than three times %v", m.busy, m.idle))
	}
	if most := max(2*m.alone, 30*time.Millisecond); m.beside > most {
		faults = append(faults, fmt.Errorf("p99.9 of writes is %v beside a backup, more than %v", m.beside, most))
	}
	return errors.Join(faults...)
}

// addAudits fills a database up to a size with audit records of now.
func addAudits(database string, size int64) error {
	conn, err := sqlite.OpenConn(database, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer conn.Close()
	const record = 1000 // bytes
	now := time.Now().UnixMilli()
	insert := fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO audit (id, happened, event, actor, client_id, address, detail, times)
		SELECT unhex(printf('%%012x%%020x', %d, i)), %d, 'sign_in', 'user', '%s', '', hex(zeroblob(%d)), 1 FROM n`,
		max(1, size/record), now, now, appClient, (record-75)/2)
	for _, text := range []string{strings.Join(strings.Fields(insert), " "), "PRAGMA wal_checkpoint(TRUNCATE)"} {
		stmt, _, err := conn.PrepareTransient(text)
		if err != nil {
			return err
		}
		_, err = stmt.Step()
		if err := errors.Join(err, stmt.Finalize()); err != nil {
			return err
		}
	}
	return nil
}
