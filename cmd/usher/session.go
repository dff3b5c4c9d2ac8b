package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func sessionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "session",
		Aliases: []string{"sessions"},
		Short:   "See who is signed in, and end sessions",
		Long: `Shows the sessions that are live: one for each browser in which somebody signed in. Ending one ends what apps were given
in it, save what a user granted for offline use.`,
		Example: `  usher session list --user ann
  usher session end hXk2...
  usher user sign-out ann`,
	}
	onlyGroups(cmd)
	s := addStorage(cmd)
	cmd.AddCommand(sessionList(s), sessionEnd(s))
	return cmd
}

func sessionList(s *storage) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the live sessions, newest first",
		Example: "  usher session list\n  usher session list --user ann --json",
		Args:    cobra.NoArgs,
	}
	user := userFlag(cmd)
	limit := limitFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
			account, err := accountID(ctx, m, *user)
			if err != nil {
				return err
			}
			return printList(s, cmd, limit, listing[manage.Session]{
				heading: []string{"SESSION", "USERNAME", "SIGNED IN", "BY", "LAST USED", "ENDS", "BROWSER",
					"FROM"},
				page: func(cursor string, limit int) (manage.Page[manage.Session], error) {
					return m.Sessions(ctx, account, cursor, limit)
				},
				row: func(x manage.Session) []string {
					return []string{x.ID.String(), x.Username, moment(x.SignedIn), words(x.AMR),
						moment(x.LastUsed), moment(x.Ends),
						x.Browser, x.Address}
				},
			})
		})
	}
	return does(cmd, manage.OpListSessions)
}

func sessionEnd(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:     "end SESSION",
		Short:   "End a session with what apps were given in it",
		Example: "  usher session list\n  usher session end hXk2...",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseID("session", args[0])
			if err != nil {
				return err
			}
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				if err := m.EndSession(ctx, id); err != nil {
					return err
				}
				return s.done(cmd, "session "+args[0]+" is over")
			})
		},
	}, manage.OpEndSession)
}

// userFlag adds --user, by which a list is narrowed.
func userFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("user", "", "only of this user: a user `name`, or a subject where the user is no more")
}

// accountID is the account of a user name or subject; zero for an empty one. Records of users who are gone can still be
// asked for by their subject.
func accountID(ctx context.Context, m *manage.Manager, user string) (oauth.ID, error) {
	if user == "" {
		return oauth.ID{}, nil
	}
	acc, err := m.AccountNamed(ctx, user)
	if errors.Is(err, store.ErrNotFound) {
		if id, bad := oauth.ParseID(user); bad == nil {
			return id, nil
		}
	}
	return acc.ID, err
}

func parseID(kind, text string) (oauth.ID, error) {
	id, err := oauth.ParseID(text)
	if err != nil {
		return id, fmt.Errorf("%q is not the id of a %s; see %s", text, kind, listOf(kind))
	}
	return id, nil
}
