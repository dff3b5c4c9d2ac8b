package storetest

import (
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// Proxy stands between a client and PostgreSQL, and can fail as networks do.
type Proxy struct {
	// URL is that of the database by way of the proxy.
	URL      string
	listener net.Listener
	server   string // address of the server: a Unix socket
	mu       sync.Mutex
	changed  *sync.Cond
	silent   bool  // nothing passes any more, on connections of before either
	dropped  int   // connections up to this one stay silent for good
	after    int64 // bytes to the client after which a connection falls silent; 0 for no limit
	refusing bool
	conns    map[net.Conn]int
	count    int
}

// NewProxy starts a proxy to the database of a URL that Postgres returned.
func NewProxy(t testing.TB, databaseURL string) *Proxy {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, server: filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432"), conns: map[net.Conn]int{}}
	p.changed = sync.NewCond(&p.mu)
	query := u.Query()
	query.Del("host")
	query.Set("sslmode", "disable")
	u.Host, u.RawQuery = l.Addr().String(), query.Encode()
	p.URL = u.String()
	go p.accept()
	t.Cleanup(p.close)
	return p
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", p.server)
		p.mu.Lock()
		if p.refusing || err != nil {
			client.Close()
			if err == nil {
				server.Close()
			}
			p.mu.Unlock()
			continue
		}
		p.count++
		p.conns[client], p.conns[server] = p.count, p.count
		number := p.count
		p.mu.Unlock()
		go p.relay(server, client, number, nil)
		go p.relay(client, server, number, new(int64))
	}
}

// relay copies until one side ends; sent counts what goes to the client.
func (p *Proxy) relay(to, from net.Conn, number int, sent *int64) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil && err != io.EOF || n == 0 {
			return
		}
		p.mu.Lock()
		if sent != nil {
			*sent += int64(n)
		}
		for p.silent || number <= p.dropped || sent != nil && p.after > 0 && *sent > p.after {
			if _, open := p.conns[from]; !open {
				p.mu.Unlock()
				return
			}
			p.changed.Wait()
		}
		p.mu.Unlock()
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	change()
	p.changed.Broadcast()
	p.mu.Unlock()
}

// Silence lets nothing pass: connections are accepted, and nothing answers.
func (p *Proxy) Silence() { p.set(func() { p.silent = true }) }

// SilenceAfter has each connection fall silent after it answered this many bytes.
func (p *Proxy) SilenceAfter(bytes int64) { p.set(func() { p.after = bytes }) }

// Forget drops the connections that there are without a word, as a firewall does; new ones pass.
func (p *Proxy) Forget() { p.set(func() { p.dropped = p.count }) }

// Cut ends all connections and accepts no more.
func (p *Proxy) Cut() {
	p.set(func() {
		p.refusing = true
		p.closeAll()
	})
}

// Heal lets everything pass again; what was held back for connections that are open still arrives.
func (p *Proxy) Heal() { p.set(func() { p.silent, p.refusing, p.after = false, false, 0 }) }

func (p *Proxy) closeAll() {
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

func (p *Proxy) close() {
	p.listener.Close()
	p.set(p.closeAll)
}

// Unreachable is an address that swallows packets: connecting to it gets no answer, until it is freed.
func Unreachable(t testing.TB) (address string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: bound.(*syscall.SockaddrInet4).Port}
	// Nobody accepts: once the backlog is full the kernel drops what comes.
	for range 4 {
		go func() {
			if c, err := net.DialTCP("tcp", nil, at); err == nil {
				t.Cleanup(func() { c.Close() })
			}
		}()
	}
	return at.String()
}
