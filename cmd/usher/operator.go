package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

func operatorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "operator",
		Aliases: []string{"operators"},
		Short:   "Say who may use the admin pages and the admin API",
		Long: `Operators are users with a role: a viewer looks at everything, an operator also manages users and sessions, an admin
does all. They sign in to the admin pages as users do.

'usher operator link' is the way in when there is no operator yet, and the way back in when nobody can sign in any
more.`,
		Example: `  usher operator link
  usher operator add ann --role operator
  usher operator list`,
	}
	onlyGroups(cmd)
	s := addStorage(cmd)
	cmd.AddCommand(operatorLink(s), operatorList(s), operatorAdd(s), operatorRemove(s))
	return cmd
}

func operatorLink(s *storage) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "link [NAME]",
		Short: "Print a one-time link that lets somebody in as an operator",
		Long: `Prints a link to the admin pages, good once and for 15 minutes. Without a name, whoever opens it makes an account of
their own choice. With the name of a user, they give that account a new password, and it is unlocked: the way back in;
where there is no such user, they make the account of that name. Either way the account has the role from then on. That
a link was made is in the audit log.

Whoever has the link is let in, so treat it like a password. The admin pages have to be reachable at the address that
it begins with: admin_base_url of the configuration, or --admin-url.`,
		Example: `  usher operator link --config /etc/usher/usher.yaml
  usher operator link ann --config /etc/usher/usher.yaml
  usher operator link --role viewer --demo`,
		Args: cobra.MaximumNArgs(1),
	}
	role := roleFlag(cmd, oauth.RoleAdmin)
	s.asksAdminURL(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var name string
		if len(args) > 0 {
			name = args[0]
		}
		c, err := s.config()
		if err != nil {
			return err
		}
		return s.withMaster(cmd, func(ctx context.Context, m *manage.Manager) error {
			link, err := m.NewOperatorLink(ctx, oauth.Role(*role), name)
			if err != nil {
				return err
			}
			asks := "a user name and a password"
			if name != "" {
				asks = "a password for " + name
			}
			if !c.HasAdmin() {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning: this configuration has the admin pages off (admin_listen, admin_proxy_listen): the link needs a node that serves them")
			}
			return s.link(cmd, link, fmt.Sprintf("open it in a browser: it asks for %s, and makes its holder %s", asks, article(*role)))
		})
	}
	return does(cmd, manage.OpCreateOperatorLink)
}

func operatorList(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:     "list",
		Short:   "List the operators and their roles",
		Example: "  usher operator list\n  usher operator list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				list, err := m.Operators(ctx)
				if err != nil {
					return err
				}
				if s.asJSON {
					return writeJSON(cmd.OutOrStdout(), append([]oauth.Account{}, list...))
				}
				if len(list) == 0 {
					fmt.Fprintln(cmd.ErrOrStderr(), "there is no operator yet; 'usher operator link' lets the first one in")
				}
				rows := [][]string{{"USERNAME", "ROLE", "NAME", "LOCKED"}}
				for _, acc := range list {
					rows = append(rows, []string{acc.Username, string(acc.Role), acc.Name, yes(acc.Locked)})
				}
				return table(cmd.OutOrStdout(), rows)
			})
		},
	}, manage.OpListOperators)
}

func operatorAdd(s *storage) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add NAME --role ROLE",
		Short: "Make a user an operator, or give an operator another role",
		Long: `Gives a user a role. It counts from the next request on. For somebody who has no account yet use 'usher user add' first,
or 'usher operator link'.`,
		Example: "  usher operator add ann --role admin\n  usher operator add bob --role viewer",
		Args:    cobra.ExactArgs(1),
	}
	role := roleFlag(cmd, "")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *role == "" {
			return errors.New("say which role, as in --role viewer; there are: " + words(oauth.Roles))
		}
		return s.withUser(cmd, args[0], func(ctx context.Context, m *manage.Manager, acc oauth.Account) error {
			if err := m.SetRole(ctx, acc.ID, oauth.Role(*role)); err != nil {
				return err
			}
			return s.done(cmd, acc.Username+" is "+article(*role))
		})
	}
	return does(cmd, manage.OpSetRole)
}

func operatorRemove(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:     "remove NAME",
		Short:   "Take an operator's role; the account stays",
		Example: "  usher operator remove ann",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.withUser(cmd, args[0], func(ctx context.Context, m *manage.Manager, acc oauth.Account) error {
				if err := m.RemoveOperator(ctx, acc.ID); err != nil {
					return err
				}
				return s.done(cmd, acc.Username+" is no operator any more; the account stays")
			})
		},
	}, manage.OpRemoveOperator)
}

func roleFlag(cmd *cobra.Command, preset oauth.Role) *string {
	role := cmd.Flags().String("role", string(preset), "what the operator may do: "+words(oauth.Roles))
	complete(cmd, "role", words(oauth.Roles))
	return role
}

// article puts "a" or "an" before a role.
func article(role string) string {
	if oauth.Role(role) == oauth.RoleViewer {
		return "a " + role
	}
	return "an " + role
}
