package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// sources is what there is to refer to.
type sources struct {
	root    string
	names   map[string][]string // declared in each Go file, methods also as Type.Method
	tests   map[string]bool     // as package.Test
	strings map[string]string   // for each package, the text of its tests, to find the names of subtests
	mutants []string
}

// elsewhere are the folders that hold no sources of ours.
var elsewhere = []string{"node_modules", "build", "bin", "dist", "testdata"}

func readSources(root, table string) (*sources, error) {
	s := &sources{root: root, names: map[string][]string{}, tests: map[string]bool{}, strings: map[string]string{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (slices.Contains(elsewhere, d.Name()) || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		return s.readGo(path)
	})
	if err != nil {
		return nil, err
	}
	return s, s.readMutants(filepath.Join(root, table))
}

func (s *sources) readGo(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(s.root, path)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	for _, decl := range file.Decls {
		s.names[rel] = append(s.names[rel], declared(decl)...)
	}
	pkg := strings.TrimSuffix(file.Name.Name, "_test")
	if strings.HasSuffix(rel, "_test.go") || pkg == "storetest" {
		for _, name := range s.names[rel] {
			s.tests[pkg+"."+name] = isTest(name)
		}
		s.strings[pkg] += string(text)
	}
	return nil
}

// isTest accepts the functions that go test runs, and those of the suite that every store runs.
func isTest(name string) bool {
	for _, prefix := range []string{"Test", "Fuzz", "test", "race"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func declared(decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		names = append(names, d.Name.Name)
		if d.Recv != nil {
			names = append(names, receiver(d.Recv.List[0].Type)+"."+d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, spec.Name.Name)
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					names = append(names, name.Name)
				}
			}
		}
	}
	return names
}

func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

func (s *sources) readMutants(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var rows []struct {
		Name string `yaml:"name"`
	}
	if err := yaml.Unmarshal(text, &rows); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, r := range rows {
		s.mutants = append(s.mutants, r.Name)
	}
	return nil
}

// judge says what is wrong with a row.
func (s *sources) judge(r row) (problems []string) {
	for _, ref := range r.codes {
		problems = append(problems, s.code(ref)...)
	}
	for _, ref := range r.tests {
		problems = append(problems, s.test(ref)...)
	}
	for _, name := range r.mutantNames {
		if !slices.Contains(s.mutants, name) {
			problems = append(problems, fmt.Sprintf("there is no mutant %q", name))
		}
	}
	if len(r.codes) == 0 || len(r.tests) == 0 {
		problems = append(problems, "a rule names its code and a test")
	}
	return problems
}

// code checks a reference to a place: path, or path:name.
func (s *sources) code(ref string) []string {
	path, name, named := strings.Cut(ref, ":")
	full, found := s.find(path)
	switch {
	case !found:
		return []string{"there is no file " + path}
	case !named:
		return nil
	case strings.HasSuffix(path, ".go"):
		if !slices.Contains(s.names[full], name) {
			return []string{fmt.Sprintf("%s declares no %s", full, name)}
		}
		return nil
	}
	// Scripts and styles: the name as a word of its own.
	text, err := os.ReadFile(filepath.Join(s.root, full))
	if err != nil || !regexp.MustCompile(`\b`+regexp.QuoteMeta(name)+`\b`).Match(text) {
		return []string{fmt.Sprintf("%s has no %s", full, name)}
	}
	return nil
}

// find resolves a path, which may leave internal/ out.
func (s *sources) find(path string) (string, bool) {
	for _, full := range []string{path, "internal/" + path} {
		if info, err := os.Stat(filepath.Join(s.root, full)); err == nil && info.Mode().IsRegular() {
			return full, true
		}
	}
	return "", false
}

// test checks a reference to a test: package.Test, package.Test/subtest, or a file of browser tests and the
// words of a test between quotation marks.
func (s *sources) test(ref string) []string {
	if file, words, isScript := strings.Cut(ref, ` "`); isScript {
		return s.browserTest(file, strings.TrimSuffix(words, `"`))
	}
	name, sub, hasSub := strings.Cut(ref, "/")
	pkg, _, _ := strings.Cut(name, ".")
	switch {
	case !s.tests[name]:
		return []string{"there is no test " + name}
	case hasSub && !strings.Contains(s.strings[pkg], `"`+sub+`"`):
		return []string{fmt.Sprintf("%s has no case %q", name, sub)}
	}
	return nil
}

func (s *sources) browserTest(file, words string) []string {
	for _, folder := range []string{"e2e/tests/", "js/test/", "interop/clients/"} {
		text, err := os.ReadFile(filepath.Join(s.root, folder+file))
		if err != nil {
			continue
		}
		if !strings.Contains(string(text), words) {
			return []string{fmt.Sprintf("%s has no test %q", file, words)}
		}
		return nil
	}
	return []string{"there is no file " + file}
}
