package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
)

func exportCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write profile and clients as a file that 'usher apply' reads",
		Long: `Writes the profile and the clients as YAML. No secret is in it: where a client has one, the file says 'secret: keep'.
Applying it changes nothing; edit it, see with 'usher apply FILE --dry-run' what would change, and apply it.

Users, sessions and keys are not in it, nor are clients that registered by themselves and the server's own. It is no
backup: that is a copy of the database. docs/files.md says what may be in a file.`,
		Example: `  usher export
  usher export --output clients.yaml
  usher export --demo`,
		Args: cobra.NoArgs,
	}
	s := addStorage(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to this `file`; what it holds is replaced")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
			text, err := m.Export(ctx)
			if err != nil {
				return err
			}
			if output == "" || output == "-" {
				_, err = cmd.OutOrStdout().Write(text)
				return err
			}
			if err := replaceFile(output, text); err != nil {
				return err
			}
			return s.done(cmd, "written to "+output)
		})
	}
	return does(cmd, manage.OpExport)
}

// replaceFile writes a file as a whole or not at all. What is no file, as /dev/stderr, is written to.
func replaceFile(path string, text []byte) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(path, text, 0o600)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".usher-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
