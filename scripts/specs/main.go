// Command specs holds docs/specs.md against the sources: every file, function, test and mutant that a table
// names has to exist, and every rule has to name code and a test. Of docs/architecture.md it checks the tests.
//
//	go run ./scripts/specs
package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// columns of the tables that are checked; other tables are for people only.
var columns = []string{"rule", "code", "test", "mutant"}

// namesTest recognises a test that a text names.
var namesTest = regexp.MustCompile(`^[a-z]+\.(Test|Fuzz|test|race)[A-Z]`)

// row is one rule of a specification and where it is obeyed.
type row struct {
	line                      int
	rule                      string
	codes, tests, mutantNames []string
}

func main() {
	faults, rows := check(".", "docs/specs.md", "docs/architecture.md", "scripts/mutants/table.yaml")
	for _, f := range faults {
		fmt.Fprintln(os.Stderr, f)
	}
	if len(faults) > 0 {
		fmt.Fprintf(os.Stderr, "specs: %d faults in %d rules\n", len(faults), rows)
		os.Exit(1)
	}
	fmt.Printf("specs: %d rules, every reference exists\n", rows)
}

// check says everything that is wrong with the two documents of the project in root: one has tables of rules,
// the other names tests in its text.
func check(root, document, prose, table string) (faults []string, rules int) {
	text, err1 := os.ReadFile(root + "/" + document)
	words, err2 := os.ReadFile(root + "/" + prose)
	known, err3 := readSources(root, table)
	if err := errors.Join(err1, err2, err3); err != nil {
		return []string{err.Error()}, 0
	}
	rows, faults := parse(string(text))
	for _, word := range quoted(string(words)) {
		if !namesTest.MatchString(word) {
			continue
		}
		for _, problem := range known.test(word) {
			faults = append(faults, prose+": "+problem)
		}
	}
	for _, r := range rows {
		for _, problem := range known.judge(r) {
			faults = append(faults, fmt.Sprintf("%s:%d: %s: %s", document, r.line, r.rule, problem))
		}
	}
	if len(rows) == 0 {
		faults = append(faults, document+": there is no table with the columns "+strings.Join(columns, " | "))
	}
	return faults, len(rows)
}

// parse reads the rows of every table that has our columns.
func parse(text string) (rows []row, faults []string) {
	within := false
	for i, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "|") {
			within = false
			continue
		}
		cells := cellsOf(line)
		switch {
		case slices.Equal(cells, columns):
			within = true
		case !within || strings.Trim(line, "|-: ") == "":
		case len(cells) != len(columns):
			faults = append(faults, fmt.Sprintf("line %d has %d cells instead of %d", i+1, len(cells), len(columns)))
		default:
			rows = append(rows, row{i + 1, cells[0], quoted(cells[1]), quoted(cells[2]), quoted(cells[3])})
		}
	}
	return rows, faults
}

func cellsOf(line string) []string {
	cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

// quoted returns what stands between backquotes.
func quoted(cell string) (words []string) {
	for i, part := range strings.Split(cell, "`") {
		if i%2 == 1 {
			words = append(words, part)
		}
	}
	return words
}
