package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"

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
	// Go is a package and a test in it, or a subtest after a slash; Browser a file of e2e/tests and part of a
	// test's name.
	Go      []string `yaml:"go"`
	Browser []string `yaml:"browser"`
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
	names := map[string]bool{}
	for _, m := range rows {
		if m.Name == "" || m.Rule == "" || m.Take == m.Put || (len(m.Go) != 2) == (len(m.Browser) != 2) {
			return nil, fmt.Errorf("%s: the row %q needs a name, a rule, a change, and one test with two parts", table, m.Name)
		}
		if names[m.Name] {
			return nil, fmt.Errorf("%s: two rows have the name %s", table, m.Name)
		}
		names[m.Name] = true
	}
	return rows, nil
}

// suite is what one command can run: tests of one Go package, or of one file of e2e/tests.
type suite struct {
	browser bool
	place   string
	tests   []string
}

// suite is the row's own test.
func (m mutant) suite() suite {
	if len(m.Go) == 2 {
		return suite{false, m.Go[0], m.Go[1:]}
	}
	return suite{true, m.Browser[0], m.Browser[1:]}
}

// suites gathers the tests of the rows.
func suites(rows []mutant) (all []suite) {
	for _, m := range rows {
		one := m.suite()
		i := slices.IndexFunc(all, func(s suite) bool { return s.browser == one.browser && s.place == one.place })
		if i < 0 {
			all = append(all, one)
		} else if !slices.Contains(all[i].tests, one.tests[0]) {
			all[i].tests = append(all[i].tests, one.tests[0])
		}
	}
	return all
}
