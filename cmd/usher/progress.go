package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress shows how far a copy is: on a terminal in one line that changes, elsewhere in a line now and then.
type progress struct {
	w           io.Writer
	terminal    bool
	began, last time.Time
}

const (
	progressOnTerminal = 200 * time.Millisecond
	progressElsewhere  = 5 * time.Second
)

func newProgress(w io.Writer) *progress {
	f, isFile := w.(*os.File)
	now := time.Now()
	return &progress{w: w, terminal: isFile && term.IsTerminal(int(f.Fd())), began: now, last: now}
}

// show is called with the bytes that are done, of all there are.
func (p *progress) show(done, total int64) {
	now := time.Now()
	every := progressElsewhere
	if p.terminal {
		every = progressOnTerminal
	}
	if done < total && now.Sub(p.last) < every {
		return
	}
	p.last = now
	text := progressText(done, total, now.Sub(p.began))
	switch {
	case !p.terminal:
		fmt.Fprintln(p.w, text)
	case done < total:
		fmt.Fprint(p.w, "\r\x1b[K"+text)
	default:
		fmt.Fprintln(p.w, "\r\x1b[K"+text)
	}
}

// progressText says how much is done and, at the speed so far, how long the rest takes.
func progressText(done, total int64, took time.Duration) string {
	if total <= 0 || done <= 0 {
		return "0%"
	}
	text := fmt.Sprintf("copied %d%% (%s of %s)", done*100/total, sizeText(done), sizeText(total))
	if left := time.Duration(float64(took) * float64(total-done) / float64(done)); left >= time.Second {
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return text
}

// sizeText is a number of bytes for people.
func sizeText(n int64) string {
	const kilo = 1000
	if n < kilo {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/kilo, 0
	for value >= kilo && unit < 3 {
		value, unit = value/kilo, unit+1
	}
	return fmt.Sprintf("%.1f %s", value, [...]string{"kB", "MB", "GB", "TB"}[unit])
}
