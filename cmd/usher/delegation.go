package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func delegationCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delegation",
		Aliases: []string{"delegations"},
		Short:   "See what apps were given in users' names, and revoke it",
		Long: `A delegation is what one client was given within one session: all its tokens hang off it. Ending it makes them worth
nothing at once; the user stays signed in, and the app may get a new one without asking. To keep it out, end the
session, withdraw the consent or disable the client.`,
		Example: `  usher delegation list --client shop
  usher delegation list --user ann
  usher delegation end hXk2...`,
	}
	onlyGroups(cmd)
	s := addStorage(cmd)
	cmd.AddCommand(delegationList(s), delegationEnd(s))
	return cmd
}

func delegationList(s *storage) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the live delegations, newest first",
		Example: "  usher delegation list --user ann --client shop\n  usher delegation list --session hXk2... --json",
		Args:    cobra.NoArgs,
	}
	user := userFlag(cmd)
	client := cmd.Flags().String("client", "", "only of the client with this `id`")
	session := cmd.Flags().String("session", "", "only of the session with this `id`")
	limit := limitFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		f := store.DelegationFilter{ClientID: *client}
		if *session != "" {
			var err error
			if f.SessionID, err = parseID("session", *session); err != nil {
				return err
			}
		}
		return s.with(cmd, func(ctx context.Context, m *manage.Manager) (err error) {
			if f.AccountID, err = accountID(ctx, m, *user); err != nil {
				return err
			}
			return printList(s, cmd, limit, listing[manage.Delegation]{
				heading: []string{"DELEGATION", "USERNAME", "CLIENT", "SCOPE", "SINCE", "SESSION"},
				page: func(cursor string, limit int) (manage.Page[manage.Delegation], error) {
					return m.Delegations(ctx, f, cursor, limit)
				},
				row: func(d manage.Delegation) []string {
					return []string{d.ID.String(), d.Username, d.ClientID, words(d.Scope), moment(d.Created), idText(d.SessionID)}
				},
			})
		})
	}
	return does(cmd, manage.OpListDelegations)
}

func delegationEnd(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:     "end DELEGATION",
		Short:   "Revoke what a client was given within a session",
		Example: "  usher delegation list --user ann\n  usher delegation end hXk2...",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseID("delegation", args[0])
			if err != nil {
				return err
			}
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				if err := m.EndDelegation(ctx, id); err != nil {
					return err
				}
				return s.done(cmd, "delegation "+args[0]+" is over; its tokens are worth nothing")
			})
		},
	}, manage.OpEndDelegation)
}

// idText is an ID for people; nothing where it is zero.
func idText(id oauth.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}
