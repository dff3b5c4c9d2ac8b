package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// trial is one row of the table on its way.
type trial struct {
	*ledger
	lab      *lab
	row      row
	name     string // of the trial's database, too
	dir      string
	config   string
	database string
	secrets  map[string]string
	nodes    []*node
	workers  []*worker
	fault    time.Duration // how long the fault lasts
	undo     []func()      // run at the end, the last one first

	ends     time.Time // when the fault was over
	endLoad  time.Time
	recovery time.Duration
	unready  atomic.Bool // some node said during the fault that it is not ready
	lifetime lifetimes

	said  []string // what the report tells beside the figures of every row
	atEnd func()   // when the load has ended; nil for nothing

	// What single rows need.
	proxy   *proxy
	pooler  *pooler
	standby *server
	disk    string
}

// lifetimes are what the configuration changes set: the access token lifetime of one client.
type lifetimes struct {
	mu      sync.Mutex
	known   int          // the last that was acknowledged
	unknown map[int]bool // those since whose answer is unknown
	changes int
}

// interval is how often each worker acts at most.
const interval = 110 * time.Millisecond

// newTrial makes everything that a row needs and starts the nodes.
func newTrial(l *lab, r row) (*trial, error) {
	t := &trial{lab: l, row: r, name: "trial_" + strconv.FormatInt(time.Now().UnixNano(), 36), ledger: newLedger()}
	t.dir = filepath.Join(l.dir, t.name)
	t.fault = r.short
	if l.long {
		t.fault = r.long
	}
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return t, err
	}
	if r.before != nil {
		if err := r.before(t); err != nil {
			return t, fmt.Errorf("before the trial: %w", err)
		}
	}
	if err := t.startNodes(); err != nil {
		return t, err
	}
	every := &circle{}
	for i := range users {
		t.addWorker(i, every, t.nodes...)
	}
	if !r.alone || !l.long {
		return t, nil
	}
	one := &circle{mayWait: true}
	for i := range 2 * len(t.nodes) {
		t.addWorker(i, one, t.nodes[i/2])
	}
	t.atEnd = func() {
		every.report(t, "clients that know every node")
		one.report(t, "clients that know one node")
	}
	return t, nil
}

// addWorker adds a worker who knows some nodes; every other one uses HTTP/2.
func (t *trial) addWorker(i int, c *circle, nodes ...*node) {
	w := &worker{ledger: t.ledger, circle: c, user: userName(i), secrets: t.secrets}
	for _, n := range nodes {
		w.clients = append(w.clients, newClient(n, t.lab.trust, len(t.workers), i%2 == 1))
	}
	t.workers = append(t.workers, w)
}

// circle counts what workers of one kind sent, and what got no good answer from any node that they
// know.
type circle struct {
	// mayWait: they know one node, so it is no failure that it takes no connection.
	mayWait                  bool
	requests, failed, waited atomic.Int64
}

func (c *circle) note(a answer) {
	c.requests.Add(1)
	switch {
	case a.outcome == answered:
	case a.outcome == unreachable && c.mayWait:
		c.waited.Add(1)
	default:
		c.failed.Add(1)
	}
}

// report says what the workers saw, and fails the row where they saw a failure.
func (c *circle) report(t *trial, who string) {
	text := fmt.Sprintf("%s: %d requests, %d failures", who, c.requests.Load(), c.failed.Load())
	if c.mayWait {
		text += fmt.Sprintf(", %d times no connection", c.waited.Load())
	}
	if t.say("%s", text); c.failed.Load() > 0 {
		t.fail("%s", text)
	}
}

// say adds a line to the report of the row.
func (t *trial) say(format string, args ...any) {
	t.said = append(t.said, fmt.Sprintf(format, args...))
}

func (t *trial) startNodes() (err error) {
	if t.database == "" {
		if t.database, t.secrets, err = t.lab.database(t); err != nil {
			return err
		}
	}
	if t.config, err = t.lab.writeConfig(t.dir, t.database, "shutdown_delay: "+t.shutdownDelay().String()+"\n"); err != nil {
		return err
	}
	binary := t.lab.binary
	if t.row.shifts {
		if binary, err = t.lab.shiftedBinary(); err != nil {
			return err
		}
	}
	for i := range t.row.nodes {
		n := newNode(binary, t.dir, fmt.Sprintf("node%d", i+1))
		t.nodes = append(t.nodes, n)
		if err := n.start(); err != nil {
			return err
		}
		t.onEnd(n.kill)
	}
	for _, n := range t.nodes {
		if err := n.waitReady(startTime); err != nil {
			return err
		}
	}
	return nil
}

// shutdownDelay is the product's default in the long form, and shorter in the short one.
func (t *trial) shutdownDelay() time.Duration {
	if t.lab.long {
		return 5 * time.Second
	}
	return time.Second
}

func (t *trial) onEnd(f func()) { t.undo = append(t.undo, f) }

