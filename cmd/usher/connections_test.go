package main

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestConnectionLimit(t *testing.T) {
	for files, want := range map[uint64]int{4: 4, 16: 8, 64: 32, 127: 63, 128: 64, 256: 192, 1024: 922, 1 << 20: 943719, 1 << 62: 1 << 20} {
		if got := connectionLimit(files); got != want {
			t.Errorf("of %d files %d, want %d", files, got, want)
		}
	}
}

// TestConnectionsWait: beyond the limit a connection waits until another one ends, the listener that has no
// limit accepts meanwhile, and closing ends the wait.
func TestConnectionsWait(t *testing.T) {
	var text strings.Builder
	listen := func(places chan struct{}) *countedListener {
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l := counted(inner, "metrics_listen", slog.New(slog.NewTextHandler(&text, nil))).(*countedListener)
		l.places = places
		t.Cleanup(func() { l.Close() })
		return l
	}
	dial := func(l net.Listener) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	full, free := listen(make(chan struct{}, 2)), listen(nil)
	accepted := make(chan net.Conn)
	ended := make(chan error)
	go func() {
		for {
			c, err := full.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		dial(full)
	}
	first := <-accepted
	<-accepted
	select {
	case <-accepted:
		t.Fatal("a third connection was accepted")
	case <-time.After(100 * time.Millisecond):
	}
	dial(free)
	if _, err := free.Accept(); err != nil {
		t.Error(err)
	}
	first.Close()
	first.Close() // gives back one place, not two
	<-accepted
	full.Close()
	if err := <-ended; err == nil {
		t.Error("a closed listener accepts")
	}
	if !strings.Contains(text.String(), "level=ERROR") || !strings.Contains(text.String(), "LimitNOFILE") {
		t.Errorf("the log says %q", text.String())
	}
	if !outOfFiles(&net.OpError{Err: fmt.Errorf("accept: %w", syscall.EMFILE)}) {
		t.Error("EMFILE is not known")
	}
}
