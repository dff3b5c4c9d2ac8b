package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
)

func auditExport(s *storage) *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the audit log as CSV or JSON",
		Long: `Writes every audit record that matches, newest first. Cells of the CSV that a spreadsheet could take for a formula begin
with an apostrophe. The file is new and only its owner can read it: the log says who did what and from where.`,
		Example: `  usher audit export --format csv --from 2026-01-01 --to 2026-02-01 --output january.csv
  usher audit export --format json --event client_changed`,
		Args: cobra.NoArgs,
	}
	f.add(cmd)
	format := cmd.Flags().String("format", "csv", "csv or json")
	output := cmd.Flags().String("output", "", "write to this new `file` instead of standard output")
	complete(cmd, "format", words(manage.AuditFormats))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
			filter, err := f.filter(ctx, m)
			if err != nil {
				return err
			}
			write := func(w io.Writer) error { return m.ExportAudit(ctx, w, filter, *format) }
			if *output == "" {
				return write(cmd.OutOrStdout())
			}
			if err := newPrivateFile(*output, write); err != nil {
				return err
			}
			return s.done(cmd, "audit log written to "+*output)
		})
	}
	return does(cmd, manage.OpExportAudit)
}

// newPrivateFile makes a file that only its owner can read; it never overwrites, and leaves nothing behind that is not whole.
func newPrivateFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already; choose another file, or remove it first", path)
	}
	if err != nil {
		return err
	}
	buffer := bufio.NewWriter(f)
	err = write(buffer)
	if err == nil {
		err = buffer.Flush()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}
