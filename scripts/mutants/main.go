// Command mutants takes each guard out of a copy of the project, one at a time, and runs the test that has to
// notice. It fails where a test still passes: such a test proves nothing. The table says which guard, how it
// is removed, and which test must fail.
//
//	go run ./scripts/mutants            # all of them
//	go run ./scripts/mutants -only csrf # those whose name contains csrf
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// mutant is one row of the table.
type mutant struct {
	Name string `yaml:"name"`
	// Rule is where the guard comes from: a section of a specification or of the project's documents.
	Rule string `yaml:"rule"`
	File string `yaml:"file"`
	// Take is text that stands exactly once in the file; Put, often empty, replaces it.
	Take string `yaml:"take"`
	Put  string `yaml:"put"`
	// Go is a package and a test in it; Browser a file of e2e/tests and part of a test's name.
	Go      []string `yaml:"go"`
	Browser []string `yaml:"browser"`
}

// patience bounds one test run.
const patience = 5 * time.Minute

func main() {
	only := flag.String("only", "", "run the mutants whose name contains this")
	table := flag.String("table", "scripts/mutants/table.yaml", "the table")
	flag.Parse()
	if err := run(*table, *only); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(table, only string) error {
	rows, err := read(table)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "usher-mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := copyProject(dir); err != nil {
		return err
	}
	ran, survived := 0, 0
	for _, m := range rows {
		if !strings.Contains(m.Name, only) {
			continue
		}
		ran++
		start := time.Now()
		if err := m.try(dir); err != nil {
			survived++
			fmt.Printf("SURVIVED %s (%s): %v\n", m.Name, m.Rule, err)
			continue
		}
		fmt.Printf("caught   %s (%s) in %.1f s\n", m.Name, m.Rule, time.Since(start).Seconds())
	}
	fmt.Printf("%d passed, %d failed\n", ran-survived, survived)
	if survived > 0 || ran == 0 {
		return fmt.Errorf("%d of %d mutants were not caught", survived, ran)
	}
	return nil
}

func read(table string) ([]mutant, error) {
	text, err := os.ReadFile(table)
	if err != nil {
		return nil, err
	}
	var rows []mutant
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&rows); err != nil {
		return nil, fmt.Errorf("%s: %w", table, err)
	}
	for _, m := range rows {
		if m.Name == "" || m.Rule == "" || (len(m.Go) != 2) == (len(m.Browser) != 2) {
			return nil, fmt.Errorf("%s: the row %q needs a name, a rule, and one test with two parts", table, m.Name)
		}
	}
	return rows, nil
}

// copyProject copies what git knows of, and links the installed Node packages.
func copyProject(dir string) error {
	list, err := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return fmt.Errorf("list the files: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		content, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	for _, modules := range []string{"e2e/node_modules", "js/node_modules"} {
		if at, err := filepath.Abs(modules); err == nil {
			if err := os.Symlink(at, filepath.Join(dir, modules)); err != nil && !os.IsExist(err) {
				return err
			}
		}
	}
	return nil
}

func write(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if bytes.HasPrefix(content, []byte("#!")) {
		mode = 0o755
	}
	return os.WriteFile(path, content, mode)
}

// try removes the guard in the copy, expects the test to fail, and puts the guard back.
func (m mutant) try(dir string) error {
	path := filepath.Join(dir, m.File)
	whole, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if n := strings.Count(string(whole), m.Take); n != 1 {
		return fmt.Errorf("the text to take out of %s stands there %d times, not once", m.File, n)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(whole), m.Take, m.Put, 1)), 0o644); err != nil {
		return err
	}
	defer func() {
		os.WriteFile(path, whole, 0o644)
		if m.isScript() {
			command(dir, "go", "generate", "./js").Run()
		}
	}()
	if m.isScript() {
		if out, err := command(dir, "go", "generate", "./js").CombinedOutput(); err != nil {
			return fmt.Errorf("the mutant does not build:\n%s", out)
		}
	} else if out, err := command(dir, "go", "build", "./...").CombinedOutput(); err != nil {
		return fmt.Errorf("the mutant does not build:\n%s", out)
	}
	return m.mustFail(dir)
}

func (m mutant) isScript() bool { return strings.HasPrefix(m.File, "js/src/") }

// mustFail runs the test and tells a failure of that very test from any other.
func (m mutant) mustFail(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var c *exec.Cmd
	sign := "--- FAIL: "
	if len(m.Go) == 2 {
		c = exec.CommandContext(ctx, "go", "test", "-count=1", "-run", "^"+m.Go[1]+"$", m.Go[0])
	} else {
		c = exec.CommandContext(ctx, "npm", "--prefix", "e2e", "run", "--silent", "one", "--", m.Browser[0], m.Browser[1])
		sign = "not ok "
	}
	c.Dir = dir
	out, err := c.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("its test did not end in %s", patience)
	case err == nil:
		return fmt.Errorf("its test still passes: %s", strings.Join(append(m.Go, m.Browser...), " "))
	case !strings.Contains(string(out), sign):
		return fmt.Errorf("its test could not run:\n%s", out)
	}
	return nil
}

func command(dir, name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = dir
	return c
}
