package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
)

func importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Take over clients from another server",
		Long: `Takes over clients from the configuration of another server, and says what could not be taken over and what to do
about it.`,
		Example: "  usher import curity idsvr-config.xml --dry-run",
	}
	onlyGroups(cmd)
	s := addStorage(cmd)
	cmd.AddCommand(importCurity(s))
	return cmd
}

func importCurity(s *storage) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "curity FILE.xml",
		Short: "Take over clients from a configuration of the Curity Identity Server",
		Long: `Reads the clients of an XML configuration of the Curity Identity Server: the file that it exports, or the part with its
client store. Shows what would change and, after a yes, changes all of it or nothing. '-' reads standard input.

Taken over are ids and names, redirect URIs, allowed origins, capabilities, scopes (those that the profile lacks are
added to it), audiences, lifetimes and the addresses for logout. A note says of everything else what to do. Secrets
cannot be taken over: a client that had one gets one that nobody knows, until 'usher client reset-secret'.

Clients that are here already keep what the file does not say, so importing again changes nothing.`,
		Example: `  usher import curity idsvr-config.xml --dry-run
  usher import curity idsvr-config.xml --yes
  usher client reset-secret orders-api`,
		Args: cobra.ExactArgs(1),
	}
	f := addPlanFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text, err := readPlanned(cmd.InOrStdin(), args[0])
		if err != nil {
			return err
		}
		return s.withSecrets(cmd, func(ctx context.Context, m *manage.Manager) error {
			plan, err := m.PlanCurity(ctx, text)
			if err != nil {
				return err
			}
			return f.carryOut(ctx, cmd, s, m, plan, args[0] == "-")
		})
	}
	return does(cmd, manage.OpImportCurity)
}
