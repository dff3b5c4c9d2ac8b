package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/store"
)

func historyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "See what was changed, by whom, and undo it",
		Long: `Every change of clients, profile, users and keys is kept with who made it and what was there before, as long as the audit
log is (audit_keep_days). A change of clients, profile or users can be undone; that is a change of its own.`,
		Example: `  usher history list --kind client --subject shop
  usher history show hXk2...
  usher history undo hXk2...`,
	}
	onlyGroups(cmd)
	s := addStorage(cmd)
	cmd.AddCommand(historyList(s), historyShow(s), historyUndo(s))
	return cmd
}

func historyList(s *storage) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List changes, newest first",
		Example: "  usher history list\n  usher history list --kind client --subject shop --json",
		Args:    cobra.NoArgs,
	}
	var f store.ChangeFilter
	const kinds = store.KindClient + " " + store.KindProfile + " " + store.KindAccount + " " + store.KindKeys
	cmd.Flags().StringVar(&f.Kind, "kind", "", "only changes of this `kind`: "+kinds)
	cmd.Flags().StringVar(&f.Subject, "subject", "", "only changes of this one: a client's `id`, or a user's name or subject (with --kind)")
	complete(cmd, "kind", kinds)
	limit := limitFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if f.Kind != "" && !strings.Contains(" "+kinds+" ", " "+f.Kind+" ") {
			return fmt.Errorf("--kind %s: there are: %s", f.Kind, kinds)
		}
		if f.Subject != "" && f.Kind == "" {
			return errors.New("--subject needs --kind: is it a client or an account?")
		}
		return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
			if f.Kind == store.KindAccount && f.Subject != "" {
				id, err := accountID(ctx, m, f.Subject)
				if err != nil {
					return err
				}
				f.Subject = id.String()
			}
			return printList(s, cmd, limit, listing[store.Change]{
				heading: []string{"CHANGE", "AT", "BY", "WHAT", "KIND", "SUBJECT"},
				page: func(cursor string, limit int) (manage.Page[store.Change], error) {
					return m.Changes(ctx, f, cursor, limit)
				},
				row: func(c store.Change) []string {
					return []string{c.ID.String(), moment(c.At), c.Actor, string(c.Event), c.Kind, subjectName(c)}
				},
				view: func(c store.Change) any { return manage.ViewChange(c, nil) },
			})
		})
	}
	return does(cmd, manage.OpListChanges)
}

func historyShow(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:     "show CHANGE",
		Short:   "Show what a change changed, field by field",
		Example: "  usher history list\n  usher history show hXk2...",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseID("change", args[0])
			if err != nil {
				return err
			}
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				c, differences, err := m.Change(ctx, id)
				if err != nil {
					return changeError(args[0], err)
				}
				if s.asJSON {
					return writeJSON(cmd.OutOrStdout(), manage.ViewChange(c, differences))
				}
				return showChange(cmd.OutOrStdout(), c, differences)
			})
		},
	}, manage.OpShowChange)
}

// subjectName is what was changed: a user by name, all else by id.
func subjectName(c store.Change) string {
	if c.Username != "" {
		return c.Username
	}
	return c.Subject
}

func showChange(w io.Writer, c store.Change, differences []manage.Difference) error {
	err := record(w, [][2]string{
		{"change", c.ID.String()}, {"at", moment(c.At)}, {"by", c.Actor}, {"what",
			string(c.Event)}, {"kind", c.Kind}, {"subject", subjectName(c)},
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	rows := [][]string{{"FIELD", "BEFORE", "AFTER"}}
	for _, d := range differences {
		rows = append(rows, []string{d.Field, valueText(d.Before), valueText(d.After)})
	}
	return table(w, rows)
}

// valueText shows a JSON value in one line; "-" where there is none.
func valueText(v json.RawMessage) string {
	if len(v) == 0 {
		return "-"
	}
	return string(v)
}

func historyUndo(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:   "undo CHANGE",
		Short: "Give what a change changed the values from before",
		Long: `Gives every field that the change changed the value from before. That is a change of its own, which can be undone in
turn. Where one of these fields was changed since, nothing is done. What was made is removed; what was removed comes
back, without its secret or password ('usher client reset-secret', 'usher user password-link').`,
		Example: "  usher history show hXk2...\n  usher history undo hXk2...",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseID("change", args[0])
			if err != nil {
				return err
			}
			return s.withSecrets(cmd, func(ctx context.Context, m *manage.Manager) error {
				if err := m.Undo(ctx, id); err != nil {
					return undoError(args[0], err)
				}
				return s.done(cmd, "change "+args[0]+" is undone; 'usher history list' shows that as a change of its own")
			})
		},
	}, manage.OpUndoChange)
}

// undoError says what was in the way.
func undoError(id string, err error) error {
	var conflict *manage.Conflict
	if errors.As(err, &conflict) && len(conflict.Fields) > 0 {
		return fmt.Errorf("nothing was done: what change %s made was changed again since (%s); see 'usher history list' and undo the later change first",
			id, strings.Join(conflict.Fields, ", "))
	}
	return changeError(id, err)
}

// changeError names the change that is not there.
func changeError(id string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("change %q: %w", id, store.ErrNotFound)
	}
	return err
}
