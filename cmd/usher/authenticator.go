package main

import (
	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
)

func authenticatorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "authenticator",
		Aliases: []string{"authenticators"},
		Short:   "See by what users prove who they are",
		Example: "  usher authenticator list",
	}
	onlyGroups(cmd)
	s := &storage{}
	cmd.PersistentFlags().BoolVar(&s.asJSON, "json", false, "print JSON")
	cmd.AddCommand(does(&cobra.Command{
		Use:     "list",
		Short:   "List the authenticators of this server",
		Example: "  usher authenticator list\n  usher authenticator list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := manage.Authenticators()
			if s.asJSON {
				return writeJSON(cmd.OutOrStdout(), all)
			}
			rows := [][]string{{"ID", "NAME", "AMR", "DESCRIPTION"}}
			for _, a := range all {
				rows = append(rows, []string{a.ID, a.Name, a.AMR, a.Description})
			}
			return table(cmd.OutOrStdout(), rows)
		},
	}, manage.OpListAuthenticators))
	return cmd
}
