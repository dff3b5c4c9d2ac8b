package main

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// reservedFiles are left for the database, the log, other files, requests to other servers, and for the
// metrics listener, whose probes have to be answered whatever happens.
const reservedFiles = 64

// connectionLimit is how many connections all listeners but that of the metrics may hold together, of so
// many files that the process may open.
func connectionLimit(files uint64) int {
	reserve := max(reservedFiles, files/10)
	if files < 2*reserve {
		return int(max(4, files/2))
	}
	return int(min(files-reserve, 1<<20))
}

// places are shared by all listeners that the limit holds for.
var places = sync.OnceValue(func() chan struct{} {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		limit.Cur = 1024
	}
	return make(chan struct{}, connectionLimit(limit.Cur))
})

// countedListener accepts a connection where there is a place for it; until then it waits in the backlog.
type countedListener struct {
	net.Listener
	places   chan struct{} // nil for no limit
	log      *slog.Logger
	lastSaid atomic.Int64
	closed   chan struct{}
	once     sync.Once
}

// counted puts the limit before a listener of the setting.
func counted(l net.Listener, setting string, log *slog.Logger) net.Listener {
	c := &countedListener{Listener: l, log: log, closed: make(chan struct{})}
	if setting != "metrics_listen" {
		c.places = places()
	}
	return c
}

func (l *countedListener) Accept() (net.Conn, error) {
	if l.places != nil {
		select {
		case l.places <- struct{}{}:
		default:
			l.say("all places for connections are taken: new ones wait; raise the limit of open files (LimitNOFILE, ulimit -n)")
			select {
			case l.places <- struct{}{}:
			case <-l.closed:
				return nil, net.ErrClosed
			}
		}
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		l.free()
		if outOfFiles(err) {
			l.say("no connection can be accepted: raise the limit of open files (LimitNOFILE, ulimit -n)", "error", err)
		}
		return nil, err
	}
	return &countedConn{Conn: conn, free: sync.OnceFunc(l.free)}, nil
}

func (l *countedListener) free() {
	if l.places != nil {
		<-l.places
	}
}

func outOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// say logs an error at most every 10 s.
func (l *countedListener) say(text string, more ...any) {
	now := time.Now().UnixNano()
	if last := l.lastSaid.Load(); now-last > int64(10*time.Second) && l.lastSaid.CompareAndSwap(last, now) {
		l.log.Error(text, append(more, "address", l.Addr().String())...)
	}
}

func (l *countedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// countedConn gives its place back when it is closed.
type countedConn struct {
	net.Conn
	free func()
}

// NetConn is what is counted, as of a tls.Conn.
func (c *countedConn) NetConn() net.Conn { return c.Conn }

func (c *countedConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}
