package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// target is a server under load.
type target struct {
	address string
	host    string // as the Host header says
	// roots is nil where nobody knows the certificate beforehand: that of a demo that is just being made.
	roots *x509.CertPool
	pid   int
}

// work is one kind of request.
type work struct {
	name string
	// prepare makes what a run needs afresh; nil for nothing.
	prepare func(target) error
	// request appends request number n of a run to dst.
	request func(dst []byte, n int) []byte
	check   func(answer) error
	// once is how many requests a run has where none may be sent twice; 0 for no bound.
	once func() int
	// verify looks at what a run left behind; nil for nothing. done is how many requests it sent.
	verify func(t target, done int) error
}

// run is what one run of load measured.
type run struct {
	Requests  int     `json:"requests"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
	P50Micros float64 `json:"p50_us"`
	P99Micros float64 `json:"p99_us"`
	// CPUMicros is the server's processor time for one request, in user and kernel mode.
	CPUMicros float64 `json:"cpu_us"`
	RSS       int64   `json:"rss_bytes"`
	Errors    int     `json:"errors"`

	firstError error
	sent       int
}

// plan says how a run is made.
type plan struct {
	connections  int
	warm, length time.Duration
	// measuring is called when the warm-up is over and again, with false, at the end; may be nil.
	measuring func(bool)
}

// patience is how long an answer may take: more than that is a dead-lock.
const patience = 30 * time.Second

// load keeps the plan's connections busy with work, each sending its next request when it has the answer to the
// last, and measures after the warm-up.
func load(t target, w work, p plan) (run, error) {
	if w.prepare != nil {
		if err := w.prepare(t); err != nil {
			return run{}, fmt.Errorf("prepare %s: %w", w.name, err)
		}
	}
	clients := make([]*client, p.connections)
	for i := range clients {
		c, err := connect(t, i)
		if err != nil {
			return run{}, err
		}
		defer c.close()
		clients[i] = c
	}
	l := &loader{work: w, begin: time.Now().Add(p.warm)}
	l.end = l.begin.Add(p.length)
	if w.once != nil {
		l.most = int64(w.once())
	}
	var all sync.WaitGroup
	for _, c := range clients {
		c.conn.SetDeadline(l.end.Add(patience))
		all.Go(func() { l.drive(c) })
	}
	cpu, err := l.watch(t, p)
	all.Wait()
	if err != nil {
		return run{}, err
	}
	return l.result(t, cpu)
}

// loader is one run under way.
type loader struct {
	work
	begin, end time.Time
	most       int64
	next       atomic.Int64

	mu         sync.Mutex
	took       []time.Duration
	errors     int
	firstError error
}

// drive is the life of one connection.
func (l *loader) drive(c *client) {
	took := make([]time.Duration, 0, 1<<14)
	var request []byte
	var failed error
	start := time.Now()
	for start.Before(l.end) {
		n := l.next.Add(1) - 1
		if l.most > 0 && n >= l.most {
			failed = errors.New("the run used up its requests: give it a shorter -duration")
			break
		}
		request = l.request(request[:0], int(n))
		a, err := c.roundTrip(request)
		if err == nil {
			err = l.check(a)
		}
		now := time.Now()
		if err != nil {
			failed = fmt.Errorf("request %d: %w", n, err)
			break
		}
		if !now.Before(l.begin) && now.Before(l.end) {
			took = append(took, now.Sub(start))
		}
		start = now
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, took...)
	if failed != nil {
		l.errors++
		if l.firstError == nil {
			l.firstError = failed
		}
	}
}

// watch measures the server's processor time between warm-up and end.
func (l *loader) watch(t target, p plan) (time.Duration, error) {
	<-time.After(time.Until(l.begin))
	if p.measuring != nil {
		p.measuring(true)
	}
	before, err := cpuTime(t.pid)
	if err != nil {
		return 0, err
	}
	<-time.After(time.Until(l.end))
	after, err := cpuTime(t.pid)
	if p.measuring != nil {
		p.measuring(false)
	}
	return after - before, err
}

func (l *loader) result(t target, cpu time.Duration) (run, error) {
	r := run{
		Requests: len(l.took), Seconds: l.end.Sub(l.begin).Seconds(), Errors: l.errors, firstError: l.firstError,
		sent: int(l.next.Load()),
	}
	var err error
	if r.RSS, err = residentSize(t.pid); err != nil {
		return r, err
	}
	if len(l.took) == 0 {
		return r, errors.Join(errors.New("no request was answered"), l.firstError)
	}
	slices.Sort(l.took)
	r.PerSecond = float64(r.Requests) / r.Seconds
	r.P50Micros = micros(l.took[len(l.took)/2])
	r.P99Micros = micros(l.took[len(l.took)*99/100])
	r.CPUMicros = micros(cpu) / float64(r.Requests)
	return r, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
