package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/usher-id/usher/internal/web"
)

// How many lines of one kind are written in a while, and how many kinds are told apart. So many
// kinds are more than usher has; beyond them, all others are one.
const (
	logWindow   = 10 * time.Second
	linesOfKind = 10
	logKinds    = 256
)

// limited bounds what strangers can make the log grow: of lines of one kind (see lineKind) the
// first ones of a while are written, the rest is counted, and one line says how many were left out.
// Lines that tell of what went well pass: authenticated clients alone cause them.
type limited struct {
	slog.Handler
	counts *lineCounts
}

// lineCounts is what the handlers of one log share.
type lineCounts struct {
	mu    sync.Mutex
	kinds map[string]*lineCount
}

// lineCount counts the lines of a kind since its while began.
type lineCount struct {
	began         time.Time
	written, left int
	sample        slog.Record // the last that was left out
}

// Handle implements slog.Handler.
func (l limited) Handle(ctx context.Context, r slog.Record) error {
	if r.Level == slog.LevelInfo && r.Message != web.LogRefused || l.counts.admit(r) {
		return l.Handler.Handle(ctx, r)
	}
	return nil
}

// admit counts a line and tells whether it is written.
func (c *lineCounts) admit(r slog.Record) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	kind := lineKind(r)
	k := c.kinds[kind]
	if k == nil && len(c.kinds) >= logKinds {
		kind = "others"
		k = c.kinds[kind]
	}
	if k == nil {
		k = &lineCount{began: r.Time}
		c.kinds[kind] = k
	}
	if k.written < linesOfKind {
		k.written++
		return true
	}
	k.left, k.sample = k.left+1, r
	return false
}

// leftOut takes the kinds whose while is over, or all at the end, and makes a line for each of
// which some were left out.
func (c *lineCounts) leftOut(now time.Time, all bool) (list []slog.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for kind, k := range c.kinds {
		age := now.Sub(k.began)
		if age < logWindow && age >= 0 && !all {
			continue
		}
		delete(c.kinds, kind)
		if k.left == 0 {
			continue
		}
		text := fmt.Sprintf("%d more like this in %d s", k.left, max(1, int(age.Seconds()+0.5)))
		line := slog.NewRecord(now, k.sample.Level, text, 0)
		line.AddAttrs(slog.String("of", k.sample.Message), slog.Int("left_out", k.left))
		k.sample.Attrs(func(a slog.Attr) bool {
			if a.Key == "route" || a.Key == "error" || a.Key == "cause" || a.Key == "status" {
				line.AddAttrs(a)
			}
			return true
		})
		list = append(list, line)
	}
	return list
}

// WithAttrs implements slog.Handler.
func (l limited) WithAttrs(attrs []slog.Attr) slog.Handler {
	return limited{l.Handler.WithAttrs(attrs), l.counts}
}

// WithGroup implements slog.Handler.
func (l limited) WithGroup(name string) slog.Handler {
	return limited{l.Handler.WithGroup(name), l.counts}
}

// lineKind is what a line shares with others like it: message, route, error and cause, without the
// words in these that a caller can choose.
func lineKind(r slog.Record) string {
	kind := []string{r.Level.String(), plainWords(r.Message)}
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "route":
			kind = append(kind, a.Value.String())
		case "error", "cause":
			kind = append(kind, plainWords(a.Value.String()))
		}
		return true
	})
	return strings.Join(kind, "\n")
}

// plainWords keeps at most so many words of a text, and of these only such as sentences of ours
// have.
const keptWords = 12

func plainWords(text string) string {
	words := strings.Fields(text)
	words = words[:min(len(words), keptWords)]
	for i, word := range words {
		word = strings.Trim(word, ".,:;()")
		if len(word) > 20 || strings.ContainsFunc(word, func(r rune) bool {
			return r != '_' &&
				!unicode.IsLetter(r)
		}) {
			words[i] = "*"
		}
	}
	return strings.Join(words, " ")
}
