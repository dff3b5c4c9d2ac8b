package main

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echo answers each connection with what it reads.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(conn, conn)
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// say sends a byte and tells what comes of it within the time.
func say(conn net.Conn, patience time.Duration) error {
	conn.Write([]byte("x"))
	conn.SetReadDeadline(time.Now().Add(patience))
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}

func TestProxySwallowsAndSpeaksAgain(t *testing.T) {
	p, err := newProxy(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	lost, idle := dial(t, p.address()), dial(t, p.address())
	for _, conn := range []net.Conn{lost, idle} {
		if err := say(conn, 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	p.silence()
	for name, conn := range map[string]net.Conn{"an old connection": lost, "a new connection": dial(t, p.address())} {
		if err := say(conn, 200*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.speak()
	if err := say(lost, 10*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection that lost bytes goes on: %v", err)
	}
	for name, conn := range map[string]net.Conn{"one that lost nothing": idle, "a new one": dial(t, p.address())} {
		if err := say(conn, 10*time.Second); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
