package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/store"
)

const (
	statusSpan  = 24 * time.Hour
	plotColumns = 48
)

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "See at a glance how the server does, and what is unsafe",
		Long: `Shows how many sessions and clients there are, sign-ins and tokens of the last day as small plots, and warnings with what
to do. It reads the database, so it shows all nodes together; the counts of the last minute may be missing. Whether a
node is up, its /readyz says.`,
		Example: "  usher status --config /etc/usher/usher.yaml\n  usher status --demo --json",
		Args:    cobra.NoArgs,
	}
	s := addStorage(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
			o, err := m.Overview(ctx, m.Now().Add(store.TallyStep-statusSpan)) // the step under way is one of them
			if err != nil {
				return err
			}
			if s.asJSON {
				return writeJSON(cmd.OutOrStdout(), o)
			}
			return showOverview(cmd.OutOrStdout(), o)
		})
	}
	return does(cmd, manage.OpShowOverview)
}

func showOverview(w io.Writer, o manage.Overview) error {
	err := record(w, [][2]string{
		{"sessions", strconv.Itoa(o.Sessions)}, {"clients", strconv.Itoa(o.Clients)},
		{"sign-ins", plot(o.SignIns)}, {"tokens", plot(o.Tokens)},
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	if len(o.Warnings) == 0 {
		fmt.Fprintln(w, "no warnings")
	}
	for _, one := range o.Warnings {
		about := strings.TrimSpace(one.Kind + " " + one.Subject)
		fmt.Fprintf(w, "warning: %s: %s\n", printable(about), printable(one.Text))
	}
	if o.MoreWarnings > 0 {
		fmt.Fprintf(w, "%d more warnings; see 'usher client list'\n", o.MoreWarnings)
	}
	return nil
}

// plot draws counts in one line, oldest first, with their sum.
func plot(points []manage.Point) string {
	columns, sum := fold(points, plotColumns)
	var most int64
	for _, n := range columns {
		most = max(most, n)
	}
	const bars = "▁▂▃▄▅▆▇█"
	steps := []rune(bars)
	var b strings.Builder
	for _, n := range columns {
		switch {
		case n == 0:
			b.WriteRune('·')
		default:
			b.WriteRune(steps[(n*int64(len(steps))-1)/most])
		}
	}
	return fmt.Sprintf("%s  %d in 24 h", b.String(), sum)
}

// fold adds neighbours up until there are at most so many columns.
func fold(points []manage.Point, most int) (columns []int64, sum int64) {
	width := max(1, (len(points)+most-1)/most)
	for i, p := range points {
		if i%width == 0 {
			columns = append(columns, 0)
		}
		columns[len(columns)-1] += p.Count
		sum += p.Count
	}
	return columns, sum
}
