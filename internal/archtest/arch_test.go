// Package archtest holds the project to its shape: which room may import which, and what the core must not
// know. It has no code of its own, only tests that read the source of all the others.
package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/usher-id/usher/"

// mayImport is the table of rooms: which others each may import, besides itself. "*" stands for all.
// A room that is not here (a tool of the build) imports none of ours and is imported by none.
var mayImport = map[string][]string{
	"internal/clock":   {},
	"internal/oauth":   {},
	"internal/config":  {},
	"internal/release": {},
	"js":               {},
	"internal/token":   {"internal/oauth"},
	"internal/authn":   {"internal/oauth", "internal/token", "internal/fair"},
	"internal/fair":    {},
	"internal/store":   {"internal/oauth", "internal/token", "internal/clock"},
	"internal/store/sqlstore": {
		"internal/store", "internal/oauth", "internal/token", "internal/release", "internal/clock",
	},
	"internal/store/storetest": {"internal/store", "internal/oauth", "internal/token", "internal/clock"},
	"internal/manage":          {"internal/oauth", "internal/token", "internal/authn", "internal/store", "internal/clock"},
	"internal/web":             {"internal/oauth"},
	"internal/server": {
		"internal/oauth", "internal/token", "internal/authn", "internal/store", "internal/web", "internal/config", "js", "internal/manage",
		"internal/clock", "internal/fair",
	},
	"internal/admin": {
		"internal/oauth", "internal/token", "internal/authn", "internal/store", "internal/manage", "internal/web", "internal/config",
		"internal/clock", "internal/fair",
	},
	"resource":   {},
	"examples/*": {"resource"},
	"bench":      {"*"},
	"faults":     {"internal/store/storetest"},
	"cmd/usher":  {"*"},
	"interop":    {},
}

// wholeTrees are rooms with packages below them that belong to the same room.
var wholeTrees = []string{"js", "bench", "cmd/usher", "internal/admin"}

// room is the room that a package of ours belongs to. Each example is a room of its own.
func room(path string) string {
	path = strings.TrimPrefix(path, module)
	if parts := strings.Split(path, "/"); parts[0] == "examples" && len(parts) > 1 {
		return "examples/" + parts[1]
	}
	for _, tree := range wholeTrees {
		if strings.HasPrefix(path, tree+"/") {
			return tree
		}
	}
	return path
}

// allowed tells whether the table has the edge from one room to another.
func allowed(from, to string) bool {
	if from == to {
		return true
	}
	if strings.HasPrefix(from, "examples/") {
		from = "examples/*"
	}
	rooms := mayImport[from]
	return slices.Contains(rooms, "*") || slices.Contains(rooms, to)
}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath, Dir                   string
	GoFiles, CgoFiles, IgnoredGoFiles []string
}

// files lists the sources that are no tests, those that build tags leave out here included.
func (p *pkg) files() []string {
	var all []string
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles, p.IgnoredGoFiles) {
		if !strings.HasSuffix(name, "_test.go") {
			all = append(all, filepath.Join(p.Dir, name))
		}
	}
	return all
}

// packages asks the go command for all of ours, once.
var packages = sync.OnceValues(func() ([]pkg, error) {
	var stderr bytes.Buffer
	list := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,CgoFiles,IgnoredGoFiles", module+"...")
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.Bytes())
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		all = append(all, p)
	}
})

// sources is every file of ours that is no test, by its room.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	byRoom := map[string][]string{}
	for _, p := range all {
		r := room(p.ImportPath)
		byRoom[r] = append(byRoom[r], p.files()...)
	}
	for _, must := range []string{"internal/oauth", "internal/server", "cmd/usher"} {
		if len(byRoom[must]) == 0 {
			t.Fatalf("go list did not find %s", must)
		}
	}
	return byRoom
}

