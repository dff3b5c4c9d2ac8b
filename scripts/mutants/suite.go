package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// patience bounds one run of tests.
const patience = 5 * time.Minute

// mustPass runs the tests and demands that each is there and passes.
func (s suite) mustPass(dir string) error {
	out, err := s.run(dir)
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", s.place, err, end(out))
	}
	for _, test := range s.tests {
		if !s.tells(out, test, true) {
			return fmt.Errorf("%s: there is no test %s, or it did not run:\n%s", s.place, test, end(out))
		}
	}
	return nil
}

// mustFail runs the one test and tells a failure of that very test from any other.
func (s suite) mustFail(dir string) error {
	out, err := s.run(dir)
	switch {
	case err == nil:
		return fmt.Errorf("its test still passes: %s %s", s.place, s.tests[0])
	case !s.tells(out, s.tests[0], false):
		return fmt.Errorf("its test could not run (%w):\n%s", err, end(out))
	}
	return nil
}

// end is what people want to see of a long output.
func end(out []byte) []byte { return out[max(0, len(out)-4000):] }

// run runs the tests and returns what they printed.
func (s suite) run(dir string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var c *exec.Cmd
	if s.browser {
		c = exec.CommandContext(ctx, "npm", append([]string{"--prefix", "e2e", "run", "--silent", "one", "--", s.place}, s.tests...)...)
	} else {
		// Vetting and debug information would cost more time than the tests.
		c = exec.CommandContext(ctx, "go", "test", "-count=1", "-vet=off", "-ldflags=-s -w", "-v", "-run", s.pattern(), s.place)
	}
	c.Dir = dir
	c.WaitDelay = 5 * time.Second // what the tests started may hold their output open
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("no end in %s", patience)
	}
	return out.Bytes(), err
}

// pattern matches the Go tests, and of a single subtest nothing beside it.
func (s suite) pattern() string {
	var names []string
	for _, test := range s.tests {
		name, sub, nested := strings.Cut(test, "/")
		if nested && len(s.tests) == 1 {
			return "^" + name + "$/^" + regexp.QuoteMeta(sub) + "$"
		}
		names = append(names, name)
	}
	return "^(" + strings.Join(names, "|") + ")$"
}

// tells finds the outcome of a test in the output: Go's own, or TAP.
func (s suite) tells(out []byte, test string, passed bool) bool {
	word := map[bool]string{true: "PASS", false: "FAIL"}[passed]
	line := `--- ` + word + `: ` + regexp.QuoteMeta(test) + ` \(`
	if s.browser {
		word = map[bool]string{true: "ok", false: "not ok"}[passed]
		line = word + ` \d+ - .*` + regexp.QuoteMeta(test)
	}
	return regexp.MustCompile(`(?m)^\s*` + line).Match(out)
}
