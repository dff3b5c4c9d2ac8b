package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newRoot is the whole command line.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "usher",
		Short: "An identity server for single page apps",
		Long: `usher signs users in to single page apps: one binary, one line of JavaScript in the app.

To see it work, run 'usher demo' and open http://localhost:8080.`,
		Example: `  usher demo                        try it: server, example app and a user
  usher serve --config usher.yaml   run it
  usher client add shop --origin https://shop.example.com
  usher user add ann
  usher operator link               let yourself in to the admin pages
  usher status                      see how it does`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	onlyGroups(root)
	root.AddCommand(serveCommand(), demoCommand(), clientCommand(), userCommand(), profileCommand(), registrationTokenCommand(),
		authenticatorCommand(), sessionCommand(), delegationCommand(), operatorCommand(), statusCommand(), auditCommand(), historyCommand(),
		keysCommand(), backupCommand(), restoreCommand(), exportCommand(), applyCommand(), importCommand(),
		settingsCommand(), checkConfigCommand(), trustCommand(), versionCommand())
	root.CompletionOptions.HiddenDefaultCmd = false
	pointToHelp(root)
	return root
}

// onlyGroups makes a command that has nothing but subcommands show its help, and refuse a subcommand that
// does not exist: by itself it would answer that with help and success.
func onlyGroups(cmd *cobra.Command) {
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// pointToHelp makes every complaint about arguments and flags say where the right ones are explained.
func pointToHelp(cmd *cobra.Command) {
	hint := func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath())
	}
	cmd.SetFlagErrorFunc(hint)
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return hint(cmd, err)
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		pointToHelp(sub)
	}
}
