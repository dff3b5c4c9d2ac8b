package main

import (
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/usher-id/usher/internal/config"
)

// settings are the configuration flags of a command.
type settings struct {
	file  string
	flags *pflag.FlagSet
	keys  []string // by flag name, which settings the command takes
}

// addSettings gives a command --config and a flag for each of the given settings (all where none are
// named). Their words come from the configuration itself.
func addSettings(cmd *cobra.Command, flags *pflag.FlagSet, keys ...string) *settings {
	s := &settings{flags: flags}
	flags.StringVar(&s.file, "config", "", "configuration file (YAML); also "+config.EnvConfig)
	for _, f := range config.Fields() {
		if len(keys) > 0 && !slices.Contains(keys, f.Key) {
			continue
		}
		usage := f.Help
		switch f.Default {
		case "true", "false":
			flags.Bool(f.Flag(), f.Default == "true", usage)
		default:
			flags.String(f.Flag(), f.Default, usage)
		}
		s.keys = append(s.keys, f.Key)
	}
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	return s
}

// sources gathers what was given: the file, the environment, and those flags that are there.
func (s *settings) sources() config.Sources {
	given := map[string]string{}
	for _, f := range config.Fields() {
		if flag := s.flags.Lookup(f.Flag()); flag != nil && flag.Changed && slices.Contains(s.keys, f.Key) {
			given[f.Key] = flag.Value.String()
		}
	}
	file := s.file
	if file == "" {
		file = os.Getenv(config.EnvConfig)
	}
	return config.Sources{File: file, Environ: os.Environ(), Flags: given}
}
