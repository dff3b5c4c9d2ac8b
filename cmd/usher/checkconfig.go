package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/config"
	"github.com/usher-id/usher/internal/token"
)

func checkConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check-config",
		Short: "Say everything that is wrong with a configuration",
		Long: `Reads the configuration as 'usher serve' would and says everything that is wrong with it, each fault with
where the value came from and what to do. It opens files, but not the database, and starts nothing. Certificates that
expire within 30 days are warnings on standard error, and no faults.`,
		Example: `  usher check-config --config usher.yaml
  usher check-config --example > usher.yaml`,
		Args: cobra.NoArgs,
	}
	settings := addSettings(cmd, cmd.Flags())
	example := cmd.Flags().Bool("example", false, "print a configuration file with every setting and its default")
	asJSON := cmd.Flags().Bool("json", false, "print the faults as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *example {
			_, err := fmt.Fprint(cmd.OutOrStdout(), config.Example())
			return err
		}
		c, err := checkConfig(settings.sources())
		for _, v := range c.Validities() {
			if w := v.Warning(time.Now()); w != "" {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+w)
			}
		}
		if *asJSON {
			faults := config.Faults{}
			errors.As(err, &faults)
			if out := writeJSON(cmd.OutOrStdout(), faults); out != nil {
				return out
			}
			return err
		}
		if err == nil {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "The configuration is good.")
		}
		return err
	}
	return cmd
}

func checkConfig(s config.Sources) (config.Config, error) {
	c, err := config.Load(s)
	if err != nil {
		return c, err
	}
	text, err := c.MasterKey()
	if err != nil {
		return c, err
	}
	if _, err := token.ParseMaster(text); err != nil {
		return c, config.Faults{{Key: "master key", Problem: err.Error()}}
	}
	return c, nil
}
