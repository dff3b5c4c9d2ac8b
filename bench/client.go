package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// maxAnswer bounds an answer, header included; no measured endpoint comes near it.
const maxAnswer = 64 << 10

// client is one keep-alive connection that speaks just enough HTTP/1.1 (RFC 9112): one request at a time,
// answers with Content-Length or chunked. net/http's client costs about as much as the server that is
// measured, on the same processors.
type client struct {
	conn *tls.Conn
	in   []byte // what was read; the answer before the next one stays valid until roundTrip is called
	body []byte // of a chunked answer, put together
}

// answer is what came back. Its bytes are valid until the connection's next round trip.
type answer struct {
	status int
	header []byte
	body   []byte
}

// connect opens connection number i. Each has a loopback address of its own, since the server limits how
// often one address may sign in.
func connect(t target, i int) (*client, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+i/250), byte(2+i%250))}, Timeout: 10 * time.Second}
	raw, err := d.Dial("tcp", t.address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, &tls.Config{ServerName: "localhost", RootCAs: t.roots, InsecureSkipVerify: t.roots == nil})
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if err := conn.Handshake(); err != nil {
		raw.Close()
		return nil, err
	}
	return &client{conn: conn, in: make([]byte, 0, maxAnswer)}, nil
}

// roundTrip sends a request and reads its answer.
func (c *client) roundTrip(request []byte) (answer, error) {
	if _, err := c.conn.Write(request); err != nil {
		return answer{}, err
	}
	c.in = c.in[:0]
	header, err := c.readUntil(0, "\r\n\r\n")
	if err != nil {
		return answer{}, err
	}
	a := answer{header: c.in[:header]}
	if len(a.header) < len("HTTP/1.1 200") {
		return answer{}, errors.New("the answer is not HTTP")
	}
	if a.status, err = strconv.Atoi(string(a.header[9:12])); err != nil {
		return answer{}, errors.New("the answer has no status")
	}
	a.body, err = c.readBody(a.header)
	return a, err
}

func (c *client) readBody(header []byte) ([]byte, error) {
	start := len(header)
	if length, found := headerValue(header, "Content-Length"); found {
		n, err := strconv.Atoi(string(length))
		if err != nil || n < 0 {
			return nil, errors.New("the answer's Content-Length is no number")
		}
		for len(c.in) < start+n {
			if err := c.more(); err != nil {
				return nil, err
			}
		}
		return c.in[start : start+n], nil
	}
	if _, chunked := headerValue(header, "Transfer-Encoding"); chunked {
		return c.readChunks(start)
	}
	return nil, errors.New("the answer has neither Content-Length nor Transfer-Encoding")
}

// readChunks reads a chunked body (RFC 9112 §7.1) that begins at the given place.
func (c *client) readChunks(at int) ([]byte, error) {
	c.body = c.body[:0]
	for {
		lineEnd, err := c.readUntil(at, "\r\n")
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseUint(string(c.in[at:lineEnd-2]), 16, 31)
		if err != nil {
			return nil, errors.New("a chunk of the answer has no size")
		}
		at = lineEnd + int(size) + 2
		for len(c.in) < at {
			if err := c.more(); err != nil {
				return nil, err
			}
		}
		if size == 0 {
			return c.body, nil
		}
		c.body = append(c.body, c.in[lineEnd:lineEnd+int(size)]...)
	}
}

// readUntil reads until mark stands at or behind the place from, and returns where it ends.
func (c *client) readUntil(from int, mark string) (end int, err error) {
	for {
		if len(c.in) > from {
			if i := bytes.Index(c.in[from:], []byte(mark)); i >= 0 {
				return from + i + len(mark), nil
			}
		}
		if err := c.more(); err != nil {
			return 0, err
		}
	}
}

func (c *client) more() error {
	if len(c.in) == cap(c.in) {
		return fmt.Errorf("the answer is longer than %d bytes", cap(c.in))
	}
	n, err := c.conn.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	if n > 0 {
		return nil
	}
	return err
}

// headerValue finds a field in the form in which Go's servers write its name.
func headerValue(header []byte, name string) (value []byte, found bool) {
	i := bytes.Index(header, []byte("\r\n"+name+": "))
	if i < 0 {
		return nil, false
	}
	value = header[i+len("\r\n"+name+": "):]
	return value[:bytes.IndexByte(value, '\r')], true
}

func (c *client) close() { c.conn.Close() }
