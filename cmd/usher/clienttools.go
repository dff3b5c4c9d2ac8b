package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
)

func clientRelease(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:   "release ID",
		Short: "Take a client back from the file that manages it",
		Long: `Takes a client back from the file that manages it, so that it can be changed here and in the admin pages. The next
'usher apply' of that file takes it over again; so remove it from the file too.`,
		Example: "  usher client release shop",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				c, err := m.Client(ctx, args[0])
				if err != nil {
					return err
				}
				if err := m.ReleaseClient(ctx, c.ID); err != nil {
					return err
				}
				return s.done(cmd, "client "+c.ID+releasedFrom(c.ManagedBy))
			})
		},
	}, manage.OpReleaseClient)
}

// releasedFrom says what came of a release from a file.
func releasedFrom(file string) string {
	if file == "" {
		return " is managed by no file; it can be changed here as it is"
	}
	return " released; remove it from the file " + file + " too, or the next 'usher apply' takes it over again"
}

func clientTry(s *storage) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "try ID",
		Short: "Let the admin pages try a client out, for ten minutes",
		Long: `Allows the origin of the admin pages for a client, for ten minutes, so that the try-it panel of the client's page can run
its flow and show each message. The client's other settings stay as they are, and the audit log says who did it.`,
		Example: "  usher client try shop\n  usher client try shop --demo",
		Args:    cobra.ExactArgs(1),
	}
	s.asksAdminURL(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
			until, err := m.TryClient(ctx, args[0])
			if err != nil {
				return err
			}
			if s.asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]string{"origin": m.AdminURL, "until": until.UTC().Format(time.RFC3339)})
			}
			return s.done(cmd, fmt.Sprintf("client %s may be tried from %s until %s; open it in the admin pages there", args[0], m.AdminURL, moment(until)))
		})
	}
	return does(cmd, manage.OpTryClient)
}

func clientSnippet(s *storage) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snippet ID",
		Short: "Print ready-made code for a client's app, with its values in it",
		Example: `  usher client snippet shop
  usher client snippet shop --framework javascript > index.html`,
		Args: cobra.ExactArgs(1),
	}
	framework := cmd.Flags().String("framework", "", "print this one alone: javascript, angular or react")
	complete(cmd, "framework", "javascript angular react")
	s.asksBaseURL(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
			snippets, err := m.Snippets(ctx, args[0])
			if err != nil {
				return err
			}
			if len(snippets) == 0 {
				return fmt.Errorf("client %s does not have the assisted token flow, so there is no code for it; give it with 'usher client change %s --capability assisted_token ...'", args[0], args[0])
			}
			if *framework != "" {
				if snippets, err = oneSnippet(snippets, *framework); err != nil {
					return err
				}
			}
			if s.asJSON {
				return writeJSON(cmd.OutOrStdout(), snippets)
			}
			return printSnippets(cmd, snippets)
		})
	}
	return does(cmd, manage.OpShowSnippet)
}

func oneSnippet(snippets []manage.Snippet, framework string) ([]manage.Snippet, error) {
	var known []string
	for _, one := range snippets {
		known = append(known, one.Framework)
	}
	i := slices.Index(known, framework)
	if i < 0 {
		return nil, fmt.Errorf("--framework %s: there is no code for it; there is for: %s", framework, strings.Join(known, ", "))
	}
	return snippets[i : i+1], nil
}

// printSnippets prints one as it is, so that it can go to a file, and several under headings.
func printSnippets(cmd *cobra.Command, snippets []manage.Snippet) error {
	for i, one := range snippets {
		if len(snippets) > 1 {
			if i > 0 {
				fmt.Fprintln(cmd.OutOrStdout())
			}
			fmt.Fprintf(cmd.OutOrStdout(), "---- %s ----\n", one.Framework)
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSuffix(one.Code, "\n")); err != nil {
			return err
		}
	}
	return nil
}