func (t *trial) close() {
	for i := len(t.undo) - 1; i >= 0; i-- {
		t.undo[i]()
	}
	for _, w := range t.workers {
		for _, c := range w.clients {
			c.close()
		}
	}
	os.RemoveAll(t.dir)
}

// last is the node that faults of a node befall.
func (t *trial) last() *node { return t.nodes[len(t.nodes)-1] }

// calm is how long the load runs before the fault and, at least, after it.
func (t *trial) calm() time.Duration {
	if t.lab.long {
		return 8 * time.Second
	}
	return 1500 * time.Millisecond
}

// run is the load with the fault in its middle, then the checks.
func (t *trial) run() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var load, watch sync.WaitGroup
	t.began = time.Now()
	var stop atomic.Bool
	for _, w := range t.workers {
		load.Go(func() { w.work(&stop, interval) })
	}
	load.Go(func() { t.changeConfiguration(&stop) })
	for _, n := range t.nodes {
		watch.Go(func() { t.watchHealth(ctx, n) })
	}
	time.Sleep(t.calm())
	err := t.row.fault(t)
	if err == nil {
		err = t.recover()
	}
	if err == nil {
		time.Sleep(t.calm())
	}
	stop.Store(true)
	load.Wait()
	t.endLoad = time.Now()
	cancel()
	watch.Wait()
	if err != nil {
		return err
	}
	if t.atEnd != nil {
		t.atEnd()
	}
	if t.row.unready && !t.unready.Load() {
		t.fail("no node said at /readyz that it is not ready")
	}
	if gap := t.longestGap(t.endLoad); t.row.maxGap > 0 && gap > t.row.maxGap {
		t.fail("%s without a successful answer: at most %s are right", round(gap), t.row.maxGap)
	}
	if t.row.slowest > 0 && t.slowest > t.row.slowest {
		t.fail("an answer took %s: at most %s are right", round(t.slowest), t.row.slowest)
	}
	t.verify()
	return nil
}

// over says that the fault is over from now on.
func (t *trial) over() { t.ends = time.Now() }

// excuseAll says what every node may do while a fault is upon the database.
func (t *trial) excuseAll(e excuse) {
	for _, n := range t.nodes {
		n.excuse.Store(&e)
	}
}

// recover waits until each node writes again.
func (t *trial) recover() error {
	if t.ends.IsZero() {
		return errors.New("the row does not say when its fault was over")
	}
	var all sync.WaitGroup
	took := make([]time.Duration, len(t.nodes))
	for i, n := range t.nodes {
		all.Go(func() {
			c := newClient(n, t.lab.trust, 100, false)
			defer c.close()
			for took[i] < t.row.recovery+10*time.Second && !t.writes(c) {
				time.Sleep(30 * time.Millisecond)
				took[i] = time.Since(t.ends)
			}
			took[i] = time.Since(t.ends)
			if took[i] > t.row.recovery {
				t.fail("%s wrote again %s after the fault: at most %s are right\n%s", n.name, round(took[i]), t.row.recovery, lastLines(n.log, 5))
			}
		})
	}
	all.Wait()
	for i, n := range t.nodes {
		n.excuse.Store(&noExcuse)
		t.recovery = max(t.recovery, took[i])
	}
	return nil
}

// writes tells whether a node writes: it makes a token, which writes nothing, and revokes it.
func (t *trial) writes(c *client) bool {
	secret := [2]string{tuned, t.secrets[tuned]}
	a := c.send(request{path: tokenPath, secret: secret, form: url.Values{"grant_type": {"client_credentials"}}})
	if a.outcome != answered || a.text("access_token") == "" {
		return false
	}
	a = c.send(request{path: "/oauth/v2/oauth-revoke", secret: secret, form: url.Values{"token": {a.text("access_token")}}})
	return a.outcome == answered && a.status == http.StatusOK
}

// watchHealth asks a node what it says of itself, until the load is over.
func (t *trial) watchHealth(ctx context.Context, n *node) {
	for ctx.Err() == nil {
		before := n.excused()
		alive, err := n.health(ctx, "/healthz")
		if ctx.Err() == nil && alive != http.StatusOK && !before.unreachable && !n.excused().unreachable {
			t.fail("/healthz of %s says %d: %v", n.name, alive, err)
		}
		if ready, _ := n.health(ctx, "/readyz"); ready == http.StatusServiceUnavailable {
			t.unready.Store(true)
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// changeConfiguration changes a client by the command line, again and again.
func (t *trial) changeConfiguration(stop *atomic.Bool) {
	l := &t.lifetime
	l.known, l.unknown = 1000, map[int]bool{}
	for next := 1001; !stop.Load(); next++ {
		_, err := t.lab.usher(t.config, "", "client", "change", tuned, "--lifetime", strconv.Itoa(next))
		l.mu.Lock()
		if err == nil {
			l.known, l.unknown = next, map[int]bool{}
			l.changes++
		} else {
			l.unknown[next] = true
		}
		l.mu.Unlock()
		time.Sleep(time.Second)
	}
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
