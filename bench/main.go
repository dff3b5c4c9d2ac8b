// Command bench measures the released binary under load, beside a bare Go TLS server that answers the same
// bytes (the floor), with the same load program in the same run. README.md says how to read the outcome.
//
//	go run ./bench           speed, on SQLite and PostgreSQL
//	go run ./bench memory    what `usher demo` takes: memory, binary, time to start
//	go run ./bench lists     what the lists of the admin pages cost in a small and in a large directory
//	go run ./bench sizes     what renewal and introspection cost in a small and in a large database
//	go run ./bench writes    how long writes take on SQLite beside a purge or a long read
//	go run ./bench backup    a backup beside writes, and writes beside a backup
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	command, args := "speed", os.Args[1:]
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	var err error
	switch command {
	case "speed":
		err = speed(ctx, args)
	case "memory":
		err = memory(ctx, args)
	case "lists":
		err = lists(ctx, args)
	case "writes":
		err = writes(ctx, args)
	case "sizes":
		err = sizes(ctx, args)
	case "backup":
		err = backups(ctx, args)
	case "floor":
		err = runFloor()
	default:
		err = fmt.Errorf("there is no bench %q: leave it out for speed, or say memory, lists, writes, backup or sizes", command)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func speed(ctx context.Context, args []string) error {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	databases := flags.String("databases", strings.Join(databaseNames, ","), "databases to measure on")
	works := flags.String("work", strings.Join(workNames, ","), "what to measure")
	flags.IntVar(&s.runs, "runs", 5, "runs of each, in turn with the floor; the median counts")
	flags.IntVar(&s.connections, "connections", 32, "keep-alive connections")
	flags.DurationVar(&s.warm, "warmup", time.Second, "time before each run that does not count")
	flags.DurationVar(&s.length, "duration", 3*time.Second, "length of each run")
	flags.IntVar(&s.accounts, "accounts", 100_000, "users, each with a session")
	flags.BoolVar(&s.floor, "floor", true, "measure the floor too; without it only errors can fail")
	flags.StringVar(&s.binary, "binary", "", "usher binary to measure (default: built from the sources)")
	flags.StringVar(&s.profiles, "profiles", "", "folder for processor profiles of the server, one a work and database; slows it down")
	file := flags.String("json", filepath.Join("build", "bench.json"), "file for the machine-readable outcome")
	flags.Parse(args)
	if s.runs < 1 || s.connections < 1 || s.accounts < 1 || s.length <= 0 || flags.NArg() > 0 {
		return errors.New("runs, connections, accounts and duration are at least 1, and there are no further arguments")
	}
	var err1, err2 error
	s.databases, err1 = parseNames(*databases, databaseNames)
	s.works, err2 = parseNames(*works, workNames)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	folder, err := workFolder()
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	// The load program shares the machine with the server: it should not collect garbage all the time.
	debug.SetGCPercent(400)
	b := &bench{settings: s, folder: folder}
	if b.cert, err = newCertificate(); err != nil {
		return err
	}
	if b.binary, err = b.settings.build(ctx, folder); err != nil {
		return err
	}
	return b.tell(ctx, *file)
}

// tell measures and reports, also what was found before something failed.
func (b *bench) tell(ctx context.Context, file string) error {
	r := newReport(b.settings)
	b.found = func(m measurement) {
		r.Measurements = append(r.Measurements, m)
		fmt.Fprintf(os.Stderr, "%s on %s: %.0f requests/s\n", m.Work, m.Database, median(m.Usher, perSecond))
	}
	err := b.run(ctx)
	if len(r.Measurements) > 0 {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		err = errors.Join(err, r.table(os.Stdout), r.write(file))
	}
	for _, fault := range r.faults() {
		err = errors.Join(err, errors.New(fault))
	}
	return err
}

// build makes the binary unless one is named, with a profiler laid over its sources if profiles are asked for.
func (s settings) build(ctx context.Context, folder string) (string, error) {
	if s.profiles == "" {
		if s.binary != "" {
			return filepath.Abs(s.binary)
		}
		return build(ctx, folder)
	}
	if s.binary != "" {
		return "", errors.New("-profiles needs a binary of its own: leave -binary out")
	}
	if err := os.MkdirAll(s.profiles, 0o755); err != nil {
		return "", err
	}
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	flag, err := overlay(folder, filepath.Dir(strings.TrimSpace(string(mod))))
	if err != nil {
		return "", err
	}
	return build(ctx, folder, flag)
}

func memory(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench memory", flag.ExitOnError)
	wait := flags.Duration("wait", time.Minute, "how long after the start the memory is looked at")
	binary := flags.String("binary", "", "usher binary to measure (default: built from the sources)")
	flags.Parse(args)
	folder, err := workFolder()
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path, err := settings{binary: *binary}.build(ctx, folder)
	if err != nil {
		return err
	}
	return measureDemo(ctx, path, folder, *wait)
}

// workFolder is where everything of one run lies. PostgreSQL, which may run as another user, has to get through.
func workFolder() (string, error) {
	folder, err := os.MkdirTemp("", "usher-bench-")
	if err != nil {
		return "", err
	}
	return folder, os.Chmod(folder, 0o755)
}
