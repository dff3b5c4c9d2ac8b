package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const helpWidth = 110

// groupedHelp shows a command's flags under headings, so that a long list stays readable.
func groupedHelp(cmd *cobra.Command, groups []flagGroup) {
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		var b strings.Builder
		fmt.Fprintf(&b, "Usage:\n  %s\n\nExamples:\n%s\n", cmd.UseLine(), cmd.Example)
		others := pflag.NewFlagSet("", pflag.ContinueOnError)
		cmd.LocalNonPersistentFlags().VisitAll(func(flag *pflag.Flag) {
			for _, g := range groups {
				if g.flags.Lookup(flag.Name) != nil {
					return
				}
			}
			others.AddFlag(flag)
		})
		shown := append([]flagGroup{}, groups...)
		shown = append(shown, flagGroup{"Other flags", others}, flagGroup{"Where the clients are", cmd.InheritedFlags()})
		for _, g := range shown {
			fmt.Fprintf(&b, "\n%s:\n%s", g.title, g.flags.FlagUsagesWrapped(helpWidth))
		}
		_, err := fmt.Fprint(cmd.OutOrStderr(), b.String())
		return err
	})
}
