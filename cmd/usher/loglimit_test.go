package main

import (
	"bytes"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/web"
)

// A flood of one kind is a few lines and a count; lines of other kinds are all there, and so is
// what went well.
func TestLogLimitsByKind(t *testing.T) {
	var out bytes.Buffer
	log, buffer := newLog(&out, "text", slog.LevelInfo)
	for i := range 60_000 {
		log.Warn(web.LogRefused, "route", "POST /token", "error", "too_many_requests", "address",
			fmt.Sprint("192.0.2.", i%250))
	}
	for i := range 3 {
		log.Warn(web.LogRefused, "route", "POST /token", "error", "invalid_client", "cause",
			"wrong secret", "client", i)
		log.Warn(web.LogRefused, "route", "POST /token", "error", "invalid_client", "cause",
			"unknown client", "client", i)
	}
	for range 500 {
		log.Info("token issued", "client", "app")
	}
	buffer.Close()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if want := linesOfKind + 1 + 6 + 500; len(lines) != want {
		t.Errorf("%d lines, want %d", len(lines), want)
	}
	if !strings.Contains(out.String(), fmt.Sprint("left_out=", 60_000-linesOfKind)) ||
		!strings.Contains(out.String(), fmt.Sprint(60_000-linesOfKind, " more like this in ")) {
		t.Errorf("nothing says how many were left out: %s", lines[len(lines)-1])
	}
}

// Neither words that callers choose nor a great many kinds make the log grow.
func TestLogKindsAreBounded(t *testing.T) {
	word := func(i int) string { // letters only, as in our own sentences
		return strings.Map(func(r rune) rune { return r - '0' + 'a' }, fmt.Sprintf("%06d", i))
	}
	for _, tt := range []struct {
		name string
		most int
		kind func(i int) []any
	}{
		{"addresses", linesOfKind, func(i int) []any {
			return []any{"cause",
				fmt.Sprintf("origin https://x%d.example is", i)}
		}},
		{"quoted", linesOfKind, func(i int) []any {
			return []any{"cause",
				fmt.Sprintf("invalid URL escape %q", fmt.Sprint("%", i))}
		}},
		{"numbers", linesOfKind, func(i int) []any {
			return []any{"error", fmt.Sprintf("at byte %d",
				i)}
		}},
		{"long words", linesOfKind, func(i int) []any {
			return []any{"cause", strings.Repeat(word(i),
				9)}
		}},
		{"long texts", linesOfKind, func(i int) []any {
			return []any{"cause", strings.Repeat("so ", 50) +
				word(i)}
		}},
		{"own words", (logKinds + 1) * linesOfKind, func(i int) []any { return []any{"cause", word(i)} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &lineCounts{kinds: map[string]*lineCount{}}
			written := 0
			for i := range 20_000 {
				r := slog.NewRecord(time.Time{}, slog.LevelWarn, web.LogRefused, 0)
				r.Add(tt.kind(i)...)
				if c.admit(r) {
					written++
				}
			}
			left := 0
			for _, r := range c.leftOut(time.Time{}, true) {
				r.Attrs(func(a slog.Attr) bool {
					if a.Key == "left_out" {
						left += int(a.Value.Int64())
					}
					return true
				})
			}
			if written > tt.most || written+left != 20_000 {
				t.Errorf("%d lines written, %d counted", written, left)
			}
		})
	}
}

// A while later lines are written again.
func TestLogWhileEnds(t *testing.T) {
	c := &lineCounts{kinds: map[string]*lineCount{}}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	line := slog.NewRecord(now, slog.LevelError, web.LogFailed, 0)
	for range linesOfKind {
		c.admit(line)
	}
	if c.admit(line) {
		t.Fatal("a line too many")
	}
	if len(c.leftOut(now.Add(logWindow-time.Second), false)) != 0 || c.admit(line) {
		t.Error("the while ended early")
	}
	said := c.leftOut(now.Add(logWindow), false)
	if len(said) != 1 || said[0].Message != "2 more like this in 10 s" ||
		said[0].Level != slog.LevelError {
		t.Errorf("said %v", said)
	}
	if !c.admit(line) || len(c.kinds) != 1 {
		t.Error("nothing is written after it")
	}
	if len(c.leftOut(now.Add(-time.Hour), false)) != 0 || len(c.kinds) != 0 {
		t.Error("a clock that is set back keeps a kind for ever")
	}
}

// 60,000 throttled sign-ins of one address leave a log of bounded size, and a user elsewhere signs
// in as ever.
func TestFloodLeavesASmallLog(t *testing.T) {
	var out lockedOutput
	log, buffer := newLog(&out, "text", slog.LevelInfo)
	d := &demo{Data: t.TempDir(), node: node{Log: log}}
	if err := d.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	handler := d.door("--port").handler
	page := httptest.NewRecorder()
	ask := httptest.NewRequest("GET", d.BaseURL+"/oauth/v2/oauth-assisted-token?client_id="+demoClient+
		"&for_origin="+d.appOrigin(), nil)
	ask.Header.Set("Sec-Fetch-Dest", "iframe")
	handler.ServeHTTP(page, ask)
	flow := regexp.MustCompile(`name="flow" value="([^"]*)"`).FindStringSubmatch(page.Body.String())
	if flow == nil {
		t.Fatalf("no form: %d %s", page.Code, page.Body)
	}
	signIn := func(address, username, password string) int {
		form := url.Values{"flow": {html.UnescapeString(flow[1])}, "username": {username},
			"password": {password}}
		r := httptest.NewRequest("POST", d.BaseURL+"/authn/authentication/password",
			strings.NewReader(form.Encode()))
		r.RemoteAddr = address + ":4711"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		for _, c := range page.Result().Cookies() {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	started, throttled := time.Now(), 0
	for range 60_000 {
		if signIn("192.0.2.66", "mallory", "wrong") == http.StatusTooManyRequests {
			throttled++
		}
	}
	windows := int(time.Since(started)/logWindow) + 1
	if status := signIn("198.51.100.1", demoUser, demoPassword); status != http.StatusOK {
		t.Errorf("another user: status %d", status)
	}
	buffer.Close()
	text := out.String()
	lines := strings.Count(text, "\n")
	// Three kinds: wrong password, and throttled by name and by address; beside these what a start
	// says.
	if most := 3*windows*(linesOfKind+1) + 20; lines > most || throttled < 50_000 {
		t.Errorf("%d lines, at most %d are good; %d throttled", lines, most, throttled)
	}
	if !strings.Contains(text, "more like this in") || !strings.Contains(text, "address=192.0.2.66") {
		t.Errorf("the log does not tell of the flood: %.2000s", text)
	}
	t.Logf("%d throttled in %v: %d lines, %d bytes", throttled,
		time.Since(started).Round(time.Millisecond), lines, len(text))
}

type lockedOutput struct {
	mu sync.Mutex
	bytes.Buffer
}

func (o *lockedOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Buffer.Write(p)
}

func (o *lockedOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Buffer.String()
}
