package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	logBufferSize = 64 << 10
	logFlushEvery = time.Second
)

// logBuffer gathers log lines so that a busy server does not make a system call for each. What matters
// (warnings and errors) is written at once, the rest within a second, all of it at Close.
type logBuffer struct {
	mu     sync.Mutex
	w      *bufio.Writer
	counts *lineCounts
	lines  slog.Handler // writes the lines that say what was left out
	done   chan struct{}
	once   sync.Once
}

// newLog makes the logger of a node in the form and from the level that the operator chose. How
// often a line of one kind is written is limited (see limited).
func newLog(w io.Writer, format string, level slog.Level) (*slog.Logger, *logBuffer) {
	b := &logBuffer{
		w: bufio.NewWriterSize(w, logBufferSize), done: make(chan struct{}),
		counts: &lineCounts{kinds: map[string]*lineCount{}},
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(b, options)
	if format == "json" {
		handler = slog.NewJSONHandler(b, options)
	}
	b.lines = urgent{handler, b}
	go b.flushing()
	return slog.New(limited{b.lines, b.counts}), b
}

// Write implements io.Writer for the handler, which writes whole lines.
func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.w.Write(line)
}

func (b *logBuffer) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.w.Flush() // there is nowhere to say that the log cannot be written
}

func (b *logBuffer) flushing() {
	tick := time.NewTicker(logFlushEvery)
	defer tick.Stop()
	for {
		select {
		case <-b.done:
			return
		case now := <-tick.C:
			b.sayLeftOut(now, false)
			b.flush()
		}
	}
}

func (b *logBuffer) sayLeftOut(now time.Time, all bool) {
	for _, line := range b.counts.leftOut(now, all) {
		_ = b.lines.Handle(context.Background(), line) // as in flush
	}
}

// Close writes what is left; lines that come later are written when the buffer is full.
func (b *logBuffer) Close() {
	b.once.Do(func() { close(b.done) })
	b.sayLeftOut(time.Now(), true)
	b.flush()
}

// urgent flushes after warnings and errors.
type urgent struct {
	slog.Handler
	buffer *logBuffer
}

// Handle implements slog.Handler.
func (u urgent) Handle(ctx context.Context, r slog.Record) error {
	err := u.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		u.buffer.flush()
	}
	return err
}

// WithAttrs implements slog.Handler.
func (u urgent) WithAttrs(attrs []slog.Attr) slog.Handler {
	return urgent{u.Handler.WithAttrs(attrs), u.buffer}
}

// WithGroup implements slog.Handler.
func (u urgent) WithGroup(name string) slog.Handler {
	return urgent{u.Handler.WithGroup(name), u.buffer}
}
