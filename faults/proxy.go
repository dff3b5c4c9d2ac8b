package main

import (
	"net"
	"sync"
)

// proxy hands bytes on between nodes and a database until it is told to swallow them: then no byte
// arrives, and no connection is refused or closed.
type proxy struct {
	listener net.Listener
	to       string

	mu     sync.Mutex
	silent bool
	open   map[net.Conn]bool // whether the connection lost bytes
}

func newProxy(to string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, to: to, open: map[net.Conn]bool{}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go p.serve(conn)
		}
	}()
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) serve(near net.Conn) {
	p.mu.Lock()
	p.open[near] = p.silent
	p.mu.Unlock()
	defer p.forget(near)
	far, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer far.Close()
	go p.pump(near, far, near)
	p.pump(near, near, far)
}

// pump hands on what comes from one side, or swallows it. A connection that lost bytes gets none any
// more.
func (p *proxy) pump(near, from, to net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.swallows(near) {
			to.Write(buffer[:n]) // if it is gone, the next read says so
		}
		if err != nil && !p.swallows(near) {
			to.Close()
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) swallows(near net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.open[near]; known && p.silent {
		p.open[near] = true
	}
	return p.open[near]
}

func (p *proxy) forget(near net.Conn) {
	near.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, near)
}

// silence begins to swallow all bytes.
func (p *proxy) silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
}

// speak hands bytes on again and ends the connections that lost some.
func (p *proxy) speak() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = false
	for conn, lost := range p.open {
		if lost {
			conn.Close()
		}
	}
}

func (p *proxy) close() {
	p.listener.Close()
	p.silence() // so that what is under way is marked
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		conn.Close()
	}
}
