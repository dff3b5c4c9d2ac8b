package release_test

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/store/storetest"
)

//go:embed commits
var commits string

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// run runs a program to its end and returns what it printed.
func run(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustRun(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, err := run(t, dir, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return out
}

// buildOld builds usher as it was at a commit of this repository.
func buildOld(t *testing.T, commit string) string {
	t.Helper()
	root := strings.TrimSpace(mustRun(t, ".", "git", "rev-parse", "--show-toplevel"))
	if out, err := run(t, root, "git", "cat-file", "-e", commit+"^{commit}"); err != nil {
		t.Fatalf("commit %s is not in this repository (%s): make the clone whole with 'git fetch --unshallow'", commit, strings.TrimSpace(out))
	}
	dir := t.TempDir()
	archive := filepath.Join(dir, "old.tar")
	mustRun(t, root, "git", "archive", "--output", archive, commit)
	mustRun(t, dir, "tar", "-xf", archive)
	return build(t, dir, filepath.Join(dir, "usher-old"))
}

func build(t *testing.T, dir, binary string) string {
	t.Helper()
	mustRun(t, dir, "go", "build", "-buildvcs=false", "-o", binary, "./cmd/usher")
	return binary
}

// TestUpgradeFromNamedCommits: what each named version stored is there for this one, with the keys that tokens depend on.
// Versions since 0.1.0 and this one change and read one PostgreSQL side by side; the one before is told that it is too old.
func TestUpgradeFromNamedCommits(t *testing.T) {
	present := build(t, "../..", filepath.Join(t.TempDir(), "usher"))
	for line := range strings.Lines(commits) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		if len(fields) != 2 {
			t.Fatalf("commits: %q is not a version and a commit", line)
		}
		name, old := fields[0], buildOld(t, fields[1])
		for database, url := range map[string]string{
			"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "usher.db"), "postgres": storetest.Postgres(t),
		} {
			t.Run(name+" "+database, func(t *testing.T) {
				u := upgrade{T: t, old: old, present: present, dir: t.TempDir(), url: url}
				u.opensWhatIsThere()
				if strings.HasPrefix(name, "before-") {
					u.oldIsRefused()
				} else {
					u.sideBySide()
				}
			})
		}
	}
}

type upgrade struct {
	*testing.T
	old, present, dir, url string
}

// usher runs a command of a binary on the database.
func (u *upgrade) usher(binary string, args ...string) string {
	u.Helper()
	return mustRun(u.T, u.dir, binary, append(args, "--database", u.url, "--master-key-file", "master.key")...)
}

func (u *upgrade) lists(binary string, command []string, want ...string) {
	u.Helper()
	list := u.usher(binary, command...)
	for _, part := range want {
		if !strings.Contains(list, part) {
			u.Errorf("%s %s lacks %s:\n%s", filepath.Base(binary), strings.Join(command, " "), part, list)
		}
	}
}

func (u *upgrade) opensWhatIsThere() {
	u.Helper()
	mustRun(u.T, u.dir, u.old, "keys", "new-master", "master.key")
	u.usher(u.old, "client", "add", "shop", "--origin", "https://shop.example.com")
	u.usher(u.old, "user", "add", "ann", "--no-password", "--email", "ann@example.com")
	keys := u.usher(u.old, "keys", "list", "--json")
	u.lists(u.present, []string{"client", "list"}, "shop", "https://shop.example.com")
	u.lists(u.present, []string{"user", "list"}, "ann@example.com")
	if after := u.usher(u.present, "keys", "list", "--json"); after != keys {
		u.Errorf("the keys were %s\nand are %s", keys, after)
	}
}

func (u *upgrade) sideBySide() {
	u.Helper()
	u.usher(u.present, "client", "add", "later", "--origin", "https://later.example.com")
	u.lists(u.old, []string{"client", "list"}, "shop", "https://later.example.com")
	u.usher(u.old, "client", "add", "older", "--origin", "https://older.example.com")
	u.usher(u.old, "user", "change", "ann", "--email", "ann@example.org")
	u.lists(u.present, []string{"client", "list"}, "shop", "https://later.example.com", "https://older.example.com")
	u.lists(u.present, []string{"user", "list"}, "ann@example.org")
}

func (u *upgrade) oldIsRefused() {
	u.Helper()
	out, err := run(u.T, u.dir, u.old, "client", "list", "--database", u.url, "--master-key-file", "master.key")
	if err == nil || !strings.Contains(out, "newer usher") || strings.Count(strings.TrimSpace(out), "\n") > 0 {
		u.Errorf("the old binary says: %s", out)
	}
}
