package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// copies makes n copies of the project; remove deletes them.
func copies(n int) (dirs []string, remove func(), err error) {
	root, err := os.MkdirTemp("", "usher-mutants-")
	if err != nil {
		return nil, func() {}, err
	}
	for i := range n {
		dir := filepath.Join(root, strconv.Itoa(i))
		if err == nil {
			err = copyProject(dir)
		}
		dirs = append(dirs, dir)
	}
	return dirs, func() { os.RemoveAll(root) }, err
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
	for _, place := range []string{"e2e", "js", "examples/angular-spa", "examples/react-spa"} {
		if err := linkModules(filepath.Join(place, "node_modules"), filepath.Join(dir, place, "node_modules")); err != nil {
			return err
		}
	}
	return nil
}

// linkModules makes a folder with a link to each installed package: programs that read an example's sources pass over
// folders of this name, but not over links.
func linkModules(from, to string) error {
	installed, err := os.ReadDir(from)
	if err != nil {
		return nil // not installed, so no test needs them
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, entry := range installed {
		at, err := filepath.Abs(filepath.Join(from, entry.Name()))
		if err == nil {
			err = os.Symlink(at, filepath.Join(to, entry.Name()))
		}
		if err != nil {
			return err
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
func (m mutant) try(dir string) (err error) {
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
		if e := os.WriteFile(path, whole, 0o644); err == nil {
			err = e
		}
	}()
	if strings.HasPrefix(m.File, "js/src/") {
		restore, err := bundle(dir)
		defer restore()
		if err != nil {
			return err
		}
	}
	return m.suite().mustFail(dir)
}

// bundle makes js/dist from the changed sources; restore puts the former content back.
func bundle(dir string) (restore func(), err error) {
	former := map[string][]byte{}
	files, err := filepath.Glob(filepath.Join(dir, "js/dist/*.js"))
	for _, name := range files {
		if err == nil {
			former[name], err = os.ReadFile(name)
		}
	}
	restore = func() {
		for name, content := range former {
			os.WriteFile(name, content, 0o644)
		}
	}
	if err != nil {
		return restore, err
	}
	c := exec.Command("go", "generate", "./js")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return restore, fmt.Errorf("the mutant does not build:\n%s", out)
	}
	return restore, nil
}
