package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/web"
)

// writesCase is something that goes on in an SQLite database while it is written to.
type writesCase struct {
	name string
	// expired says that the database holds expired sessions, which usher purges.
	expired bool
	// beside goes on until ctx ends; nil for nothing.
	beside func(ctx context.Context, database string) error
}

// writesCases are run in turn. The first one is what the others are compared with.
var writesCases = []writesCase{
	{name: "alone"},
	{name: "purge", expired: true},
	{name: "reader", beside: longRead},
}

// mostWait is what the slowest write in a thousand may take in any case: less is not asked for.
const mostWait = 30 * time.Millisecond

// writesBench measures how long writes take at a fixed rate.
type writesBench struct {
	rate, runs, accounts, expired int
	length                        time.Duration
	cases                         string
	binary, folder, address       string
	cert                          certificate
}

func writes(ctx context.Context, args []string) error {
	b := &writesBench{}
	flags := flag.NewFlagSet("bench writes", flag.ExitOnError)
	flags.IntVar(&b.rate, "rate", 300, "writes a second")
	flags.IntVar(&b.runs, "runs", 5, "runs of each case, in turn; the median counts")
	flags.IntVar(&b.accounts, "accounts", 100_000, "users, each with a session")
	flags.IntVar(&b.expired, "expired", 1_000_000, "expired sessions in the case purge, each with a delegation and a child session")
	flags.DurationVar(&b.length, "duration", time.Minute, "length of each run")
	flags.StringVar(&b.cases, "cases", "", "cases to run beside \"alone\" (default: all)")
	binary := flags.String("binary", "", "usher binary to measure (default: built from the sources)")
	flags.Parse(args)
	if b.rate < 1 || b.runs < 1 || b.accounts < 1 || b.expired < 1 || b.length < time.Second || flags.NArg() > 0 {
		return errors.New("rate, runs, accounts and expired are at least 1, duration a second, and there are no further arguments")
	}
	cases, err := b.chosen()
	if err != nil {
		return err
	}
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
	return b.measure(ctx, cases)
}

func (b *writesBench) chosen() ([]writesCase, error) {
	if b.cases == "" {
		return writesCases, nil
	}
	var names []string
	for _, c := range writesCases {
		names = append(names, c.name)
	}
	wanted, err := parseNames(b.cases, names)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(writesCases), func(c writesCase) bool {
		return c.name != writesCases[0].name && !slices.Contains(wanted, c.name)
	}), nil
}

// writesRun is what one run of a case came to.
type writesRun struct {
	p50, p99, p999, worst time.Duration
	gone                  float64 // expired sessions a second
}

func (b *writesBench) measure(ctx context.Context, cases []writesCase) error {
	w, err := b.seed(ctx, cases)
	if err != nil {
		return err
	}
	runs := map[string][]writesRun{}
	for i := range b.runs {
		for _, c := range cases {
			r, err := b.run(ctx, c, w)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			runs[c.name] = append(runs[c.name], r)
			fmt.Fprintf(os.Stderr, "run %d, %s: p50 %v, p99 %v, p99.9 %v, worst %v, %.0f expired sessions/s gone\n",
				i+1, c.name, r.p50, r.p99, r.p999, r.worst, r.gone)
		}
	}
	return tellWrites(os.Stdout, cases, runs)
}

// tellWrites shows the medians, and returns what took too long.
func tellWrites(out io.Writer, cases []writesCase, runs map[string][]writesRun) error {
	var faults []error
	fmt.Fprintln(out, "| case | p50, ms | p99, ms | p99.9, ms | worst, ms | expired sessions/s | 1,000,000 of them |\n| --- | --- | --- | --- | --- | --- | --- |")
	alone := median(runs[cases[0].name], func(r writesRun) time.Duration { return r.p999 })
	for _, c := range cases {
		of := func(f func(writesRun) time.Duration) float64 {
			return float64(median(runs[c.name], f).Microseconds()) / 1000
		}
		p999 := median(runs[c.name], func(r writesRun) time.Duration { return r.p999 })
		gone, minutes := "", ""
		if c.expired {
			rate := median(runs[c.name], func(r writesRun) float64 { return r.gone })
			gone, minutes = fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.0f min", 1e6/rate/60)
			if rate < 1e6/1800 {
				faults = append(faults, fmt.Errorf("1,000,000 expired sessions take %s to go, more than 30", minutes))
			}
		}
		fmt.Fprintf(out, "| `%s` | %.1f | %.1f | %.1f | %.1f | %s | %s |\n", c.name,
			of(func(r writesRun) time.Duration { return r.p50 }), of(func(r writesRun) time.Duration { return r.p99 }),
			of(func(r writesRun) time.Duration { return r.p999 }), of(func(r writesRun) time.Duration { return r.worst }), gone, minutes)
		if most := max(2*alone, mostWait); p999 > most {
			faults = append(faults, fmt.Errorf("%s: p99.9 of writes is %v, more than %v", c.name, p999, most))
		}
	}
	return errors.Join(faults...)
}

// seeded names the database that a case starts from.
func (b *writesBench) seeded(c writesCase) string {
	if c.expired {
		return filepath.Join(b.folder, "expired.db")
	}
	return filepath.Join(b.folder, "live.db")
}

// seed makes the databases that runs start from copies of.
func (b *writesBench) seed(ctx context.Context, cases []writesCase) (*world, error) {
	var err error
	if b.address, err = freeAddress(); err != nil {
		return nil, err
	}
	live := b.seeded(writesCase{})
	w, err := seed(ctx, "sqlite:"+live, baseURL(b.address), b.accounts)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(cases, func(c writesCase) bool { return c.expired }) {
		return w, nil
	}
	expired := b.seeded(writesCase{expired: true})
	if err := copyFile(live, expired); err != nil {
		return nil, err
	}
	return w, w.addExpired(ctx, "sqlite:"+expired, b.expired)
}

