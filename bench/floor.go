package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"strings"
)

// floorSpec tells the floor, which is this program started once more, what to be: a bare Go TLS server that
// answers everything with the same bytes.
type floorSpec struct {
	Certificate, Key []byte // PEM
	Status           int
	Header           http.Header
	Body             []byte
	// Database is where the floor writes the rows of a revocation before it answers; empty for nowhere.
	Database string
}

// floorOf takes an answer of usher's apart, so that the floor can give it again.
func floorOf(a answer) (floorSpec, error) {
	_, fields, _ := bytes.Cut(a.header, []byte("\r\n"))
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(fields))).ReadMIMEHeader()
	if err != nil {
		return floorSpec{}, fmt.Errorf("the header of the answer: %w", err)
	}
	// These two are the HTTP server's own doing.
	header.Del("Date")
	header.Del("Transfer-Encoding")
	return floorSpec{Status: a.status, Header: http.Header(header), Body: bytes.Clone(a.body)}, nil
}

// floor is a running floor.
type floor struct {
	cmd   *exec.Cmd
	stdin io.Closer
	target
}

func startFloor(spec floorSpec, like target) (*floor, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "floor")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	f := &floor{cmd: cmd, stdin: in, target: like}
	if err := json.NewEncoder(in).Encode(spec); err != nil {
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	f.address, f.pid = strings.TrimSpace(address), cmd.Process.Pid
	return f, nil
}

func (f *floor) close() {
	f.stdin.Close()
	f.cmd.Wait()
}

// runFloor is the floor's main: it reads its specification, prints where it listens, and serves until standard
// input ends.
func runFloor() error {
	input := bufio.NewReader(os.Stdin)
	var spec floorSpec
	if err := json.NewDecoder(input).Decode(&spec); err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(spec.Certificate, spec.Key)
	if err != nil {
		return err
	}
	handler, err := spec.handler()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	server := &http.Server{
		Handler:   handler,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}},
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return server.ServeTLS(l, "", "")
}

func (s floorSpec) handler() (http.Handler, error) {
	type field struct {
		name   string
		values []string
	}
	var fields []field
	for name, values := range s.Header {
		fields = append(fields, field{name, values})
	}
	fixed := func(w http.ResponseWriter) {
		h := w.Header()
		for _, f := range fields {
			h[f.name] = f.values
		}
		if s.Status != http.StatusOK {
			w.WriteHeader(s.Status)
		}
		w.Write(s.Body)
	}
	if s.Database == "" {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fixed(w) }), nil
	}
	commit, err := startCommitter(s.Database)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The form is read, as whoever revokes has to; what it says does not matter here.
		io.Copy(io.Discard, r.Body)
		if err := commit(newRevocation()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fixed(w)
	}), nil
}
