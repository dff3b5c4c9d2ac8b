package main

import (
	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/config"
	"github.com/usher-id/usher/internal/manage"
)

// settingView is a setting for programs.
type settingView struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	Default  string `json:"default,omitempty"`
	Help     string `json:"help"`
	Origin   string `json:"origin"`
	Insecure bool   `json:"insecure"`
}

func settingsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "settings",
		Short: "Show the settings of a node, and where each comes from",
		Long: `Reads the configuration as 'usher serve' would and shows every setting, with where its value comes from: the default, the
file, the environment or a flag. Secrets are not shown. What is wrong with it is said too.

What all nodes share is not here: see 'usher profile show' and 'usher client list'.`,
		Example: `  usher settings --config /etc/usher/usher.yaml
  usher settings --json`,
		Args: cobra.NoArgs,
	}
	given := addSettings(cmd, cmd.Flags())
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, faults := config.Load(given.sources())
		var views []settingView
		rows := [][]string{{"SETTING", "VALUE", "FROM", "UNSAFE"}}
		for _, one := range c.Settings() {
			views = append(views, settingView{one.Key, one.Value, one.Default, one.Help, one.Origin, one.Insecure})
			rows = append(rows, []string{one.Key, one.Value, one.Origin, yes(one.Insecure)})
		}
		var err error
		if *asJSON {
			err = writeJSON(cmd.OutOrStdout(), views)
		} else {
			err = table(cmd.OutOrStdout(), rows)
		}
		if err != nil {
			return err
		}
		return faults
	}
	return does(cmd, manage.OpShowSettings)
}