// addExpired stores sessions that became due for purging within the last ten minutes.
func (w *world) addExpired(ctx context.Context, database string, n int) error {
	s, err := sqlstore.Open(ctx, sqlstore.Options{URL: database, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	sessions := make([]oauth.Session, n)
	delegations := make([]oauth.Delegation, n)
	children, parents := make([]oauth.ChildSession, n), make([]oauth.ID, n)
	for i := range n {
		u := newUser()
		created := w.began.Add(-8*time.Hour - clock.PurgeAfter - rand.N(10*time.Minute))
		account := w.users[i%len(w.users)].account
		sessions[i] = oauth.Session{
			ID: u.session, CookieHash: web.HashSecret(u.cookie), AccountID: account, AuthTime: created, AMR: []string{oauth.AMRPassword},
			ACR: oauth.ACRPassword, LastUsed: created, IdleTimeout: 8 * time.Hour, Expires: created.Add(7 * 24 * time.Hour), Created: created,
		}
		delegations[i] = oauth.Delegation{
			ID: u.app, SessionID: u.session, ClientID: appClient, AccountID: account,
			Scope: []string{"openid", "profile", "read"}, Created: created,
		}
		children[i] = oauth.ChildSession{ID: u.web, CookieHash: web.HashSecret("child " + u.cookie), ClientID: appClient, Origin: appOrigin}
		parents[i] = u.session
	}
	return errors.Join(s.Fill(ctx, nil, sessions, delegations), s.FillChildren(ctx, children, parents), s.Close())
}

// run starts usher on a copy of the case's database and writes at the rate.
func (b *writesBench) run(ctx context.Context, c writesCase, w *world) (writesRun, error) {
	folder, err := os.MkdirTemp(b.folder, "run-")
	if err != nil {
		return writesRun{}, err
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "usher.db")
	if err := copyFile(b.seeded(c), file); err != nil {
		return writesRun{}, err
	}
	here := *w
	here.database = "sqlite:" + file
	admin, err := freeAddress()
	if err != nil {
		return writesRun{}, err
	}
	n, err := startNode(b.binary, folder, b.address, &here, b.cert, adminAt(admin))
	if err != nil {
		return writesRun{}, err
	}
	defer n.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	beside := make(chan error, 1)
	go func() {
		if c.beside != nil {
			beside <- c.beside(ctx, file)
		}
		close(beside)
	}()
	before, err := expiredSessions(file)
	if err != nil {
		return writesRun{}, err
	}
	took, err := b.writeAtRate(n.target, &here)
	after, countErr := expiredSessions(file)
	cancel()
	if err := errors.Join(err, countErr, <-beside); err != nil {
		return writesRun{}, err
	}
	slices.Sort(took)
	at := func(share float64) time.Duration {
		return took[min(len(took)-1, int(math.Ceil(share*float64(len(took)))))].Round(10 * time.Microsecond)
	}
	return writesRun{at(.5), at(.99), at(.999), at(1), float64(before-after) / b.length.Seconds()}, nil
}

// writeAtRate revokes a token at each tick of the rate, whether or not the earlier ones were answered. A write took from
// its tick to its answer: a server that stops for a second makes many of them late.
func (b *writesBench) writeAtRate(t target, w *world) ([]time.Duration, error) {
	const connections = 64
	writes := int(b.length.Seconds() * float64(b.rate))
	work := w.revocations(writes)
	if err := work.prepare(t); err != nil {
		return nil, err
	}
	due := make(chan int, writes)
	took, errs := make([]time.Duration, writes), make([]error, connections)
	begin := time.Now().Add(time.Second)
	tick := func(i int) time.Time { return begin.Add(time.Duration(i) * time.Second / time.Duration(b.rate)) }
	var all sync.WaitGroup
	for i := range connections {
		c, err := connect(t, i)
		if err != nil {
			return nil, err
		}
		defer c.close()
		c.conn.SetDeadline(begin.Add(b.length + patience))
		all.Go(func() {
			for n := range due {
				a, err := c.roundTrip(work.request(nil, n))
				if err == nil {
					err = work.check(a)
				}
				if took[n] = time.Since(tick(n)); err != nil {
					errs[i] = fmt.Errorf("write %d: %w", n, err)
					return
				}
			}
		})
	}
	for i := range writes {
		time.Sleep(time.Until(tick(i)))
		due <- i
	}
	close(due)
	all.Wait()
	return took, errors.Join(errs...)
}

// longRead keeps one state of the database readable, as a copy of it or a report does.
func longRead(ctx context.Context, database string) error {
	conn, err := sqlite.OpenConn(database, sqlite.OpenReadOnly)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := sqliteExec(conn, "BEGIN"); err != nil {
		return err
	}
	if err := sqliteExec(conn, "SELECT count(*) FROM config"); err != nil {
		return err
	}
	<-ctx.Done()
	return sqliteExec(conn, "ROLLBACK")
}

func expiredSessions(database string) (n int, err error) {
	conn, err := sqlite.OpenConn(database, sqlite.OpenReadOnly)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	conn.SetBusyTimeout(patience)
	stmt, err := conn.Prepare("SELECT count(*) FROM session WHERE ends <= ?1")
	if err != nil {
		return 0, err
	}
	stmt.BindInt64(1, time.Now().UnixMilli())
	_, err = stmt.Step()
	return stmt.ColumnInt(0), errors.Join(err, stmt.Reset())
}

// copyFile copies a database that nobody has open.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