// imports reads what a file imports, each with its place.
func imports(t *testing.T, file string) map[string]token.Position {
	t.Helper()
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]token.Position{}
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		found[path] = set.Position(spec.Pos())
	}
	return found
}

// Nothing hides from go list, such as a package that build tags leave out whole. To walk the folders also
// tells the go command what this package's results hang off: they are not cached over a new file.
func TestNoFileIsOverlooked(t *testing.T) {
	listed := map[string]bool{}
	for _, files := range sources(t) {
		for _, file := range files {
			listed[file] = true
		}
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a build's temporary folder
		}
		if err != nil {
			return err
		}
		switch name := d.Name(); {
		case d.IsDir() && path != root && (name == "testdata" || name == "node_modules" || name[0] == '.' || name[0] == '_'):
			return fs.SkipDir
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && !listed[path]:
			t.Errorf("go list does not know %s", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportsFollowTheTable(t *testing.T) {
	for from, files := range sources(t) {
		for _, file := range files {
			for path, at := range imports(t, file) {
				if path == "C" {
					t.Errorf("%s: cgo, but usher is one static binary", at)
				}
				if strings.HasPrefix(path, module) && !allowed(from, room(path)) {
					t.Errorf("%s: %s must not import %s", at, from, room(path))
				}
			}
		}
	}
}

// The core knows no HTTP, no SQL, no random source and no clock, nor the file system or other processes.
var foreignToTheCore = []string{
	"net/http", "database/sql", "crypto/rand", "math/rand", "os", "io/ioutil", "syscall", "unsafe", "log", "log/slog",
}

// wallClock is all of package time that reads the clock; waiting is all that waits for it.
var (
	wallClock = []string{"Now", "Since", "Until"}
	waiting   = []string{"Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
)

func TestCoreIsPure(t *testing.T) {
	for _, file := range sources(t)["internal/oauth"] {
		for path, at := range imports(t, file) {
			if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
				t.Errorf("%s: the core imports %s, which is not of the standard library", at, path)
			}
			for _, foreign := range foreignToTheCore {
				if path == foreign || strings.HasPrefix(path, foreign+"/") {
					t.Errorf("%s: the core must not know %s", at, path)
				}
			}
		}
		for _, at := range clockReadings(t, file, nil, slices.Concat(wallClock, waiting)) {
			t.Errorf("%s: the core reads the clock; the time is passed in", at)
		}
	}
}

// readsTheClock lists the files that may read the clock beside internal/clock, since they only measure or
// bound a duration. Nothing that is stored, or compared with what is stored, comes from there.
var readsTheClock = map[string]string{
	"cmd/usher/backup.go":                          "how long a backup took",
	"cmd/usher/certificate.go":                     "the end of a certificate, which the TLS library judges alike",
	"cmd/usher/checkconfig.go":                     "the end of a certificate, which the TLS library judges alike",
	"cmd/usher/connections.go":                     "the deadline of a connection",
	"cmd/usher/draining.go":                        "how long a stop takes",
	"internal/fair/queue.go":                       "how long a caller waits for a place",
	"cmd/usher/logging.go":                         "how long lines of the log were left out",
	"cmd/usher/progress.go":                        "how often progress is told",
	"internal/admin/api/history.go":                "the deadline of a connection",
	"internal/admin/pages/audit.go":                "the deadline of a connection",
	"internal/config/certificate.go":               "the end of a certificate, which the TLS library judges alike",
	"internal/config/validate.go":                  "the end of a certificate, which the TLS library judges alike",
	"internal/manage/purge.go":                     "how long a round of purging takes",
	"internal/server/metrics.go":                   "how long a request took",
	"internal/server/ready.go":                     "how old an answer is",
	"internal/store/sqlstore/backup.go":            "how long a part of a backup took",
	"internal/store/budget.go":                     "how long a request waited",
	"internal/store/sqlstore/migrate.go":           "how long a migration waits",
	"internal/store/sqlstore/postgres.go":          "the deadline of a connection",
	"internal/store/sqlstore/postgres_pipeline.go": "the deadline of a connection",
	"internal/store/sqlstore/purge.go":             "how long a transaction took",
	"internal/store/sqlstore/sqlite_writer.go":     "how long a write waited",
	"internal/store/sqlstore/sqlite_checkpoint.go": "how long a checkpoint took",
}

// A test can shift the clock of one process, and a jump is noticed, only where all of it reads one clock.
func TestTheClockIsReadInOnePlace(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for room, files := range sources(t) {
		inProduct := strings.HasPrefix(room, "internal/") || room == "cmd/usher"
		if !inProduct || room == "internal/clock" || room == "internal/store/storetest" {
			continue
		}
		for _, file := range files {
			short, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			if readsTheClock[filepath.ToSlash(short)] != "" {
				continue
			}
			for _, at := range clockReadings(t, file, nil, wallClock) {
				t.Errorf("%s: use internal/clock; what only measures or bounds a duration is listed in readsTheClock", at)
			}
		}
	}
}

// clockReadings finds every mention of these names of package time in a file, under whatever name it imports package time. src
// is the content where it is not on disk.
func clockReadings(t *testing.T, file string, src any, names []string) []token.Position {
	t.Helper()
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []token.Position
	name := ""
	for _, spec := range f.Imports {
		if spec.Path.Value != `"time"` {
			continue
		}
		name = "time"
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." { // nothing tells its names apart from ours then
			found = append(found, set.Position(spec.Pos()))
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(names, s.Sel.Name) {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == name {
				found = append(found, set.Position(s.Pos()))
			}
		}
		return true
	})
	return found
}

// The checks themselves, on what they must find.
func TestClockReadings(t *testing.T) {
	for src, want := range map[string]int{
		`package p; import "time"; var a = time.Now()`:                             1,
		`package p; import "time"; var now = time.Now`:                             1,
		`package p; import clock "time"; var a = clock.Since(clock.Now())`:         2,
		`package p; import . "time"; var a = Now()`:                                1,
		`package p; import "time"; func f(t time.Time) bool { return t.After(t) }`: 0,
		`package p; type T struct{}; func (T) Now() {}; func f(t T) { t.Now() }`:   0,
	} {
		if got := clockReadings(t, "p.go", src, wallClock); len(got) != want {
			t.Errorf("%s: %v", src, got)
		}
	}
}

func TestTheTableItself(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		want     bool
	}{
		{"internal/server", "internal/web", true},
		{"internal/server", "internal/admin", false},
		{"internal/admin", "internal/server", false},
		{"internal/server", "internal/store/sqlstore", false},
		{"internal/store", "internal/store/sqlstore", false},
		{"internal/store/sqlstore", "internal/store/storetest", false},
		{"internal/oauth", "internal/token", false},
		{"internal/web", "internal/token", false},
		{"resource", "internal/oauth", false},
		{"js/build", "js", true},
		{"js/build", "internal/oauth", false},
		{"examples/javascript-spa", "examples/javascript-spa/app", true},
		{"examples/javascript-spa", "examples/angular-spa", false},
		{"examples/javascript-spa/app", "resource", true},
		{"examples/javascript-spa", "internal/oauth", false},
		{"cmd/usher", "examples/javascript-spa/app", true},
		{"bench", "internal/server", true},
		{"internal/manage", "cmd/usher", false},
		{"scripts/mutants", "internal/oauth", false},
		{"internal/server", "scripts/mutants", false},
	} {
		if got := allowed(room(module+tt.from), room(module+tt.to)); got != tt.want {
			t.Errorf("%s imports %s: %t", tt.from, tt.to, got)
		}
	}
	for from, rooms := range mayImport {
		for _, to := range rooms {
			if _, inTable := mayImport[to]; to != "*" && !inTable {
				t.Errorf("%s may import %s, which is no room", from, to)
			}
		}
	}
}
