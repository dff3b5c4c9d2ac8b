package manage

import (
	"context"
	"errors"
	"fmt"
)

// LineFault is one thing that is wrong with a file.
type LineFault struct {
	Line    int    `json:"line"`
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

// FileFaults is everything that is wrong with a file.
type FileFaults []LineFault

func (f FileFaults) Error() string {
	text := fmt.Sprintf("the file has %d faults and was not applied:", len(f))
	for _, one := range f {
		text += fmt.Sprintf("\n  line %d: %s: %s", one.Line, one.Field, one.Problem)
	}
	return text
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

// Plan is what a file would change; Notes are for people: what was left alone, what could not be mapped.
type Plan struct {
	Changes []Planned `json:"changes"`
	Notes   []string  `json:"notes,omitempty"`
}

// FileOptions say how to read a file.
type FileOptions struct {
	// Name marks what the file manages.
	Name string
	// Prune removes the clients that the file managed before and does not have any more.
	Prune bool
	// Secret reads a secret that the file refers to; nil refuses references: over the network they would read the server's own files.
	Secret func(reference SecretReference) (string, error)
}

// SecretReference says where a secret is: in an environment variable or in a file.
type SecretReference struct{ Env, File string }

// Export writes profile and clients as a file that Apply reads, without any secret: secrets are "keep".
func (m *Manager) Export(ctx context.Context) ([]byte, error) { return nil, errors.ErrUnsupported }

// PlanFile reads a file and says what it would change. FileFaults where it is wrong.
func (m *Manager) PlanFile(ctx context.Context, text []byte, o FileOptions) (*Plan, error) {
	return nil, errors.ErrUnsupported
}

// PlanCurity reads that product's XML configuration and says which clients it would create or change.
func (m *Manager) PlanCurity(ctx context.Context, text []byte) (*Plan, error) {
	return nil, errors.ErrUnsupported
}

// Apply makes all changes of a plan or none; a *Conflict where something was changed since it was made.
func (m *Manager) Apply(ctx context.Context, p *Plan) error { return errors.ErrUnsupported }
