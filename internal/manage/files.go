package manage

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/usher-id/usher/internal/oauth"
)

// MaxFile is how long a file may be, in bytes: room for 10,000 clients.
const MaxFile = 16 << 20

// LineFault is one thing that is wrong with a file.
type LineFault struct {
	Line    int    `json:"line"`
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

// FileFaults is everything that is wrong with a file, by line.
type FileFaults []LineFault

func (f FileFaults) Error() string {
	text := "the file has a fault and nothing was changed:"
	if len(f) != 1 {
		text = fmt.Sprintf("the file has %d faults and nothing was changed:", len(f))
	}
	for _, one := range f {
		text += fmt.Sprintf("\n  line %d: ", one.Line)
		if one.Field != "" {
			text += one.Field + ": "
		}
		text += one.Problem
	}
	return text
}

// maxFaults bounds the answer to a file that has nothing but faults.
const maxFaults = 1000

// lineFaults gathers what is wrong with a file.
type lineFaults struct{ list FileFaults }

func (f *lineFaults) add(line int, field, problem string, args ...any) {
	if len(f.list) < maxFaults {
		f.list = append(f.list, LineFault{max(line, 1), field, fmt.Sprintf(problem, args...)})
	}
}

func (f *lineFaults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	slices.SortStableFunc(f.list, func(a, b LineFault) int { return cmp.Compare(a.Line, b.Line) })
	if len(f.list) == maxFaults {
		last := f.list[maxFaults-1]
		return append(f.list, LineFault{last.Line, "", "there may be more faults: mend these first"})
	}
	return f.list
}

// The actions of a plan.
const (
	PlanCreate = "create"
	PlanChange = "change"
	PlanRemove = "remove"
)

// Planned is one change that a plan makes. It shows no secret; that one is changed, it says.
type Planned struct {
	Kind        string       `json:"kind"`
	Subject     string       `json:"subject,omitempty"`
	Action      string       `json:"action"`
	Differences []Difference `json:"differences"`
}

// Plan is what a file would change. It remembers the versions that it was made of.
type Plan struct {
	Changes []Planned `json:"changes"`
	// Notes are for people: what was left alone, what could not be mapped, and what to do about it.
	Notes []string `json:"notes,omitempty"`
	// Warnings say what is unsafe about what the plan creates or changes.
	Warnings []string `json:"warnings,omitempty"`
	// Fingerprint is that of the changes and of what they change: who agreed to one plan can tell another by it.
	Fingerprint string `json:"fingerprint"`

	source  string         // what was applied, for the audit log
	was     oauth.Profile  // the profile when the plan was made
	profile *oauth.Profile // the profile as it will be; nil where it stays
	clients []plannedClient
}

// plannedClient creates a client (before is nil), changes it, or removes it (after is nil).
type plannedClient struct{ before, after *oauth.Client }

func (c plannedClient) id() string {
	if c.after != nil {
		return c.after.ID
	}
	return c.before.ID
}

// version is the one that is to be changed; 0 where the client is created.
func (c plannedClient) version() int64 {
	if c.before == nil {
		return 0
	}
	return c.before.Version
}

// note adds a line for people, as far as somebody would read on.
func (p *Plan) note(text string, args ...any) {
	switch {
	case len(p.Notes) < maxFaults:
		p.Notes = append(p.Notes, fmt.Sprintf(text, args...))
	case len(p.Notes) == maxFaults:
		p.Notes = append(p.Notes, "there is more to note than is listed here")
	}
}

// FileOptions say how to read a file.
type FileOptions struct {
	// Prune removes the clients that the file managed before and does not have any more.
	Prune bool
	// Secret reads a secret that the file refers to; nil refuses references: over the network they would read the server's own files.
	Secret func(reference SecretReference) (string, error)
}

// SecretReference says where a secret is: in an environment variable or in a file.
type SecretReference struct{ Env, File string }

func (r SecretReference) String() string {
	if r.Env != "" {
		return "env: " + r.Env
	}
	return "file: " + r.File
}

// PlanFile reads a file and says what it would change. FileFaults where it is wrong. See docs/files.md.
func (m *Manager) PlanFile(ctx context.Context, text []byte, o FileOptions) (*Plan, error) {
	doc, faults := readFile(text)
	snap, err := m.load(ctx)
	if err != nil {
		return nil, err
	}
	return newFilePlanner(m, doc, faults, snap, o).make()
}
