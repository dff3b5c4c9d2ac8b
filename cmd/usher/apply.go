package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/usher-id/usher/internal/manage"
)

// maxSecretFile bounds what is read where a secret should be.
const maxSecretFile = 4096

func applyCommand() *cobra.Command {
	var prune bool
	cmd := &cobra.Command{
		Use:   "apply FILE",
		Short: "Make profile and clients what a file says",
		Long: `Shows what the file would change and, after a yes, changes all of it or nothing. A file with faults changes nothing:
they are all reported, each with its line. Applying a file again changes nothing. '-' reads standard input.

What is not in the file stays, but a client or profile that is in it is stated completely: a setting that is left out
has its default. A file that begins with a name ('name: shop-team') manages what it states: admin pages, API and
commands then refuse to change that, and --prune removes the clients that are not in the file any more.

A secret is never in a file, but named: 'secret: {env: WEB_SECRET}' or 'secret: {file: web.secret}', from the file's
folder; 'secret: keep' leaves the server's. docs/files.md has an example of everything.`,
		Example: `  usher export --output usher.yaml
  usher apply usher.yaml --dry-run
  usher apply usher.yaml --yes
  usher apply shop.yaml --prune`,
		Args: cobra.ExactArgs(1),
	}
	s := addStorage(cmd)
	f := addPlanFlags(cmd)
	cmd.Flags().BoolVar(&prune, "prune", false, "remove clients that the file managed before and does not have any more")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text, err := readPlanned(cmd.InOrStdin(), args[0])
		if err != nil {
			return err
		}
		folder := "."
		if args[0] != "-" {
			folder = filepath.Dir(args[0])
		}
		return s.withSecrets(cmd, func(ctx context.Context, m *manage.Manager) error {
			o := manage.FileOptions{Prune: prune, Secret: func(r manage.SecretReference) (string, error) { return readSecret(folder, r) }}
			plan, err := m.PlanFile(ctx, text, o)
			if err != nil {
				return err
			}
			return f.carryOut(ctx, cmd, s, m, plan, args[0] == "-")
		})
	}
	return does(cmd, manage.OpApply)
}

// planFlags are those of commands that show a plan before they carry it out.
type planFlags struct{ dryRun, yes bool }

func addPlanFlags(cmd *cobra.Command) *planFlags {
	f := &planFlags{}
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only show what would change")
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "change it without being asked")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "yes")
	return f
}

// readPlanned reads the file to plan by; one byte more than may be, so that what is too long is not read as what is not.
func readPlanned(stdin io.Reader, path string) ([]byte, error) {
	from := stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		from = file
	}
	return io.ReadAll(io.LimitReader(from, manage.MaxFile+1))
}

// readSecret reads a secret that a file refers to: whole, but for one line end, which editors add.
func readSecret(folder string, r manage.SecretReference) (string, error) {
	if r.Env != "" {
		secret, set := os.LookupEnv(r.Env)
		if !set {
			return "", fmt.Errorf("the environment variable %s is not set", r.Env)
		}
		return secret, nil
	}
	path := r.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(folder, path)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSecretFile))
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}

// carryOut shows a plan and, unless there is nothing to do or nobody agrees, applies it.
func (f *planFlags) carryOut(ctx context.Context, cmd *cobra.Command, s *storage, m *manage.Manager, plan *manage.Plan, stdinIsFile bool) error {
	if !s.asJSON {
		if err := showPlan(cmd.OutOrStdout(), cmd.ErrOrStderr(), plan); err != nil {
			return err
		}
	}
	changes := !f.dryRun && len(plan.Changes) > 0
	if changes && !f.yes {
		if err := agree(cmd, stdinIsFile || s.asJSON, "Change this?", changeByFlag); err != nil {
			return err
		}
	}
	if changes {
		if err := m.Apply(ctx, plan); err != nil {
			return err
		}
	}
	if s.asJSON {
		return writeJSON(cmd.OutOrStdout(), struct {
			*manage.Plan
			Applied bool `json:"applied"`
		}{plan, !f.dryRun})
	}
	what := "nothing to change"
	switch {
	case changes:
		what = "done"
	case len(plan.Changes) > 0:
		what = "nothing was changed: this was a dry run"
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), what)
	return err
}

const changeByFlag = "nothing was changed: say --yes to change this without being asked, or --dry-run to only see it"

// agree asks the person at the terminal. Where there is none, the error says byFlag.
func agree(cmd *cobra.Command, cannotAsk bool, question, byFlag string) error {
	in, isFile := cmd.InOrStdin().(*os.File)
	if cannotAsk || !isFile || !term.IsTerminal(int(in.Fd())) {
		return errors.New(byFlag)
	}
	fmt.Fprint(cmd.ErrOrStderr(), question+" [y/N] ")
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}
