package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/usher-id/usher/internal/store/storetest"
)

func TestMain(m *testing.M) {
	testscript.Main(withPostgres{m}, map[string]func(){
		"usher":    main,
		"certutil": fakeTool,
		"sudo":     fakeTool,
	})
}

// withPostgres stops the PostgreSQL that tests started.
type withPostgres struct{ *testing.M }

func (m withPostgres) Run() int { return storetest.Main(m.M) }

// fakeTool stands in for the programs that change trust stores: it writes down how it was called, and fails
// where FAIL names it. Like certutil it does not know a certificate (-V) before it was added (-A).
func fakeTool() {
	name, args := filepath.Base(os.Args[0]), strings.Join(os.Args[1:], " ")
	log := filepath.Join(os.Getenv("WORK"), "tools.log")
	before, _ := os.ReadFile(log)
	if err := os.WriteFile(log, append(before, []byte(name+" "+args+"\n")...), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if name == "certutil" && os.Args[1] == "-N" {
		_ = os.WriteFile(filepath.Join(os.Getenv("HOME"), ".pki", "nssdb", "cert9.db"), nil, 0o600)
	}
	unknown := name == "certutil" && os.Args[1] == "-V" && !strings.Contains(string(before), "certutil -A")
	if unknown || os.Getenv("FAIL") == name {
		fmt.Fprintln(os.Stderr, name+": it did not work")
		os.Exit(1)
	}
}

func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("XDG_CONFIG_HOME", "")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"freeports": freePorts,
			"waitready": waitReady,
			"private":   private,
			"lacks":     lacks,
			"terminate": terminate,
			"onlyusher": onlyUsher,
			"register":  register,
			"opens":     opens,
			"waitfor":   waitFor,
			"subject":   subject,
			"firstid":   firstID,
		},
	})
}

// freePorts sets each named variable to a port that nobody listens on.
func freePorts(ts *testscript.TestScript, _ bool, names []string) {
	for _, name := range names {
		l, err := net.Listen("tcp", "localhost:0")
		ts.Check(err)
		defer l.Close()
		ts.Setenv(name, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
}

// waitReady waits until an address answers with 200.
func waitReady(ts *testscript.TestScript, _ bool, args []string) {
	client := &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-tick.C {
		r, err := client.Get(args[0])
		if err != nil {
			continue
		}
		r.Body.Close()
		if r.StatusCode == http.StatusOK {
			return
		}
	}
	ts.Fatalf("%s is not ready", args[0])
}

// private checks that only the owner can read the files.
func private(ts *testscript.TestScript, _ bool, files []string) {
	for _, f := range files {
		info, err := os.Stat(ts.MkAbs(f))
		ts.Check(err)
		if info.Mode().Perm() != 0o600 {
			ts.Fatalf("%s has mode %04o", f, info.Mode().Perm())
		}
	}
}

// lacks checks that a folder does not exist or is empty.
func lacks(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	if err == nil && len(entries) > 0 {
		ts.Fatalf("%s holds %v", args[0], entries)
	}
}

// terminate sends SIGTERM to what runs in the background; the kill command knows fewer signals.
func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			ts.Check(err)
		}
	}
}

// register registers a client at the address with the initial access token in a file.
func register(ts *testscript.TestScript, _ bool, args []string) {
	client := &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
	}
	r, err := http.NewRequest("POST", args[0], strings.NewReader(`{"redirect_uris":["https://rp.example/cb"]}`))
	ts.Check(err)
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(args[1])))
	r.Header.Set("Content-Type", "application/json")
	res, err := client.Do(r)
	ts.Check(err)
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		ts.Fatalf("registering answered %s", res.Status)
	}
}

// opens checks that the link in a file leads to a page that is good.
func opens(ts *testscript.TestScript, _ bool, args []string) {
	client := &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
	}
	res, err := client.Get(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		ts.Fatalf("the link answered %s", res.Status)
	}
}

// onlyUsher leaves nothing but usher on the PATH.
func onlyUsher(ts *testscript.TestScript, _ bool, _ []string) {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		usher := filepath.Join(dir, "usher")
		if _, err := os.Stat(usher); err == nil {
			ts.Check(os.Mkdir(ts.MkAbs("bin"), 0o700))
			ts.Check(os.Symlink(usher, ts.MkAbs("bin/usher")))
			ts.Setenv("PATH", ts.MkAbs("bin"))
			return
		}
	}
	ts.Fatalf("usher is not on the PATH")
}

// waitFor waits until a line of the file holds all the words.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-tick.C {
		text, _ := os.ReadFile(ts.MkAbs(args[0]))
		for line := range strings.Lines(string(text)) {
			if !slices.ContainsFunc(args[1:], func(word string) bool { return !strings.Contains(line, word) }) {
				return
			}
		}
	}
	ts.Fatalf("no line of %s has %v", args[0], args[1:])
}

// subject sets a variable to the subject in a file that 'usher user show' printed.
func subject(ts *testscript.TestScript, _ bool, args []string) {
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if words := strings.Fields(line); len(words) == 2 && words[0] == "subject" {
			ts.Setenv(args[1], words[1])
			return
		}
	}
	ts.Fatalf("%s names no subject", args[0])
}

// firstID sets a variable to the first word of the first row below the heading.
func firstID(ts *testscript.TestScript, _ bool, args []string) {
	lines := strings.Split(ts.ReadFile(args[0]), "\n")
	if len(lines) < 2 || lines[1] == "" {
		ts.Fatalf("%s has no row", args[0])
	}
	ts.Setenv(args[1], strings.Fields(lines[1])[0])
}
